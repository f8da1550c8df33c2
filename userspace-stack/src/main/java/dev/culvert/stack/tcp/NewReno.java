package dev.culvert.stack.tcp;

/** Slow start, congestion avoidance, fast recovery: RFC 5681 and RFC 6582. For peers that are reached over a network. */
public final class NewReno implements CongestionControl {
    private int mss = 536;
    private int window = 536;
    private int threshold = Integer.MAX_VALUE;
    private int acknowledged;

    @Override
    public int window() {
        return window;
    }

    /** RFC 6928: ten segments. */
    @Override
    public void start(int mss) {
        this.mss = mss;
        window = Math.min(10 * mss, Math.max(2 * mss, 14_600));
    }

    @Override
    public void acked(int bytes, int inFlight) {
        if (inFlight + 4 * mss < window) {
            // RFC 5681 section 4.1 and RFC 7661: a window that is not used is not proven, so it does not grow.
            return;
        }
        if (window < threshold) {
            // Appropriate byte counting with L = 2 (RFC 3465), since one acknowledgement may cover a super-segment; the
            // limit is what keeps a burst of old acknowledgements from opening the window at once.
            window = saturated(window, Math.min(bytes, Math.max(2 * mss, window / 2)));
            return;
        }
        acknowledged += bytes;
        if (acknowledged >= window) {
            acknowledged -= window;
            window = saturated(window, mss);
        }
    }

    @Override
    public void enterRecovery(int inFlight) {
        threshold = Math.max(inFlight / 2, 2 * mss);
        window = saturated(threshold, 3 * mss);
        acknowledged = 0;
    }

    @Override
    public void duplicateAck() {
        window = saturated(window, mss);
    }

    /** RFC 6582 section 3.2 step 3: deflate by what was acknowledged, add back one segment. */
    @Override
    public void partialAck(int bytes) {
        window = Math.max(mss, window - bytes);
        if (bytes >= mss) {
            window = saturated(window, mss);
        }
    }

    /** RFC 6582 section 3.2 step 3, option 1: no burst after recovery. */
    @Override
    public void exitRecovery(int inFlight) {
        window = Math.min(threshold, saturated(Math.max(inFlight, mss), mss));
    }

    @Override
    public void timeout(int inFlight) {
        threshold = Math.max(inFlight / 2, 2 * mss);
        window = mss;
        acknowledged = 0;
    }

    private static int saturated(int a, int b) {
        return (int) Math.min(Integer.MAX_VALUE, (long) a + b);
    }
}
