package dev.culvert.address;

import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.NavigableSet;
import java.util.TreeSet;

/**
 * Addresses that a wide grant never opens, because whoever reaches them speaks as the machine itself: loopback, link-local,
 * multicast, broadcast, unspecified, the metadata services of cloud providers, and addresses of the gateway's own.
 *
 * <p>The rule: such an address is reachable only through a prefix that lies wholly inside one of the sensitive ranges, so
 * that somebody must have meant it. {@code 0.0.0.0/0} does not open {@code 127.0.0.1}; {@code 127.0.0.1/32} and
 * {@code 127.0.0.0/8} do. The gateway applies it to grants, agents to the routes they serve. Immutable.
 */
public final class SensitiveAddresses {
    private static final List<String> IPV4 = List.of(
            "0.0.0.0/8", // RFC 1122 section 3.2.1.3: this host; many kernels connect 0.0.0.0 to loopback
            "127.0.0.0/8", // loopback
            "169.254.0.0/16", // RFC 3927 link-local, with 169.254.169.254, the metadata address of most providers
            "100.100.100.200/32", // metadata, Alibaba Cloud
            "168.63.129.16/32", // platform channel, Azure
            "192.0.0.192/32", // metadata, Oracle Cloud
            "224.0.0.0/4", // RFC 1112 multicast
            "255.255.255.255/32"); // RFC 919 limited broadcast

    private static final List<String> IPV6 = List.of(
            "::/128", // unspecified
            "::1/128", // loopback
            "fe80::/10", // link-local
            "ff00::/8", // multicast
            "64:ff9b:1::/48", // RFC 8215 local-use NAT64: where the IPv4 address lies in it is known to the translator
            // alone
            "fd00:ec2::/64", // Amazon: metadata ::254, name server ::253, time ::123, credentials of pods ::23
            "fd00:c1::a9fe:a9fe/128", // metadata, Oracle Cloud
            "fd00:42::42/128", // metadata, Scaleway
            "fd20:ce::254/128"); // metadata, Google Cloud

    /** IPv6 ranges whose low 32 bits a translator or an old stack turns into an IPv4 address. */
    private static final List<String> EMBED_LOW = List.of(
            "64:ff9b::", // RFC 6052 NAT64
            "::ffff:0:0:0", // RFC 7915 IPv4-translated
            "::"); // RFC 4291 section 2.5.5.1, IPv4-compatible

    private static final SensitiveAddresses STANDARD = new SensitiveAddresses(List.of());

    private final PrefixTable<Boolean> ranges = new PrefixTable<>();

    /** The same in order, to find those that lie in a prefix. */
    private final NavigableSet<IpPrefix> inOrder = new TreeSet<>();

    private SensitiveAddresses(Collection<InetAddress> own) {
        for (String text : IPV4) {
            put(IpPrefix.parse(text));
        }
        for (String text : IPV6) {
            put(IpPrefix.parse(text));
        }
        for (InetAddress address : own) {
            put(IpPrefix.of(address));
        }
        ranges.forEach((range, yes) -> inOrder.add(range));
    }

    /** The prefix; that of IPv4 in its disguises too. */
    private void put(IpPrefix prefix) {
        ranges.put(prefix, Boolean.TRUE);
        byte[] v4 = prefix.network().getAddress();
        if (v4.length != 4) {
            return;
        }
        for (String base : EMBED_LOW) {
            byte[] v6 = IpPrefix.parse(base).network().getAddress();
            System.arraycopy(v4, 0, v6, 12, 4);
            ranges.put(IpPrefix.of(IpLiteral.fromBytes(v6), 96 + prefix.length()), Boolean.TRUE);
        }
        byte[] sixToFour = new byte[16]; // RFC 3056: 2002: and the IPv4 address
        sixToFour[0] = 0x20;
        sixToFour[1] = 0x02;
        System.arraycopy(v4, 0, sixToFour, 2, 4);
        ranges.put(IpPrefix.of(IpLiteral.fromBytes(sixToFour), 16 + prefix.length()), Boolean.TRUE);
    }

    /** The well-known ranges. */
    public static SensitiveAddresses standard() {
        return STANDARD;
    }

    /** The well-known ranges and these addresses, the gateway's or agent's own. */
    public static SensitiveAddresses with(Collection<InetAddress> own) {
        return own.isEmpty() ? STANDARD : new SensitiveAddresses(own);
    }

    /** True if the address lies in one of the well-known ranges. */
    public static boolean isSensitive(InetAddress address) {
        return STANDARD.contains(address);
    }

    /** True if the address lies in one of these ranges. */
    public boolean contains(InetAddress address) {
        return ranges.lookup(address) != null;
    }

    /** True if the prefix lies wholly inside one of these ranges, and so opens what it holds. */
    public boolean isExplicit(IpPrefix prefix) {
        return ranges.covers(prefix);
    }

    /** True if the prefix holds the address, and, should the address be sensitive, is explicit. */
    public boolean permits(IpPrefix prefix, InetAddress address) {
        return prefix.contains(address) && (!contains(address) || isExplicit(prefix));
    }

    /** True if some prefix {@linkplain #permits(IpPrefix, InetAddress) permits} the address: what an agent asks of its routes. */
    public boolean permits(Collection<IpPrefix> prefixes, InetAddress address) {
        boolean sensitive = contains(address);
        for (IpPrefix prefix : prefixes) {
            if (prefix.contains(address) && (!sensitive || isExplicit(prefix))) {
                return true;
            }
        }
        return false;
    }

    /**
     * The prefixes less those that another covers; one that is explicit is kept beside a wide one, which does not open what
     * it opens.
     *
     * @param sorted in their natural order
     */
    public List<IpPrefix> widest(Iterable<IpPrefix> sorted) {
        List<IpPrefix> out = new ArrayList<>();
        IpPrefix lastGeneral = null;
        IpPrefix lastExplicit = null;
        for (IpPrefix prefix : sorted) {
            if (isExplicit(prefix)) {
                if (lastExplicit == null || !lastExplicit.covers(prefix)) {
                    out.add(prefix);
                    lastExplicit = prefix;
                }
            } else if (lastGeneral == null || !lastGeneral.covers(prefix)) {
                out.add(prefix);
                lastGeneral = prefix;
            }
        }
        return List.copyOf(out);
    }

    /**
     * The prefixes that permit what both lists {@linkplain #permits(Collection, InetAddress) permit}, and nothing else, in
     * order. Takes one step for each prefix.
     *
     * @param a made by {@link #widest}
     * @param b made by {@link #widest}
     */
    public List<IpPrefix> intersection(List<IpPrefix> a, List<IpPrefix> b) {
        // A wide prefix has no part in sensitive addresses, so neither has what it shares with an explicit one.
        List<IpPrefix> out = new ArrayList<>();
        for (boolean explicit : new boolean[] {false, true}) {
            shared(only(a, explicit), only(b, explicit), out);
        }
        out.sort(null);
        return List.copyOf(out);
    }

    /**
     * The parts of a prefix in which no address is sensitive, in order: itself if none is, else up to some hundreds. What a
     * wide prefix {@linkplain #permits(IpPrefix, InetAddress) permits}, as prefixes.
     */
    public List<IpPrefix> outside(IpPrefix prefix) {
        List<IpPrefix> out = new ArrayList<>();
        outside(prefix, out);
        return List.copyOf(out);
    }

    /** Recursion is bounded by the address length. */
    private void outside(IpPrefix prefix, List<IpPrefix> out) {
        if (ranges.covers(prefix)) {
            return;
        }
        // Of the ranges that lie in it, if there are any, the first follows it in the order.
        IpPrefix next = inOrder.ceiling(prefix);
        if (next == null || !prefix.covers(next)) {
            out.add(prefix);
        } else {
            prefix.halves().forEach(half -> outside(half, out));
        }
    }

    private List<IpPrefix> only(List<IpPrefix> prefixes, boolean explicit) {
        return prefixes.stream().filter(p -> isExplicit(p) == explicit).toList();
    }

    /** Of two sorted lists in neither of which a prefix covers another. */
    private static void shared(List<IpPrefix> a, List<IpPrefix> b, List<IpPrefix> out) {
        for (int i = 0, j = 0; i < a.size() && j < b.size(); ) {
            IpPrefix x = a.get(i);
            IpPrefix y = b.get(j);
            if (x.covers(y)) {
                out.add(y);
                j++;
            } else if (y.covers(x)) {
                out.add(x);
                i++;
            } else if (x.compareTo(y) < 0) {
                i++;
            } else {
                j++;
            }
        }
    }
}
