package dev.culvert.gateway.publish;

import dev.culvert.address.HostPattern;
import dev.culvert.address.Transport;
import dev.culvert.command.control.Questions;
import dev.culvert.gateway.certificate.CertificateState;
import dev.culvert.gateway.publish.PublicationTable.NameUse;
import dev.culvert.policy.publication.PublicSide.Ports;
import dev.culvert.policy.publication.PublicSide.WebName;
import dev.culvert.policy.publication.Publication;
import dev.culvert.text.Printable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** Answers what is published, and why a name or port is, or is not. From any thread. */
public final class PublicationAnswers {
    /** Entries that explain one name: all paths of it, by several agents, and more. */
    private static final int MAX_EXPLAINED = 1_000;

    private final Publications publications;
    private final Function<String, CertificateState> certificates;
    private final Function<Published, List<PublishedInstance>> instances;

    /**
     * @param certificates how it stands with the certificate of a name, perhaps a wildcard; never blocks
     * @param instances those of a publication's agent and how the target is through each; likewise
     */
    public PublicationAnswers(
            Publications publications,
            Function<String, CertificateState> certificates,
            Function<Published, List<PublishedInstance>> instances) {
        this.publications = publications;
        this.certificates = certificates;
        this.instances = instances;
    }

    /** It answers them from now on. */
    public void in(Questions questions) {
        questions.add("publish-list", "what is published, and what is not and why", with -> list());
        questions.add("publish-explain", "why a name or port is published, or not", this::explain);
    }

    /**
     * The answer to {@code publish-list}.
     *
     * @param publications in force or not
     */
    public record Listed(List<One> publications) {}

    /**
     * One of them.
     *
     * @param at the public side
     * @param by {@code policy} or {@code agent}: who says so
     * @param state {@code served}, {@code agent away} or {@code refused}
     * @param why it is refused, or null
     * @param certificate how it stands with the name's; null where the gateway ends no TLS, or it is refused
     * @param instances of its agent that are connected; null when it is refused
     */
    public record One(
            String at,
            String target,
            String agent,
            String by,
            String state,
            @Nullable String why,
            @Nullable CertificateState certificate,
            @Nullable List<PublishedInstance> instances) {}

    /**
     * The answer to {@code publish-explain}.
     *
     * @param served what answers there, or null
     * @param reasons one sentence a line, that what decides first
     * @param usage of what answers there, or null
     * @param others what else wants the name or port, in force or not
     */
    public record Explained(
            String asked,
            @Nullable One served,
            List<String> reasons,
            @Nullable UsageAnswer usage,
            List<One> others) {}

    /** All of them. */
    public Listed list() {
        return new Listed(
                publications.entries().stream().map(entry -> one(entry, null)).toList());
    }

    /** @param host for whose certificate; null for that of the publication's own name, perhaps a wildcard */
    private One one(PublicationEntry entry, @Nullable String host) {
        Published published = entry.published();
        return new One(
                published.publication().at().toString(),
                published.publication().to() + published.publication().options().shown(),
                published.agent(),
                published.byPolicy() ? "policy" : "agent",
                entry.state().toString(),
                entry.why().isEmpty() ? null : entry.why(),
                certificate(entry, host),
                entry.isInForce() ? instances.apply(published) : null);
    }

    private @Nullable CertificateState certificate(PublicationEntry entry, @Nullable String host) {
        Publication publication = entry.published().publication();
        return entry.isInForce() && publication.to().scheme().isHttp() && publication.at() instanceof WebName name
                ? certificates.apply(host == null ? name.host().toString() : host)
                : null;
    }

    private Explained explain(JsonNode with) throws IOException {
        return explain(with.path("name").asString(""));
    }

    /** @param asked a name, a name and a path, or a port as {@code tcp:2222} */
    Explained explain(String asked) throws IOException {
        PublicationTable table = publications.table();
        int colon = asked.indexOf(':');
        if (asked.startsWith("tcp:") || asked.startsWith("udp:")) {
            Transport transport = Transport.parse(asked.substring(0, colon));
            int port = port(asked, asked.substring(colon + 1));
            return explained(
                    asked,
                    asked,
                    table.port(transport, port),
                    e -> e.published().publication().at() instanceof Ports p && p.contains(transport, port),
                    null);
        }
        int slash = asked.indexOf('/');
        String host = HostPattern.normalize(slash < 0 ? asked : asked.substring(0, slash));
        if (host == null) {
            throw notOne(asked);
        }
        String path = slash < 0 ? "/" : asked.substring(slash);
        NameUse use = table.use(host);
        Published served = use == NameUse.PASSED_THROUGH ? table.passedThrough(host) : table.web(host, path);
        HostPattern name = HostPattern.parse(host);
        return explained(
                asked,
                host,
                served,
                e -> e.published().publication().at() instanceof WebName w
                        && w.host().covers(name),
                served == null && use != NameUse.UNKNOWN
                        ? "the name is published, but no path that holds " + path
                        : null);
    }

    private static String text(PublishedInstance one) {
        return "instance " + one.instance() + ": "
                + switch (one.state()) {
                    case "draining" -> "is going, and gets nothing new";
                    case "well", "unwell" ->
                        "the target is " + one.state() + " since " + one.since()
                                + (one.error() == null ? "" : "; the last look failed: " + one.error());
                    default -> "nobody looks at the target, or has looked yet";
                }
                + (one.passedOver() == null ? "" : "; connecting has failed, others go before it");
    }

    private static int port(String asked, String text) throws IOException {
        try {
            int port = Integer.parseInt(text);
            if (port >= 1 && port <= 65_535) {
                return port;
            }
        } catch (NumberFormatException e) {
            throw notOne(asked);
        }
        throw notOne(asked);
    }

    private static IOException notOne(String asked) {
        return new IOException("'" + Printable.shorten(asked)
                + "' is neither a name nor a port; write app.example.com, app.example.com/api or tcp:2222");
    }

    private Explained explained(
            String asked,
            String host,
            @Nullable Published served,
            Predicate<PublicationEntry> concerns,
            @Nullable String near) {
        One answering = null;
        PublicationUsage usage = served == null ? null : publications.table().usage(served);
        List<One> others = new ArrayList<>();
        List<String> reasons = new ArrayList<>();
        for (PublicationEntry entry : publications.entries()) {
            if (entry.published().equals(served) && entry.isInForce()) {
                answering = one(entry, host);
            } else if (concerns.test(entry) && others.size() < MAX_EXPLAINED) {
                others.add(one(entry, host));
            }
        }
        if (answering == null) {
            reasons.add("nothing is published at " + Printable.shorten(asked));
            if (near != null) {
                reasons.add(near);
            }
        } else {
            reasons.add(answering.at() + " leads through agent '" + answering.agent() + "' to " + answering.target());
            reasons.add(
                    answering.by().equals("policy")
                            ? "because the policy says so, and the agent's token holds the right"
                            : "because the agent says so, its token holds the right, and the policy lets it");
            if (answering.state().equals(PublicationEntry.State.AWAY.toString())) {
                reasons.add("the agent is not connected: visitors hear so");
            }
            List<PublishedInstance> its = answering.instances();
            if (its != null) {
                its.forEach(one -> reasons.add(text(one)));
            }
            if (usage != null) {
                reasons.addAll(UsageAnswer.reasons(usage));
            }
        }
        for (One other : others) {
            if (other.why() != null) {
                reasons.add("agent '" + other.agent() + "' does not publish " + other.at() + ": " + other.why());
            }
        }
        return new Explained(
                asked, answering, reasons, answering == null || usage == null ? null : UsageAnswer.of(usage), others);
    }
}
