package dev.culvert.stack.ip;

import java.util.concurrent.atomic.AtomicLongArray;

/**
 * The values of {@link IpCounter}. Written by one event loop, readable from any thread: a reader sees each value as it was a
 * moment ago, not all as of one moment.
 */
public final class IpCounters {
    private static final int COUNTERS = IpCounter.values().length;

    private final AtomicLongArray values = new AtomicLongArray(COUNTERS);

    /** All zero. */
    public IpCounters() {}

    /** The value now; any thread. */
    public long get(IpCounter counter) {
        return values.get(counter.ordinal());
    }

    /** Adds one; event loop only, since a plain read and an ordered write are cheaper than an atomic add. */
    public void increment(IpCounter counter) {
        int i = counter.ordinal();
        values.setOpaque(i, values.getPlain(i) + 1);
    }
}
