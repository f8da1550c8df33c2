package dev.culvert.gateway.door;

import dev.culvert.address.IpPrefix;
import java.net.InetAddress;
import java.util.List;

/**
 * What stands between visitors and the gateway, and is believed in what it says of them.
 *
 * @param balancers say in a header before everything else who connects (PROXY protocol), and always do
 * @param trusted say in fields of a request who asks ({@code X-Forwarded-For}, {@code Forwarded})
 */
public record ProxiesInFront(List<IpPrefix> balancers, List<IpPrefix> trusted) {
    /** Visitors come by themselves. */
    public static final ProxiesInFront NONE = new ProxiesInFront(List.of(), List.of());

    public ProxiesInFront {
        balancers = List.copyOf(balancers);
        trusted = List.copyOf(trusted);
    }

    boolean isBalancer(InetAddress address) {
        return holds(balancers, address);
    }

    /** Whether many visitors share the address, so that no limit for one address is for it. */
    boolean isShared(InetAddress address) {
        return holds(balancers, address) || holds(trusted, address);
    }

    private static boolean holds(List<IpPrefix> prefixes, InetAddress address) {
        for (IpPrefix prefix : prefixes) {
            if (prefix.contains(address)) {
                return true;
            }
        }
        return false;
    }
}
