package dev.culvert.tun.macos;

import dev.culvert.address.IpLiteral;
import dev.culvert.address.IpPrefix;
import dev.culvert.tun.device.TunConfig;
import dev.culvert.tun.host.HostPlan;
import dev.culvert.tun.host.HostState;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What the kernel's routing socket says, and what sysctl(3) gives of the same form (NET_RT_DUMP, NET_RT_IFLIST2): bytes to facts. Pure. A
 * message that is cut off or of another form ends what is read, or is passed over.
 *
 * <p>Layouts: xnu, bsd/net/route.h (rt_msghdr, line 162), bsd/net/if.h (if_msghdr2, ifa_msghdr), bsd/sys/socket.h (sockaddr), in
 * the machine's byte order, which is little-endian on all Macs that are left.
 */
final class RouteMessages {
    /** bsd/net/route.h, RTM_VERSION. */
    static final int VERSION = 5;

    static final int RTM_ADD = 0x1;
    static final int RTM_DELETE = 0x2;
    static final int RTM_CHANGE = 0x3;
    static final int RTM_GET = 0x4;
    static final int RTM_NEWADDR = 0xc;
    static final int RTM_DELADDR = 0xd;
    static final int RTM_IFINFO = 0xe;
    static final int RTM_IFINFO2 = 0x12;

    static final int RTF_UP = 0x1;
    static final int RTF_GATEWAY = 0x2;
    static final int RTF_HOST = 0x4;
    static final int RTF_REJECT = 0x8;
    static final int RTF_CLONING = 0x100;
    static final int RTF_LLINFO = 0x400;
    static final int RTF_STATIC = 0x800;
    static final int RTF_BLACKHOLE = 0x1000;

    /** Ours have it: route(8) sets it for -proto1, and neither the kernel nor configd uses it. */
    static final int RTF_PROTO1 = 0x8000;

    static final int RTF_WASCLONED = 0x20000;
    static final int RTF_LOCAL = 0x200000;
    static final int RTF_BROADCAST = 0x400000;
    static final int RTF_MULTICAST = 0x800000;
    static final int RTF_IFSCOPE = 0x1000000;
    static final int RTF_CONDEMNED = 0x2000000;
    static final int RTF_DEAD = 0x20000000;

    /** What is not a route of the table: neighbours, copies for one destination, routes for sockets that are bound to an interface. */
    private static final int PASSED_OVER = RTF_LLINFO
            | RTF_WASCLONED
            | RTF_LOCAL
            | RTF_BROADCAST
            | RTF_MULTICAST
            | RTF_IFSCOPE
            | RTF_CONDEMNED
            | RTF_DEAD;

    private static final int RTAX_DST = 0;
    private static final int RTAX_GATEWAY = 1;
    private static final int RTAX_NETMASK = 2;
    private static final int RTAX_IFP = 4;
    private static final int RTAX_IFA = 5;
    private static final int RTAX_MAX = 8;

    /** sizeof(struct rt_msghdr), of if_msghdr2, of ifa_msghdr: where addresses begin. */
    static final int RT_MSGHDR = 92;

    static final int IF_MSGHDR2 = 160;
    static final int IFA_MSGHDR = 20;

    /** ifm_data.ifi_mtu. */
    static final int IF_MTU = 40;

    static final int AF_LINK = 18;

    private static final int IFF_UP = 0x1;
    private static final int IFF_LOOPBACK = 0x8;
    private static final int IFF_RUNNING = 0x40;

    /** What every message begins with: its length, version and type. */
    private static final int START = 4;

    private RouteMessages() {}

    /** Whether any of these messages is about interfaces, addresses, or routes of the table. */
    static boolean isNews(ByteBuffer messages) {
        boolean[] news = new boolean[1];
        each(messages, message -> {
            int type = type(message);
            boolean route = type == RTM_ADD || type == RTM_DELETE || type == RTM_CHANGE;
            news[0] |= type == RTM_NEWADDR
                    || type == RTM_DELADDR
                    || type == RTM_IFINFO
                    || type == RTM_IFINFO2
                    || route && message.limit() >= RT_MSGHDR && (message.getInt(8) & (RTF_LLINFO | RTF_WASCLONED)) == 0;
        });
        return news[0];
    }

    /** The interfaces of a NET_RT_IFLIST2. */
    static List<HostState.Interface> links(ByteBuffer messages) {
        List<HostState.Interface> links = new ArrayList<>();
        each(messages, message -> {
            if (type(message) != RTM_IFINFO2 || message.limit() < IF_MSGHDR2) {
                return;
            }
            ByteBuffer link = addresses(message, IF_MSGHDR2, message.getInt(4)).get(RTAX_IFP);
            String name = link == null ? "" : linkName(link);
            int flags = message.getInt(8);
            if (TunConfig.isInterfaceName(name)) {
                links.add(new HostState.Interface(
                        message.getShort(12) & 0xffff,
                        name,
                        (flags & IFF_UP) != 0,
                        (flags & IFF_RUNNING) != 0,
                        (flags & IFF_LOOPBACK) != 0,
                        true,
                        message.getInt(IF_MTU),
                        HostState.Interface.NO_QUEUE));
            }
        });
        return links;
    }

    /** The addresses of a NET_RT_IFLIST2. */
    static List<HostState.Address> addresses(ByteBuffer messages) {
        List<HostState.Address> found = new ArrayList<>();
        each(messages, message -> {
            if (type(message) != RTM_NEWADDR || message.limit() < IFA_MSGHDR) {
                return;
            }
            Map<Integer, ByteBuffer> addresses = addresses(message, IFA_MSGHDR, message.getInt(4));
            InetAddress address = ip(addresses.get(RTAX_IFA));
            ByteBuffer mask = addresses.get(RTAX_NETMASK);
            if (address != null) {
                int bits = address.getAddress().length * 8;
                int length = mask == null ? bits : prefixLength(mask, bits);
                found.add(new HostState.Address(message.getShort(12) & 0xffff, address, length));
            }
        });
        return found;
    }

    /** The routes of a NET_RT_DUMP, as many as {@code most} at most. */
    static List<HostState.Route> routes(ByteBuffer messages, int most) {
        List<HostState.Route> routes = new ArrayList<>();
        each(messages, message -> {
            if (type(message) != RTM_GET || message.limit() < RT_MSGHDR || routes.size() >= most) {
                return;
            }
            int flags = message.getInt(8);
            Map<Integer, ByteBuffer> addresses = addresses(message, RT_MSGHDR, message.getInt(12));
            InetAddress to = ip(addresses.get(RTAX_DST));
            ByteBuffer mask = addresses.get(RTAX_NETMASK);
            if (to == null || (flags & RTF_UP) == 0 || (flags & PASSED_OVER) != 0) {
                return;
            }
            int bits = to.getAddress().length * 8;
            boolean host = (flags & RTF_HOST) != 0;
            int length = host ? bits : mask == null ? 0 : prefixLength(mask, bits);
            boolean reject = (flags & (RTF_REJECT | RTF_BLACKHOLE)) != 0;
            boolean ours = (flags & RTF_PROTO1) != 0;
            routes.add(new HostState.Route(
                    HostState.MAIN_TABLE,
                    prefix(to, length),
                    reject ? HostState.Kind.REJECT : HostState.Kind.UNICAST,
                    message.getShort(4) & 0xffff,
                    reject || (flags & RTF_GATEWAY) == 0 ? null : ip(addresses.get(RTAX_GATEWAY)),
                    null,
                    reject && ours ? HostPlan.UNDERNEATH : 0,
                    ours ? HostPlan.PROTOCOL : (flags & RTF_STATIC) == 0 ? HostState.KERNEL_PROTOCOL : 0,
                    false,
                    false));
        });
        return routes;
    }

    private interface Message {
        void take(ByteBuffer message);
    }

    private static void each(ByteBuffer messages, Message sink) {
        ByteBuffer all = messages.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        while (all.remaining() >= START) {
            int length = all.getShort(all.position()) & 0xffff;
            if (length < START || length > all.remaining()) {
                return;
            }
            ByteBuffer message = all.slice(all.position(), length).order(ByteOrder.LITTLE_ENDIAN);
            if (message.get(2) == VERSION) {
                sink.take(message);
            }
            all.position(all.position() + length);
        }
    }

    private static int type(ByteBuffer message) {
        return message.get(3) & 0xff;
    }

    /** Each socket address that the mask names, by its RTAX number. Each fills up to four bytes. */
    private static Map<Integer, ByteBuffer> addresses(ByteBuffer message, int start, int mask) {
        Map<Integer, ByteBuffer> found = new HashMap<>();
        int at = start;
        for (int i = 0; i < RTAX_MAX && at < message.limit(); i++) {
            if ((mask & 1 << i) == 0) {
                continue;
            }
            int length = message.get(at) & 0xff;
            if (length > message.limit() - at) {
                break;
            }
            found.put(i, message.slice(at, length).order(ByteOrder.LITTLE_ENDIAN));
            at += length == 0 ? 4 : length + 3 & ~3;
        }
        return found;
    }

    /** Of a sockaddr_dl: length, family, index, type, length of the name, of the address, of the selector; the name. */
    private static String linkName(ByteBuffer address) {
        int name = address.limit() < 8 ? 0 : address.get(5) & 0xff;
        if (name == 0 || address.get(1) != AF_LINK || 8 + name > address.limit()) {
            return "";
        }
        byte[] bytes = new byte[name];
        address.get(8, bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    /** Of a sockaddr_in, whose address is at 4, or a sockaddr_in6, at 8, where of a link-local one the kernel has the interface in it. */
    private static @Nullable InetAddress ip(@Nullable ByteBuffer address) {
        if (address == null || address.limit() < 2) {
            return null;
        }
        int family = address.get(1);
        if (family == Xnu.AF_INET) {
            return IpLiteral.fromBytes(bytes(address, 4, 4));
        }
        if (family != Xnu.AF_INET6) {
            return null;
        }
        byte[] bytes = bytes(address, 8, 16);
        if (bytes[0] == (byte) 0xfe && (bytes[1] & 0xc0) == 0x80) {
            bytes[2] = 0;
            bytes[3] = 0;
        }
        return IpLiteral.fromBytes(bytes);
    }

    /** What of it is there: the kernel leaves out zeros at the end. */
    private static byte[] bytes(ByteBuffer address, int start, int length) {
        byte[] bytes = new byte[length];
        int there = Math.max(0, Math.min(length, address.limit() - start));
        if (there > 0) {
            address.get(start, bytes, 0, there);
        }
        return bytes;
    }

    /** Of a mask, whose family may be none or 0xff. */
    private static int prefixLength(ByteBuffer mask, int bits) {
        byte[] bytes = bytes(mask, bits == 32 ? 4 : 8, bits / 8);
        int length = 0;
        while (length < bits && (bytes[length / 8] & 0x80 >> length % 8) != 0) {
            length++;
        }
        return length;
    }

    /** Bits beyond the length are none of the network's. */
    private static IpPrefix prefix(InetAddress to, int length) {
        byte[] bytes = to.getAddress();
        for (int bit = length; bit < bytes.length * 8; bit++) {
            bytes[bit / 8] &= (byte) ~(0x80 >> bit % 8);
        }
        return IpPrefix.of(IpLiteral.fromBytes(bytes), length);
    }
}
