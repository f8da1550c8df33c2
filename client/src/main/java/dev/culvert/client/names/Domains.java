package dev.culvert.client.names;

import dev.culvert.address.ReverseZone;
import dev.culvert.tunnel.names.DnsMessage;
import dev.culvert.tunnel.names.ResolverName;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Which agent is asked about which domain. Immutable. */
final class Domains {
    static final Domains NONE = new Domains(Map.of());

    /** Whom to ask, and as being about what: the agent answers nothing beyond. */
    record Way(String agent, String domain) {}

    private final Map<String, String> agents;

    /** @param agents by domain, in its compared form */
    Domains(Map<String, String> agents) {
        this.agents = Map.copyOf(agents);
    }

    /** The way for the longest domain that holds the question's name; null when none does. */
    @Nullable
    Way wayFor(DnsMessage question) {
        if (agents.isEmpty()) {
            return null;
        }
        List<String> labels = question.labels();
        for (int i = 0; i <= labels.size(); i++) {
            String domain = String.join(".", labels.subList(i, labels.size()));
            String agent = agents.get(domain);
            if (agent != null) {
                return new Way(agent, domain);
            }
        }
        return null;
    }

    /** By domain, in order. */
    Map<String, String> agents() {
        Map<String, String> sorted = new LinkedHashMap<>();
        agents.keySet().stream().sorted().forEach(domain -> sorted.put(domain, String.valueOf(agents.get(domain))));
        return sorted;
    }

    /** The domains themselves, those that people know before the reverse zones. */
    List<String> names() {
        List<String> names = new ArrayList<>(agents().keySet());
        names.remove(ResolverName.ROOT);
        names.sort(Comparator.comparing(Domains::isReverse)); // stable
        return names;
    }

    private static boolean isReverse(String domain) {
        return ReverseZone.prefix(domain) != null;
    }

    /** One line each, for people; without the reverse zones, which follow from the routes. */
    List<String> lines() {
        List<String> lines = new ArrayList<>();
        agents().forEach((domain, agent) -> {
            if (!isReverse(domain)) {
                lines.add((domain.isEmpty() ? "all" : domain) + " by " + agent);
            }
        });
        return lines;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Domains d && agents.equals(d.agents);
    }

    @Override
    public int hashCode() {
        return agents.hashCode();
    }
}
