package dev.culvert.client.up;

import dev.culvert.address.IpPrefix;
import java.util.Collection;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * With {@code --full} everything shall go through the tunnel, so a family that the tunnel does not take must not go past it (RFC
 * 7359). If it takes neither, nothing is blocked: the user has no tunnel then, and is told so.
 *
 * @param blocked the default route of the family that must not leave; empty if there is none
 * @param line says so; null when there is nothing to say
 */
record LeakGuard(Set<IpPrefix> blocked, @Nullable String line) {
    private static final LeakGuard NOTHING = new LeakGuard(Set.of(), null);

    /** A tunnel takes a family if it takes half of its addresses: a grant may leave some out, and sensitive ones are. */
    private static final double TAKEN = 0.5;

    static LeakGuard of(Collection<IpPrefix> routes, boolean full, boolean allowed) {
        boolean ipv4 = takes(routes, false);
        boolean ipv6 = takes(routes, true);
        if (!full || ipv4 == ipv6) {
            return NOTHING;
        }
        String other = ipv4 ? "IPv6" : "IPv4";
        String why = "--full: no agent takes " + other + " for this token, so it ";
        return allowed
                ? new LeakGuard(Set.of(), why + "leaves past the tunnel (--allow-leak)")
                : new LeakGuard(
                        Set.of(IpPrefix.parse(ipv4 ? "::/0" : "0.0.0.0/0")),
                        why + "is unreachable while the tunnel is up; --allow-leak lets it leave past the tunnel");
    }

    private static boolean takes(Collection<IpPrefix> routes, boolean ipv6) {
        double share = 0;
        for (IpPrefix route : routes) {
            if (route.isIpv6() == ipv6) {
                share += Math.pow(2, -route.length());
            }
        }
        return share >= TAKEN;
    }
}
