package dev.culvert.gateway;

import java.util.concurrent.atomic.LongAdder;

/** What the gateway counts, over all links. From any thread. */
final class Counters {
    /** Payload bytes switched. */
    final LongAdder bytes = new LongAdder();
    /** OPEN frames of clients. */
    final LongAdder opens = new LongAdder();
    /** Of these, those that no grant allows, and flows that were open when the policy forbade them. */
    final LongAdder denied = new LongAdder();
    /** Of these, those beyond what the policy allows one client. */
    final LongAdder limited = new LongAdder();
    /** Turns for which a client's link had to wait because of its bandwidth. */
    final LongAdder bandwidthWaits = new LongAdder();
    /** Flows reset because too much waited for one of their links. */
    final LongAdder overloaded = new LongAdder();
    /** Datagrams dropped because their flow had too many waiting. */
    final LongAdder droppedDatagrams = new LongAdder();
    /** Frames for a flow that is not there (any more). */
    final LongAdder unknownFlow = new LongAdder();
    /** Frames of a type that this version does not know. */
    final LongAdder unknownFrame = new LongAdder();
    /** Upgrades refused: bad, expired or foreign tokens. */
    final LongAdder refusedTokens = new LongAdder();
    /** Connections closed at once because their network had too many that are not links, or memory was short. */
    final LongAdder refusedConnections = new LongAdder();
    /** Connections that were no links, closed because memory was short. */
    final LongAdder shedConnections = new LongAdder();
    /** Links cut because memory was short and their holder had the most. */
    final LongAdder shedLinks = new LongAdder();

    @Override
    public String toString() {
        return "switched " + bytes + " bytes; opens " + opens + ", denied " + denied + ", limited " + limited
                + ", waits for bandwidth " + bandwidthWaits + ", overloaded " + overloaded
                + "; dropped datagrams " + droppedDatagrams + "; frames for no flow " + unknownFlow + ", of no type "
                + unknownFrame + "; refused tokens " + refusedTokens + ", connections " + refusedConnections
                + "; ended for want of memory: connections " + shedConnections + ", links " + shedLinks;
    }
}
