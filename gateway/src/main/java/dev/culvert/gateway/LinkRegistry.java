package dev.culvert.gateway;

import dev.culvert.address.IpPrefix;
import dev.culvert.address.SensitiveAddresses;
import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.policy.PolicySnapshot;
import dev.culvert.token.Token;
import dev.culvert.tunnel.Announcement;
import dev.culvert.tunnel.Destination;
import dev.culvert.tunnel.Frame;
import dev.culvert.tunnel.limit.Quota;
import dev.culvert.tunnel.limit.RateLimit;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Clock;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Who is connected: the gateway's one place for presence. From any thread. */
final class LinkRegistry {
    private static final Logger log = LoggerFactory.getLogger(LinkRegistry.class);

    /** Links of one holder: a person's devices, an agent's instances. More of them is a token that has leaked, or a loop. */
    static final int MAX_LINKS_PER_HOLDER = 256;

    /** Flows of one client, over all its links: a port scan of one host, and as many more. */
    static final int MAX_FLOWS_PER_CLIENT = 131_072;

    /** What a flow takes of the heap, measured and rounded up: half of the heap is for flows. */
    static final int FLOW_BYTES = 1_024;

    /** Prefixes of one agent, over all its instances, that are told of: about what fits one frame. */
    static final int MAX_ROUTES_PER_AGENT = 4_096;

    /**
     * An instance that comes back takes over from its older link. But two processes with one instance's id would cut each
     * other off for ever: after so many in a row, and then one in so long, both stay.
     */
    static final int TAKEOVERS = 8;

    private static final double TAKEOVERS_PER_SECOND = 1 / 60.0;

    final Counters counters = new Counters();
    final PeerLines lines = new PeerLines();
    final Backlog backlog = new Backlog();
    final ReadShares readShares = new ReadShares();
    private volatile SensitiveAddresses sensitive;
    final AuditLog audit;

    /** Clients whose usage is kept before it is looked who has none any more: some hundred bytes each. */
    private static final int CLIENTS_REMEMBERED = 1_024;

    /** By which tokens end. */
    final Clock clock;

    /** Flows by their clients' names. */
    final Quota<String> clientFlows;

    /** The same flows by their agents' names. */
    final Quota<String> agentFlows;

    private final Map<EventLoop, Inbox> inboxes = new ConcurrentHashMap<>();

    private final Predicate<Token> revoked;
    private final AtomicInteger numbers = new AtomicInteger();

    private final Map<String, List<AgentLink>> agents = new ConcurrentHashMap<>();
    private final Map<String, List<IpPrefix>> lastRoutes = new ConcurrentHashMap<>();
    private final Set<ClientLink> clients = ConcurrentHashMap.newKeySet();
    private final Set<SwitchedLink> links = ConcurrentHashMap.newKeySet();

    /** Connections that are links, or about to be, by their holders. */
    private final Quota<String> linksByHolder = new Quota<>(Integer.MAX_VALUE, MAX_LINKS_PER_HOLDER);

    private final Map<String, ClientUsage> usage = new ConcurrentHashMap<>();
    private volatile int forgetAt = CLIENTS_REMEMBERED;
    private volatile int linkCount;
    private volatile @Nullable PolicySnapshot policy;

    /**
     * @param sensitive addresses that need an explicit grant, the gateway's own among them
     * @param revoked which tokens are revoked, as known now; asked from every loop
     * @param audit what happens is told here
     */
    LinkRegistry(SensitiveAddresses sensitive, Predicate<Token> revoked, AuditLog audit) {
        this(sensitive, revoked, audit, Clock.systemUTC());
    }

    LinkRegistry(SensitiveAddresses sensitive, Predicate<Token> revoked, AuditLog audit, Clock clock) {
        this(sensitive, revoked, audit, clock, Runtime.getRuntime().maxMemory() / 2 / FLOW_BYTES);
    }

    LinkRegistry(SensitiveAddresses sensitive, Predicate<Token> revoked, AuditLog audit, Clock clock, long maxFlows) {
        this.clientFlows = new Quota<>(maxFlows, MAX_FLOWS_PER_CLIENT);
        this.agentFlows = new Quota<>(maxFlows, maxFlows);
        this.sensitive = sensitive;
        this.revoked = revoked;
        this.audit = audit;
        this.clock = clock;
    }

    boolean isRevoked(Token token) {
        return revoked.test(token);
    }

    /** What other threads have for the links of a loop. */
    Inbox inbox(EventLoop loop) {
        return inboxes.computeIfAbsent(loop, Inbox::new);
    }

    /** A number for a new link, unique in this process. */
    int nextNumber() {
        return numbers.incrementAndGet();
    }

    /** Whether a holder may have one more link; if so it has it, until {@code closed}. */
    boolean admits(String kind, String name, Future<?> closed) {
        String holder = kind + ' ' + name;
        if (!linksByHolder.take(holder, 1)) {
            return false;
        }
        closed.addListener(f -> linksByHolder.give(holder, 1));
        return true;
    }

    /** Connections of one holder that are links, or about to be. */
    long linksOf(String kind, String name) {
        return linksByHolder.of(kind + ' ' + name);
    }

    void linkUp(SwitchedLink link) {
        links.add(link);
        linkCount = links.size();
    }

    void linkDown(SwitchedLink link) {
        if (links.remove(link)) {
            linkCount = links.size();
        }
    }

    /** Every link, an agent's before its first announcement too. */
    List<SwitchedLink> links() {
        return List.copyOf(links);
    }

    int linkCount() {
        return linkCount;
    }

    /** Addresses that need an explicit grant, the gateway's own among them, as they are now. */
    SensitiveAddresses sensitive() {
        return sensitive;
    }

    /** Others need an explicit grant: all that is open is judged again. */
    void sensitive(SensitiveAddresses now) {
        sensitive = now;
        clients.forEach(ClientLink::policyChanged);
    }

    /** The policy in force; null when there is no policy file. */
    @Nullable
    PolicySnapshot policy() {
        return policy;
    }

    /** Puts a policy in force: what is opened from now on is judged by it, and what is open is judged again. */
    void policy(PolicySnapshot next) {
        policy = next;
        clients.forEach(ClientLink::policyChanged);
    }

    /** What a client uses, shared by the links of its name; to be given back when the link goes. */
    ClientUsage usageOf(ClientLink client) {
        return usage.compute(client.name, (name, u) -> {
            ClientUsage shared = u == null ? new ClientUsage(counters.bandwidthWaits) : u;
            shared.links++;
            return shared;
        });
    }

    void giveBackUsage(ClientLink client) {
        usage.computeIfPresent(client.name, (name, u) -> {
            u.links--;
            return u;
        });
        // What one has asked for is remembered while it counts, so that connecting anew wins nothing.
        if (usage.size() > forgetAt) {
            long now = System.nanoTime();
            usage.keySet().forEach(n -> usage.computeIfPresent(n, (name, u) -> u.isForgettable(now) ? null : u));
            forgetAt = Math.max(CLIENTS_REMEMBERED, 2 * usage.size()); // so that looking costs little for each
        }
    }

    void add(ClientLink client) {
        clients.add(client);
    }

    void remove(ClientLink client) {
        clients.remove(client);
    }

    /** An instance has announced itself. Is it here already on an older link, that is given up. */
    void add(AgentLink agent) {
        List<AgentLink> instances = agents.computeIfAbsent(agent.name, n -> new CopyOnWriteArrayList<>());
        synchronized (instances) {
            for (AgentLink other : instances) {
                if (other.isSameInstance(agent)) {
                    boolean older = other.holder.link() < agent.holder.link();
                    takeOver(older ? agent : other, older ? other : agent);
                }
            }
            instances.add(agent);
        }
        changed(agent.name);
    }

    private void takeOver(AgentLink newer, AgentLink older) {
        RateLimit limit = older.takeovers;
        if (limit == null) {
            limit = new RateLimit(TAKEOVERS, TAKEOVERS_PER_SECOND);
        }
        newer.takeovers = limit;
        if (limit.takes()) {
            older.supersede();
        } else if (lines.takes(newer.holderKey, PeerLines.Kind.COPIES)) {
            log.warn(
                    "{} and {} call themselves one instance, '{}', and keep coming back: both stay; was a running agent copied?",
                    older,
                    newer,
                    newer.instance());
        }
    }

    void remove(AgentLink agent) {
        List<AgentLink> instances = agents.get(agent.name);
        if (instances != null) {
            instances.remove(agent);
        }
        changed(agent.name);
    }

    int clientCount() {
        return clients.size();
    }

    int agentCount() {
        return agents.values().stream().mapToInt(List::size).sum();
    }

    /** An agent's instances or their routes have changed: every client that may use it is told. */
    void changed(String agent) {
        lastRoutes.compute(agent, (name, before) -> {
            Set<IpPrefix> routes = new LinkedHashSet<>();
            List<IpPrefix> last = List.of();
            for (AgentLink instance : agents.getOrDefault(name, List.of())) {
                List<IpPrefix> its = instance.routes();
                if (!its.equals(last) && routes.size() < MAX_ROUTES_PER_AGENT) {
                    routes.addAll(its);
                }
                last = its;
            }
            return routes.isEmpty()
                    ? before
                    : routes.stream().limit(MAX_ROUTES_PER_AGENT).toList();
        });
        for (ClientLink client : clients) {
            if (client.rights().mentions(agent)) {
                client.announceSoon();
            }
        }
    }

    /**
     * What a client may reach, as an ANNOUNCE says it. An agent that is down keeps the routes it last had, so that clients
     * keep theirs and an agent that returns is used again without any change on their side. What does not fit one frame
     * is left out.
     */
    byte[] announcementFor(ClientLink client) {
        List<Announcement.ReachableAgent> list = new ArrayList<>();
        for (Map.Entry<String, List<IpPrefix>> e : new TreeMap<>(lastRoutes).entrySet()) {
            if (client.rights().mentions(e.getKey())) {
                list.add(reachable(client, e.getKey(), e.getValue()));
            }
        }
        boolean barred = list.isEmpty() && client.rights().isBarred();
        byte[] json = Announcement.encode(new Announcement.Reachable(client.name, list, barred));
        if (json.length > Frame.MAX_PAYLOAD) {
            int all = list.size();
            while (json.length > Frame.MAX_PAYLOAD) {
                list.subList(list.size() / 2, list.size()).clear();
                json = Announcement.encode(new Announcement.Reachable(client.name, list));
            }
            if (lines.takes(client.holderKey, PeerLines.Kind.ROUTES)) {
                log.warn(
                        "{} is told of {} of its {} agents only: their routes do not fit one frame; join routes",
                        client,
                        list.size(),
                        all);
            }
        }
        return json;
    }

    private Announcement.ReachableAgent reachable(ClientLink client, String agent, List<IpPrefix> served) {
        List<String> routes = client.rights().routes(agent, served).stream()
                .map(IpPrefix::toString)
                .toList();
        int instances = agents.getOrDefault(agent, List.of()).size();
        return new Announcement.ReachableAgent(
                agent, instances, routes, client.rights().services(agent));
    }

    /**
     * The instance that shall take a flow: of those that serve the address the one with the fewest flows; for datagrams
     * always the same one for the same source, because its socket is the source's mapping (RFC 4787 4.1).
     *
     * @return null when none is connected
     */
    @Nullable
    AgentLink pick(String agent, ClientLink client, Destination destination, @Nullable InetSocketAddress source) {
        List<AgentLink> instances = agents.get(agent);
        if (instances == null) {
            return null;
        }
        Object[] snapshot = instances.toArray(); // of a copy-on-write list: consistent while others come and go
        int n = 0;
        for (Object o : snapshot) {
            if (((AgentLink) o).takesFlows()) {
                snapshot[n++] = o;
            }
        }
        InetAddress address = destination.address();
        if (n > 1 && address != null) {
            int serving = 0;
            for (int i = 0; i < n; i++) {
                AgentLink candidate = (AgentLink) snapshot[i];
                if (candidate.serves(address)) {
                    snapshot[i] = snapshot[serving];
                    snapshot[serving++] = candidate;
                }
            }
            n = serving > 0 ? serving : n;
        }
        if (n <= 1) {
            return n == 0 ? null : (AgentLink) snapshot[0];
        }
        if (!destination.isStream()) {
            int hash = 31 * client.affinity + (source == null ? 0 : source.hashCode());
            return (AgentLink) snapshot[Math.floorMod(hash * 0x9E3779B9 >>> 8, n)];
        }
        AgentLink best = (AgentLink) snapshot[0];
        for (int i = 1; i < n; i++) {
            AgentLink candidate = (AgentLink) snapshot[i];
            if (candidate.flowCount < best.flowCount) {
                best = candidate;
            }
        }
        return best;
    }
}
