package dev.culvert.policy;

import dev.culvert.address.PrefixMap;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** What a snapshot says about one client. For any thread. */
public final class ClientPolicy {
    private final PolicySnapshot snapshot;
    private final List<Map<Selector, RuleTable.Pair>> tables;

    /** For agents that the file names only: a client that asks for ever other names must not fill it. */
    private final Map<String, Reach> byAgent = new ConcurrentHashMap<>();

    private final Reach unnamed;
    private final ClientLimits limits;

    ClientPolicy(PolicySnapshot snapshot, List<Map<Selector, RuleTable.Pair>> tables, ClientLimits limits) {
        this.snapshot = snapshot;
        this.tables = List.copyOf(tables);
        this.unnamed = reach(List.of(Selector.ALL));
        this.limits = limits;
    }

    /** The snapshot that this is a part of. */
    public PolicySnapshot snapshot() {
        return snapshot;
    }

    /** What the client may reach through this agent. */
    public Reach through(String agent) {
        Reach known = byAgent.get(agent);
        if (known != null) {
            return known;
        }
        List<Selector> selectors = snapshot.agentSelectors(agent);
        return selectors == null ? unnamed : byAgent.computeIfAbsent(agent, a -> reach(selectors));
    }

    private Reach reach(List<Selector> selectors) {
        List<RuleTable.Pair> pairs = new ArrayList<>();
        for (Map<Selector, RuleTable.Pair> table : tables) {
            for (Selector selector : selectors) {
                RuleTable.Pair pair = table.get(selector);
                if (pair != null) {
                    pairs.add(pair);
                }
            }
        }
        return new Reach(snapshot, pairs);
    }

    /** True if no grant lets the client reach anything, through any agent. */
    public boolean isEmpty() {
        return tables.stream()
                .flatMap(table -> table.values().stream())
                .allMatch(pair -> pair.grantRules().isEmpty());
    }

    /** Under which addresses it sees networks of this agent. */
    public List<PrefixMap> maps(String agent) {
        return snapshot.policy().maps().stream()
                .filter(m -> m.agent().equals(agent))
                .map(PolicyMap::map)
                .toList();
    }

    /** What it may use at most. */
    public ClientLimits limits() {
        return limits;
    }
}
