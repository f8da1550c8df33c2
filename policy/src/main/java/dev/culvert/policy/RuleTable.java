package dev.culvert.policy;

import dev.culvert.address.HostPattern;
import dev.culvert.address.IpPrefix;
import dev.culvert.address.PrefixTable;
import dev.culvert.address.SensitiveAddresses;
import dev.culvert.address.Target;
import dev.culvert.address.Transport;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;

/**
 * The rules of one effect between one selector of clients and one of agents, compiled: a trie of prefixes and a map of
 * names, each to its ports. Memory is linear in the rules. Immutable once built.
 */
final class RuleTable {
    /** Prefixes in order with their own rules, for lists of what may be reached. */
    private record Entry(IpPrefix prefix, PortIndex ports) {}

    private final PrefixTable<PortIndex.Nested> prefixes = new PrefixTable<>();
    private final Map<String, PortIndex> names = new HashMap<>();
    private final Map<String, PortIndex> domains = new HashMap<>();
    private final List<Entry> entries = new ArrayList<>();

    /**
     * @param rules in the order of the file
     * @param which of their targets count
     */
    RuleTable(List<Rule> rules, Predicate<Target> which) {
        Map<IpPrefix, PortIndex.Builder> byPrefix = new TreeMap<>();
        Map<String, PortIndex.Builder> byName = new HashMap<>();
        Map<String, PortIndex.Builder> byDomain = new HashMap<>();
        for (Rule rule : rules) {
            for (Rule.NamedTarget to : rule.to()) {
                if (!which.test(to.target())) {
                    continue;
                }
                PortIndex.Builder builder;
                if (to.target() instanceof IpPrefix prefix) {
                    builder = byPrefix.computeIfAbsent(prefix, p -> new PortIndex.Builder());
                } else {
                    HostPattern host = (HostPattern) to.target();
                    builder = (host.isWildcard() ? byDomain : byName)
                            .computeIfAbsent(host.name(), n -> new PortIndex.Builder());
                }
                builder.add(rule.ports(), rule.index());
            }
        }
        // In address order a prefix comes after all that cover it, so the longest match so far is the next wider one.
        byPrefix.forEach((prefix, builder) -> {
            PortIndex own = builder.build();
            prefixes.put(prefix, new PortIndex.Nested(own, prefixes.lookup(prefix.network())));
            entries.add(new Entry(prefix, own));
        });
        byName.forEach((name, builder) -> names.put(name, builder.build()));
        byDomain.forEach((name, builder) -> domains.put(name, builder.build()));
    }

    /** True if it says nothing of any address. */
    boolean hasNoPrefixes() {
        return prefixes.isEmpty();
    }

    /** True if it says nothing of any name. */
    boolean hasNoNames() {
        return names.isEmpty() && domains.isEmpty();
    }

    /** @param address its 4 or 16 bytes */
    int rule(Transport transport, byte[] address, int port) {
        PortIndex.Nested found = prefixes.lookup(address);
        return found == null ? PortIndex.NONE : found.rule(transport, port);
    }

    /** @param name in its compared form */
    int ruleForName(Transport transport, String name, int port) {
        int first = PortIndex.NONE;
        PortIndex ports = names.get(name);
        if (ports != null) {
            first = ports.rule(transport, port);
        }
        if (!domains.isEmpty()) {
            for (int dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
                ports = domains.get(name.substring(dot + 1));
                if (ports != null) {
                    first = Math.min(first, ports.rule(transport, port));
                }
            }
        }
        return first;
    }

    /** Adds the prefixes that have a rule for this port. */
    void addPrefixes(Transport transport, int port, List<IpPrefix> out) {
        for (Entry e : entries) {
            if (e.ports().rule(transport, port) != PortIndex.NONE) {
                out.add(e.prefix());
            }
        }
    }

    /** Adds all prefixes. */
    void addPrefixes(List<IpPrefix> out) {
        entries.forEach(e -> out.add(e.prefix()));
    }

    /**
     * The rules of one selector of clients and one of agents: denies, and grants in two tables, because sensitive addresses
     * are opened only by prefixes that name them ({@link SensitiveAddresses}). A deny holds for them like for any other.
     */
    record Pair(RuleTable denies, RuleTable grants, RuleTable explicit, List<Rule> denyRules, List<Rule> grantRules) {
        public static Pair of(List<Rule> denies, List<Rule> grants, SensitiveAddresses sensitive) {
            return new Pair(
                    new RuleTable(denies, t -> true),
                    new RuleTable(grants, t -> true),
                    new RuleTable(grants, t -> t instanceof IpPrefix p && sensitive.isExplicit(p)),
                    List.copyOf(denies),
                    List.copyOf(grants));
        }
    }
}
