package dev.culvert.agent;

import dev.culvert.address.IpPrefix;
import dev.culvert.address.SensitiveAddresses;
import dev.culvert.tunnel.frame.AddressRanges;
import dev.culvert.tunnel.frame.OpenRequest.AddressRange;
import dev.culvert.tunnel.frame.OpenRequest.Restriction;
import java.net.InetAddress;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The agent's own check of an address that it is about to dial: the address must lie in a prefix that the agent's token
 * holds, loopback, link-local, multicast, metadata addresses and the gateways' own only where a prefix names them
 * explicitly, and addresses of the agent's own machine only where a prefix names them or their network. For names it is
 * asked about what they resolved to. Event loop only.
 */
final class DestinationGuard {
    private final List<IpPrefix> routes;
    private final SensitiveAddresses sensitive;
    private final OwnAddresses own;

    DestinationGuard(List<IpPrefix> routes, List<InetAddress> gateways, OwnAddresses own) {
        this.routes = routes;
        this.own = own;
        this.sensitive = SensitiveAddresses.with(gateways);
    }

    /** @param restriction what the gateway says a name must be resolved to; null when it has judged the destination itself */
    boolean permits(InetAddress address, @Nullable Restriction restriction) {
        return isServed(address)
                && (restriction == null
                        || restriction.except().containing(address).isEmpty()
                                && (restriction.only() == null || isGranted(restriction.only(), address)));
    }

    /** Whether there is any address that {@link #permits} would let pass; if not, a name need not be looked up. */
    boolean permitsAny(Restriction restriction) {
        return restriction.only() == null
                || restriction.only().toList().stream()
                        .map(DestinationGuard::prefix)
                        .anyMatch(p -> p != null && routes.stream().anyMatch(p::overlaps));
    }

    /** Whether the agent's token opens the address: what is neither served nor granted nobody is told of. */
    private boolean isServed(InetAddress address) {
        if (!sensitive.permits(routes, address)) {
            return false;
        }
        // What is sensitive has been named by a prefix inside its range, and that is explicit enough.
        return sensitive.contains(address) || isOpenedAsOwn(address);
    }

    private boolean isOpenedAsOwn(InetAddress address) {
        int longest = -1;
        for (IpPrefix route : routes) {
            if (route.contains(address)) {
                longest = Math.max(longest, route.length());
            }
        }
        return longest == address.getAddress().length * 8 || longest >= own.leastPrefix(address);
    }

    private boolean isGranted(AddressRanges only, InetAddress address) {
        // A range that grants does not open sensitive addresses unless it names them.
        for (AddressRange range : only.containing(address)) {
            IpPrefix prefix = prefix(range);
            if (prefix != null && sensitive.permits(prefix, address)) {
                return true;
            }
        }
        return false;
    }

    /** Null when bits beyond its length are set: no gateway of ours says that, and it allows nothing. */
    private static @Nullable IpPrefix prefix(AddressRange range) {
        try {
            return IpPrefix.of(range.network(), range.length());
        } catch (IllegalArgumentException e) {
            return null;
        }
    }
}
