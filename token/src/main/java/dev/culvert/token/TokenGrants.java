package dev.culvert.token;

import dev.culvert.address.HostPattern;
import dev.culvert.address.IpLiteral;
import dev.culvert.address.IpPrefix;
import dev.culvert.address.ReverseZone;
import dev.culvert.address.SensitiveAddresses;
import dev.culvert.address.Transport;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The grants that one client's token holds, compiled. What no grant allows is denied; a gateway with a policy file asks
 * its {@code policy.PolicySnapshot} too, and both must allow. Immutable, for any thread; one question about an
 * address costs a hash lookup, two trie walks and a binary search, and allocates nothing for IPv4.
 *
 * <p>A gateway asks at every flow:
 *
 * <ul>
 *   <li>destination is an address: {@link #permits};
 *   <li>destination is a name: {@link #permitsName}; if that is false, {@link #prefixesFor(String, Transport, int)}, and if
 *       this is not empty the agent may resolve the name and dial an address inside these prefixes.
 * </ul>
 *
 * <p>An agent checks the address that it will really dial with {@link SensitiveAddresses#permits(Collection, InetAddress)}.
 */
public final class TokenGrants {
    /** The port of name servers. */
    private static final int DNS = 53;

    private final SensitiveAddresses sensitive;
    private final Map<String, AgentRules> byAgent = new HashMap<>();
    private final Set<String> domains;

    /** The rules of {@code *}, for agents that no grant names. */
    private final AgentRules anyAgent;

    private TokenGrants(List<Grant> grants, List<String> domains, SensitiveAddresses sensitive) {
        this.sensitive = sensitive;
        this.domains = Set.copyOf(domains);
        List<Grant> wild = new ArrayList<>();
        Map<String, List<Grant>> named = new HashMap<>();
        for (Grant grant : grants) {
            if (grant.agent().equals(Grant.ANY_AGENT)) {
                wild.add(grant);
            } else {
                named.computeIfAbsent(grant.agent(), name -> new ArrayList<>()).add(grant);
            }
        }
        this.anyAgent = new AgentRules(wild, sensitive);
        named.forEach((name, own) -> {
            own.addAll(wild);
            byAgent.put(name, new AgentRules(own, sensitive));
        });
    }

    /** The grants of a token, with the well-known {@link SensitiveAddresses}. */
    public static TokenGrants of(ClientToken token) {
        return of(token, SensitiveAddresses.standard());
    }

    /** The grants of a token at a gateway that guards further addresses. */
    public static TokenGrants of(ClientToken token, SensitiveAddresses sensitive) {
        return new TokenGrants(token.grants(), token.domains(), sensitive);
    }

    /** These grants. */
    public static TokenGrants of(List<Grant> grants, SensitiveAddresses sensitive) {
        return new TokenGrants(grants, List.of(), sensitive);
    }

    private AgentRules rules(String agent) {
        AgentRules rules = byAgent.get(agent);
        return rules == null ? anyAgent : rules;
    }

    /**
     * True if a grant allows this destination through this agent.
     *
     * @param port 1 to 65535; ignored for ICMP
     */
    public boolean permits(String agent, Transport transport, InetAddress address, int port) {
        return rules(agent).permits(transport, address, port);
    }

    /** The ports that grants open at this address through this agent. */
    public PortRules portsAt(String agent, InetAddress address) {
        PortRules ports = rules(agent).at(address);
        return ports == null ? PortRules.NONE : ports;
    }

    /**
     * True if a grant allows this host by name through this agent. A host that is written as an IP address is judged as
     * one. What the name resolves to is for the agent to check against {@link SensitiveAddresses}.
     *
     * @param host a host name in any case, with or without trailing dot, or an IP literal without brackets
     * @param port 1 to 65535; ignored for ICMP
     */
    public boolean permitsName(String agent, Transport transport, String host, int port) {
        InetAddress address = IpLiteral.parse(host);
        if (address != null) {
            return permits(agent, transport, address, port);
        }
        String name = HostPattern.normalize(host);
        return name != null && rules(agent).permitsName(transport, name, port);
    }

    /**
     * The prefixes that may be reached through this agent over this transport and port; those covered by another are left
     * out, except sensitive ones that are named explicitly. In address order.
     */
    public List<IpPrefix> prefixesFor(String agent, Transport transport, int port) {
        return rules(agent).prefixes(transport, port);
    }

    /** The prefixes that may be reached through this agent at all: what a client may route into the tunnel. */
    public List<IpPrefix> prefixesFor(String agent) {
        return rules(agent).prefixes();
    }

    /**
     * True if this agent's own resolver may be asked for all names at or below a domain: the token's domains hold it; or a grant names
     * all below it; or it is the reverse zone of addresses that are granted; or a grant opens port 53 of every IPv4 or every IPv6 address,
     * so that its holder may ask any name server there is.
     *
     * @param domain in its compared form; empty for all names
     */
    public boolean permitsAsking(String agent, String domain) {
        AgentRules rules = rules(agent);
        if (rules.isEmpty()) {
            return false;
        }
        if (rules.prefixes(Transport.UDP, DNS).stream().anyMatch(p -> p.length() == 0)) {
            return true;
        }
        for (String above = domain; !above.isEmpty(); above = above.substring(above.indexOf('.') + 1)) {
            if (domains.contains(above) || rules.namesAllBelow(above)) {
                return true;
            }
            if (above.indexOf('.') < 0) {
                break;
            }
        }
        IpPrefix reverse = ReverseZone.prefix(domain);
        return reverse != null && rules.prefixes().stream().anyMatch(p -> p.covers(reverse));
    }

    /** The domains that the token names: what it may have asked wherever it may reach anything. */
    public Set<String> domains() {
        return domains;
    }

    /** True if some grant speaks of this agent, by name or as {@code *}. */
    public boolean mentions(String agent) {
        return !rules(agent).isEmpty();
    }

    /** The agents that grants name; {@code *} is not among them. */
    public Set<String> agents() {
        return Set.copyOf(byAgent.keySet());
    }

    /** True if some grant speaks of every agent. */
    public boolean mentionsAny() {
        return !anyAgent.isEmpty();
    }

    /** The addresses that only explicit grants open. */
    public SensitiveAddresses sensitiveAddresses() {
        return sensitive;
    }
}
