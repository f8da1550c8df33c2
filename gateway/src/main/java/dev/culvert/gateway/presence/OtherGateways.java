package dev.culvert.gateway.presence;

import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Where agents are that are not here. An agent attaches to every gateway; where one's way to this one is cut, its clients go to another.
 *
 * @param missing agents that are attached to others, and not to this one, and have not been for a while
 * @param gateways the others that are up and whose URL is known
 */
public record OtherGateways(Set<String> missing, List<Other> gateways) {
    /** None. */
    static final OtherGateways NONE = new OtherGateways(Set.of(), List.of());

    public OtherGateways {
        missing = Set.copyOf(missing);
        gateways = List.copyOf(gateways);
    }

    /** One of them, and the agents that are attached to it, each with its instances. */
    public record Other(String url, Map<String, Set<String>> agents) {
        public Other {
            agents = Map.copyOf(agents);
        }

        private boolean hasAll(Map<String, Set<String>> here) {
            return here.entrySet().stream()
                    .allMatch(one -> agents.getOrDefault(one.getKey(), Set.of()).containsAll(one.getValue()));
        }
    }

    /**
     * To which of them a client should go: those that have all instances of its agents which this one has, for it may have flows
     * with any, and more agents. So no two gateways send it to and fro.
     *
     * @param here those of its agents that are attached here, each with its instances
     * @param wanted those of its agents that are missing
     * @return with the one first that has most
     */
    List<String> better(Map<String, Set<String>> here, Collection<String> wanted) {
        return gateways.stream()
                .filter(other -> other.hasAll(here) && count(other, wanted) > 0)
                .sorted(Comparator.comparingInt(other -> -count(other, wanted)))
                .map(Other::url)
                .toList();
    }

    private static int count(Other other, Collection<String> wanted) {
        return (int) wanted.stream().filter(other.agents::containsKey).count();
    }

    /** Of which agents clients are to be told anew, after it was otherwise. */
    Set<String> differing(OtherGateways before) {
        Set<String> names = new HashSet<>(missing);
        names.addAll(before.missing);
        if (gateways.equals(before.gateways)) {
            names.removeIf(name -> missing.contains(name) && before.missing.contains(name));
        }
        return names;
    }
}
