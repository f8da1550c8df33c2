package dev.culvert.policy;

import dev.culvert.address.SensitiveAddresses;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The rules of a policy that are in force between two moments, compiled. Immutable: a gateway swaps one for the next.
 *
 * <p>Rules are kept by pairs of selectors, as they stand in the file, and not by pairs of clients and agents: memory is
 * linear in the file however large its groups are. A {@linkplain #client client} collects the few pairs that speak of it.
 */
public final class PolicySnapshot {
    private final Policy policy;
    private final SensitiveAddresses sensitive;
    private final @Nullable Instant validUntil;
    private final Map<Selector, Map<Selector, RuleTable.Pair>> tables = new HashMap<>();
    private final Map<String, Set<String>> memberships;
    private final Map<String, List<Selector>> agents = new HashMap<>();
    private final Verdict[] allowed;
    private final Verdict[] denied;

    PolicySnapshot(Policy policy, @Nullable Instant now, SensitiveAddresses sensitive) {
        this.policy = policy;
        this.sensitive = sensitive;
        this.memberships = policy.memberships();
        this.allowed = policy.grants().stream().map(r -> new Verdict(true, r)).toArray(Verdict[]::new);
        this.denied = policy.denies().stream().map(r -> new Verdict(false, r)).toArray(Verdict[]::new);
        Map<Selector, Map<Selector, Rules>> sorted = new LinkedHashMap<>();
        Instant until = null;
        for (Collection<Rule> rules : List.of(policy.denies(), policy.grants())) {
            for (Rule rule : rules) {
                Instant change = now == null ? null : rule.nextChange(now);
                if (change != null && (until == null || change.isBefore(until))) {
                    until = change;
                }
                if (now == null || rule.isInForce(now)) {
                    sort(rule, sorted);
                }
            }
        }
        this.validUntil = until;
        sorted.forEach((who, byAgent) -> {
            Map<Selector, RuleTable.Pair> pairs = new HashMap<>();
            byAgent.forEach(
                    (agent, rules) -> pairs.put(agent, RuleTable.Pair.of(rules.denies, rules.grants, sensitive)));
            tables.put(who, pairs);
        });
        knownAgents();
    }

    private static final class Rules {
        final List<Rule> denies = new ArrayList<>();
        final List<Rule> grants = new ArrayList<>();
    }

    private static void sort(Rule rule, Map<Selector, Map<Selector, Rules>> sorted) {
        for (Selector who : rule.who()) {
            for (Selector agent : rule.agents()) {
                Rules rules = sorted.computeIfAbsent(who, w -> new LinkedHashMap<>())
                        .computeIfAbsent(agent, a -> new Rules());
                (rule.effect() == Rule.Effect.DENY ? rules.denies : rules.grants).add(rule);
            }
        }
    }

    private void knownAgents() {
        policy.tags().forEach((tag, members) -> {
            for (String agent : members) {
                selectors(agent).add(new Selector(Selector.Kind.TAG, tag));
            }
        });
        for (Map<Selector, RuleTable.Pair> pairs : tables.values()) {
            for (Selector agent : pairs.keySet()) {
                if (agent.kind() == Selector.Kind.NAME) {
                    selectors(agent.name());
                }
            }
        }
    }

    private List<Selector> selectors(String agent) {
        return agents.computeIfAbsent(
                agent, a -> new ArrayList<>(List.of(Selector.ALL, new Selector(Selector.Kind.NAME, a))));
    }

    /** The policy that this was compiled from. */
    public Policy policy() {
        return policy;
    }

    /** When a condition of time next changes, and this is no longer what is in force; null for never. */
    public @Nullable Instant validUntil() {
        return validUntil;
    }

    /** What it says about one client; cheap to make, and to be kept as long as the snapshot is in use. */
    public ClientPolicy client(String name) {
        Set<Selector> selectors = new LinkedHashSet<>(List.of(Selector.ALL, new Selector(Selector.Kind.NAME, name)));
        for (String group : memberships.getOrDefault(name, Set.of())) {
            selectors.add(new Selector(Selector.Kind.GROUP, group));
        }
        List<Map<Selector, RuleTable.Pair>> mine = new ArrayList<>();
        selectors.forEach(who -> add(who, mine));
        ClientLimits limits = ClientLimits.NONE;
        for (ClientLimits entry : policy.limits()) {
            if (entry.who().stream().anyMatch(selectors::contains)) {
                limits = entry;
                break;
            }
        }
        return new ClientPolicy(this, mine, limits);
    }

    private void add(Selector who, List<Map<Selector, RuleTable.Pair>> out) {
        Map<Selector, RuleTable.Pair> pairs = tables.get(who);
        if (pairs != null) {
            out.add(pairs);
        }
    }

    /** The selectors that hold an agent; null for one that the file does not name, which only {@code *} holds. */
    @Nullable
    List<Selector> agentSelectors(String agent) {
        return agents.get(agent);
    }

    SensitiveAddresses sensitive() {
        return sensitive;
    }

    Verdict allowedBy(int grant) {
        return allowed[grant];
    }

    Verdict deniedBy(int deny) {
        return denied[deny];
    }
}
