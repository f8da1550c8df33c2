package dev.culvert.tunnel.flow;

import java.util.concurrent.TimeUnit;

/**
 * The receiving end of a stream's credit: how many bytes the peer may still send, and when to let it send more.
 *
 * <p>The window bounds what the peer may have under way and we may have unread, together. Credit is returned as the
 * application takes bytes, a part of the window at a time. When the sender says that it is blocked (flag of DATA) while
 * the application keeps up, the window grows: at once to {@link #EAGER}, because a short transfer should not have to prove
 * itself, and from there it doubles once in a round trip, until the window is about twice what the application takes in the
 * least round trip. More would only wait somewhere, in front of others.
 *
 * <p>When the {@linkplain CreditBudget budget} runs low, or less has been taken for some time, the window shrinks.
 * Credit that was granted stands (RFC 9293 3.8.6: a window is not taken back), but what the application takes is not
 * granted anew while more than the smaller window is out. Event loop only.
 */
final class ReceiveWindow {
    /** A flow that is blocked by credit gets this much without proof of its bandwidth: 10 ms of 800 Mbit/s. */
    static final int EAGER = 1 << 20;

    /** Most for one flow: 5 Gbit/s over 100 ms. */
    static final int MAX = 64 << 20;

    /** Credit is returned at the latest by this much: a CREDIT frame for 16 of DATA. */
    static final int RETURN_STEP = 256 << 10;

    /**
     * Two links and three programs take turns on the way, which the least round trip of an idle link does not show; the
     * window allows for so much. With half of it a near link is slower by a tenth (docs/decisions/0009).
     */
    static final long LEAST_RTT_NANOS = TimeUnit.MILLISECONDS.toNanos(2);

    /** Rates are not measured over less: of many the highest counts, and what a busy processor held up comes in a burst. */
    static final long LEAST_ROUND_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

    /** A round that took this share of the window was held up by it: the line is not full yet. */
    private static final double FILLED = 0.75;

    /** A window that was more than needed in two such times shrinks, in each by half at most. */
    static final long EPOCH_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final CreditBudget budget;
    private final int first;
    private long window;
    private long owed; // granted, and not yet taken by the application: under way, or unread
    private long outstanding; // granted, and not yet received
    private long charged; // to the budget: what window or owed exceed the first credit by
    private boolean blocked;
    private boolean ended;

    private boolean inRound;
    private long roundStartNanos;
    private long takenInRound;
    private long windowBefore; // at the end of the last round but one

    private long epochStartNanos;
    private double mostPerRoundTrip; // bytes taken, in this epoch
    private double mostInEpochBefore;

    /** @param first what the peer is granted at first, which is nobody else's business */
    ReceiveWindow(CreditBudget budget, int first) {
        this.budget = budget;
        this.first = first;
        this.window = first;
        this.owed = first;
        this.outstanding = first;
        this.windowBefore = first;
    }

    /** What the peer is granted in OPEN or OPENED. */
    int first() {
        return first;
    }

    long window() {
        return window;
    }

    /** What the peer was granted and the application has not taken: the most that we may have to hold for the flow. */
    long owed() {
        return owed;
    }

    /** Received, and not taken. */
    long unread() {
        return owed - outstanding;
    }

    /** Granted, and not yet received. */
    long outstanding() {
        return outstanding;
    }

    /** Taken from the budget. */
    long charged() {
        return charged;
    }

    /** Accounts for a DATA frame; false when the peer has sent more than it was granted. */
    boolean received(int bytes, boolean senderBlocked) {
        outstanding -= bytes;
        blocked |= senderBlocked;
        return outstanding >= 0;
    }

    /** The peer will send no more: what it has not used is void, and what is unread is all that we still owe. */
    void ended() {
        owed -= outstanding;
        outstanding = 0;
        window = first;
        ended = true;
        settle();
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
        owed -= bytes;
        if (ended) {
            settle();
            return 0;
        }
        if (inRound) {
            takenInRound += bytes;
        } else {
            begin(nowNanos);
        }
        if (blocked && keepsUp && window < EAGER) {
            growTo(EAGER);
        }
        long elapsed = nowNanos - roundStartNanos;
        if (elapsed >= Math.max(rttNanos, LEAST_ROUND_NANOS)) {
            endRound((double) takenInRound / elapsed * Math.max(rttNanos, LEAST_RTT_NANOS), keepsUp, nowNanos);
        }
        window = Math.min(window, limit());
        long room = window - owed;
        if (room < Math.min(window / 4, RETURN_STEP)) {
            room = 0;
        }
        owed += room;
        outstanding += room;
        settle();
        return room;
    }

    private void begin(long nowNanos) {
        if (epochStartNanos == 0) {
            epochStartNanos = nowNanos;
        }
        inRound = true;
        roundStartNanos = nowNanos;
        takenInRound = 0;
    }

    private void endRound(double perRoundTrip, boolean keepsUp, long nowNanos) {
        inRound = false;
        mostPerRoundTrip = Math.max(mostPerRoundTrip, perRoundTrip);
        long before = window;
        if (blocked && keepsUp) {
            blocked = false;
            // What came in this round was granted in the one before: it is that window that it filled, or did not.
            if (perRoundTrip >= FILLED * windowBefore) {
                growTo(2 * window);
            } else {
                long enough = (long) Math.max(EAGER, 2 * Math.max(mostPerRoundTrip, mostInEpochBefore));
                growTo(Math.min(2 * window, enough));
                window = Math.min(window, enough); // the last doubling brought nothing
            }
        }
        windowBefore = before;
        if (nowNanos - epochStartNanos >= EPOCH_NANOS) {
            long needed = (long) Math.max(EAGER, 2 * Math.max(mostPerRoundTrip, mostInEpochBefore));
            window = Math.min(window, Math.max(needed, window / 2));
            epochStartNanos = nowNanos;
            mostInEpochBefore = mostPerRoundTrip;
            mostPerRoundTrip = 0;
        }
    }

    private void growTo(long wanted) {
        long target = Math.min(wanted, limit());
        long more = Math.max(target, owed) - first - charged;
        if (target > window) {
            if (more > 0) {
                charged += budget.take(more);
            }
            window = Math.max(window, Math.min(target, first + charged));
        }
    }

    /** As much as is left for others, so that what is shared out evenly is what all have and are left. */
    private long limit() {
        return Math.min(MAX, first + (budget.left() + charged) / 2);
    }

    private void settle() {
        long due = Math.max(first, Math.max(window, owed)) - first;
        if (due < charged) {
            budget.giveBack(charged - due);
            charged = due;
        }
    }

    void close() {
        budget.giveBack(charged);
        charged = 0;
        window = first;
    }
}
