package dev.culvert.agent;

import dev.culvert.token.IpPrefix;
import dev.culvert.token.SensitiveAddresses;
import dev.culvert.tunnel.OpenRequest.AllowedPrefix;
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

    /**
     * @param allowed what the gateway says the client was granted, when it asked for a name that no grant names; null
     *     when the gateway has judged the destination itself
     */
    boolean permits(InetAddress address, @Nullable List<AllowedPrefix> allowed) {
        return sensitive.permits(routes, address) && (allowed == null || allowed(address, allowed));
    }

    private boolean allowed(InetAddress address, List<AllowedPrefix> allowed) {
        for (AllowedPrefix p : allowed) {
            IpPrefix prefix;
            try {
                prefix = IpPrefix.of(p.network(), p.length());
            } catch (IllegalArgumentException e) {
                continue; // host bits set: no gateway of ours says that, and it allows nothing
            }
            if (sensitive.permits(prefix, address)) {
                return true;
            }
        }
        return false;
    }
}
