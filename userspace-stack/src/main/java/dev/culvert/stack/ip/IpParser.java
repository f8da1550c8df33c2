package dev.culvert.stack.ip;

import dev.culvert.stack.wire.Icmp;
import dev.culvert.stack.wire.IpProtocol;
import dev.culvert.stack.wire.Ipv4;
import dev.culvert.stack.wire.Ipv6;
import dev.culvert.stack.wire.Tcp;
import dev.culvert.stack.wire.Udp;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * Decides whether bytes are an IP packet that may be handled, and where its upper layer begins. Checks, in this order:
 * version, lengths, IPv4 header checksum, TTL, multicast (dropped quietly), martians, IPv4 options ({@link Ipv4Options}) or
 * extension headers.
 */
public final class IpParser {
    /** Extension headers in one packet; RFC 8200 section 4.1 lists seven kinds, of which one may come twice. */
    public static final int MAX_EXTENSION_HEADERS = 8;

    /**
     * Bytes of all extension headers together; an unbounded chain would let one packet cost as much time as it is long (RFC
     * 8504 section 5.3 allows such limits, RFC 7112 explains why).
     */
    public static final int MAX_EXTENSION_BYTES = 1024;

    private IpParser() {}

    /**
     * Parses the packet whose IP header is at {@code header}.
     *
     * @param available readable bytes from {@code header}
     * @param into is overwritten
     * @return null if the packet is good, else why it is dropped; then {@link IpPacket#hasError} tells whether to send an
     *     ICMP error about it
     */
    public static @Nullable IpCounter parse(ByteBuf buffer, int header, int available, IpPacket into) {
        into.errorType = -1;
        into.header = header;
        into.fragment = false;
        into.version = available == 0 ? 0 : Ipv4.version(buffer, header);
        return switch (into.version) {
            case 4 -> parseIpv4(buffer, header, available, into);
            case 6 -> parseIpv6(buffer, header, available, into);
            default -> IpCounter.DROPPED_VERSION;
        };
    }

    private static @Nullable IpCounter parseIpv4(ByteBuf buffer, int header, int available, IpPacket into) {
        if (available < Ipv4.HEADER_LENGTH) {
            return IpCounter.DROPPED_LENGTH;
        }
        int headerLength = Ipv4.headerLength(buffer, header);
        int totalLength = Ipv4.totalLength(buffer, header);
        if (headerLength < Ipv4.HEADER_LENGTH || totalLength < headerLength || totalLength > available) {
            return IpCounter.DROPPED_LENGTH;
        }
        if (!Ipv4.isChecksumValid(buffer, header)) {
            return IpCounter.DROPPED_HEADER_CHECKSUM;
        }
        into.hopLimit = Ipv4.ttl(buffer, header);
        if (into.hopLimit == 0) {
            return IpCounter.DROPPED_TTL;
        }
        into.end = header + totalLength;
        into.payload = header + headerLength;
        into.protocol = Ipv4.protocol(buffer, header);
        into.ecn = Ipv4.ecn(buffer, header);
        into.sourceHigh = 0;
        into.sourceLow = IpAddresses.ofIpv4(Ipv4.source(buffer, header));
        into.destinationHigh = 0;
        into.destinationLow = IpAddresses.ofIpv4(Ipv4.destination(buffer, header));
        if (Ipv4.isFragment(buffer, header)) {
            into.fragment = true;
            into.fragmentHeader = into.payload;
            into.fragmentOffset = Ipv4.fragmentOffset(buffer, header);
            into.moreFragments = Ipv4.moreFragments(buffer, header);
            into.identification = Ipv4.identification(buffer, header);
        }
        IpCounter refused = checkAddresses(into);
        if (refused == null
                && headerLength > Ipv4.HEADER_LENGTH
                && !Ipv4Options.accept(buffer, header + Ipv4.HEADER_LENGTH, into.payload, into)) {
            return IpCounter.DROPPED_OPTION;
        }
        return refused;
    }

    private static @Nullable IpCounter parseIpv6(ByteBuf buffer, int header, int available, IpPacket into) {
        if (available < Ipv6.HEADER_LENGTH) {
            return IpCounter.DROPPED_LENGTH;
        }
        int payloadLength = Ipv6.payloadLength(buffer, header);
        if (Ipv6.HEADER_LENGTH + payloadLength > available) {
            return IpCounter.DROPPED_LENGTH;
        }
        into.hopLimit = Ipv6.hopLimit(buffer, header);
        if (into.hopLimit == 0) {
            return IpCounter.DROPPED_TTL;
        }
        into.end = header + Ipv6.HEADER_LENGTH + payloadLength;
        into.ecn = Ipv6.ecn(buffer, header);
        into.sourceHigh = Ipv6.sourceHigh(buffer, header);
        into.sourceLow = Ipv6.sourceLow(buffer, header);
        into.destinationHigh = Ipv6.destinationHigh(buffer, header);
        into.destinationLow = Ipv6.destinationLow(buffer, header);
        // An IPv4-mapped address on the wire would be taken for IPv4 from here on (RFC 4291 section 2.5.5.2: never
        // sent).
        if (IpAddresses.isIpv4(into.sourceHigh, into.sourceLow)
                || IpAddresses.isIpv4(into.destinationHigh, into.destinationLow)) {
            return IpCounter.DROPPED_MARTIAN;
        }
        IpCounter refused = checkAddresses(into);
        if (refused != null) {
            return refused;
        }
        into.nextHeaderField = header + 6;
        into.protocol = Ipv6.nextHeader(buffer, header);
        into.payload = header + Ipv6.HEADER_LENGTH;
        return walkExtensions(buffer, into);
    }

    private static @Nullable IpCounter checkAddresses(IpPacket packet) {
        if (IpAddresses.isMulticastOrBroadcast(packet.destinationHigh, packet.destinationLow)) {
            return IpCounter.DROPPED_MULTICAST;
        }
        if (IpAddresses.isImpossibleSource(packet.sourceHigh, packet.sourceLow)
                || IpAddresses.isImpossibleDestination(packet.destinationHigh, packet.destinationLow)) {
            return IpCounter.DROPPED_MARTIAN;
        }
        if (packet.sourceHigh == packet.destinationHigh && packet.sourceLow == packet.destinationLow) {
            return IpCounter.DROPPED_LAND;
        }
        return null;
    }

    /** Walks from the fixed header to the upper layer, or to the fragment header of a fragment that is not whole. */
    private static @Nullable IpCounter walkExtensions(ByteBuf buffer, IpPacket into) {
        int start = into.payload;
        for (int headers = 0; ; headers++) {
            int at = into.payload;
            int type = into.protocol;
            boolean extension = type == IpProtocol.HOP_BY_HOP
                    || type == IpProtocol.DESTINATION_OPTIONS
                    || type == IpProtocol.ROUTING
                    || type == IpProtocol.FRAGMENT;
            if (!extension) {
                return null;
            }
            if (headers == MAX_EXTENSION_HEADERS || into.end - at < 8) {
                return IpCounter.DROPPED_EXTENSION;
            }
            int length = type == IpProtocol.FRAGMENT
                    ? Ipv6.FRAGMENT_HEADER_LENGTH
                    : (buffer.getUnsignedByte(at + 1) + 1) * 8;
            if (at + length > into.end || at + length - start > MAX_EXTENSION_BYTES) {
                return IpCounter.DROPPED_EXTENSION;
            }
            switch (type) {
                case IpProtocol.HOP_BY_HOP -> {
                    // RFC 8200 section 4.1: only directly after the fixed header; anywhere else it is unrecognised.
                    if (headers != 0) {
                        into.error(
                                Icmp.V6_PARAMETER_PROBLEM,
                                Icmp.V6_CODE_NEXT_HEADER,
                                into.nextHeaderField - into.header);
                        return IpCounter.DROPPED_EXTENSION;
                    }
                    if (!acceptOptions(buffer, at + 2, at + length, into)) {
                        return IpCounter.DROPPED_EXTENSION;
                    }
                }
                case IpProtocol.DESTINATION_OPTIONS -> {
                    if (!acceptOptions(buffer, at + 2, at + length, into)) {
                        return IpCounter.DROPPED_EXTENSION;
                    }
                }
                case IpProtocol.ROUTING -> {
                    // RFC 8200 section 4.4 and RFC 5095: nothing left to visit is ignored, anything else is refused.
                    if (buffer.getByte(at + 3) != 0) {
                        into.error(Icmp.V6_PARAMETER_PROBLEM, Icmp.V6_CODE_HEADER_FIELD, at + 2 - into.header);
                        return IpCounter.DROPPED_EXTENSION;
                    }
                }
                default -> {
                    boolean more = Ipv6.moreFragments(buffer, at);
                    int offset = Ipv6.fragmentOffset(buffer, at);
                    // RFC 6946: an atomic fragment is whole by itself and never meets others of the same
                    // identification.
                    if (more || offset != 0) {
                        into.fragment = true;
                        into.fragmentHeader = at;
                        into.fragmentOffset = offset;
                        into.moreFragments = more;
                        into.identification = Ipv6.fragmentIdentification(buffer, at);
                        into.protocol = Ipv6.fragmentNextHeader(buffer, at);
                        into.payload = at + length;
                        return null;
                    }
                }
            }
            into.nextHeaderField = at;
            into.protocol = buffer.getUnsignedByte(at);
            into.payload = at + length;
        }
    }

    /**
     * Whether a first fragment of IPv6 holds all headers up to and with that of the upper layer. What the headers say is
     * judged when the datagram is whole.
     */
    static boolean holdsHeaderChain(ByteBuf buffer, IpPacket packet) {
        int type = packet.protocol;
        int at = packet.payload;
        while (type == IpProtocol.HOP_BY_HOP || type == IpProtocol.DESTINATION_OPTIONS || type == IpProtocol.ROUTING) {
            if (at + 8 > packet.end) {
                return false;
            }
            type = buffer.getUnsignedByte(at);
            at += (buffer.getUnsignedByte(at + 1) + 1) * 8;
        }
        int upper = switch (type) {
            case IpProtocol.TCP -> Tcp.HEADER_LENGTH;
            case IpProtocol.UDP -> Udp.HEADER_LENGTH;
            case IpProtocol.ICMPV6 -> Icmp.HEADER_LENGTH;
            default -> 0;
        };
        return at + upper <= packet.end;
    }

    /** Options by the two high bits of their type (RFC 8200 section 4.2): we know none that we would have to act on. */
    private static boolean acceptOptions(ByteBuf buffer, int from, int to, IpPacket into) {
        int i = from;
        while (i < to) {
            int type = buffer.getUnsignedByte(i);
            if (type == 0) {
                i++;
                continue;
            }
            if (i + 2 > to || i + 2 + buffer.getUnsignedByte(i + 1) > to) {
                return false;
            }
            switch (type >>> 6) {
                case 0 -> {}
                case 1 -> {
                    return false;
                }
                default -> {
                    into.error(Icmp.V6_PARAMETER_PROBLEM, Icmp.V6_CODE_OPTION, i - into.header);
                    return false;
                }
            }
            i += 2 + buffer.getUnsignedByte(i + 1);
        }
        return true;
    }
}
