package dev.culvert.gateway.access;

import dev.culvert.address.HostPattern;
import dev.culvert.address.IpPrefix;
import dev.culvert.address.PortRanges;
import dev.culvert.address.PrefixTable;
import dev.culvert.address.SensitiveAddresses;
import dev.culvert.address.Target;
import dev.culvert.address.Transport;
import dev.culvert.policy.ClientLimits;
import dev.culvert.policy.ClientPolicy;
import dev.culvert.policy.Reach;
import dev.culvert.policy.Verdict;
import dev.culvert.token.ClientToken;
import dev.culvert.token.PortRules;
import dev.culvert.token.TokenGrants;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.OpenRequest.Restriction;
import dev.culvert.tunnel.limit.RateLimit;
import dev.culvert.tunnel.limit.RecentMap;
import dev.culvert.tunnel.names.ResolverName;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What a client may do: what its token grants and, when the gateway has a policy file, the policy allows too. Immutable but
 * for a cache; {@link #judge} and {@link #services} are for the client's event loop, all else for any thread.
 */
public final class ClientRights {
    /** Lists of prefixes that are kept: of a client that asks for names on a few ports through a few agents, all. */
    private static final int MAX_CACHED = 64;

    /** Named hosts that a client is told of for each agent; they go into one frame. */
    private static final int MAX_SERVICES = 500;

    private final TokenGrants token;
    private final @Nullable ClientPolicy policy;
    private final RecentMap<Question, Shared> cache = new RecentMap<>(MAX_CACHED);

    /** Domains of agents' resolvers, and whether they are allowed as such. */
    private final RecentMap<Domain, Boolean> domains = new RecentMap<>(MAX_CACHED);

    private record Domain(String agent, String name) {}

    /** What a list of prefixes depends on: the port, and who of the two knows the name itself. */
    private record Question(String agent, Transport transport, int port, boolean tokenNames, boolean policyNames) {}

    /**
     * The answer, made once: thousands of flows may hold it.
     *
     * @param opens whether any address is left
     * @param fits whether an OPEN can say it
     */
    private record Shared(
            boolean opens, boolean fits, @Nullable Restriction restriction) {}

    /** @param policy null when there is no policy file */
    public ClientRights(TokenGrants token, @Nullable ClientPolicy policy) {
        this.token = token;
        this.policy = policy;
    }

    /** The same token under another policy, and with other addresses that need an explicit grant. */
    public ClientRights under(ClientToken same, SensitiveAddresses sensitive, @Nullable ClientPolicy next) {
        TokenGrants grants = sensitive == token.sensitiveAddresses() ? token : TokenGrants.of(same, sensitive);
        return new ClientRights(grants, next);
    }

    /** Whether these are the grants. */
    public boolean areOf(TokenGrants grants) {
        return token == grants;
    }

    /**
     * @param questions how often something may be asked about names that goes through all rules; null for as often as you
     *     like. If not now, {@link Judgement#NOT_NOW} is the answer
     */
    public Judgement judge(String agent, Destination d, @Nullable RateLimit questions) {
        Transport transport = transport(d);
        InetAddress address = d.address();
        if (address == null) {
            String domain = ResolverName.domain(d);
            if (domain != null) {
                return judgeAsking(agent, transport, domain, questions);
            }
            return judgeName(agent, transport, String.valueOf(d.name()), d.port(), questions);
        }
        if (!token.permits(agent, transport, address, d.port())) {
            return Judgement.NOT_IN_TOKEN;
        }
        return policy == null
                ? Judgement.BY_TOKEN
                : Judgement.of(policy.through(agent).judge(transport, address, d.port()));
    }

    private Judgement judgeName(
            String agent, Transport transport, String name, int port, @Nullable RateLimit questions) {
        boolean tokenNames = token.permitsName(agent, transport, name, port);
        Verdict verdict = policy == null ? null : policy.through(agent).judgeName(transport, name, port);
        if (verdict != null && !verdict.allowed() && verdict.rule() != null) {
            return Judgement.of(verdict);
        }
        boolean policyNames = verdict == null || verdict.allowed();
        Shared shared = shared(new Question(agent, transport, port, tokenNames, policyNames), questions);
        if (shared == null) {
            return Judgement.NOT_NOW;
        }
        if (!shared.opens()) {
            return verdict == null
                            || !tokenNames
                                    && token.prefixesFor(agent, transport, port).isEmpty()
                    ? Judgement.NOT_IN_TOKEN
                    : Judgement.of(Verdict.NO_GRANT);
        }
        if (!shared.fits()) {
            return Judgement.TOO_MANY_PREFIXES;
        }
        Judgement judgement = verdict == null
                ? Judgement.BY_TOKEN
                : verdict.allowed() ? Judgement.of(verdict) : Judgement.BY_ADDRESSES;
        return judgement.with(shared.restriction());
    }

    /**
     * Whether questions about a domain may be asked of the agent's own resolver: where the domain is allowed, whoever that is; else if its
     * name servers have addresses that may be reached.
     */
    private Judgement judgeAsking(String agent, Transport transport, String domain, @Nullable RateLimit questions) {
        Domain asked = new Domain(agent, domain);
        Boolean may = domains.get(asked);
        if (may == null) {
            if (questions != null && !questions.takes()) {
                return Judgement.NOT_NOW;
            }
            may = mayAsk(agent, domain);
            domains.put(asked, may);
        }
        if (may) {
            return Judgement.BY_DOMAIN;
        }
        Shared shared = shared(new Question(agent, transport, ResolverName.PORT, false, policy == null), questions);
        if (shared == null) {
            return Judgement.NOT_NOW;
        }
        if (!shared.opens()) {
            return Judgement.NOT_IN_TOKEN;
        }
        return shared.fits() ? Judgement.BY_ADDRESSES.with(shared.restriction()) : Judgement.TOO_MANY_PREFIXES;
    }

    /** Whether the agent's own resolver may be asked for names at or below a domain. */
    public boolean mayAsk(String agent, String domain) {
        boolean isName = domain.isEmpty() || domain.equals(HostPattern.normalize(domain));
        return isName
                && token.permitsAsking(agent, domain)
                && (policy == null || policy.through(agent).permitsAsking(domain));
    }

    /** @return null when it may not be found out now */
    private @Nullable Shared shared(Question question, @Nullable RateLimit questions) {
        Shared shared = cache.get(question);
        if (shared == null && (questions == null || questions.takes())) {
            shared = prefixes(question);
            cache.put(question, shared);
        }
        return shared;
    }

    private Shared prefixes(Question q) {
        Reach reach = policy == null ? null : policy.through(q.agent());
        List<IpPrefix> except = reach == null ? List.of() : reach.denied(q.transport(), q.port());
        List<IpPrefix> byToken = q.tokenNames() ? null : token.prefixesFor(q.agent(), q.transport(), q.port());
        List<IpPrefix> byPolicy = q.policyNames() || reach == null ? null : reach.prefixes(q.transport(), q.port());
        List<IpPrefix> only = byToken == null
                ? byPolicy
                : byPolicy == null ? byToken : sensitive().intersection(byToken, byPolicy);
        boolean fits = Restrictions.fit(only, except);
        return new Shared(only == null || !only.isEmpty(), fits, fits ? Restrictions.of(only, except) : null);
    }

    private SensitiveAddresses sensitive() {
        return token.sensitiveAddresses();
    }

    /** Whether the client may reach anything through this agent, and so may know that it exists. */
    public boolean mentions(String agent) {
        return token.mentions(agent)
                && (policy == null || !policy.through(agent).isEmpty());
    }

    /** Whether the policy allows nothing of what the token grants, whatever agents there are. */
    public boolean isBarred() {
        return policy != null
                && (policy.isEmpty()
                        || !token.mentionsAny()
                                && token.agents().stream()
                                        .allMatch(agent -> policy.through(agent).isEmpty()));
    }

    /** Of what an agent serves, what the client may reach on some port; in order. A few steps for each prefix. */
    public List<IpPrefix> routes(String agent, List<IpPrefix> served) {
        List<IpPrefix> granted = token.prefixesFor(agent);
        PrefixTable<Boolean> denied = new PrefixTable<>();
        if (policy != null) {
            Reach reach = policy.through(agent);
            granted = sensitive().intersection(granted, reach.prefixes());
            reach.deniedWholly().forEach(p -> denied.put(p, Boolean.TRUE));
        }
        PrefixTable<Boolean> table = new PrefixTable<>();
        granted.forEach(p -> table.put(p, Boolean.TRUE));
        Set<IpPrefix> out = new TreeSet<>();
        for (IpPrefix prefix : served) {
            if (table.covers(prefix)) {
                out.add(prefix);
            }
            // Those that lie in it follow it in the order.
            int at = Collections.binarySearch(granted, prefix);
            for (int i = at < 0 ? -at - 1 : at; i < granted.size() && prefix.covers(granted.get(i)); i++) {
                out.add(granted.get(i));
            }
        }
        out.removeIf(denied::covers);
        return List.copyOf(out);
    }

    /**
     * The hosts that the policy names and the client may reach through this agent, with the ports that both it and the token
     * open. Of each range of ports one is asked about, at the first address of a prefix.
     */
    public List<Announcement.ReachableService> services(String agent) {
        if (policy == null) {
            return List.of();
        }
        List<Announcement.ReachableService> out = new ArrayList<>();
        for (Reach.Service service : policy.through(agent).services()) {
            List<String> targets = new ArrayList<>();
            PortRules ports = PortRules.NONE;
            for (Target target : service.targets()) {
                PortRules open = open(agent, target, service.ports());
                if (!open.isEmpty()) {
                    targets.add(target.toString());
                    ports = ports.union(open);
                }
            }
            if (!targets.isEmpty() && out.size() < MAX_SERVICES) {
                out.add(new Announcement.ReachableService(service.name(), targets, ports.toString()));
            }
        }
        return out;
    }

    /** Of the policy's maps of an agent, those of networks of which the client may reach something. */
    public List<Announcement.ReachableMap> maps(String agent, List<IpPrefix> routes) {
        if (policy == null) {
            return List.of();
        }
        return policy.maps(agent).stream()
                .filter(map -> routes.stream().anyMatch(map.real()::overlaps))
                .map(map -> new Announcement.ReachableMap(
                        map.real().toString(), map.shown().toString()))
                .toList();
    }

    private PortRules open(String agent, Target target, PortRules byPolicy) {
        PortRules ports = target instanceof IpPrefix prefix
                ? byPolicy.intersection(token.portsAt(agent, prefix.network()))
                : byPolicy;
        PortRules out = new PortRules(
                PortRanges.NONE, PortRanges.NONE, ports.icmp() && opens(agent, target, Destination.ICMP, 0));
        for (int i = 0; i < ports.tcp().ranges(); i++) {
            if (opens(agent, target, Destination.TCP, ports.tcp().first(i))) {
                out = out.union(new PortRules(ports.tcp().range(i), PortRanges.NONE, false));
            }
        }
        for (int i = 0; i < ports.udp().ranges(); i++) {
            if (opens(agent, target, Destination.UDP, ports.udp().first(i))) {
                out = out.union(new PortRules(PortRanges.NONE, ports.udp().range(i), false));
            }
        }
        return out;
    }

    private boolean opens(String agent, Target target, int protocol, int port) {
        Destination specimen;
        if (target instanceof IpPrefix prefix) {
            specimen = Destination.of(protocol, prefix.network(), port);
        } else {
            HostPattern host = (HostPattern) target;
            specimen = Destination.ofName(protocol, host.isWildcard() ? "x." + host.name() : host.name(), port);
        }
        return judge(agent, specimen, null).allowed();
    }

    public ClientLimits limits() {
        return policy == null ? ClientLimits.NONE : policy.limits();
    }

    static Transport transport(Destination d) {
        return switch (d.protocol()) {
            case Destination.TCP -> Transport.TCP;
            case Destination.UDP -> Transport.UDP;
            default -> Transport.ICMP;
        };
    }
}
