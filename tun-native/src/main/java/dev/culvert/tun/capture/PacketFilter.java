package dev.culvert.tun.capture;

import dev.culvert.address.IpPrefix;
import dev.culvert.address.PrefixTable;
import dev.culvert.text.Printable;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * Which packets are of interest: those of a protocol, to or from a host or network, and there a port. An ICMP error is of interest
 * when the packet is that it is about. Of what has no port to be seen, the later fragments of a datagram, all that fit otherwise
 * are. Immutable; matching allocates nothing.
 */
public final class PacketFilter {
    /** All packets. */
    public static final PacketFilter ALL = new PacketFilter("all", 0, null, 0);

    private static final String FORM =
            "write [tcp:|udp:|icmp:]HOST[:PORT], where HOST is an address, a network or *, and IPv6 is in brackets";

    private static final int ICMP = 1;
    private static final int TCP = 6;
    private static final int UDP = 17;
    private static final int ICMPV6 = 58;

    /** RFC 8200 section 4: extension headers. */
    private static final int HOP_BY_HOP = 0;

    private static final int ROUTING = 43;
    private static final int FRAGMENT = 44;
    private static final int OPTIONS = 60;

    /** More than any packet has that means well. */
    private static final int MAX_EXTENSIONS = 8;

    private static final int IPV4_HEADER = 20;
    private static final int IPV6_HEADER = 40;

    /** An ICMP error quotes a packet behind these. */
    private static final int ICMP_ERROR_HEADER = 8;

    private static final int MAX_PORT = 0xffff;

    private final String text;
    private final int protocol; // 0 for any; 1 for ICMP of both versions
    private final @Nullable PrefixTable<Boolean> hosts; // null for any
    private final int port; // 0 for any

    private PacketFilter(String text, int protocol, @Nullable IpPrefix hosts, int port) {
        this.text = text;
        this.protocol = protocol;
        this.port = port;
        if (hosts == null) {
            this.hosts = null;
        } else {
            this.hosts = new PrefixTable<>();
            this.hosts.put(hosts, Boolean.TRUE);
        }
    }

    /**
     * Reads one, such as {@code tcp:10.77.0.5:5432}, {@code 192.168.77.0/24}, {@code udp:*:53} or {@code [fd77::/64]:443}.
     *
     * @throws IllegalArgumentException saying in one line what is wrong
     */
    public static PacketFilter parse(String text) {
        int protocol = 0;
        String rest = text;
        int colon = text.indexOf(':');
        if (colon >= 0) {
            protocol = protocol(text.substring(0, colon));
            rest = protocol == 0 ? text : text.substring(colon + 1);
        } else if (protocol(text) != 0) {
            return new PacketFilter(text, protocol(text), null, 0);
        }
        String host = rest;
        int port = 0;
        int last = rest.lastIndexOf(':');
        if (rest.startsWith("[")) {
            int end = rest.indexOf(']');
            if (end < 0 || end + 1 < rest.length() && last != end + 1) {
                throw wrong(text, FORM);
            }
            host = rest.substring(1, end);
            port = end + 1 < rest.length() ? port(text, rest.substring(end + 2)) : 0;
        } else if (last >= 0 && last == rest.indexOf(':')) { // with more of them it is an address
            host = rest.substring(0, last);
            port = port(text, rest.substring(last + 1));
        }
        if (protocol == ICMP && port != 0) {
            throw wrong(text, "ICMP has no ports");
        }
        if (host.equals("*")) {
            return new PacketFilter(text, protocol, null, port);
        }
        try {
            return new PacketFilter(text, protocol, IpPrefix.parse(host), port);
        } catch (IllegalArgumentException e) {
            throw wrong(text, host.indexOf('/') >= 0 ? String.valueOf(e.getMessage()) : FORM);
        }
    }

    private static IllegalArgumentException wrong(String text, String why) {
        return new IllegalArgumentException("'" + Printable.shorten(text) + "' says no packets: " + why);
    }

    private static int protocol(String name) {
        return switch (name) {
            case "tcp" -> TCP;
            case "udp" -> UDP;
            case "icmp" -> ICMP;
            default -> 0;
        };
    }

    private static int port(String all, String text) {
        boolean digits = !text.isEmpty() && text.length() <= 5 && text.chars().allMatch(c -> c >= '0' && c <= '9');
        int port = digits ? Integer.parseInt(text) : 0;
        if (port < 1 || port > MAX_PORT) {
            throw wrong(all, "'" + Printable.shorten(text) + "' is no port, 1 to 65535; " + FORM);
        }
        return port;
    }

    /** Whether this IP packet is of interest; what is cut short, or none, is not, unless all are. */
    public boolean matches(ByteBuf packet, int index, int length) {
        return this == ALL || matches(packet, index, length, true);
    }

    private boolean matches(ByteBuf b, int index, int length, boolean whole) {
        if (length < IPV4_HEADER) {
            return false;
        }
        int version = b.getUnsignedByte(index) >>> 4;
        if (version == 4) {
            int header = (b.getUnsignedByte(index) & 15) * 4;
            int fragment = b.getUnsignedShort(index + 6) & 0x1fff;
            boolean source = isHost(b.getInt(index + 12));
            boolean destination = isHost(b.getInt(index + 16));
            int type = b.getUnsignedByte(index + 9);
            return header >= IPV4_HEADER
                    && payload(b, index + header, length - header, type, fragment != 0, source, destination, whole);
        }
        if (version != 6 || length < IPV6_HEADER) {
            return false;
        }
        boolean source = isHost(b.getLong(index + 8), b.getLong(index + 16));
        boolean destination = isHost(b.getLong(index + 24), b.getLong(index + 32));
        int type = b.getUnsignedByte(index + 6);
        int at = IPV6_HEADER;
        for (int i = 0; i < MAX_EXTENSIONS && isExtension(type) && length - at >= 8; i++) {
            boolean later = type == FRAGMENT && b.getUnsignedShort(index + at + 2) >>> 3 != 0;
            int size = type == FRAGMENT ? 8 : 8 * (1 + b.getUnsignedByte(index + at + 1));
            type = b.getUnsignedByte(index + at);
            at += size;
            if (later) {
                return payload(b, index + at, length - at, type, true, source, destination, whole);
            }
        }
        return payload(b, index + at, length - at, type, false, source, destination, whole);
    }

    private static boolean isExtension(int type) {
        return type == HOP_BY_HOP || type == ROUTING || type == FRAGMENT || type == OPTIONS;
    }

    private boolean isHost(int ipv4) {
        return hosts == null || hosts.lookup(ipv4) != null;
    }

    private boolean isHost(long hi, long lo) {
        return hosts == null || hosts.lookup(hi, lo) != null;
    }

    /** @param whole whether it is a packet itself, and not what an ICMP error says of one */
    private boolean payload(
            ByteBuf b,
            int index,
            int length,
            int type,
            boolean laterFragment,
            boolean source,
            boolean destination,
            boolean whole) {
        boolean icmp = type == ICMP || type == ICMPV6;
        boolean its = protocol == 0 || protocol == (icmp ? ICMP : type);
        if (its && (source || destination) && isPort(b, index, length, type, laterFragment, source, destination)) {
            return true;
        }
        return whole
                && icmp
                && !laterFragment
                && length > ICMP_ERROR_HEADER
                && isError(type, b.getUnsignedByte(index))
                && matches(b, index + ICMP_ERROR_HEADER, length - ICMP_ERROR_HEADER, false);
    }

    private boolean isPort(
            ByteBuf b, int index, int length, int type, boolean laterFragment, boolean source, boolean destination) {
        if (port == 0) {
            return true;
        }
        if (type != TCP && type != UDP) {
            return false;
        }
        return laterFragment
                || length >= 4
                        && (source && b.getUnsignedShort(index) == port
                                || destination && b.getUnsignedShort(index + 2) == port);
    }

    /** RFC 792: unreachable, source quench, redirect, time exceeded, parameter problem; RFC 4443: below 128. */
    private static boolean isError(int protocol, int type) {
        return protocol == ICMPV6 ? type < 128 : type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
    }

    @Override
    public String toString() {
        return text;
    }
}
