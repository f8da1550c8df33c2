package dev.culvert.policy;

import dev.culvert.address.HostPattern;
import dev.culvert.address.SensitiveAddresses;
import dev.culvert.address.Target;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A policy as its file says it, checked, with groups and tags resolved. Made by {@link PolicyParser}.
 *
 * @param groups by name, what each group's members are: clients and groups
 * @param tags by name, the agents
 * @param hosts by name, addresses and host names
 * @param denies guards, which run first
 * @param grants what is allowed; all else is denied
 * @param publish what agents may publish of their own accord
 * @param publications what is published through agents
 * @param maps under which addresses clients see networks
 * @param limits of clients; the first that names a client counts
 * @param tests what must hold
 */
public record Policy(
        Map<String, List<Selector>> groups,
        Map<String, List<String>> tags,
        Map<String, List<Target>> hosts,
        List<Rule> denies,
        List<Rule> grants,
        List<PublishRule> publish,
        List<PolicyPublication> publications,
        List<PolicyMap> maps,
        List<ClientLimits> limits,
        List<PolicyTest> tests) {
    /** Freezes the collections. */
    public Policy {
        groups = Map.copyOf(groups);
        tags = Map.copyOf(tags);
        hosts = Map.copyOf(hosts);
        denies = List.copyOf(denies);
        grants = List.copyOf(grants);
        publish = List.copyOf(publish);
        publications = List.copyOf(publications);
        maps = List.copyOf(maps);
        limits = List.copyOf(limits);
        tests = List.copyOf(tests);
    }

    /**
     * What is in force at a moment, compiled. Takes milliseconds for ten thousand grants: not on an event loop.
     *
     * @param sensitive addresses that only explicit grants open
     */
    public PolicySnapshot at(Instant now, SensitiveAddresses sensitive) {
        return new PolicySnapshot(this, now, sensitive);
    }

    /** Everything, with all conditions of time taken as met. */
    PolicySnapshot atAnyTime(SensitiveAddresses sensitive) {
        return new PolicySnapshot(this, null, sensitive);
    }

    /** By client, the groups that it is in, directly or through other groups. */
    Map<String, Set<String>> memberships() {
        Map<String, Set<String>> out = new LinkedHashMap<>();
        for (String group : groups.keySet()) {
            for (String client : members(group)) {
                out.computeIfAbsent(client, c -> new LinkedHashSet<>()).add(group);
            }
        }
        return out;
    }

    /** The clients of a group and of the groups in it. */
    Set<String> members(String group) {
        Set<String> clients = new LinkedHashSet<>();
        Set<String> seen = new LinkedHashSet<>();
        List<String> open = new ArrayList<>(List.of(group));
        while (!open.isEmpty()) {
            String next = open.remove(open.size() - 1);
            if (seen.add(next)) {
                for (Selector member : groups.getOrDefault(next, List.of())) {
                    if (member.kind() == Selector.Kind.GROUP) {
                        open.add(member.name());
                    } else {
                        clients.add(member.name());
                    }
                }
            }
        }
        return clients;
    }

    /** Whether a selector of clients or agents holds this one. */
    boolean holds(Selector selector, String holder) {
        return switch (selector.kind()) {
            case ALL -> true;
            case NAME -> selector.name().equals(holder);
            case GROUP -> members(selector.name()).contains(holder);
            case TAG -> tags.getOrDefault(selector.name(), List.of()).contains(holder);
        };
    }

    /** The first of these selectors that holds this client or agent, or null. */
    @Nullable
    Selector selecting(List<Selector> selectors, String holder) {
        for (Selector selector : selectors) {
            if (holds(selector, holder)) {
                return selector;
            }
        }
        return null;
    }

    /** Whether an agent may publish a public host name on ports of the gateway. Its token must hold the right too. */
    public boolean permitsPublishing(String agent, String host) {
        return publish.stream()
                .anyMatch(r -> selecting(r.agents(), agent) != null
                        && r.hosts().stream().anyMatch(h -> h.matches(host)));
    }

    /** The same for a name, or all names of a pattern. */
    public boolean permitsPublishing(String agent, HostPattern name) {
        return publish.stream()
                .anyMatch(r -> selecting(r.agents(), agent) != null
                        && r.hosts().stream().anyMatch(h -> h.covers(name)));
    }

    /** Whether an agent may publish on a port of the gateway. Its token must hold the right too. */
    public boolean permitsPublishing(String agent, dev.culvert.address.Transport transport, int port) {
        return publish.stream()
                .anyMatch(r -> selecting(r.agents(), agent) != null && r.ports().permits(transport, port));
    }
}
