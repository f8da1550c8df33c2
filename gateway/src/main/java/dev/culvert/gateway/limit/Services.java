package dev.culvert.gateway.limit;

import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.tunnel.limit.Quota;
import java.time.Clock;
import java.util.function.LongSupplier;

/**
 * What every part of the gateway is given: where it tells and counts what happens, what is bounded over all links, and what
 * time it is. From any thread.
 *
 * @param clock by which tokens end
 * @param nanoTime by which all else is measured
 * @param clientFlows flows by their clients' names
 * @param agentFlows the same flows by their agents' names
 */
public record Services(
        AuditLog audit,
        Clock clock,
        LongSupplier nanoTime,
        Counters counters,
        PeerLines lines,
        Backlog backlog,
        Quota<String> clientFlows,
        Quota<String> agentFlows) {
    /** Flows of one client, over all its links: a port scan of one host, and as many more. */
    private static final int MAX_FLOWS_PER_CLIENT = 131_072;

    /** What a flow takes of the heap, measured and rounded up: half of the heap is for flows. */
    private static final int FLOW_BYTES = 1_024;

    /** Those of this process, with as many flows as its heap has room for. */
    public static Services of(AuditLog audit) {
        return of(
                audit, Clock.systemUTC(), System::nanoTime, Runtime.getRuntime().maxMemory() / 2 / FLOW_BYTES);
    }

    /** @param maxFlows over all clients */
    public static Services of(AuditLog audit, Clock clock, LongSupplier nanoTime, long maxFlows) {
        return new Services(
                audit,
                clock,
                nanoTime,
                new Counters(),
                new PeerLines(nanoTime),
                new Backlog(),
                new Quota<>(maxFlows, MAX_FLOWS_PER_CLIENT),
                new Quota<>(maxFlows, maxFlows));
    }

    /** What {@link #nanoTime} says. */
    public long nanos() {
        return nanoTime.getAsLong();
    }
}
