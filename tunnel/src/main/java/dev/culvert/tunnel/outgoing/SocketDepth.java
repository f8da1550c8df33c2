package dev.culvert.tunnel.outgoing;

import dev.culvert.tunnel.frame.Frame;

/**
 * How many bytes may wait below the {@link FairWriter}, where nothing can overtake them any more: about
 * {@link #TARGET_NANOS} of what the link is carrying, so that a keystroke waits as long on a slow link as on a fast one.
 * The rate is measured only while the socket, not the writer, is what holds things up. Event loop only.
 */
public final class SocketDepth {
    /** The time that bytes may spend below the writer. It counts twice: in Netty's buffer and in the kernel's. */
    static final long TARGET_NANOS = 2_000_000;

    /** One TLS record: less would cut records in two. */
    static final int MIN = Frame.RECORD;

    /** 2 ms of 1 Gbit/s; more has not shown more throughput. */
    static final int MAX = 256 << 10;

    /** Up to 256 Mbit/s: there is time for a system call with every record. */
    static final int SHALLOW = 64 << 10;

    /** As long as a timer takes. */
    static final long SHORTEST_WAIT_NANOS = 500_000;

    /**
     * The rate of a link that stood still (a peer that did not read, a radio without signal) says nothing about when it
     * goes on, and nobody tells us when it does: so we look again this soon.
     */
    static final long LONGEST_WAIT_NANOS = 10_000_000;

    /** What a link starts with. */
    public static final int START = 128 << 10;

    /** Rates are measured over so long: several round trips of a near link, and still quick for a person. */
    private static final long INTERVAL_NANOS = 50_000_000;

    private int depth = START;
    private double nanosPerByte;
    private long startNanos;
    private long startBytes;
    private boolean measuring;

    int bytes() {
        return depth;
    }

    /**
     * Whether the link is slow enough to look after its socket closely. The kernel takes up to 64 KiB into the packet that it
     * is still filling, whatever TCP_NOTSENT_LOWAT says, and so much is 10 ms of 50 Mbit/s.
     */
    boolean isShallow() {
        return depth <= SHALLOW;
    }

    /**
     * How long the link takes to carry so much, in nanoseconds, from {@link #SHORTEST_WAIT_NANOS} to
     * {@link #LONGEST_WAIT_NANOS}.
     */
    long nanosFor(int bytes) {
        return Math.min(LONGEST_WAIT_NANOS, Math.max(SHORTEST_WAIT_NANOS, (long) (bytes * nanosPerByte)));
    }

    /**
     * To be called after each round of writing.
     *
     * @param heldUp whether the socket would take no more
     * @param kernel counts what has left: what was written since may only have filled its queue
     * @return whether {@link #bytes()} has changed
     */
    boolean wrote(boolean heldUp, KernelQueue kernel, long nowNanos) {
        if (!heldUp) {
            measuring = false; // the application set this pace, which says nothing about the link
            return false;
        }
        if (!measuring) {
            measuring = true;
            startNanos = nowNanos;
            startBytes = kernel.ackedBytes();
            return false;
        }
        long elapsed = nowNanos - startNanos;
        if (elapsed < INTERVAL_NANOS) {
            return false;
        }
        long acked = kernel.ackedBytes();
        if (acked < 0) {
            return false; // not told: the depth stays as it is
        }
        double wanted = (double) (acked - startBytes) * TARGET_NANOS / elapsed;
        nanosPerByte = TARGET_NANOS / Math.max(1, wanted);
        startNanos = nowNanos;
        startBytes = acked;
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
