package dev.culvert.gateway.access;

import dev.culvert.policy.BitRate;
import dev.culvert.policy.ClientLimits;
import dev.culvert.tunnel.limit.RateLimit;
import dev.culvert.tunnel.outgoing.Bandwidth;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * What one client asks for and sends now, over all links of its name, held against the limits of the policy; what it has open
 * a quota counts. From any thread.
 */
public final class ClientUsage {
    /** Where no policy says another: more than programs ask for, and little work for a loop. */
    private static final int NEW_FLOWS_PER_SECOND = 5_000;

    /** So many at once: a scan of every port of a host, in TCP and UDP. */
    private static final int NEW_FLOWS = 131_072;

    /** Links that share this; guarded by the map of {@link ClientUsages}. */
    int links;

    private final LongAdder waits;
    private @Nullable Bandwidth up;
    private @Nullable Bandwidth down;

    private @Nullable RateLimit newFlows;
    private int newFlowsPerSecond;

    /** @param waits counts how often the client had to wait for its bandwidth */
    ClientUsage(LongAdder waits) {
        this.waits = waits;
    }

    /**
     * What all links of the client together may send; null for no limit.
     *
     * @param nowNanos by the clock of the event loops
     */
    public synchronized @Nullable Bandwidth up(ClientLimits limits, long nowNanos) {
        up = at(limits.up(), up, nowNanos);
        return up;
    }

    /** What they may be sent; likewise. */
    public synchronized @Nullable Bandwidth down(ClientLimits limits, long nowNanos) {
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
     * Counts an OPEN, whatever becomes of it.
     *
     * @return null when it may be judged, else the limit that is reached, in words
     */
    @Nullable
    public String asks(ClientLimits limits, long nowNanos) {
        boolean own = limits.newFlowsPerSecond() != ClientLimits.UNLIMITED;
        int perSecond = own ? limits.newFlowsPerSecond() : NEW_FLOWS_PER_SECOND;
        if (rate(perSecond, own ? perSecond : NEW_FLOWS, nowNanos).takes(nowNanos)) {
            return null;
        }
        return (own ? "the policy allows this client " : "a client may ask for ") + perSecond + " new flows a second";
    }

    private synchronized RateLimit rate(int perSecond, int burst, long nowNanos) {
        RateLimit limit = newFlows;
        if (limit == null || perSecond != newFlowsPerSecond) {
            limit = new RateLimit(burst, perSecond, nowNanos);
            newFlows = limit;
            newFlowsPerSecond = perSecond;
        }
        return limit;
    }

    /** Whether it may be forgotten: no link of the client is left, and coming back would win it no new flows. */
    synchronized boolean isForgettable(long nowNanos) {
        return links == 0 && (newFlows == null || newFlows.isFull(nowNanos));
    }
}
