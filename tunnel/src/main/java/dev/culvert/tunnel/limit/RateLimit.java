package dev.culvert.tunnel.limit;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/**
 * How often something may happen: so many at once, and then so many a second (generic cell rate algorithm, ITU-T I.371,
 * one number of state). What was not allowed is counted until somebody asks, so that a log line can say what it stands
 * for. From any thread.
 */
public final class RateLimit {
    private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

    private final long nanosEach;
    private final long nanosBurst;

    /** When the whole burst is free again, in nanoTime; each that happens moves it on. */
    private final AtomicLong full;

    private final LongAdder refused = new LongAdder();

    /**
     * @param burst how many at once, 1 or more
     * @param perSecond how many a second after that, more than 0
     * @param nowNanos the time now, by the clock that {@link #takes(long)} is asked with
     */
    public RateLimit(int burst, double perSecond, long nowNanos) {
        if (burst < 1 || !(perSecond > 0)) {
            throw new IllegalArgumentException("a rate of " + perSecond + " a second, " + burst + " at once");
        }
        nanosEach = Math.max(1, (long) (SECOND / perSecond));
        nanosBurst = Math.multiplyExact(burst, nanosEach);
        full = new AtomicLong(nowNanos);
    }

    /** By {@link System#nanoTime}. */
    public RateLimit(int burst, double perSecond) {
        this(burst, perSecond, System.nanoTime());
    }

    /** Whether it may happen now; if so it counts. */
    public boolean takes(long nowNanos) {
        while (true) {
            long before = full.get();
            long from = before - nowNanos > 0 ? before : nowNanos;
            if (from + nanosEach - nowNanos > nanosBurst) {
                refused.increment();
                return false;
            }
            if (full.compareAndSet(before, from + nanosEach)) {
                return true;
            }
        }
    }

    /** Whether it may happen now, by {@link System#nanoTime}; if so it counts. */
    public boolean takes() {
        return takes(System.nanoTime());
    }

    /** How often it was not allowed since this was last asked. */
    public long takeRefused() {
        return refused.sumThenReset();
    }

    /** Whether it may not happen now; asking does not count. */
    public boolean isEmpty(long nowNanos) {
        return full.get() - nowNanos > nanosBurst - nanosEach;
    }

    /** Whether nothing is used up: then a new one is as good as this. */
    public boolean isFull(long nowNanos) {
        return full.get() - nowNanos <= 0;
    }
}
