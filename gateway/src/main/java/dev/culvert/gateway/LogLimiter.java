package dev.culvert.gateway;

import java.util.concurrent.atomic.AtomicLong;

/** Lets strangers fill the log only so fast: a few lines at once, then some a second. From any thread. */
final class LogLimiter {
    /** Lines at once. */
    private static final int BURST = 20;

    /** One more line each second. */
    private static final long NANOS_PER_LINE = 1_000_000_000L;

    /** When all lines are free again, in nanoTime; each line moves it on. */
    private final AtomicLong full = new AtomicLong(System.nanoTime());

    /** Whether a line may be written now. */
    boolean allows() {
        return allows(System.nanoTime());
    }

    boolean allows(long now) {
        while (true) {
            long before = full.get();
            long from = before - now > 0 ? before : now;
            if (from + NANOS_PER_LINE - now > BURST * NANOS_PER_LINE) {
                return false;
            }
            if (full.compareAndSet(before, from + NANOS_PER_LINE)) {
                return true;
            }
        }
    }
}
