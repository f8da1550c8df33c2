package dev.culvert.client.names;

import dev.culvert.address.IpPrefix;
import dev.culvert.address.ReverseZone;
import dev.culvert.client.uplink.Uplink;
import dev.culvert.tunnel.names.ResolverName;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What shall be asked through the tunnel.
 *
 * @param typed what the user named
 * @param token what the token names
 * @param full whether all names are, by the agent that everything is routed through
 */
public record WantedDomains(List<Domain> typed, List<String> token, boolean full) {
    /** Domains in all. */
    static final int MAX_DOMAINS = 1_024;

    /** Each is tried for a name without a dot. */
    static final int MAX_SEARCH = 6;

    public WantedDomains {
        typed = List.copyOf(typed);
        token = List.copyOf(token);
    }

    /** Who is asked about what, as agents are now. A domain that nobody may be asked about is left to others. */
    Domains choose(Uplink uplink) {
        Map<String, String> agents = new HashMap<>();
        uplink.announcedDomains().forEach((domain, agent) -> put(agents, domain, agent));
        for (String domain : token) {
            put(agents, domain, uplink.resolverFor(domain));
        }
        for (Domain domain : typed) {
            put(agents, domain.name(), domain.agent() != null ? domain.agent() : uplink.resolverFor(domain.name()));
        }
        Map<IpPrefix, String> routes = uplink.routes().routes();
        if (full) {
            // Of the two families whichever leads somewhere: names of both are asked by either.
            routes.entrySet().stream()
                    .filter(route -> route.getKey().length() == 0)
                    .sorted(Map.Entry.comparingByKey())
                    .findFirst()
                    .ifPresent(route -> put(agents, ResolverName.ROOT, route.getValue()));
        }
        if (!agents.isEmpty()) { // for names of addresses alone nobody's resolver is set up
            routes.entrySet().stream()
                    .sorted(Map.Entry.comparingByKey())
                    .forEach(route -> ReverseZone.of(route.getKey())
                            .forEach(zone -> put(agents, zone, agents.getOrDefault(zone, route.getValue()))));
        }
        return new Domains(agents);
    }

    /** The domains that were named, and that no agent is asked about although some are there. */
    Set<String> nobodys(Domains chosen, Uplink uplink) {
        if (!uplink.knowsAgents()) {
            return Set.of();
        }
        return Stream.concat(typed.stream().map(Domain::name), token.stream())
                .filter(domain -> !chosen.agents().containsKey(domain))
                .collect(Collectors.toCollection(LinkedHashSet::new));
    }

    /** Of these domains those that may be left out of a name: what the user named, what the token names, what agents announce. */
    List<String> search(List<String> chosen, Uplink uplink) {
        Stream<String> named = Stream.concat(typed.stream().map(Domain::name), token.stream());
        return Stream.concat(named, uplink.announcedDomains().keySet().stream())
                .filter(chosen::contains)
                .distinct()
                .limit(MAX_SEARCH)
                .toList();
    }

    private static void put(Map<String, String> agents, String domain, @Nullable String agent) {
        if (agent != null && (agents.size() < MAX_DOMAINS || agents.containsKey(domain))) {
            agents.put(domain, agent);
        }
    }
}
