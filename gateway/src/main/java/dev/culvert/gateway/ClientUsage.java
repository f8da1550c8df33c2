package dev.culvert.gateway;

import dev.culvert.token.policy.ClientLimits;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** What one client uses now, over all links of its name, held against the limits of the policy. From any thread. */
final class ClientUsage {
    private static final long NANOS_PER_SECOND = 1_000_000_000L;

    private final AtomicInteger flows = new AtomicInteger();

    /** When the whole burst is free again, in nanoTime (generic cell rate algorithm); each new flow moves it on. */
    private final AtomicLong full;

    /** Links that share this; guarded by the registry's map. */
    int links;

    private final LogLimiter refusals = new LogLimiter();

    ClientUsage(long nowNanos) {
        full = new AtomicLong(nowNanos);
    }

    /**
     * Takes room for one more flow, to be given back with {@link #ended}.
     *
     * @return null when there is room, else the limit that is reached, in words
     */
    @org.jspecify.annotations.Nullable
    String begin(ClientLimits limits, long nowNanos) {
        if (flows.incrementAndGet() > limits.flows()) {
            flows.decrementAndGet();
            return "the policy allows this client " + limits.flows() + " flows at once";
        }
        if (!takes(limits.newFlowsPerSecond(), nowNanos)) {
            flows.decrementAndGet();
            return "the policy allows this client " + limits.newFlowsPerSecond() + " new flows a second";
        }
        return null;
    }

    private boolean takes(int perSecond, long now) {
        if (perSecond == ClientLimits.UNLIMITED) {
            return true;
        }
        long each = NANOS_PER_SECOND / perSecond;
        while (true) {
            long before = full.get();
            long from = before - now > 0 ? before : now;
            if (from + each - now > NANOS_PER_SECOND) {
                return false;
            }
            if (full.compareAndSet(before, from + each)) {
                return true;
            }
        }
    }

    void ended() {
        flows.decrementAndGet();
    }

    int flows() {
        return flows.get();
    }

    /** Whether a refusal may be logged now. */
    boolean mayLog() {
        return refusals.allows();
    }
}
