package dev.culvert.gateway.status;

import dev.culvert.gateway.cluster.Attached;
import dev.culvert.gateway.cluster.Cluster;
import dev.culvert.gateway.cluster.Member;
import dev.culvert.gateway.cluster.Neighbour;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The gateways of the store, and what is attached to which. Members may be added, and what is null is left out.
 *
 * @param trouble why the store does not say; what is told is what it last said
 */
public record ClusterStatus(
        @Nullable String trouble, List<Gateway> gateways, List<Agent> agents, List<Client> clients) {
    /**
     * One of them.
     *
     * @param state this (the one that answers), up or lost
     * @param since when it began to listen
     * @param lost when it was found to be so
     * @param agents instances; null with {@code clients} and {@code flows} of one that is lost
     */
    public record Gateway(
            String name,
            @Nullable String url,
            @Nullable String version,
            String state,
            Instant since,
            @Nullable Instant lost,
            @Nullable Integer agents,
            @Nullable Integer clients,
            @Nullable Long flows) {}

    public record Agent(String name, List<Instance> instances) {}

    /** @param flows at all gateways, some seconds ago */
    public record Instance(String instance, int flows, List<String> gateways) {}

    public record Client(String name, List<String> gateways) {}

    private record Place(int flows, List<String> gateways) {
        Place and(Place other) {
            List<String> both = new ArrayList<>(gateways);
            both.addAll(other.gateways);
            return new Place(flows + other.flows, both);
        }
    }

    static ClusterStatus of(Cluster cluster) {
        Map<Member, @Nullable Attached> all = new TreeMap<>(java.util.Comparator.comparing(Member::name));
        all.put(cluster.own(), cluster.here());
        for (Neighbour other : cluster.others()) {
            all.put(other.member(), other.attached());
        }
        List<Gateway> gateways = new ArrayList<>();
        Map<String, Map<String, Place>> agents = new TreeMap<>();
        Map<String, TreeSet<String>> clients = new TreeMap<>();
        BiConsumer<Member, @Nullable Attached> add = (member, attached) -> {
            gateways.add(gateway(member, attached, member == cluster.own()));
            if (attached == null) {
                return;
            }
            for (Attached.Agent agent : attached.agents()) {
                Map<String, Place> places = agents.computeIfAbsent(agent.name(), n -> new TreeMap<>());
                agent.instances()
                        .forEach(one -> places.merge(
                                one.instance(), new Place(one.flows(), List.of(member.name())), Place::and));
            }
            attached.clients()
                    .forEach(client -> clients.computeIfAbsent(client, n -> new TreeSet<>())
                            .add(member.name()));
        };
        all.forEach(add);
        return new ClusterStatus(
                cluster.trouble(),
                gateways,
                agents.entrySet().stream()
                        .map(agent -> new Agent(
                                agent.getKey(),
                                agent.getValue().entrySet().stream()
                                        .map(one -> new Instance(
                                                one.getKey(), one.getValue().flows, one.getValue().gateways))
                                        .toList()))
                        .toList(),
                clients.entrySet().stream()
                        .map(client -> new Client(client.getKey(), List.copyOf(client.getValue())))
                        .toList());
    }

    private static Gateway gateway(Member member, @Nullable Attached attached, boolean own) {
        return new Gateway(
                member.name(),
                member.url(),
                member.version(),
                own ? "this" : attached == null ? "lost" : "up",
                member.since(),
                attached == null ? member.lost() : null,
                attached == null
                        ? null
                        : attached.agents().stream()
                                .mapToInt(agent -> agent.instances().size())
                                .sum(),
                attached == null ? null : attached.clients().size(),
                attached == null ? null : attached.flows());
    }
}
