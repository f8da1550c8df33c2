package dev.culvert.agent;

import dev.culvert.command.metrics.Histogram;
import dev.culvert.tunnel.frame.Reason;
import java.util.List;
import java.util.Map;

/**
 * What an agent's event loop knows of a moment.
 *
 * @param stopping whether it takes nothing new any more
 * @param held flows that wait for a link
 * @param dialling flows whose dial is under way
 * @param heldBytes what flows without a link keep meanwhile
 * @param keptBytes what all flows have sent and keep until it has been received
 * @param wentOn how often a flow has gone on over another link
 * @param failed dials that came to nothing, by why
 * @param dialTimes of the others; goes on counting
 * @param dropped datagrams that were lost here
 */
record AgentMoment(
        List<Attachment.Moment> gateways,
        boolean stopping,
        int held,
        AgentStatus.Sockets sockets,
        long dialling,
        long heldBytes,
        long keptBytes,
        long wentOn,
        Map<Reason, Long> failed,
        Histogram dialTimes,
        long dropped,
        long opens,
        long denied) {}
