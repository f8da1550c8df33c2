package dev.culvert.tunnel;

/**
 * How many bytes may wait below the {@link FairWriter}, where nothing can overtake them any more: about
 * {@link #TARGET_NANOS} of what the link is carrying, so that a keystroke waits as long on a slow link as on a fast one.
 * The rate is measured only while the socket, not the writer, is what holds things up. Event loop only.
 */
final class SocketDepth {
    /** The time that bytes may spend below the writer. It counts twice: in Netty's buffer and in the kernel's. */
    static final long TARGET_NANOS = 2_000_000;

    /** One TLS record: less would cut records in two. */
    static final int MIN = FairWriter.RECORD;

    /** 2 ms of 1 Gbit/s; more has not shown more throughput. */
    static final int MAX = 256 << 10;

    /** What a link starts with. */
    static final int START = 128 << 10;

    /** Rates are measured over so long: several round trips of a near link, and still quick for a person. */
    private static final long INTERVAL_NANOS = 50_000_000;

    private int depth = START;
    private long startNanos;
    private long startBytes;
    private boolean measuring;

    int bytes() {
        return depth;
    }

    /**
     * To be called after each round of writing.
     *
     * @param heldUp whether the socket would take no more
     * @param bytesOut all bytes written so far
     * @return whether {@link #bytes()} has changed
     */
    boolean wrote(boolean heldUp, long bytesOut, long nowNanos) {
        if (!heldUp) {
            measuring = false; // the application set this pace, which says nothing about the link
            return false;
        }
        if (!measuring) {
            measuring = true;
            startNanos = nowNanos;
            startBytes = bytesOut;
            return false;
        }
        long elapsed = nowNanos - startNanos;
        if (elapsed < INTERVAL_NANOS) {
            return false;
        }
        double wanted = (double) (bytesOut - startBytes) * TARGET_NANOS / elapsed;
        startNanos = nowNanos;
        startBytes = bytesOut;
        // Powers of two, and down only when well below: each change is a system call.
        int next = MIN;
        while (next < wanted && next < MAX) {
            next <<= 1;
        }
        if (next == depth || next == depth / 2 && wanted > 0.375 * depth) {
            return false;
        }
        depth = next;
        return true;
    }
}
