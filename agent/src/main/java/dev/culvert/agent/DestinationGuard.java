package dev.culvert.agent;

import dev.culvert.token.IpPrefix;
import dev.culvert.token.SensitiveAddresses;
import dev.culvert.tunnel.OpenRequest.AddressRange;
import dev.culvert.tunnel.OpenRequest.Restriction;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The agent's own check of an address that it is about to dial: the address must lie in a prefix that the agent's token
 * holds, and loopback, link-local, multicast, metadata addresses and the gateway's own only where a prefix names them
 * explicitly. For names it is asked about what they resolved to.
 */
final class DestinationGuard {
    private final List<IpPrefix> routes;
    private final SensitiveAddresses sensitive;

    DestinationGuard(List<IpPrefix> routes, SocketAddress gateway) {
        this.routes = routes;
        this.sensitive = SensitiveAddresses.with(
                gateway instanceof InetSocketAddress inet && inet.getAddress() != null
                        ? List.of(inet.getAddress())
                        : List.of());
    }

    /** @param restriction what the gateway says a name must be resolved to; null when it has judged the destination itself */
    boolean permits(InetAddress address, @Nullable Restriction restriction) {
        if (!sensitive.permits(routes, address)) {
            return false;
        }
        return restriction == null
                || !holds(restriction.except(), address, false)
                        && (restriction.only() == null || holds(restriction.only(), address, true));
    }

    /** @param grants ranges that grant do not open sensitive addresses unless they name them; those that deny hold for all */
    private boolean holds(List<AddressRange> ranges, InetAddress address, boolean grants) {
        for (AddressRange range : ranges) {
            IpPrefix prefix;
            try {
                prefix = IpPrefix.of(range.network(), range.length());
            } catch (IllegalArgumentException e) {
                if (grants) {
                    continue; // host bits set: no gateway of ours says that, and it allows nothing
                }
                return true;
            }
            if (grants ? sensitive.permits(prefix, address) : prefix.contains(address)) {
                return true;
            }
        }
        return false;
    }
}
