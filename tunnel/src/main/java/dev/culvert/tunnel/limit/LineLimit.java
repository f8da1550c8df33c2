package dev.culvert.tunnel.limit;

import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import java.util.function.ObjLongConsumer;

/**
 * How many lines of a log each may cause: so many at once, then some a second, and what was left out is counted and told.
 * Who has not been heard of for long is forgotten. From any thread.
 *
 * @param <K> who causes lines, and of which kind; equal keys are one. There are no more of them than holders of tokens
 */
public final class LineLimit<K> {
    private final Map<K, RateLimit> limits = new ConcurrentHashMap<>();
    private final LongSupplier nanoTime;

    /** @param nanoTime what {@link System#nanoTime} says; from any thread */
    public LineLimit(LongSupplier nanoTime) {
        this.nanoTime = nanoTime;
    }

    /** Whether there is room for a line now. */
    public boolean takes(K who, int burst, double perSecond) {
        long now = nanoTime.getAsLong();
        return limits.computeIfAbsent(who, w -> new RateLimit(burst, perSecond, now))
                .takes(now);
    }

    /** Gives what was left out since it was last asked. To be called now and then, by one thread. */
    public void tell(ObjLongConsumer<K> leftOut) {
        long now = nanoTime.getAsLong();
        for (Iterator<Map.Entry<K, RateLimit>> all = limits.entrySet().iterator(); all.hasNext(); ) {
            Map.Entry<K, RateLimit> one = all.next();
            boolean idle = one.getValue().isFull(now);
            long more = one.getValue().takeRefused();
            if (more > 0) {
                leftOut.accept(one.getKey(), more);
            } else if (idle) {
                all.remove();
            }
        }
    }
}
