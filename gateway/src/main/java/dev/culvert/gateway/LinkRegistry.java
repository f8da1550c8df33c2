package dev.culvert.gateway;

import dev.culvert.token.IpPrefix;
import dev.culvert.token.SensitiveAddresses;
import dev.culvert.tunnel.Announcement;
import dev.culvert.tunnel.OpenRequest;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/** Who is connected: the gateway's one place for presence. From any thread. */
final class LinkRegistry {
    final Counters counters = new Counters();
    final SensitiveAddresses sensitive;

    private final Map<String, List<AgentLink>> agents = new ConcurrentHashMap<>();
    private final Map<String, List<IpPrefix>> lastRoutes = new ConcurrentHashMap<>();
    private final Set<ClientLink> clients = ConcurrentHashMap.newKeySet();

    /** @param sensitive addresses that need an explicit grant, the gateway's own among them */
    LinkRegistry(SensitiveAddresses sensitive) {
        this.sensitive = sensitive;
    }

    void add(ClientLink client) {
        clients.add(client);
        announceTo(client);
    }

    void remove(ClientLink client) {
        clients.remove(client);
    }

    void add(AgentLink agent) {
        agents.computeIfAbsent(agent.name, n -> new CopyOnWriteArrayList<>()).add(agent);
        changed();
    }

    void remove(AgentLink agent) {
        List<AgentLink> instances = agents.get(agent.name);
        if (instances != null) {
            instances.remove(agent);
        }
        changed();
    }

    int clientCount() {
        return clients.size();
    }

    int agentCount() {
        return agents.values().stream().mapToInt(List::size).sum();
    }

    /** Agents or their routes have changed: every client is told. */
    void changed() {
        for (Map.Entry<String, List<AgentLink>> e : agents.entrySet()) {
            Set<IpPrefix> routes = new LinkedHashSet<>();
            for (AgentLink instance : e.getValue()) {
                routes.addAll(instance.routes());
            }
            if (!routes.isEmpty()) {
                lastRoutes.put(e.getKey(), List.copyOf(routes));
            }
        }
        clients.forEach(this::announceTo);
    }

    private void announceTo(ClientLink client) {
        Announcement.Reachable reachable = reachableFor(client);
        client.run(() -> client.announce(reachable));
    }

    /**
     * What a client may reach. An agent that is down keeps the routes it last had, so that clients keep theirs and an
     * agent that returns is used again without any change on their side.
     */
    private Announcement.Reachable reachableFor(ClientLink client) {
        List<Announcement.ReachableAgent> list = new ArrayList<>();
        for (Map.Entry<String, List<IpPrefix>> e : new TreeMap<>(lastRoutes).entrySet()) {
            String agent = e.getKey();
            if (!client.policy().mentions(agent)) {
                continue;
            }
            Set<String> routes = new LinkedHashSet<>();
            for (IpPrefix granted : client.policy().prefixesFor(agent)) {
                for (IpPrefix served : e.getValue()) {
                    if (granted.covers(served)) {
                        routes.add(served.toString());
                    } else if (served.covers(granted)) {
                        routes.add(granted.toString());
                    }
                }
            }
            List<AgentLink> instances = agents.getOrDefault(agent, List.of());
            list.add(new Announcement.ReachableAgent(agent, instances.size(), List.copyOf(routes)));
        }
        return new Announcement.Reachable(client.name, list);
    }

    /**
     * The instance that shall take a flow: the one with the fewest flows; for datagrams always the same one for the same
     * source, because its socket is the source's mapping (RFC 4787 4.1).
     *
     * @return null when none is connected
     */
    @Nullable
    AgentLink pick(String agent, ClientLink client, OpenRequest request) {
        List<AgentLink> instances = agents.get(agent);
        if (instances == null) {
            return null;
        }
        List<AgentLink> ready = instances;
        for (AgentLink instance : instances) {
            if (instance.isDraining()) {
                ready = instances.stream().filter(i -> !i.isDraining()).toList();
                break;
            }
        }
        Object[] snapshot = ready.toArray();
        if (snapshot.length == 0) {
            return null;
        }
        if (snapshot.length > 1 && !request.destination().isStream()) {
            int hash = 31 * client.affinity
                    + (request.source() == null ? 0 : request.source().hashCode());
            return (AgentLink) snapshot[Math.floorMod(hash * 0x9E3779B9 >>> 8, snapshot.length)];
        }
        AgentLink best = (AgentLink) snapshot[0];
        for (Object o : snapshot) {
            AgentLink candidate = (AgentLink) o;
            if (candidate.flowCount < best.flowCount) {
                best = candidate;
            }
        }
        return best;
    }
}
