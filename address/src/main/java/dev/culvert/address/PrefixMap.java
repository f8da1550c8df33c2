package dev.culvert.address;

import java.net.InetAddress;
import java.util.List;
import java.util.stream.Stream;

/**
 * Two ranges of one size that stand for each other, address by address: the bits of the prefix change, those behind it stay. So
 * a network can be reached under other addresses than its own, as with iptables' NETMAP or RFC 6296, but that nothing is done to
 * the address for the checksum's sake. Immutable.
 *
 * @param shown under which addresses the network is seen; none of them may be {@linkplain SensitiveAddresses sensitive}
 * @param real the network's own
 */
public record PrefixMap(IpPrefix shown, IpPrefix real) {
    /** IPv4 addresses in the clothes of IPv6 (RFC 4291 section 2.5.5.2), which are no addresses of IPv6 anywhere here. */
    private static final long IPV4_MAPPED_LO = 0xffffL << 32;

    private static final List<IpPrefix> PRIVATE = Stream.of(
                    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
            .map(IpPrefix::parse)
            .toList();

    /**
     * Checks that the two can stand for each other.
     *
     * @throws IllegalArgumentException with one line that says why not
     */
    public PrefixMap {
        if (shown.isIpv6() != real.isIpv6() || shown.length() != real.length()) {
            throw new IllegalArgumentException(
                    shown + " cannot stand for " + real + ": the two must be of one size, like "
                            + (real.isIpv6() ? "fd77::/" : "10.77.0.0/") + real.length() + " for " + real);
        }
        if (shown.equals(real)) {
            throw new IllegalArgumentException(
                    shown + " stands for itself: leave the map away, or choose a network that you do not use");
        }
        if (!SensitiveAddresses.standard().outside(shown).equals(List.of(shown))) {
            throw new IllegalArgumentException(shown + " cannot stand for " + real
                    + ": it holds addresses that mean this machine or its neighbours wherever they are seen; choose a network"
                    + " that you do not use");
        }
        if (holdsIpv4(shown) || holdsIpv4(real)) {
            throw new IllegalArgumentException(shown + " cannot stand for " + real
                    + ": one of them holds the IPv4-mapped addresses, which are IPv4");
        }
    }

    /**
     * Whether it shows private addresses only (RFC 1918, RFC 6598, RFC 4193): who plans the networks of others has no business with
     * those of the Internet.
     */
    public boolean isPrivate() {
        return PRIVATE.stream().anyMatch(range -> range.covers(shown));
    }

    private static boolean holdsIpv4(IpPrefix prefix) {
        return prefix.isIpv6() && IpPrefix.commonBits(prefix.hi(), prefix.lo(), 0, IPV4_MAPPED_LO) >= prefix.length();
    }

    /**
     * The network's own address behind one that is seen.
     *
     * @throws IllegalArgumentException if it does not lie in {@link #shown}
     */
    public InetAddress toReal(InetAddress seen) {
        return moved(seen, shown, real);
    }

    /**
     * Under which address one of the network's is seen.
     *
     * @throws IllegalArgumentException if it does not lie in {@link #real}
     */
    public InetAddress toShown(InetAddress own) {
        return moved(own, real, shown);
    }

    /** The network's own addresses behind a part of {@link #shown}, which it must be. */
    public IpPrefix toReal(IpPrefix part) {
        return moved(part, shown, real);
    }

    /** Under which addresses a part of {@link #real} is seen, which it must be. */
    public IpPrefix toShown(IpPrefix part) {
        return moved(part, real, shown);
    }

    private static IpPrefix moved(IpPrefix part, IpPrefix from, IpPrefix to) {
        if (!from.covers(part)) {
            throw new IllegalArgumentException(part + " is no part of " + from);
        }
        return IpPrefix.of(moved(part.network(), from, to), part.length());
    }

    private static InetAddress moved(InetAddress address, IpPrefix from, IpPrefix to) {
        if (!from.contains(address)) {
            throw new IllegalArgumentException(AddressText.of(address) + " does not lie in " + from);
        }
        byte[] out = IpPrefix.of(address).network().getAddress(); // of 4 bytes, should it be an IPv4-mapped one
        byte[] prefix = to.network().getAddress();
        int whole = to.length() / 8;
        System.arraycopy(prefix, 0, out, 0, whole);
        int bits = to.length() % 8;
        if (bits > 0) {
            int behind = 0xff >>> bits;
            out[whole] = (byte) (prefix[whole] & ~behind | out[whole] & behind);
        }
        return IpLiteral.fromBytes(out);
    }

    /** {@code 10.77.0.0/24 for 192.168.1.0/24}. */
    @Override
    public String toString() {
        return shown + " for " + real;
    }
}
