package dev.culvert.stack.tcp;

/**
 * No congestion window at all. The peer of a TUN device is the kernel of the same machine: between the two there is no
 * queue that a slow start could spare, the peer's window is the whole truth, and a full device is back-pressure rather
 * than loss. Loss recovery itself (SACK, fast retransmit, the timer) stays in place.
 */
public final class LosslessLink implements CongestionControl {
    private static final LosslessLink INSTANCE = new LosslessLink();

    private LosslessLink() {}

    /** The one instance; it has no state. */
    public static CongestionControl instance() {
        return INSTANCE;
    }

    @Override
    public int window() {
        return Integer.MAX_VALUE;
    }

    @Override
    public void start(int mss) {}

    @Override
    public void acked(int bytes, int inFlight) {}

    @Override
    public void enterRecovery(int inFlight) {}

    @Override
    public void duplicateAck() {}

    @Override
    public void partialAck(int bytes) {}

    @Override
    public void exitRecovery(int inFlight) {}

    @Override
    public void timeout(int inFlight) {}
}
