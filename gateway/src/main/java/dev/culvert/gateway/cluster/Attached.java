package dev.culvert.gateway.cluster;

import dev.culvert.gateway.presence.Links;
import dev.culvert.gateway.presence.Presence;
import dev.culvert.gateway.presence.PresentLink;
import dev.culvert.token.Token;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What is attached to one gateway, in order of names.
 *
 * @param agents that have announced themselves
 * @param clients each once, however many links it has
 * @param flows of all clients
 */
public record Attached(List<Agent> agents, List<String> clients, long flows) {
    /** Nothing. */
    static final Attached NONE = new Attached(List.of(), List.of(), 0);

    /** @throws IllegalArgumentException if a part is missing */
    public Attached {
        agents = List.copyOf(require(agents));
        clients = List.copyOf(require(clients));
    }

    /** An agent with those of its processes that are attached, each once, however many links it has. */
    public record Agent(String name, List<Instance> instances) {
        public Agent {
            require(name);
            instances = List.copyOf(require(instances));
        }
    }

    /** A process of an agent. */
    public record Instance(String instance, int flows) {
        public Instance {
            require(instance);
        }
    }

    private static <T> T require(T value) {
        if (value == null) { // a text may leave out what our types promise
            throw new IllegalArgumentException("a member is missing");
        }
        return value;
    }

    /** As it is now. From any thread. */
    public static Attached now(Presence<?> presence, Links links, long flows) {
        Map<String, Map<String, Integer>> agents = new TreeMap<>();
        presence.forEachAgent(agent -> {
            if (!agent.isSuperseded()) {
                agents.computeIfAbsent(agent.name(), n -> new TreeMap<>())
                        .merge(Objects.requireNonNullElse(agent.instance(), ""), agent.flowCount(), Integer::sum);
            }
        });
        return new Attached(
                agents.entrySet().stream()
                        .map(agent -> new Agent(
                                agent.getKey(),
                                agent.getValue().entrySet().stream()
                                        .map(one -> new Instance(one.getKey(), one.getValue()))
                                        .toList()))
                        .toList(),
                links.all().stream()
                        .filter(link -> link.token() != null && link.kind().equals(Token.Kind.CLIENT.toString()))
                        .map(PresentLink::name)
                        .distinct()
                        .sorted(Comparator.naturalOrder())
                        .toList(),
                flows);
    }

    /** Whether the same are attached, with whatever flows. */
    boolean hasSame(Attached other) {
        return clients.equals(other.clients)
                && names().toList().equals(other.names().toList());
    }

    /** What they call themselves, of each agent. */
    Map<String, Set<String>> instances() {
        Map<String, Set<String>> all = new HashMap<>();
        agents.forEach(agent -> all.computeIfAbsent(agent.name, n -> new HashSet<>())
                .addAll(agent.instances.stream().map(Instance::instance).toList()));
        return all;
    }

    Set<String> agentNames() {
        return agents.stream().map(Agent::name).collect(Collectors.toSet());
    }

    private Stream<List<String>> names() {
        return agents.stream()
                .map(agent -> Stream.concat(
                                Stream.of(agent.name), agent.instances.stream().map(Instance::instance))
                        .toList());
    }
}
