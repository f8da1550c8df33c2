package dev.culvert.gateway.status;

import dev.culvert.command.metrics.Metrics;
import dev.culvert.command.metrics.MetricsSource;
import dev.culvert.gateway.certificate.CertificateState;
import dev.culvert.gateway.limit.Counters;
import dev.culvert.gateway.limit.Services;
import dev.culvert.gateway.publish.PublicationEntry;
import dev.culvert.token.Token;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What a gateway measures: of the same moment that {@code status} shows, and what its {@link Counters} have counted. docs/metrics.md
 * lists it. Of names that many may choose, those of agents, certificates and clients, {@value #MAX_NAMES} each are told.
 *
 * @param status finds out how it is
 * @param clients whether also about each client, by name
 */
public record GatewayMetrics(StatusQuestion status, boolean clients) implements MetricsSource {
    /** Series are what a Prometheus pays for; who has more than these has no use for each. Those whose names sort first are told. */
    static final int MAX_NAMES = 1_000;

    private static final String AGENT = Token.Kind.AGENT.toString();
    private static final String CLIENT = Token.Kind.CLIENT.toString();

    @Override
    public void tell(Metrics to) throws IOException {
        GatewayStatus now = status.now();
        Services services = status.services();
        to.gauge("culvert_gateway_info", "1, with the version of this gateway.", 1, "version", now.version());
        tellOfLinks(to, now);
        tellOfFlows(to, services);
        tellOfDrops(to, services.counters());
        tellOfRoom(to, now, services);
        tellOfPolicy(to, now);
        tellOfNames(to, now);
        tellOfStore(to, now);
        if (clients) {
            tellOfClients(to, now);
        }
    }

    private static void tellOfLinks(Metrics to, GatewayStatus now) {
        List<GatewayStatus.OneLink> ofAgents = now.agents().stream()
                .flatMap(agent -> agent.instances().stream())
                .map(GatewayStatus.Instance::link)
                .toList();
        List<GatewayStatus.OneLink> ofClients = now.clients().stream()
                .flatMap(client -> client.links().stream())
                .toList();
        Map.of(AGENT, ofAgents, CLIENT, ofClients).forEach((kind, links) -> {
            to.gauge("culvert_gateway_links", "Links that are up.", links.size(), "kind", kind);
            to.gauge(
                    "culvert_gateway_links_expiring",
                    "Of these, those whose token ends soon and has to be renewed.",
                    links.stream().filter(GatewayStatus.OneLink::expiresSoon).count(),
                    "kind",
                    kind);
        });
        now.agents().stream()
                .limit(MAX_NAMES)
                .forEach(agent -> to.gauge(
                        "culvert_gateway_agent_instances",
                        "Processes of an agent that take new flows.",
                        agent.instances().stream()
                                .filter(one -> one.state().equals(GatewayStatus.UP))
                                .count(),
                        "agent",
                        agent.name()));
        to.gauge("culvert_gateway_strangers", "Connections that are no links, or not yet.", now.strangers());
    }

    private static void tellOfFlows(Metrics to, Services services) {
        Counters counters = services.counters();
        to.counter("culvert_gateway_links_up_total", "Links that came up.", counters.agentLinks.sum(), "kind", AGENT);
        to.counter("culvert_gateway_links_up_total", "Links that came up.", counters.clientLinks.sum(), "kind", CLIENT);
        String roundTrips = "What PINGs to the peers of links took to be answered.";
        to.histogram("culvert_gateway_link_round_trip_seconds", roundTrips, counters.agentRoundTrips, "kind", AGENT);
        to.histogram("culvert_gateway_link_round_trip_seconds", roundTrips, counters.clientRoundTrips, "kind", CLIENT);
        to.gauge(
                "culvert_gateway_flows",
                "Flows that are open.",
                services.clientFlows().total());
        to.gauge(
                "culvert_gateway_flows_free",
                "How many more there is room for.",
                services.clientFlows().left());
        to.counter(
                "culvert_gateway_flows_asked_total",
                "Flows, and paths of them, that were asked for.",
                counters.opens.sum());
        counters.flows.tell((protocol, end, flows) -> to.counter(
                "culvert_gateway_flows_ended_total",
                "Flows, and paths of them, that ended or were refused, and why.",
                flows,
                "protocol",
                protocol,
                "end",
                end));
        counters.flows.tell((protocol, durations) -> to.histogram(
                "culvert_gateway_flow_opening_seconds",
                "From when a flow was asked for until its agent had reached the destination.",
                durations,
                "protocol",
                protocol));
        to.counter(
                "culvert_gateway_flows_resumed_total",
                "Flows that went on over another link.",
                counters.flows.resumed.sum());
        String decisions = "What policy, or the token where there is none, has said to flows that were asked for.";
        to.counter(
                "culvert_gateway_policy_decisions_total", decisions, counters.flows.allowed.sum(), "decision", "allow");
        to.counter(
                "culvert_gateway_policy_decisions_total", decisions, counters.flows.denied.sum(), "decision", "deny");
        String bytes = "Payload of flows, from clients (up) and to them (down).";
        to.counter("culvert_gateway_payload_bytes_total", bytes, counters.bytesUp.sum(), "direction", "up");
        to.counter("culvert_gateway_payload_bytes_total", bytes, counters.bytesDown.sum(), "direction", "down");
    }

    private static void tellOfDrops(Metrics to, Counters counters) {
        to.counter(
                "culvert_gateway_flows_limited_total",
                "Flows beyond what one client may have or open.",
                counters.limited.sum());
        to.counter(
                "culvert_gateway_flows_overloaded_total",
                "Flows that were reset because too much waited for a link.",
                counters.overloaded.sum());
        to.counter(
                "culvert_gateway_bandwidth_waits_total",
                "Turns for which a link had to wait because of its client's bandwidth.",
                counters.bandwidthWaits.sum());
        Map.of(
                        "datagrams waiting", counters.droppedDatagrams,
                        "unknown flow", counters.unknownFlow,
                        "unknown type", counters.unknownFrame)
                .forEach((cause, dropped) -> to.counter(
                        "culvert_gateway_frames_dropped_total",
                        "Frames that were dropped: too many datagrams waited, or they were for no flow, or of no type.",
                        dropped.sum(),
                        "cause",
                        cause));
        to.counter(
                "culvert_gateway_tokens_refused_total",
                "Tokens that were refused: forged, expired, revoked, for others.",
                counters.refusedTokens.sum());
        Map.of("crowd", counters.refusedConnections, "proxy header", counters.badProxyHeaders)
                .forEach((cause, refused) -> to.counter(
                        "culvert_gateway_connections_refused_total",
                        "Connections that were closed at once: too many of a network, or without a balancer's header.",
                        refused.sum(),
                        "cause",
                        cause));
        Map.of("connection", counters.shedConnections, "link", counters.shedLinks)
                .forEach((what, shed) -> to.counter(
                        "culvert_gateway_shed_total", "What was ended for want of memory.", shed.sum(), "what", what));
    }

    private static void tellOfRoom(Metrics to, GatewayStatus now, Services services) {
        to.gauge(
                "culvert_gateway_backlog_bytes",
                "What waits for peers.",
                now.memory().backlog());
        to.gauge(
                "culvert_gateway_backlog_free_bytes",
                "How much more may wait.",
                services.backlog().left());
    }

    private static void tellOfPolicy(Metrics to, GatewayStatus now) {
        to.gauge(
                "culvert_gateway_policy_in_force",
                "1 when a policy is; else tokens alone decide.",
                now.policy().sha256() == null ? 0 : 1);
        to.gauge(
                "culvert_gateway_policy_broken",
                "1 when the policy as it is now is wrong, and so not in force.",
                now.policy().error() == null ? 0 : 1);
    }

    private static void tellOfNames(Metrics to, GatewayStatus now) {
        GatewayStatus.Certificate own = now.certificate();
        if (own != null) {
            certificate(to, "own", own.names().isEmpty() ? "" : own.names().get(0), own.until());
        }
        now.certificates().stream()
                .limit(MAX_NAMES)
                .forEach(one -> certificate(to, "published", one.name(), one.until()));
        Map<String, Long> states = now.certificates().stream()
                .collect(Collectors.groupingBy(one -> one.state().toString(), Collectors.counting()));
        for (CertificateState.Standing state : CertificateState.Standing.values()) {
            to.gauge(
                    "culvert_gateway_certificates",
                    "Names of certificates, by how it stands with them.",
                    states.getOrDefault(state.toString(), 0L),
                    "state",
                    state.toString());
        }
        Map<String, Long> publications =
                now.publications().stream().collect(Collectors.groupingBy(one -> one.state(), Collectors.counting()));
        for (PublicationEntry.State state : PublicationEntry.State.values()) {
            to.gauge(
                    "culvert_gateway_publications",
                    "Publications, by what has become of them.",
                    publications.getOrDefault(state.toString(), 0L),
                    "state",
                    state.toString());
        }
    }

    private static void certificate(Metrics to, String of, String name, @Nullable Instant until) {
        to.gauge(
                "culvert_gateway_certificate_not_after_timestamp_seconds",
                "When a certificate ends, in seconds since 1970; 0 when there is none.",
                until == null ? 0 : until.getEpochSecond(),
                "of",
                of,
                "name",
                name);
    }

    private static void tellOfStore(Metrics to, GatewayStatus now) {
        Instant away = now.store() == null ? null : now.store().awaySince();
        to.gauge(
                "culvert_gateway_store_up",
                "1 when what gateways share can be reached; always when it is this one's own directory.",
                away == null ? 1 : 0);
        to.gauge(
                "culvert_gateway_store_away_seconds",
                "For how long it could not.",
                away == null ? 0 : Math.max(0, Duration.between(away, now.now()).toSeconds()));
        List<ClusterStatus.Gateway> gateways =
                now.cluster() == null ? List.of() : now.cluster().gateways();
        Map.of("up", 0L, "lost", 0L)
                .forEach((state, none) -> to.gauge(
                        "culvert_gateway_other_gateways",
                        "Other gateways on the same store.",
                        gateways.stream()
                                .filter(one -> one.state().equals(state))
                                .count(),
                        "state",
                        state));
    }

    private static void tellOfClients(Metrics to, GatewayStatus now) {
        now.clients().stream().limit(MAX_NAMES).forEach(client -> {
            List<GatewayStatus.OneLink> links = client.links();
            String name = client.name();
            to.gauge("culvert_gateway_client_links", "Links of a client.", links.size(), "client", name);
            to.gauge(
                    "culvert_gateway_client_flows",
                    "Flows on all links of a client.",
                    links.stream().mapToInt(GatewayStatus.OneLink::flows).sum(),
                    "client",
                    name);
            to.gauge(
                    "culvert_gateway_client_received_bytes",
                    "Payload from a client, over the links that it has now.",
                    links.stream().mapToLong(GatewayStatus.OneLink::received).sum(),
                    "client",
                    name);
            to.gauge(
                    "culvert_gateway_client_sent_bytes",
                    "Payload for a client, over the links that it has now.",
                    links.stream().mapToLong(GatewayStatus.OneLink::sent).sum(),
                    "client",
                    name);
        });
    }
}
