package dev.culvert.gateway.presence;

import dev.culvert.address.IpPrefix;
import dev.culvert.gateway.access.ClientRights;
import dev.culvert.gateway.limit.PeerLines;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiPredicate;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Who is connected: instances of agents, and clients, each of which is told of the agents that it may use. From any thread.
 *
 * @param <A> a link of an agent
 */
public final class Presence<A extends PresentAgent> {
    private static final Logger log = LoggerFactory.getLogger(Presence.class);

    private final PeerLines lines;
    private final LongSupplier nanoTime;
    private final Map<String, AgentInstances<A>> agents = new ConcurrentHashMap<>();
    private final Set<PresentClient> clients = ConcurrentHashMap.newKeySet();
    private volatile BiPredicate<String, @Nullable String> drained = (agent, instance) -> false;

    private volatile OtherGateways others = OtherGateways.NONE;

    /** @param nanoTime what the time is that passes */
    public Presence(PeerLines lines, LongSupplier nanoTime) {
        this.lines = lines;
        this.nanoTime = nanoTime;
    }

    public void add(PresentClient client) {
        clients.add(client);
    }

    public void remove(PresentClient client) {
        clients.remove(client);
    }

    /** These get no new flows from now on, and no others are kept from them. */
    public void drained(BiPredicate<String, @Nullable String> which) {
        drained = which;
        forEachAgent(this::look);
    }

    private synchronized void look(A agent) {
        boolean now = drained.test(agent.name(), agent.instance());
        if (now != agent.isDrained()) {
            agent.drained(now);
            if (lines.takes(agent.holderKey(), PeerLines.Kind.LINKS)) {
                log.info("{} {}", agent, now ? "gets no new flows: it was drained" : "gets new flows again");
            }
        }
    }

    /** What other gateways have that this one has not: clients are told where, if that is new. */
    public void others(OtherGateways now) {
        OtherGateways before = others;
        others = now;
        tell(now.differing(before));
    }

    /** An instance has announced itself. Is it here already on an older link, that is given up. */
    public void add(A agent) {
        look(agent);
        agents.computeIfAbsent(agent.name(), n -> new AgentInstances<>(lines, nanoTime))
                .add(agent);
        look(agent); // it may have changed meanwhile
        changed(agent.name());
    }

    public void remove(A agent) {
        AgentInstances<A> instances = agents.get(agent.name());
        if (instances != null) {
            instances.remove(agent);
        }
        changed(agent.name());
    }

    /** Links of clients. */
    public int clientCount() {
        return clients.size();
    }

    /** Links of agents that have announced themselves. */
    public int agentCount() {
        return agents.values().stream().mapToInt(AgentInstances::count).sum();
    }

    /** An agent's instances or their routes have changed: every client that may use it is told. */
    public void changed(String agent) {
        AgentInstances<A> instances = agents.get(agent);
        if (instances != null) {
            instances.gatherRoutes();
        }
        tell(Set.of(agent));
    }

    /** All clients that may use any of these agents; each is looked at once, however many agents there are. */
    private void tell(Set<String> names) {
        if (names.isEmpty()) {
            return;
        }
        for (PresentClient client : clients) {
            ClientRights rights = client.rights();
            if (names.stream().anyMatch(rights::mentions)) {
                client.announceSoon();
            }
        }
    }

    /**
     * What a client may reach, as an ANNOUNCE says it. An agent that is down keeps the routes it last had, so that clients
     * keep theirs and an agent that returns is used again without any change on their side. What does not fit one frame
     * is left out. On the client's event loop.
     */
    public byte[] announcementFor(PresentClient client) {
        List<Announcement.ReachableAgent> list = new ArrayList<>();
        new TreeMap<>(agents).forEach((agent, instances) -> {
            List<IpPrefix> served = instances.lastRoutes();
            if (!served.isEmpty() && client.rights().mentions(agent)) {
                list.add(reachable(client, agent, instances, served));
            }
        });
        boolean barred = list.isEmpty() && client.rights().isBarred();
        byte[] json = Announcement.encode(
                new Announcement.Reachable(client.name(), list, barred, elsewhere(client.rights())));
        if (json.length > Frame.MAX_PAYLOAD) {
            int all = list.size();
            while (json.length > Frame.MAX_PAYLOAD) {
                list.subList(list.size() / 2, list.size()).clear();
                json = Announcement.encode(new Announcement.Reachable(client.name(), list));
            }
            if (lines.takes(client.holderKey(), PeerLines.Kind.ROUTES)) {
                log.warn(
                        "{} is told of {} of its {} agents only: their routes do not fit one frame; join routes",
                        client,
                        list.size(),
                        all);
            }
        }
        return json;
    }

    /** At which gateways there is more for a client, best first. */
    private List<String> elsewhere(ClientRights rights) {
        OtherGateways known = others;
        List<String> missing = known.missing().stream()
                .filter(name -> rights.mentions(name) && !isHere(name))
                .toList();
        if (missing.isEmpty()) {
            return List.of();
        }
        Map<String, Set<String>> here = new HashMap<>();
        for (Map.Entry<String, AgentInstances<A>> agent : agents.entrySet()) {
            if (rights.mentions(agent.getKey())) {
                for (A one : agent.getValue().all()) {
                    if (!one.keepsFlows()) {
                        return List.of(); // what a client has with it would end
                    }
                    here.computeIfAbsent(agent.getKey(), n -> new HashSet<>())
                            .add(Objects.requireNonNullElse(one.instance(), ""));
                }
            }
        }
        return known.better(here, missing).stream()
                .limit(Announcement.Reachable.MAX_ELSEWHERE)
                .toList();
    }

    private boolean isHere(String agent) {
        AgentInstances<A> instances = agents.get(agent);
        return instances != null && instances.count() > 0;
    }

    private static Announcement.ReachableAgent reachable(
            PresentClient client, String agent, AgentInstances<?> instances, List<IpPrefix> served) {
        ClientRights rights = client.rights();
        List<IpPrefix> routes = rights.routes(agent, served);
        return new Announcement.ReachableAgent(
                agent,
                instances.count(),
                routes.stream().map(IpPrefix::toString).toList(),
                rights.services(agent),
                rights.maps(agent, routes),
                instances.lastDomains().stream()
                        .filter(domain -> rights.mayAsk(agent, domain))
                        .toList());
    }

    /** Of an agent's other instances, those that take new flows. */
    public int others(A agent) {
        AgentInstances<A> instances = agents.get(agent.name());
        return instances == null ? 0 : instances.others(agent);
    }

    /** Links of clients that there are, as they come and go meanwhile. */
    public Iterator<PresentClient> clients() {
        return clients.iterator();
    }

    /** All instances of all agents. */
    public void forEachAgent(Consumer<? super A> action) {
        agents.values().forEach(instances -> instances.forEach(action::accept));
    }

    /** The instances of an agent. */
    public List<A> instances(String agent) {
        AgentInstances<A> instances = agents.get(agent);
        return instances == null ? List.of() : instances.all();
    }

    /** Names of agents that there are or have been, as they come and go meanwhile. */
    public Iterator<String> agentNames() {
        return agents.keySet().iterator();
    }

    /** Names of agents that are connected now. */
    public Set<String> connectedAgents() {
        Set<String> names = new HashSet<>();
        agents.forEach((name, instances) -> {
            if (instances.count() > 0) {
                names.add(name);
            }
        });
        return names;
    }

    /** The instance that has the other end of a flow; null when it is not connected. */
    public @Nullable A named(String agent, String answerer) {
        AgentInstances<A> instances = agents.get(agent);
        return instances == null ? null : instances.named(answerer);
    }

    /** Whether the instance that had the other end of a flow has ended, as one that is connected says. */
    public boolean isReplaced(String agent, String answerer) {
        AgentInstances<A> instances = agents.get(agent);
        return instances != null && instances.isReplaced(answerer);
    }

    /**
     * The instance that shall take a flow.
     *
     * @param affinity whose flows of datagrams go to the same instance as long as it is there
     * @return null when none is connected
     */
    public @Nullable A pick(String agent, int affinity, Destination destination, @Nullable InetSocketAddress source) {
        AgentInstances<A> instances = agents.get(agent);
        return instances == null ? null : instances.pick(affinity, destination, source);
    }
}
