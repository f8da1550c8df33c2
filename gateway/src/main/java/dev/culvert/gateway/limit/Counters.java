package dev.culvert.gateway.limit;

import dev.culvert.command.metrics.Histogram;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/** What the gateway counts, over all links. From any thread. */
public final class Counters {
    /** Payload bytes switched, from clients to agents. */
    public final LongAdder bytesUp = new LongAdder();
    /** From agents to clients. */
    public final LongAdder bytesDown = new LongAdder();
    /** OPEN frames of clients. */
    public final LongAdder opens = new LongAdder();
    /** Of these, those that no grant allows, and flows that were open when the policy forbade them. */
    public final LongAdder denied = new LongAdder();
    /** Of these, those beyond what the policy allows one client. */
    public final LongAdder limited = new LongAdder();
    /** Turns for which a client's link had to wait because of its bandwidth. */
    public final LongAdder bandwidthWaits = new LongAdder();
    /** Flows reset because too much waited for one of their links. */
    public final LongAdder overloaded = new LongAdder();
    /** Datagrams dropped because their flow had too many waiting. */
    public final LongAdder droppedDatagrams = new LongAdder();
    /** Frames for a flow that is not there (any more). */
    public final LongAdder unknownFlow = new LongAdder();
    /** Frames of a type that this version does not know. */
    public final LongAdder unknownFrame = new LongAdder();
    /** Upgrades refused: bad, expired or foreign tokens. */
    public final LongAdder refusedTokens = new LongAdder();
    /** Connections closed at once because their network had too many that are not links, or memory was short. */
    public final LongAdder refusedConnections = new LongAdder();
    /** Connections from a balancer in front that did not begin with its header (PROXY protocol). */
    public final LongAdder badProxyHeaders = new LongAdder();
    /** Connections that were no links, closed because memory was short. */
    public final LongAdder shedConnections = new LongAdder();
    /** Links cut because memory was short and their holder had the most. */
    public final LongAdder shedLinks = new LongAdder();

    /** Links of agents that came up. */
    public final LongAdder agentLinks = new LongAdder();
    /** Of clients. */
    public final LongAdder clientLinks = new LongAdder();
    /** What each PING to an agent took to be answered. */
    public final Histogram agentRoundTrips = new Histogram();
    /** To a client. */
    public final Histogram clientRoundTrips = new Histogram();
    /** What became of flows. */
    public final FlowCounts flows = new FlowCounts();

    /** Payload bytes switched, either way. */
    public long bytes() {
        return bytesUp.sum() + bytesDown.sum();
    }

    /** Those that people are told of, by name, as they are now. */
    public Map<String, Long> values() {
        Map<String, Long> values = new LinkedHashMap<>();
        values.put("bytes", bytes());
        values.put("opens", opens.sum());
        values.put("denied", denied.sum());
        values.put("limited", limited.sum());
        values.put("bandwidthWaits", bandwidthWaits.sum());
        values.put("overloaded", overloaded.sum());
        values.put("droppedDatagrams", droppedDatagrams.sum());
        values.put("unknownFlow", unknownFlow.sum());
        values.put("unknownFrame", unknownFrame.sum());
        values.put("refusedTokens", refusedTokens.sum());
        values.put("refusedConnections", refusedConnections.sum());
        values.put("badProxyHeaders", badProxyHeaders.sum());
        values.put("shedConnections", shedConnections.sum());
        values.put("shedLinks", shedLinks.sum());
        return values;
    }

    @Override
    public String toString() {
        return "switched " + bytes() + " bytes; opens " + opens + ", denied " + denied + ", limited " + limited
                + ", waits for bandwidth " + bandwidthWaits + ", overloaded " + overloaded
                + "; dropped datagrams " + droppedDatagrams + "; frames for no flow " + unknownFlow + ", of no type "
                + unknownFrame + "; refused tokens " + refusedTokens + ", connections " + refusedConnections
                + ", of balancers without a header " + badProxyHeaders
                + "; ended for want of memory: connections " + shedConnections + ", links " + shedLinks;
    }
}
