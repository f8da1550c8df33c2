package dev.culvert.agent;

import dev.culvert.command.metrics.Metrics;
import dev.culvert.command.metrics.MetricsSource;
import java.io.IOException;
import java.util.Locale;

/** What an agent measures; docs/metrics.md lists it. */
record AgentMetrics(AgentStatusQuestion status) implements MetricsSource {
    @Override
    public void tell(Metrics to) throws IOException {
        AgentMoment now = status.moment();
        to.gauge("culvert_agent_info", "1, with the version of this agent.", 1, "version", status.version());
        to.gauge("culvert_agent_stopping", "1 when it takes no new flows any more.", now.stopping() ? 1 : 0);
        to.gauge(
                "culvert_agent_token_not_after_timestamp_seconds",
                "When its token ends, in seconds since 1970.",
                status.token().get().expires().getEpochSecond());
        for (Attachment.Moment one : now.gateways()) {
            tellOfGateway(to, one, one.gateway().toString());
        }
        tellOfFlows(to, now);
        tellOfSockets(to, now.sockets());
    }

    private static void tellOfGateway(Metrics to, Attachment.Moment one, String gateway) {
        to.gauge("culvert_agent_link_up", "1 when it is connected.", one.linked() ? 1 : 0, "gateway", gateway);
        to.counter("culvert_agent_links_up_total", "Links that came up.", one.linksUp(), "gateway", gateway);
        to.histogram(
                "culvert_agent_link_round_trip_seconds",
                "What PINGs to a gateway took to be answered.",
                one.roundTrips(),
                "gateway",
                gateway);
        to.gauge("culvert_agent_flows", "Flows by a link.", one.flows(), "gateway", gateway);
    }

    private static void tellOfFlows(Metrics to, AgentMoment now) {
        to.counter("culvert_agent_flows_asked_total", "Flows that it was asked for.", now.opens());
        to.counter("culvert_agent_flows_denied_total", "Of these, to where it may not lead.", now.denied());
        to.counter("culvert_agent_flows_resumed_total", "Flows that went on over another link.", now.wentOn());
        to.gauge("culvert_agent_flows_held", "Flows that wait for a link.", now.held());
        to.gauge("culvert_agent_flows_held_bytes", "What these keep meanwhile.", now.heldBytes());
        to.gauge(
                "culvert_agent_flows_kept_bytes",
                "What all flows have sent and keep until it has been received.",
                now.keptBytes());
        to.gauge("culvert_agent_dials", "Dials that are under way.", now.dialling());
        to.histogram(
                "culvert_agent_dial_seconds",
                "What dials took that reached a host, from its name or address on.",
                now.dialTimes());
        now.failed()
                .forEach((reason, dials) -> to.counter(
                        "culvert_agent_dials_failed_total",
                        "Dials that came to nothing, and why.",
                        dials,
                        "reason",
                        reason.name().toLowerCase(Locale.ROOT)));
        to.counter(
                "culvert_agent_datagrams_dropped_total",
                "Datagrams from hosts that nobody has asked, and that a full socket has lost.",
                now.dropped());
    }

    private static void tellOfSockets(Metrics to, AgentStatus.Sockets sockets) {
        String help = "Sockets in the networks that it serves.";
        to.gauge("culvert_agent_sockets", help, sockets.tcp(), "kind", "tcp");
        to.gauge("culvert_agent_sockets", help, sockets.udp(), "kind", "udp");
        to.gauge("culvert_agent_sockets", help, sockets.ping(), "kind", "ping");
        to.gauge("culvert_agent_sockets_max", "How many all may be.", sockets.most());
    }
}
