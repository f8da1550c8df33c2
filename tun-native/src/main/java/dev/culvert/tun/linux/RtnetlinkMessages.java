package dev.culvert.tun.linux;

import dev.culvert.address.IpPrefix;
import dev.culvert.tun.host.HostState;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** Reads rtnetlink's messages (linux/rtnetlink.h, if_link.h, if_addr.h, fib_rules.h); null for what is of no interest. */
final class RtnetlinkMessages {
    static final int ANY_FAMILY = 0;
    static final int AF_INET = 2;
    static final int AF_INET6 = 10;

    static final int IFLA_IFNAME = 3;
    static final int IFLA_MTU = 4;
    static final int IFLA_TXQLEN = 13;
    private static final int IFLA_AF_SPEC = 26;
    private static final int IFLA_INET6_CONF = 2;

    /** Place in IFLA_INET6_CONF, which is an array of numbers. */
    private static final int DEVCONF_DISABLE_IPV6 = 26;

    private static final int IFF_UP = 1;
    private static final int IFF_LOOPBACK = 8;
    private static final int IFF_LOWER_UP = 1 << 16;

    static final int IFA_ADDRESS = 1;
    static final int IFA_LOCAL = 2;

    static final int RTA_DST = 1;
    static final int RTA_OIF = 4;
    static final int RTA_GATEWAY = 5;
    static final int RTA_PRIORITY = 6;
    static final int RTA_PREFSRC = 7;
    private static final int RTA_MULTIPATH = 9;
    private static final int RTA_TABLE = 15;
    static final int RTA_VIA = 18;

    static final int RTN_UNICAST = 1;
    private static final int RTN_LOCAL = 2;
    private static final int RTN_BLACKHOLE = 6;
    static final int RTN_UNREACHABLE = 7;
    private static final int RTN_PROHIBIT = 8;
    private static final int RTN_THROW = 9;

    private static final int RTNH_F_DEAD = 1;
    private static final int RTNH_F_LINKDOWN = 16;
    private static final int RTM_F_CLONED = 0x200;

    private static final int FRA_IIFNAME = 3;
    private static final int FRA_PRIORITY = 6;
    private static final int FRA_FWMARK = 10;
    private static final int FRA_SUPPRESS_PREFIXLEN = 14;
    private static final int FRA_TABLE = 15;
    private static final int FRA_FWMASK = 16;

    /** FRA_OIFNAME, L3MDEV, UID_RANGE, IP_PROTO and the port ranges: for some packets only. */
    private static final int[] FRA_SELECTORS = {FRA_IIFNAME, 17, 19, 20, 22, 23, 24};

    private static final int FIB_RULE_INVERT = 2;
    private static final int FR_ACT_TO_TBL = 1;
    private static final int FR_ACT_BLACKHOLE = 6;

    private RtnetlinkMessages() {}

    static HostState.@Nullable Interface link(ByteBuffer in) {
        if (in.remaining() < 16) {
            return null;
        }
        in.getInt(); // family and type of hardware
        int index = in.getInt();
        int flags = in.getInt();
        in.getInt();
        NetlinkAttributes attributes = NetlinkAttributes.of(in);
        byte[] conf = attributes.nested(IFLA_AF_SPEC).nested(AF_INET6).bytes(IFLA_INET6_CONF);
        boolean ipv6 = conf != null
                && conf.length >= 4 * (DEVCONF_DISABLE_IPV6 + 1)
                && NetlinkAttributes.buffer(conf).getInt(4 * DEVCONF_DISABLE_IPV6) == 0;
        return new HostState.Interface(
                index,
                attributes.string(IFLA_IFNAME),
                (flags & IFF_UP) != 0,
                (flags & IFF_LOWER_UP) != 0,
                (flags & IFF_LOOPBACK) != 0,
                ipv6,
                (int) attributes.number(IFLA_MTU, 0),
                (int) attributes.number(IFLA_TXQLEN, 0));
    }

    static HostState.@Nullable Address address(ByteBuffer in) {
        if (in.remaining() < 8) {
            return null;
        }
        int family = in.get();
        int length = in.get() & 0xff;
        in.getShort(); // flags and scope
        int index = in.getInt();
        NetlinkAttributes attributes = NetlinkAttributes.of(in);
        InetAddress address = attributes.address(attributes.has(IFA_LOCAL) ? IFA_LOCAL : IFA_ADDRESS);
        return address == null || !isOf(family, address) || length > address.getAddress().length * 8
                ? null
                : new HostState.Address(index, address, length);
    }

    /**
     * Not so IPv4-mapped addresses in IPv6, which are IPv4 by now: some machines have routes for them, lest packets to them leave,
     * and none of them is a route of IPv4.
     */
    private static boolean isOf(int family, InetAddress address) {
        return address.getAddress().length == (family == AF_INET6 ? 16 : family == AF_INET ? 4 : -1);
    }

    static HostState.@Nullable Route route(ByteBuffer in, int wanted) {
        if (in.remaining() < 12) {
            return null;
        }
        int family = in.get();
        int length = in.get() & 0xff;
        int sourceLength = in.get();
        int tos = in.get();
        int table = in.get() & 0xff;
        int protocol = in.get() & 0xff;
        in.get(); // scope
        int type = in.get() & 0xff;
        int flags = in.getInt();
        if (family != wanted || sourceLength != 0 || tos != 0 || (flags & RTM_F_CLONED) != 0) {
            return null;
        }
        NetlinkAttributes attributes = NetlinkAttributes.of(in);
        InetAddress network = attributes.has(RTA_DST)
                ? attributes.address(RTA_DST)
                : NetlinkAttributes.address(new byte[family == AF_INET6 ? 16 : 4]);
        if (network == null || !isOf(family, network) || length > network.getAddress().length * 8) {
            return null;
        }
        NetlinkAttributes hop = attributes;
        long link = attributes.number(RTA_OIF, 0);
        byte[] several = attributes.bytes(RTA_MULTIPATH);
        if (several != null) {
            // struct rtnexthop: length, flags, weight, interface, attributes. One of them is enough for what is asked
            // here.
            ByteBuffer hops = NetlinkAttributes.buffer(several);
            while (hops.remaining() >= 8) {
                int start = hops.position();
                int size = hops.getShort() & 0xffff;
                int hopFlags = hops.get();
                hops.get();
                long through = hops.getInt();
                if (size < 8 || size > hops.limit() - start) {
                    break;
                }
                if ((hopFlags & (RTNH_F_DEAD | RTNH_F_LINKDOWN)) == 0 || link == 0) {
                    link = through;
                    flags = flags & ~(RTNH_F_DEAD | RTNH_F_LINKDOWN) | hopFlags;
                    hop = NetlinkAttributes.of(NetlinkAttributes.buffer(several)
                            .position(start + 8)
                            .slice()
                            .limit(size - 8)
                            .order(hops.order()));
                    if ((hopFlags & (RTNH_F_DEAD | RTNH_F_LINKDOWN)) == 0) {
                        break;
                    }
                }
                hops.position(Math.min(hops.limit(), start + ((size + 3) & ~3)));
            }
        }
        InetAddress via = hop.address(RTA_GATEWAY);
        byte[] other = hop.bytes(RTA_VIA);
        if (via == null && other != null && other.length > 2) {
            via = NetlinkAttributes.address(java.util.Arrays.copyOfRange(other, 2, other.length));
        }
        return new HostState.Route(
                (int) attributes.number(RTA_TABLE, table),
                IpPrefix.of(network, length),
                kind(type),
                (int) link,
                via,
                attributes.address(RTA_PREFSRC),
                attributes.number(RTA_PRIORITY, 0),
                protocol,
                (flags & RTNH_F_DEAD) != 0,
                (flags & RTNH_F_LINKDOWN) != 0);
    }

    private static HostState.Kind kind(int type) {
        return switch (type) {
            case RTN_UNICAST -> HostState.Kind.UNICAST;
            case RTN_LOCAL -> HostState.Kind.LOCAL;
            case RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT -> HostState.Kind.REJECT;
            case RTN_THROW -> HostState.Kind.THROW;
            default -> HostState.Kind.OTHER;
        };
    }

    /** The value of RTA_VIA: a next hop of the other family. */
    static byte[] via(InetAddress address) {
        byte[] bytes = address.getAddress();
        return NetlinkAttributes.buffer(new byte[2 + bytes.length])
                .putShort((short) (bytes.length == 16 ? AF_INET6 : AF_INET))
                .put(bytes)
                .array();
    }

    static HostState.@Nullable Rule rule(ByteBuffer in, int wanted) {
        if (in.remaining() < 12) {
            return null;
        }
        int family = in.get();
        boolean some = false;
        for (int i = 0; i < 3; i++) {
            some |= in.get() != 0; // lengths of destination and source, TOS
        }
        int table = in.get() & 0xff;
        in.getShort();
        int action = in.get();
        int flags = in.getInt();
        if (family != wanted) {
            return null;
        }
        NetlinkAttributes attributes = NetlinkAttributes.of(in);
        for (int selector : FRA_SELECTORS) {
            some |= attributes.has(selector);
        }
        long mark = attributes.number(FRA_FWMARK, 0);
        boolean marked = (mark & attributes.number(FRA_FWMASK, 0xffff_ffffL)) != 0;
        boolean inverted = (flags & FIB_RULE_INVERT) != 0;
        // "not fwmark 7" is for all that a program without a mark sends; "not" of anything else is not judged.
        boolean everything = !some && marked == inverted && (action == FR_ACT_TO_TBL || action >= FR_ACT_BLACKHOLE);
        return new HostState.Rule(
                family == AF_INET6,
                attributes.number(FRA_PRIORITY, 0),
                everything,
                action == FR_ACT_TO_TBL ? (int) attributes.number(FRA_TABLE, table) : 0,
                (int) attributes.number(FRA_SUPPRESS_PREFIXLEN, 0xffff_ffffL));
    }
}
