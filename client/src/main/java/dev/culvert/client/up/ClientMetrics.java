package dev.culvert.client.up;

import dev.culvert.client.uplink.Uplink;
import dev.culvert.command.metrics.Metrics;
import dev.culvert.command.metrics.MetricsSource;
import dev.culvert.stack.StackStats;
import dev.culvert.stack.ip.IpCounter;
import dev.culvert.stack.tcp.TcpCounters.Counter;
import dev.culvert.tun.device.TunStats;
import java.io.IOException;
import java.util.Locale;

/** What a client that is up measures; docs/metrics.md lists it. */
record ClientMetrics(ClientStatusQuestion status) implements MetricsSource {
    private static final String DROPPED = "DROPPED_";

    @Override
    public void tell(Metrics to) throws IOException {
        TunSession.Report now = status.report();
        to.gauge("culvert_client_info", "1, with the version of this client.", 1, "version", status.version());
        to.gauge(
                "culvert_client_token_not_after_timestamp_seconds",
                "When its token ends, in seconds since 1970.",
                status.token().get().expires().getEpochSecond());
        tellOfLink(to, now.status().link(), now.link().figures());
        to.gauge(
                "culvert_client_routes",
                "Networks that are routed into the tunnel.",
                now.routes().size());
        to.gauge(
                "culvert_client_joined_programs",
                "Programs of this machine that have joined this client's link.",
                now.joined());
        tellOfFlows(to, now);
        tellOfPackets(to, status.stats().get(), now.stack());
        tellOfTcp(to, now.stack());
    }

    private static void tellOfLink(Metrics to, Uplink.Status link, Uplink.Figures figures) {
        to.gauge("culvert_client_link_up", "1 when it is connected to a gateway.", link.linked() ? 1 : 0);
        to.counter("culvert_client_links_up_total", "Links that came up.", figures.linksUp());
        to.histogram(
                "culvert_client_link_round_trip_seconds",
                "What PINGs to the gateway took to be answered.",
                figures.roundTrips());
        link.agents()
                .forEach((agent, instances) -> to.gauge(
                        "culvert_client_agent_instances",
                        "Processes of an agent that are connected.",
                        instances,
                        "agent",
                        agent));
    }

    private static void tellOfFlows(Metrics to, TunSession.Report now) {
        TunSession.Status status = now.status();
        Uplink.Figures figures = now.link().figures();
        String help = "Flows that are open.";
        to.gauge("culvert_client_flows", help, status.tcp(), "protocol", "tcp");
        to.gauge("culvert_client_flows", help, status.udp(), "protocol", "udp");
        to.gauge("culvert_client_flows", help, status.echo(), "protocol", "icmp");
        to.gauge(
                "culvert_client_flows_held",
                "Flows that wait for a link, or for their agent.",
                now.link().held());
        to.gauge("culvert_client_flows_held_bytes", "What these keep meanwhile.", figures.heldBytes());
        to.gauge(
                "culvert_client_flows_kept_bytes",
                "What all flows have sent and keep until it has been received.",
                figures.keptBytes());
        to.counter("culvert_client_flows_resumed_total", "Flows that went on over another link.", figures.wentOn());
        to.counter("culvert_client_flows_refused_total", "Flows that came to nothing.", status.refused());
        to.histogram(
                "culvert_client_flow_opening_seconds",
                "From an application's SYN until the far host was reached.",
                now.openings());
    }

    /** In is what applications of this machine have sent. */
    private static void tellOfPackets(Metrics to, TunStats tun, StackStats stack) {
        String packets =
                "Packets of the interface, super-packets counted once, from applications (up) and to them (down).";
        to.counter("culvert_client_packets_total", packets, tun.packetsIn(), "direction", "up");
        to.counter("culvert_client_packets_total", packets, tun.packetsOut(), "direction", "down");
        String bytes = "Bytes of these.";
        to.counter("culvert_client_packet_bytes_total", bytes, tun.bytesIn(), "direction", "up");
        to.counter("culvert_client_packet_bytes_total", bytes, tun.bytesOut(), "direction", "down");
        to.counter(
                "culvert_client_interface_stalls_total",
                "How often the interface had no room, and writing waited.",
                tun.writeStalls());
        String dropped = "Packets that went nowhere, and why.";
        String name = "culvert_client_packets_dropped_total";
        to.counter(name, dropped, tun.malformedOut() + tun.malformedIn(), "layer", "interface", "cause", "malformed");
        to.counter(name, dropped, tun.linkDownOut(), "layer", "interface", "cause", "down");
        to.counter(name, dropped, tun.refusedOut(), "layer", "interface", "cause", "refused");
        for (IpCounter counter : IpCounter.values()) {
            if (counter.isDrop()) {
                to.counter(name, dropped, stack.get(counter), "layer", "ip", "cause", cause(counter));
            }
        }
        for (Counter counter : Counter.values()) {
            if (counter.name().startsWith(DROPPED)) {
                to.counter(name, dropped, stack.get(counter), "layer", "tcp", "cause", cause(counter));
            }
        }
    }

    private static String cause(Enum<?> counter) {
        return counter.name().substring(DROPPED.length()).toLowerCase(Locale.ROOT);
    }

    private static void tellOfTcp(Metrics to, StackStats stack) {
        String connections = "TCP connections of this machine's applications, by their state.";
        to.gauge("culvert_client_tcp_connections", connections, stack.get(Counter.OPEN), "state", "open");
        to.gauge("culvert_client_tcp_connections", connections, stack.get(Counter.PENDING), "state", "pending");
        to.gauge("culvert_client_tcp_connections", connections, stack.get(Counter.TIME_WAIT), "state", "time_wait");
        String queued =
                "What applications have sent and nobody has read (up), and what they have not acknowledged (down).";
        to.gauge("culvert_client_tcp_queued_bytes", queued, stack.get(Counter.RECEIVE_QUEUED), "direction", "up");
        to.gauge("culvert_client_tcp_queued_bytes", queued, stack.get(Counter.SEND_QUEUED), "direction", "down");
        to.counter(
                "culvert_client_tcp_segments_retransmitted_total",
                "Segments that were sent again to applications.",
                stack.get(Counter.RETRANSMITTED_SEGMENTS));
        to.counter(
                "culvert_client_tcp_flows_timed_out_total",
                "Connections whose application did not acknowledge for too long.",
                stack.get(Counter.FLOWS_TIMED_OUT));
    }
}
