package dev.culvert.gateway.publish;

import dev.culvert.address.SensitiveAddresses;
import dev.culvert.address.Transport;
import dev.culvert.gateway.publish.PublicationEntry.State;
import dev.culvert.policy.Policy;
import dev.culvert.policy.publication.PublicPlaces;
import dev.culvert.policy.publication.PublicSide;
import dev.culvert.policy.publication.PublicSide.Ports;
import dev.culvert.policy.publication.PublicSide.WebName;
import dev.culvert.policy.publication.Publication;
import dev.culvert.token.AgentToken;
import dev.culvert.token.PublishRight;
import java.net.InetAddress;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Says of one claim after the other whether it comes into force: who is asked for first has the place. Used once, by one thread. */
final class ClaimJudge {
    /** On one gateway: to judge so many takes some milliseconds, each time that anything changes. */
    static final int MAX_IN_FORCE = 16_384;

    /** Public ports on one gateway: each is a socket, and a descriptor, beside those of links. */
    static final int MAX_PORTS = 1_024;

    private final @Nullable Policy policy;
    private final SensitiveAddresses sensitive;
    private final Reserved reserved;
    private final Predicate<AgentToken> ended;
    private final PublicPlaces<Published> places = new PublicPlaces<>();
    private int inForce;

    /** What is the gateway's own. */
    record Reserved(Set<String> names, Set<PublicPort> ports) {
        static final Reserved NONE = new Reserved(Set.of(), Set.of());

        Reserved {
            names = Set.copyOf(names);
            ports = Set.copyOf(ports);
        }
    }

    /**
     * @param policy null when there is no policy file: tokens alone decide
     * @param sensitive targets that an agent's networks must name
     * @param ended whether a token is revoked or expired
     */
    ClaimJudge(@Nullable Policy policy, SensitiveAddresses sensitive, Reserved reserved, Predicate<AgentToken> ended) {
        this.policy = policy;
        this.sensitive = sensitive;
        this.reserved = reserved;
        this.ended = ended;
    }

    PublicationEntry judge(Claim claim) {
        Published published = claim.published();
        String why = objection(claim);
        if (why == null) {
            places.take(published.publication(), published);
            inForce++;
            return new PublicationEntry(published, claim.present() ? State.SERVED : State.AWAY, "");
        }
        return new PublicationEntry(published, State.REFUSED, why);
    }

    private @Nullable String objection(Claim claim) {
        Published published = claim.published();
        Publication publication = published.publication();
        if (claim.rival() != null) {
            return "a newer instance of agent '" + published.agent() + "' publishes "
                    + claim.rival().publication().shown() + "; start both with the same publications";
        }
        if (isReserved(publication.at())) {
            return "it is the gateway's own; publish under another name or port";
        }
        if (!claim.tokens().isEmpty() && claim.tokens().stream().noneMatch(t -> !ended.test(t))) {
            return "the token of agent '" + published.agent() + "' has ended; start it with a new one";
        }
        if (!claim.tokens().isEmpty()
                && claim.tokens().stream().noneMatch(t -> !ended.test(t) && holds(t, publication.at()))) {
            return "the token of agent '" + published.agent()
                    + "' does not hold it; make one with token agent --publish " + right(publication.at());
        }
        InetAddress target = publication.to().address();
        if (target != null
                && !claim.tokens().isEmpty()
                && claim.tokens().stream().noneMatch(t -> t.routes().stream().anyMatch(r -> r.contains(target)))) {
            return "its target " + publication.to().host() + " lies in no network of agent '" + published.agent()
                    + "'; make its token with --routes that hold it";
        }
        if (target != null
                && sensitive.contains(target)
                && !claim.tokens().isEmpty()
                && claim.tokens().stream().noneMatch(t -> sensitive.permits(t.routes(), target))) {
            return "its target " + publication.to().host()
                    + " is the machine's own, link-local, a cloud's metadata or the"
                    + " gateway's, which wide networks do not open; make the agent's token with --routes that name it";
        }
        if (policy != null && !published.byPolicy() && !permits(policy, published.agent(), publication.at())) {
            return "the gateway's policy does not let agent '" + published.agent()
                    + "' publish it; allow it there under 'publish:'";
        }
        return noPlace(published);
    }

    private @Nullable String noPlace(Published published) {
        Publication publication = published.publication();
        Published other = places.inTheWay(publication);
        if (other != null) {
            String what = other.publication().at().equals(publication.at())
                    ? "it"
                    : other.publication().at()
                            + (other.publication().isPassedThrough() ? ", which takes the whole name," : "");
            return (other.byPolicy() ? "the gateway's policy publishes " : "agent '" + other.agent() + "' publishes ")
                    + what + " already" + (other.byPolicy() ? ", through agent '" + other.agent() + "'" : "")
                    + "; publish it under another name or port, or take that one back";
        }
        if (inForce >= MAX_IN_FORCE) {
            return "the gateway publishes " + MAX_IN_FORCE + " already; use wildcards, or another gateway";
        }
        if (publication.at() instanceof Ports ports && places.portCount() + ports.last() - ports.first() >= MAX_PORTS) {
            return "the gateway publishes " + places.portCount() + " ports already, most is " + MAX_PORTS
                    + "; publish fewer, or on another gateway";
        }
        return null;
    }

    private boolean isReserved(PublicSide side) {
        if (side instanceof WebName name) {
            return !name.host().isWildcard()
                    && reserved.names().contains(name.host().name());
        }
        return reserved.ports().stream().anyMatch(p -> ((Ports) side).contains(p.transport(), p.port()));
    }

    /** Whether the token, whatever else is said of it, may publish there. */
    private static boolean holds(AgentToken token, PublicSide side) {
        if (side instanceof WebName name) {
            return token.publish().stream().anyMatch(r -> r.permits(name.host()));
        }
        Ports ports = (Ports) side;
        for (int port = ports.first(); port <= ports.last(); port++) {
            if (!holds(token, ports.transport(), port)) {
                return false;
            }
        }
        return true;
    }

    private static boolean holds(AgentToken token, Transport transport, int port) {
        for (PublishRight right : token.publish()) {
            if (right.permits(transport, port)) {
                return true;
            }
        }
        return false;
    }

    private static boolean permits(Policy policy, String agent, PublicSide side) {
        if (side instanceof WebName name) {
            return policy.permitsPublishing(agent, name.host());
        }
        Ports ports = (Ports) side;
        for (int port = ports.first(); port <= ports.last(); port++) {
            if (!policy.permitsPublishing(agent, ports.transport(), port)) {
                return false;
            }
        }
        return true;
    }

    /** As {@code token mint agent} takes it. */
    private static String right(PublicSide side) {
        if (side instanceof WebName name) {
            return name.host().isWildcard()
                    ? "'" + name.host() + "'"
                    : name.host().toString();
        }
        Ports ports = (Ports) side;
        return ":" + ports.first() + (ports.first() == ports.last() ? "" : "-" + ports.last()) + "/"
                + ports.transport();
    }
}
