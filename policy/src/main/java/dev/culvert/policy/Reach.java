package dev.culvert.policy;

import dev.culvert.address.HostPattern;
import dev.culvert.address.IpLiteral;
import dev.culvert.address.IpPrefix;
import dev.culvert.address.ReverseZone;
import dev.culvert.address.Target;
import dev.culvert.address.Transport;
import dev.culvert.token.PortRules;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * What one client may reach through one agent. For any thread; a question about an address costs a trie walk or two for
 * each pair of selectors that holds both, and allocates nothing for IPv4.
 *
 * <p>A gateway asks at every flow. Destination is an address: {@link #judge}. It is a name: {@link #judgeName}; if that
 * allows it, the agent may dial whatever it resolves to but {@link #denied}; if it finds no grant, and
 * {@link #prefixes(Transport, int)} is not empty, only an address inside these, and outside of {@link #denied}.
 */
public final class Reach {
    /** The port of name servers. */
    private static final int DNS = 53;

    private final PolicySnapshot snapshot;
    private final RuleTable.Pair[] pairs;

    // Of the pairs, the tables that can say anything: of most, some are empty.
    private final RuleTable[] denies;
    private final RuleTable[] grants;
    private final RuleTable[] explicit;
    private final RuleTable[] deniedNames;
    private final RuleTable[] grantedNames;

    Reach(PolicySnapshot snapshot, List<RuleTable.Pair> pairs) {
        this.snapshot = snapshot;
        this.pairs = pairs.toArray(RuleTable.Pair[]::new);
        this.denies = tables(RuleTable.Pair::denies, RuleTable::hasNoPrefixes);
        this.grants = tables(RuleTable.Pair::grants, RuleTable::hasNoPrefixes);
        this.explicit = tables(RuleTable.Pair::explicit, RuleTable::hasNoPrefixes);
        this.deniedNames = tables(RuleTable.Pair::denies, RuleTable::hasNoNames);
        this.grantedNames = tables(RuleTable.Pair::grants, RuleTable::hasNoNames);
    }

    private RuleTable[] tables(Function<RuleTable.Pair, RuleTable> which, Predicate<RuleTable> empty) {
        return Arrays.stream(pairs).map(which).filter(empty.negate()).toArray(RuleTable[]::new);
    }

    /** Judges an address; the port does not matter for ICMP. */
    public Verdict judge(Transport transport, InetAddress address, int port) {
        byte[] bytes = address.getAddress();
        int deny = first(denies, transport, bytes, port);
        if (deny != PortIndex.NONE) {
            return snapshot.deniedBy(deny);
        }
        boolean sensitive = snapshot.sensitive().contains(address);
        int grant = first(sensitive ? explicit : grants, transport, bytes, port);
        return granted(grant);
    }

    /**
     * Judges a name, not what it resolves to. A host that is written as an address is judged as one.
     *
     * @param host in any case, with or without trailing dot
     */
    public Verdict judgeName(Transport transport, String host, int port) {
        InetAddress address = IpLiteral.parse(host);
        if (address != null) {
            return judge(transport, address, port);
        }
        String name = HostPattern.normalize(host);
        if (name == null) {
            return Verdict.NO_GRANT;
        }
        int deny = firstForName(deniedNames, transport, name, port);
        return deny != PortIndex.NONE
                ? snapshot.deniedBy(deny)
                : granted(firstForName(grantedNames, transport, name, port));
    }

    private static int first(RuleTable[] tables, Transport transport, byte[] address, int port) {
        int first = PortIndex.NONE;
        for (RuleTable table : tables) {
            first = Math.min(first, table.rule(transport, address, port));
        }
        return first;
    }

    private static int firstForName(RuleTable[] tables, Transport transport, String name, int port) {
        int first = PortIndex.NONE;
        for (RuleTable table : tables) {
            first = Math.min(first, table.ruleForName(transport, name, port));
        }
        return first;
    }

    private Verdict granted(int grant) {
        return grant == PortIndex.NONE ? Verdict.NO_GRANT : snapshot.allowedBy(grant);
    }

    /**
     * Whether the agent's own resolver may be asked for all names at or below a domain: a grant, whatever its ports, names all below it; or
     * it is the reverse zone of addresses that are granted; or port 53 of every IPv4 or every IPv6 address is. A deny of everything at a host
     * in it, or at one of these addresses, forbids it.
     *
     * @param domain a host name in its compared form; empty for all names
     */
    public boolean permitsAsking(String domain) {
        IpPrefix reverse = ReverseZone.prefix(domain);
        if (deniesNamesIn(domain) || reverse != null && deniedWholly().stream().anyMatch(p -> p.overlaps(reverse))) {
            return false;
        }
        boolean anywhere = denied(Transport.UDP, DNS).isEmpty()
                && prefixes(Transport.UDP, DNS).stream().anyMatch(p -> p.length() == 0);
        return anywhere
                || reverse != null && prefixes().stream().anyMatch(p -> p.covers(reverse))
                || !domain.isEmpty() && grantsAllBelow(HostPattern.parse("*." + domain));
    }

    private boolean grantsAllBelow(HostPattern below) {
        return Arrays.stream(pairs)
                .flatMap(pair -> pair.grantRules().stream())
                .flatMap(rule -> rule.to().stream())
                .anyMatch(to -> to.target() instanceof HostPattern host && host.covers(below));
    }

    private boolean deniesNamesIn(String domain) {
        return Arrays.stream(pairs)
                .flatMap(pair -> pair.denyRules().stream())
                .filter(rule -> rule.ports().equals(PortRules.ALL))
                .flatMap(rule -> rule.to().stream())
                .anyMatch(to -> to.target() instanceof HostPattern host
                        && (domain.isEmpty()
                                || host.name().equals(domain)
                                || host.name().endsWith("." + domain)
                                || host.isWildcard() && domain.endsWith("." + host.name())));
    }

    /**
     * The prefixes that grants open for this port, whatever denies take away from them; made by
     * {@link dev.culvert.address.SensitiveAddresses#widest}. One step for each prefix of the rules.
     */
    public List<IpPrefix> prefixes(Transport transport, int port) {
        List<IpPrefix> out = new ArrayList<>();
        for (RuleTable.Pair pair : pairs) {
            pair.grants().addPrefixes(transport, port, out);
        }
        return widest(out);
    }

    /** The prefixes that grants open for some port. */
    public List<IpPrefix> prefixes() {
        List<IpPrefix> out = new ArrayList<>();
        for (RuleTable.Pair pair : pairs) {
            pair.grants().addPrefixes(out);
        }
        return widest(out);
    }

    /** The prefixes that are denied for this port; none covers another. */
    public List<IpPrefix> denied(Transport transport, int port) {
        List<IpPrefix> all = new ArrayList<>();
        for (RuleTable.Pair pair : pairs) {
            pair.denies().addPrefixes(transport, port, all);
        }
        all.sort(null);
        List<IpPrefix> out = new ArrayList<>(all.size());
        for (IpPrefix prefix : all) {
            if (out.isEmpty() || !out.get(out.size() - 1).covers(prefix)) {
                out.add(prefix);
            }
        }
        return List.copyOf(out);
    }

    /** The prefixes of which everything is denied: no route of these is worth telling. */
    public List<IpPrefix> deniedWholly() {
        List<IpPrefix> out = new ArrayList<>();
        for (RuleTable.Pair pair : pairs) {
            for (Rule rule : pair.denyRules()) {
                if (rule.ports().equals(PortRules.ALL)) {
                    rule.to().forEach(to -> {
                        if (to.target() instanceof IpPrefix prefix) {
                            out.add(prefix);
                        }
                    });
                }
            }
        }
        return out;
    }

    /**
     * A host that the policy names and its grants lead to.
     *
     * @param name in the file's {@code hosts}
     * @param targets its addresses and names that grants of it name
     * @param ports what these grants open, whatever denies and tokens take away
     */
    public record Service(String name, List<Target> targets, PortRules ports) {}

    /** The hosts of the file that the grants lead to, by name. */
    public List<Service> services() {
        Map<String, Set<Target>> targets = new TreeMap<>();
        Map<String, PortRules> ports = new TreeMap<>();
        for (RuleTable.Pair pair : pairs) {
            for (Rule rule : pair.grantRules()) {
                for (Rule.NamedTarget to : rule.to()) {
                    if (to.host() != null) {
                        targets.computeIfAbsent(to.host(), h -> new LinkedHashSet<>())
                                .add(to.target());
                        ports.merge(to.host(), rule.ports(), PortRules::union);
                    }
                }
            }
        }
        List<Service> out = new ArrayList<>();
        targets.forEach(
                (name, to) -> out.add(new Service(name, List.copyOf(to), ports.getOrDefault(name, PortRules.NONE))));
        return out;
    }

    private List<IpPrefix> widest(List<IpPrefix> prefixes) {
        prefixes.sort(null);
        return snapshot.sensitive().widest(prefixes);
    }

    /** True if no grant lets the client reach anything through this agent: then it need not know that it exists. */
    public boolean isEmpty() {
        for (RuleTable.Pair pair : pairs) {
            if (!pair.grantRules().isEmpty()) {
                return false;
            }
        }
        return true;
    }
}
