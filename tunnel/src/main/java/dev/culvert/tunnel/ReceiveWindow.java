package dev.culvert.tunnel;

/**
 * The receiving end of a stream's credit: how many bytes the peer may still send, and when to let it send more.
 *
 * <p>Credit is returned as the application takes bytes, a quarter of a window at a time. The window grows when the
 * sender says that it is blocked (flag of DATA) while the application keeps up: it doubles towards twice what was
 * consumed in one round trip, but at once to {@link #EAGER}, because a short-lived transfer should not have to prove
 * itself. It never shrinks while the flow lives. Event loop only.
 */
final class ReceiveWindow {
    /** Every flow's first credit: a web page's worth. 50,000 flows × 64 KiB is the most that a peer can make us owe. */
    static final int INITIAL = 64 << 10;

    /** A flow that is blocked by credit gets this much without proof of its bandwidth: 10 ms of 800 Mbit/s. */
    static final int EAGER = 1 << 20;

    /** Most for one flow: 1 Gbit/s over 134 ms. */
    static final int MAX = 16 << 20;

    private final CreditBudget budget;
    private long window = INITIAL;
    private long outstanding = INITIAL; // granted and not yet received
    private long unreturned; // consumed and not yet granted again
    private boolean blocked;

    private long consumedInRound;
    private long roundStartNanos;

    ReceiveWindow(CreditBudget budget) {
        this.budget = budget;
    }

    long window() {
        return window;
    }

    /** Accounts for a DATA frame; false when the peer has sent more than it was granted. */
    boolean received(int bytes, boolean senderBlocked) {
        outstanding -= bytes;
        blocked |= senderBlocked;
        return outstanding >= 0;
    }

    /**
     * The application took {@code bytes}.
     *
     * @param keepsUp nothing received is waiting for the application
     * @param nowNanos the loop's clock
     * @param rttNanos least round trip to the flow's other end, 0 when unknown
     * @return bytes to grant now in a CREDIT frame, 0 for none
     */
    long consumed(int bytes, boolean keepsUp, long nowNanos, long rttNanos) {
        unreturned += bytes;
        consumedInRound += bytes;
        if (roundStartNanos == 0) {
            roundStartNanos = nowNanos;
        }
        if (blocked && keepsUp) {
            blocked = false;
            grow(nowNanos, rttNanos);
        }
        if (unreturned < window / 4) {
            return 0;
        }
        long grant = unreturned;
        unreturned = 0;
        outstanding += grant;
        return grant;
    }

    private void grow(long nowNanos, long rttNanos) {
        long elapsed = Math.max(1, nowNanos - roundStartNanos);
        double perRtt = (double) consumedInRound * rttNanos / elapsed;
        consumedInRound = 0;
        roundStartNanos = nowNanos;
        long target = (long) Math.min(MAX, Math.max(EAGER, 2 * perRtt));
        if (target > window) {
            long more = budget.take(Math.min(target - window, window));
            window += more;
            unreturned += more;
        }
    }

    void close() {
        budget.giveBack(window - INITIAL);
        window = INITIAL;
    }
}
