package dev.culvert.token;

import org.jspecify.annotations.Nullable;

/** What may be reached at one target: the union of some grants, by transport. Immutable. */
record PortRules(PortRanges tcp, PortRanges udp, boolean icmp) {
    private static final PortRules NONE = new PortRules(PortRanges.NONE, PortRanges.NONE, false);

    /** These rules, or none if null, and what the grant adds. */
    static PortRules add(@Nullable PortRules rules, Grant grant) {
        PortRules base = rules == null ? NONE : rules;
        return new PortRules(
                grant.transports().contains(Transport.TCP) ? grant.ports().union(base.tcp) : base.tcp,
                grant.transports().contains(Transport.UDP) ? grant.ports().union(base.udp) : base.udp,
                base.icmp || grant.transports().contains(Transport.ICMP));
    }

    boolean permits(Transport transport, int port) {
        return switch (transport) {
            case TCP -> tcp.contains(port);
            case UDP -> udp.contains(port);
            case ICMP -> icmp;
        };
    }
}
