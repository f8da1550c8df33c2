package dev.culvert.tun.host;

import dev.culvert.address.IpPrefix;
import java.net.InetAddress;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * What the host's network shall be like while an interface of ours is up. Immutable.
 *
 * @param ifName the interface
 * @param mtu of it, bytes
 * @param txQueueLength of it, packets
 * @param addresses of it, each alone on its link
 * @param routes networks that lead into it; a default route is laid as its two halves, so that the host's own stays
 * @param named those of the routes that may lie within a network to which the host is connected
 * @param blocked networks that lead nowhere, where nothing more specific says otherwise; a default as its halves
 * @param excluded hosts that are reached as if neither the routes nor the blocked networks were there
 */
public record HostConfig(
        String ifName,
        int mtu,
        int txQueueLength,
        List<InetAddress> addresses,
        Set<IpPrefix> routes,
        Set<IpPrefix> named,
        Set<IpPrefix> blocked,
        Set<InetAddress> excluded) {
    /** Copies; the order stays. */
    public HostConfig {
        addresses = List.copyOf(addresses);
        routes = unmodifiable(routes);
        named = unmodifiable(named);
        blocked = unmodifiable(blocked);
        excluded = unmodifiable(excluded);
    }

    private static <T> Set<T> unmodifiable(Set<T> set) {
        return java.util.Collections.unmodifiableSet(new LinkedHashSet<>(set));
    }

    /** An interface and its addresses, without routes. */
    public static HostConfig of(String ifName, int mtu, int txQueueLength, List<InetAddress> addresses) {
        return new HostConfig(ifName, mtu, txQueueLength, addresses, Set.of(), Set.of(), Set.of(), Set.of());
    }

    /** This with other routes. */
    public HostConfig withRoutes(Set<IpPrefix> wanted, Set<IpPrefix> explicitly, Set<IpPrefix> nowhere) {
        return new HostConfig(ifName, mtu, txQueueLength, addresses, wanted, explicitly, nowhere, excluded);
    }

    /** This with other hosts outside of it. */
    public HostConfig withExcluded(Set<InetAddress> hosts) {
        return new HostConfig(ifName, mtu, txQueueLength, addresses, routes, named, blocked, hosts);
    }

    /** The parts of a prefix that are laid: halves for a default. */
    static List<IpPrefix> parts(IpPrefix prefix) {
        return prefix.length() == 0 ? prefix.halves() : List.of(prefix);
    }
}
