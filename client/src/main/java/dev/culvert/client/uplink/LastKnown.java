package dev.culvert.client.uplink;

import dev.culvert.address.IpPrefix;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Agents that a gateway has announced, with those that it does not know yet: one that was started a moment ago hears of agents one
 * after another, and the host's routes to them must not go meanwhile, for flows go on. On one event loop.
 */
final class LastKnown {
    private Map<String, Announced.Agent> agents = Map.of();

    /**
     * What is there by the newest announcement.
     *
     * @param waiting whether agents may still come that were there before: these stay, as not connected
     */
    Announced with(Announced now, boolean waiting) {
        Map<String, Announced.Agent> all = new LinkedHashMap<>(now.agents());
        if (waiting) {
            agents.forEach((name, before) -> {
                Announced.Agent its = all.get(name);
                if ((its == null || its.instances() == 0 && its.networks().isEmpty())
                        && all.size() < Announced.MAX_AGENTS) {
                    all.put(name, new Announced.Agent(name, 0, before.networks(), before.maps(), before.domains()));
                }
            });
        }
        agents = all;
        return new Announced(all, now.barred(), now.elsewhere(), List.copyOf(now.problems()));
    }

    /** Of each agent that there is, as it was told last. */
    Map<String, List<IpPrefix>> networks() {
        Map<String, List<IpPrefix>> all = new TreeMap<>();
        agents.forEach((name, agent) -> all.put(name, agent.networks()));
        return all;
    }
}
