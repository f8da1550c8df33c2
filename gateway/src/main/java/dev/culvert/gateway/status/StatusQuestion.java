package dev.culvert.gateway.status;

import dev.culvert.address.AddressText;
import dev.culvert.address.IpLiteral;
import dev.culvert.command.control.Questions;
import dev.culvert.gateway.access.PolicyKeeper;
import dev.culvert.gateway.certificate.CertificateKeeper;
import dev.culvert.gateway.certificate.CertificateState;
import dev.culvert.gateway.cluster.Cluster;
import dev.culvert.gateway.limit.Services;
import dev.culvert.gateway.presence.LinkFacts;
import dev.culvert.gateway.presence.Links;
import dev.culvert.gateway.presence.Presence;
import dev.culvert.gateway.presence.PresentAgent;
import dev.culvert.gateway.presence.PresentLink;
import dev.culvert.gateway.publish.PublicationAnswers;
import dev.culvert.store.StateException;
import dev.culvert.token.Token;
import dev.culvert.token.state.StateDirectory;
import io.netty.util.internal.PlatformDependent;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.cert.CertificateEncodingException;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * Answers {@code status}. Everything is read where it stands, from another thread than the loops', so that an answer about ten
 * thousand agents takes no frame its turn; what changes meanwhile may be told as before or as after.
 *
 * @param listen where it listens
 * @param certificates null without TLS
 * @param published how it stands with the certificates of published names
 * @param publications what is published, and what is not and why
 * @param cluster the gateways of its store; null where that is one's alone
 * @param strangers how many connections are no links
 * @param since when it began to listen
 */
public record StatusQuestion(
        String version,
        Instant since,
        InetSocketAddress listen,
        StateDirectory state,
        Services services,
        Links links,
        Presence<?> presence,
        PolicyKeeper policy,
        @Nullable CertificateKeeper certificates,
        Supplier<List<CertificateState>> published,
        Supplier<PublicationAnswers.Listed> publications,
        @Nullable Cluster cluster,
        IntSupplier strangers)
        implements Questions.Question {
    private record Seen(PresentLink link, GatewayStatus.OneLink one) {}

    private static final String AGENT = Token.Kind.AGENT.toString();
    private static final String CLIENT = Token.Kind.CLIENT.toString();

    @Override
    public Object answer(JsonNode with) throws IOException {
        return now();
    }

    /** How it is now. Reads files. */
    public GatewayStatus now() throws IOException {
        Map<Long, PresentAgent> announced = new HashMap<>();
        presence.forEachAgent(agent -> announced.put(agent.number(), agent));
        Map<String, List<GatewayStatus.Instance>> agents = new TreeMap<>();
        Map<String, List<GatewayStatus.OneLink>> clients = new TreeMap<>();
        List<Seen> all = new ArrayList<>();
        for (PresentLink link : links.all()) {
            Token token = link.token();
            if (token != null) { // else it is the gateway's own
                all.add(new Seen(link, link(link, token)));
            }
        }
        all.sort(Comparator.comparingLong(seen -> seen.one.link()));
        for (Seen seen : all) {
            PresentLink link = seen.link;
            GatewayStatus.OneLink one = seen.one;
            if (link.kind().equals(CLIENT)) {
                clients.computeIfAbsent(link.name(), n -> new ArrayList<>()).add(one);
            } else if (link.kind().equals(AGENT)) {
                agents.computeIfAbsent(link.name(), n -> new ArrayList<>())
                        .add(instance(announced.get(one.link()), one));
            }
        }
        return new GatewayStatus(
                version,
                ProcessHandle.current().pid(),
                seconds(since),
                seconds(services.clock().instant()),
                AddressText.of(listen),
                certificates != null,
                state.path().toString(),
                urls(),
                certificates == null ? null : certificate(certificates.leaf()),
                published.get(),
                publications.get().publications(),
                policy.status(),
                StoreState.of(state.shared()),
                agents.entrySet().stream()
                        .map(e -> new GatewayStatus.Agent(e.getKey(), e.getValue()))
                        .toList(),
                clients.entrySet().stream()
                        .map(e -> new GatewayStatus.Client(e.getKey(), e.getValue()))
                        .toList(),
                cluster == null ? null : ClusterStatus.of(cluster),
                services.clientFlows().total(),
                strangers.getAsInt(),
                memory(),
                services.counters().values());
    }

    /** Those of the file; none while it cannot be read, which the log says. */
    private List<String> urls() {
        try {
            return state.gatewayUrls().stream().map(URI::toString).toList();
        } catch (StateException e) {
            return List.of();
        }
    }

    private GatewayStatus.OneLink link(PresentLink link, Token token) {
        LinkFacts facts = link.facts();
        return new GatewayStatus.OneLink(
                facts.number(),
                facts.from(),
                seconds(facts.since()),
                facts.version(),
                facts.rttMicros() == 0 ? null : facts.rttMicros() / 1_000.0,
                link.flowCount(),
                facts.received(),
                facts.sent(),
                token.expires(),
                token.terms().endsSoon(services.clock().instant()));
    }

    private static GatewayStatus.Instance instance(@Nullable PresentAgent agent, GatewayStatus.OneLink link) {
        if (agent == null) {
            return new GatewayStatus.Instance(null, "silent", null, link);
        }
        String state = agent.isSuperseded()
                ? "superseded"
                : agent.takesFlows() ? GatewayStatus.UP : agent.isDrained() ? "drained" : "draining";
        return new GatewayStatus.Instance(
                agent.instance(), state, agent.routes().size(), link);
    }

    private static GatewayStatus.Certificate certificate(X509Certificate leaf) throws IOException {
        try {
            List<String> names = new ArrayList<>();
            Collection<List<?>> alternatives = leaf.getSubjectAlternativeNames();
            if (alternatives != null) {
                alternatives.forEach(name -> names.add(name(String.valueOf(name.get(1)))));
            }
            return new GatewayStatus.Certificate(
                    names,
                    leaf.getNotBefore().toInstant(),
                    leaf.getNotAfter().toInstant(),
                    HexFormat.of()
                            .formatHex(MessageDigest.getInstance("SHA-256").digest(leaf.getEncoded())));
        } catch (CertificateParsingException | CertificateEncodingException | NoSuchAlgorithmException e) {
            throw new IOException("the gateway's certificate cannot be read: " + e.getMessage(), e);
        }
    }

    /** As people write it: the JDK shortens no IPv6 address. */
    private static String name(String nameOrAddress) {
        InetAddress address = IpLiteral.parse(nameOrAddress);
        return address == null ? nameOrAddress : AddressText.of(address);
    }

    private GatewayStatus.Memory memory() {
        Runtime runtime = Runtime.getRuntime();
        return new GatewayStatus.Memory(
                runtime.totalMemory() - runtime.freeMemory(),
                runtime.maxMemory(),
                PlatformDependent.usedDirectMemory(),
                PlatformDependent.maxDirectMemory(),
                services.backlog().total());
    }

    private static Instant seconds(Instant at) {
        return at.truncatedTo(ChronoUnit.SECONDS);
    }
}
