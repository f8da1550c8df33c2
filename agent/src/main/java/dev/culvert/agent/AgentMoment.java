package dev.culvert.agent;

import java.util.List;

/**
 * What an agent's event loop knows of a moment.
 *
 * @param stopping whether it takes nothing new any more
 * @param held flows that wait for a link
 * @param dialling flows whose dial is under way
 */
record AgentMoment(
        List<Attachment.Moment> gateways,
        boolean stopping,
        int held,
        AgentStatus.Sockets sockets,
        long dialling,
        AgentStatus.Counters counters) {}
