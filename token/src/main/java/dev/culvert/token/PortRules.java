package dev.culvert.token;

import dev.culvert.address.PortRanges;
import dev.culvert.address.Transport;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What may be reached at one target: ports by transport, and whether it may be pinged. Immutable.
 *
 * @param icmp echo requests, which have no ports
 */
public record PortRules(PortRanges tcp, PortRanges udp, boolean icmp) {
    /** Nothing. */
    public static final PortRules NONE = new PortRules(PortRanges.NONE, PortRanges.NONE, false);

    /** Everything. */
    public static final PortRules ALL = new PortRules(PortRanges.ALL, PortRanges.ALL, true);

    /** These rules, or none if null, and what the grant adds. */
    static PortRules add(@Nullable PortRules rules, Grant grant) {
        return of(grant).union(rules == null ? NONE : rules);
    }

    /** What a grant allows at its target. */
    static PortRules of(Grant grant) {
        return new PortRules(
                grant.transports().contains(Transport.TCP) ? grant.ports() : PortRanges.NONE,
                grant.transports().contains(Transport.UDP) ? grant.ports() : PortRanges.NONE,
                grant.transports().contains(Transport.ICMP));
    }

    /** What either allows. */
    public PortRules union(PortRules other) {
        return new PortRules(tcp.union(other.tcp), udp.union(other.udp), icmp || other.icmp);
    }

    /** What both allow. */
    public PortRules intersection(PortRules other) {
        return new PortRules(tcp.intersection(other.tcp), udp.intersection(other.udp), icmp && other.icmp);
    }

    /** The ports of TCP or UDP. */
    public PortRanges ports(Transport transport) {
        return transport == Transport.TCP ? tcp : transport == Transport.UDP ? udp : PortRanges.NONE;
    }

    /** True if the transport and, but for ICMP, the port is among them. */
    public boolean permits(Transport transport, int port) {
        return switch (transport) {
            case TCP -> tcp.contains(port);
            case UDP -> udp.contains(port);
            case ICMP -> icmp;
        };
    }

    /** True if nothing is allowed. */
    public boolean isEmpty() {
        return equals(NONE);
    }

    /** Such as {@code 80,443/tcp 53/udp icmp}; {@code *} for everything. */
    @Override
    public String toString() {
        if (equals(ALL)) {
            return "*";
        }
        List<String> parts = new ArrayList<>();
        if (tcp.equals(udp) && tcp.ranges() > 0) {
            parts.add(tcp + "/tcp,udp");
        } else {
            if (tcp.ranges() > 0) {
                parts.add(tcp + "/tcp");
            }
            if (udp.ranges() > 0) {
                parts.add(udp + "/udp");
            }
        }
        if (icmp) {
            parts.add("icmp");
        }
        return parts.isEmpty() ? "nothing" : String.join(" ", parts);
    }
}
