package dev.culvert.command.metrics;

import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Durations, counted by how long they were: from a millisecond, which a LAN takes, to the ten seconds that a dial may. For what
 * happens once for a flow or a link, not for a packet. From any thread.
 */
public final class Histogram {
    private static final double[] BOUNDS = {
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, Double.POSITIVE_INFINITY
    };

    /** Behind the buckets. */
    private static final int SUM_NANOS = BOUNDS.length;

    private final AtomicLongArray counts = new AtomicLongArray(BOUNDS.length + 1);

    /** Counts one; less than 0 is 0. */
    public void add(long nanos) {
        long length = Math.max(0, nanos);
        double seconds = seconds(length);
        int bucket = 0;
        while (seconds > BOUNDS[bucket]) {
            bucket++;
        }
        counts.getAndIncrement(bucket);
        counts.getAndAdd(SUM_NANOS, length);
    }

    /** Upper bounds in seconds, of which the last is infinite. */
    double[] bounds() {
        return BOUNDS.clone();
    }

    /** How many there were up to each bound, and not up to the one before. */
    long[] counts() {
        long[] now = new long[BOUNDS.length];
        for (int i = 0; i < now.length; i++) {
            now[i] = counts.get(i);
        }
        return now;
    }

    /** How many there were. */
    public long count() {
        return Arrays.stream(counts()).sum();
    }

    /** Of all, in seconds. */
    double sum() {
        return seconds(counts.get(SUM_NANOS));
    }

    private static double seconds(long nanos) {
        return (double) nanos / TimeUnit.SECONDS.toNanos(1);
    }
}
