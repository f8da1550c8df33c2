package dev.culvert.gateway.memory;

import java.time.Duration;

/**
 * Decides, from what memory is taken, what must go before it ends: strangers first, then whoever holds the most, one after
 * the other, until there is enough again. Only what is alive counts: on the heap that is known after a collection alone, so
 * one is asked for where it is long ago. Used by one thread.
 */
final class MemoryWatch {
    /** Memory is short when this much of the heap is alive, or of the buffers' memory in use. */
    static final double SHORT = 0.80;

    /** With so much taken it is worth a collection to know how much of it is alive. */
    static final double SUSPICIOUS = 0.85;

    /** Between two collections that are asked for; each stops everything for up to a second. */
    static final Duration COLLECT_INTERVAL = Duration.ofSeconds(2);

    /** What is closed gives its memory back within this. */
    static final Duration SETTLE = Duration.ofMillis(500);

    /**
     * What is taken.
     *
     * @param heapUsed of the heap, garbage and all
     * @param heapLive of the heap after the last collection
     * @param collections how many there have been
     * @param heapMax most that the heap may be
     * @param buffersUsed memory of buffers in use
     * @param buffersMax most that it may be
     */
    record Memory(long heapUsed, long heapLive, long collections, long heapMax, long buffersUsed, long buffersMax) {
        boolean isShort() {
            return isHeapShort() || buffersUsed > SHORT * buffersMax;
        }

        boolean isHeapShort() {
            return heapLive > SHORT * heapMax;
        }
    }

    /** What to do. */
    enum Step {
        /** Nothing, for now. */
        NONE,
        /** Collect garbage, to know. */
        COLLECT,
        /** End all connections that are not links, and let none in. */
        STRANGERS,
        /** End the links of the holder that has the most. */
        LARGEST_HOLDER,
        /** It is over: strangers may come in again. */
        ENOUGH
    }

    private boolean isShort;
    private long collectionsAtStep;
    private long stepNanos;
    private boolean collected;
    private long collectNanos;

    /** Looks; what it says is done before it is asked again. */
    Step next(Memory memory, long nowNanos) {
        if (memory.isShort()) {
            return shortage(memory, nowNanos);
        }
        if (isShort) {
            isShort = false;
            return Step.ENOUGH;
        }
        return memory.heapUsed > SUSPICIOUS * memory.heapMax ? collect(nowNanos) : Step.NONE;
    }

    private Step shortage(Memory memory, long nowNanos) {
        if (isShort) {
            if (nowNanos - stepNanos < SETTLE.toNanos()) {
                return Step.NONE;
            }
            if (memory.isHeapShort() && memory.collections == collectionsAtStep) {
                return collect(nowNanos); // what the last step has freed is not known yet
            }
        }
        Step step = isShort ? Step.LARGEST_HOLDER : Step.STRANGERS;
        isShort = true;
        collectionsAtStep = memory.collections;
        stepNanos = nowNanos;
        return step;
    }

    private Step collect(long nowNanos) {
        if (collected && nowNanos - collectNanos < COLLECT_INTERVAL.toNanos()) {
            return Step.NONE;
        }
        collected = true;
        collectNanos = nowNanos;
        return Step.COLLECT;
    }
}
