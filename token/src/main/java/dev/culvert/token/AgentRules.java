package dev.culvert.token;

import dev.culvert.address.HostPattern;
import dev.culvert.address.IpPrefix;
import dev.culvert.address.PrefixTable;
import dev.culvert.address.SensitiveAddresses;
import dev.culvert.address.Transport;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The grants through one agent, compiled for one lookup per question. Immutable once built. */
final class AgentRules {
    private final SensitiveAddresses sensitive;
    private final List<Grant> prefixGrants;

    /** By prefix, the rules of that prefix and of all that cover it, so that the longest match has the whole answer. */
    private final PrefixTable<PortRules> general = new PrefixTable<>();

    /** The same for grants that name something sensitive, the only ones that count there. */
    private final PrefixTable<PortRules> explicit = new PrefixTable<>();

    private final Map<String, PortRules> names = new HashMap<>();
    private final Map<String, PortRules> domains = new HashMap<>();
    private final List<IpPrefix> prefixes;

    AgentRules(Collection<Grant> grants, SensitiveAddresses sensitive) {
        this.sensitive = sensitive;
        this.prefixGrants = grants.stream()
                .filter(g -> g.target() instanceof IpPrefix)
                .sorted(Comparator.comparing(g -> (IpPrefix) g.target()))
                .toList();
        // Address order puts covering prefixes first, so what a prefix inherits is complete when it is reached.
        for (Grant grant : prefixGrants) {
            IpPrefix prefix = (IpPrefix) grant.target();
            general.put(prefix, PortRules.add(inherited(general, prefix), grant));
            if (sensitive.isExplicit(prefix)) {
                explicit.put(prefix, PortRules.add(inherited(explicit, prefix), grant));
            }
        }
        for (Grant grant : grants) {
            if (grant.target() instanceof HostPattern host) {
                Map<String, PortRules> map = host.isWildcard() ? domains : names;
                map.put(host.name(), PortRules.add(map.get(host.name()), grant));
            }
        }
        this.prefixes = widest(prefixGrants);
    }

    private static @Nullable PortRules inherited(PrefixTable<PortRules> table, IpPrefix prefix) {
        return table.lookup(prefix.network());
    }

    boolean isEmpty() {
        return prefixGrants.isEmpty() && names.isEmpty() && domains.isEmpty();
    }

    @Nullable
    PortRules at(InetAddress address) {
        return (sensitive.contains(address) ? explicit : general).lookup(address);
    }

    boolean permits(Transport transport, InetAddress address, int port) {
        PortRules rules = at(address);
        return rules != null && rules.permits(transport, port);
    }

    boolean permitsName(Transport transport, String name, int port) {
        PortRules rules = names.get(name);
        if (rules != null && rules.permits(transport, port)) {
            return true;
        }
        if (!domains.isEmpty()) {
            for (int dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
                rules = domains.get(name.substring(dot + 1));
                if (rules != null && rules.permits(transport, port)) {
                    return true;
                }
            }
        }
        return false;
    }

    /** Whether a grant, whatever its ports, names all hosts below this domain. */
    boolean namesAllBelow(String domain) {
        return domains.containsKey(domain);
    }

    List<IpPrefix> prefixes() {
        return prefixes;
    }

    List<IpPrefix> prefixes(Transport transport, int port) {
        List<Grant> matching = new ArrayList<>(prefixGrants.size());
        for (Grant grant : prefixGrants) {
            if (grant.allows(transport, port)) {
                matching.add(grant);
            }
        }
        return matching.size() == prefixGrants.size() ? prefixes : widest(matching);
    }

    private List<IpPrefix> widest(List<Grant> sorted) {
        return sensitive.widest(
                () -> sorted.stream().map(g -> (IpPrefix) g.target()).iterator());
    }
}
