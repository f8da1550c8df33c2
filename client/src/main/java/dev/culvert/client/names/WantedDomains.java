package dev.culvert.client.names;

import dev.culvert.client.uplink.Uplink;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What shall be asked through the tunnel.
 *
 * @param typed what the user named
 * @param token what the token names
 */
public record WantedDomains(List<Domain> typed, List<String> token) {
    /** Domains in all. */
    static final int MAX_DOMAINS = 1_024;

    public WantedDomains {
        typed = List.copyOf(typed);
        token = List.copyOf(token);
    }

    /** Who is asked about what, as agents are now. A domain that nobody may be asked about is left to others. */
    Domains choose(Uplink uplink) {
        Map<String, String> agents = new HashMap<>();
        for (String domain : token) {
            put(agents, domain, uplink.resolverFor(domain));
        }
        for (Domain domain : typed) {
            put(agents, domain.name(), domain.agent() != null ? domain.agent() : uplink.resolverFor(domain.name()));
        }
        return new Domains(agents);
    }

    private static void put(Map<String, String> agents, String domain, @Nullable String agent) {
        if (agent != null && (agents.size() < MAX_DOMAINS || agents.containsKey(domain))) {
            agents.put(domain, agent);
        }
    }
}
