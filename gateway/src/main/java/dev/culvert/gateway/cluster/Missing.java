package dev.culvert.gateway.cluster;

import dev.culvert.gateway.presence.OtherGateways;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Finds the agents that are attached to other gateways and not to this one. On one thread. */
final class Missing {
    /** Who comes back within this has only lost its link. */
    static final Duration PATIENCE = Duration.ofSeconds(3);

    /** Agents come back to a gateway that was started again within 30 s, each at a moment of its own: none is missing before. */
    static final Duration FIRST = Duration.ofSeconds(45);

    private final long startedNanos;

    /** Since when. */
    private Map<String, Long> away = Map.of();

    Missing(long startedNanos) {
        this.startedNanos = startedNanos;
    }

    /**
     * As it is now.
     *
     * @param here names of agents that are attached to this gateway
     */
    OtherGateways look(Set<String> here, List<Neighbour> neighbours, long nanos) {
        List<OtherGateways.Other> others = new ArrayList<>();
        Map<String, Long> now = new HashMap<>();
        for (Neighbour one : neighbours) {
            Attached attached = one.attached();
            String url = one.member().url();
            if (attached != null && url != null) {
                Set<String> names = attached.agentNames();
                others.add(new OtherGateways.Other(url, attached.instances()));
                for (String name : names) {
                    if (!here.contains(name)) {
                        now.put(name, away.getOrDefault(name, nanos));
                    }
                }
            }
        }
        away = now;
        Set<String> missing = new HashSet<>();
        if (nanos - startedNanos >= FIRST.toNanos()) {
            now.forEach((name, since) -> {
                if (nanos - since >= PATIENCE.toNanos()) {
                    missing.add(name);
                }
            });
        }
        return new OtherGateways(missing, others);
    }
}
