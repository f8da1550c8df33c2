package dev.culvert.gateway;

import dev.culvert.token.policy.BitRate;
import dev.culvert.token.policy.ClientLimits;
import dev.culvert.tunnel.Bandwidth;
import dev.culvert.tunnel.limit.RateLimit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/** What one client uses now, over all links of its name, held against the limits of the policy. From any thread. */
final class ClientUsage {
    /** Refusals of one client that are logged: at once, and a second. */
    private static final int LOG_LINES = 20;

    private static final long NANOS_PER_SECOND = 1_000_000_000L;

    private final AtomicInteger flows = new AtomicInteger();

    /** When the whole burst is free again, in nanoTime (generic cell rate algorithm); each new flow moves it on. */
    private final AtomicLong full;

    /** Links that share this; guarded by the registry's map. */
    int links;

    private final RateLimit refusals = new RateLimit(LOG_LINES, 1);

    private final LongAdder waits;
    private @Nullable Bandwidth up;
    private @Nullable Bandwidth down;

    /** @param waits counts how often the client had to wait for its bandwidth */
    ClientUsage(long nowNanos, LongAdder waits) {
        full = new AtomicLong(nowNanos);
        this.waits = waits;
    }

    /**
     * What all links of the client together may send; null for no limit.
     *
     * @param nowNanos by the clock of the event loops
     */
    synchronized @Nullable Bandwidth up(ClientLimits limits, long nowNanos) {
        up = at(limits.up(), up, nowNanos);
        return up;
    }

    /** What they may be sent; likewise. */
    synchronized @Nullable Bandwidth down(ClientLimits limits, long nowNanos) {
        down = at(limits.down(), down, nowNanos);
        return down;
    }

    private @Nullable Bandwidth at(@Nullable BitRate rate, @Nullable Bandwidth before, long nowNanos) {
        if (rate == null) {
            return null;
        }
        if (before == null) {
            return new Bandwidth(rate.bitsPerSecond(), nowNanos, waits);
        }
        return before.bitsPerSecond() == rate.bitsPerSecond() ? before : before.at(rate.bitsPerSecond(), nowNanos);
    }

    /**
     * Takes room for one more flow, to be given back with {@link #ended}.
     *
     * @return null when there is room, else the limit that is reached, in words
     */
    @Nullable
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
        return refusals.takes();
    }
}
