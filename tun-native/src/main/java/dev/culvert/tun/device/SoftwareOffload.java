package dev.culvert.tun.device;

import io.netty.buffer.ByteBuf;

/**
 * Does in software what a {@link VirtioNetHeader} asks of a kernel: completes the transport checksum, and
 * cuts a TCP (TSO) or UDP (USO) super-packet into packets of the interface's size.
 *
 * <p>One instance works on one packet at a time: {@link #begin} checks it and says how many packets come
 * of it, {@link #emit} writes the n-th. So a writer that meets EAGAIN between two packets goes on where
 * it stopped, and nothing is allocated. Not thread safe; owns no buffer.
 */
public final class SoftwareOffload {
    /** Returned by {@link #begin} for a packet whose header and contents disagree. */
    public static final int MALFORMED = -1;

    /** The longest packet that an IP header can state: an IPv6 header and 65,535 bytes (RFC 8200 section 3). */
    static final int MAX_PACKET = 40 + 65_535;

    private static final int PROTOCOL_TCP = 6;
    private static final int PROTOCOL_UDP = 17;
    private static final int IPV6_HOP_BY_HOP = 0;
    private static final int IPV6_ROUTING = 43;
    private static final int IPV6_DESTINATION = 60;

    private static final int IPV4_MIN_HEADER = 20;
    private static final int IPV6_HEADER = 40;
    private static final int TCP_MIN_HEADER = 20;
    private static final int UDP_HEADER = 8;

    private static final int TCP_SEQ = 4;
    private static final int TCP_DATA_OFFSET = 12;
    private static final int TCP_FLAGS = 13;
    private static final int TCP_CHECKSUM = 16;
    private static final int UDP_LENGTH = 4;
    private static final int UDP_CHECKSUM = 6;

    /** FIN and PSH belong to the end of the data. */
    private static final int TCP_LAST_ONLY = 0x01 | 0x08;

    /** CWR answers one ECE and is said once (RFC 3168 section 6.1.2). */
    private static final int TCP_FIRST_ONLY = 0x80;

    /** All bits but fragment offset and more-fragments are ours to keep (RFC 791 section 3.1). */
    private static final int IPV4_FRAGMENT_MASK = 0x3fff;

    private int packet;
    private int length;
    private boolean needsChecksum;
    private int csumStart;
    private int csumOffset;
    private boolean segmented;
    private boolean ipv4;
    private boolean tcp;
    private int transport;
    private int payload;
    private int segmentSize;
    private int segments;

    /**
     * Checks the message that runs from reader to writer index: virtio header, then IP packet. Neither is
     * changed. Bytes behind the length that the IP header states are ignored for a super-packet.
     *
     * @return how many packets it makes (1 or more), or {@link #MALFORMED}
     */
    public int begin(ByteBuf message) {
        segments = MALFORMED;
        int head = message.readerIndex();
        packet = head + VirtioNetHeader.LENGTH;
        length = message.readableBytes() - VirtioNetHeader.LENGTH;
        if (length < 1 || length > MAX_PACKET) {
            return MALFORMED;
        }
        needsChecksum = (VirtioNetHeader.flags(message, head) & VirtioNetHeader.NEEDS_CSUM) != 0;
        csumStart = VirtioNetHeader.csumStart(message, head);
        csumOffset = VirtioNetHeader.csumOffset(message, head);
        if (needsChecksum && csumStart + csumOffset + Short.BYTES > length) {
            return MALFORMED;
        }
        int type = VirtioNetHeader.gsoType(message, head) & ~VirtioNetHeader.GSO_ECN;
        segmented = type != VirtioNetHeader.GSO_NONE;
        if (!segmented) {
            segments = 1;
            return 1;
        }
        segmentSize = VirtioNetHeader.gsoSize(message, head);
        if (segmentSize == 0 || !readHeaders(message, type)) {
            return MALFORMED;
        }
        if (needsChecksum && (csumStart != transport || csumOffset != (tcp ? TCP_CHECKSUM : UDP_CHECKSUM))) {
            return MALFORMED;
        }
        int bytes = length - payload;
        segments = Math.max(1, (bytes + segmentSize - 1) / segmentSize);
        return segments;
    }

    private boolean readHeaders(ByteBuf message, int type) {
        int protocol;
        switch (message.getUnsignedByte(packet) >>> 4) {
            case 4:
                if (type == VirtioNetHeader.GSO_TCPV6 || !readIpv4(message)) {
                    return false;
                }
                ipv4 = true;
                protocol = message.getUnsignedByte(packet + 9);
                break;
            case 6:
                if (type == VirtioNetHeader.GSO_TCPV4) {
                    return false;
                }
                ipv4 = false;
                protocol = readIpv6(message);
                break;
            default:
                return false;
        }
        tcp = protocol == PROTOCOL_TCP;
        int header;
        if (tcp && (type == VirtioNetHeader.GSO_TCPV4 || type == VirtioNetHeader.GSO_TCPV6)) {
            if (transport + TCP_MIN_HEADER > length) {
                return false;
            }
            header = (message.getUnsignedByte(packet + transport + TCP_DATA_OFFSET) >>> 4) * 4;
            if (header < TCP_MIN_HEADER) {
                return false;
            }
        } else if (protocol == PROTOCOL_UDP && type == VirtioNetHeader.GSO_UDP_L4) {
            header = UDP_HEADER;
        } else {
            return false;
        }
        payload = transport + header;
        return payload <= length;
    }

    private boolean readIpv4(ByteBuf message) {
        if (length < IPV4_MIN_HEADER) {
            return false;
        }
        transport = (message.getUnsignedByte(packet) & 0x0f) * 4;
        int total = message.getUnsignedShort(packet + 2);
        boolean fragment = (message.getUnsignedShort(packet + 6) & IPV4_FRAGMENT_MASK) != 0;
        if (transport < IPV4_MIN_HEADER || total < transport || total > length || fragment) {
            return false;
        }
        length = total;
        return true;
    }

    /** Returns the transport protocol behind the extension headers that may repeat (RFC 8200 section 4). */
    private int readIpv6(ByteBuf message) {
        if (length < IPV6_HEADER) {
            return MALFORMED;
        }
        int total = IPV6_HEADER + message.getUnsignedShort(packet + 4);
        if (total > length) {
            return MALFORMED;
        }
        length = total;
        int next = message.getUnsignedByte(packet + 6);
        int at = IPV6_HEADER;
        while (next == IPV6_HOP_BY_HOP || next == IPV6_ROUTING || next == IPV6_DESTINATION) {
            if (at + Long.BYTES > length) {
                return MALFORMED;
            }
            next = message.getUnsignedByte(packet + at);
            at += (message.getUnsignedByte(packet + at + 1) + 1) * Long.BYTES;
        }
        transport = at;
        return next;
    }

    /**
     * Appends packet {@code n} of those that {@link #begin} counted, finished and without a virtio header,
     * to {@code out}; needs at most 65,575 writable bytes. {@code message} must be unchanged since.
     */
    public void emit(ByteBuf message, int n, ByteBuf out) {
        if (n < 0 || n >= segments) {
            throw new IndexOutOfBoundsException("segment " + n + " of " + segments);
        }
        int start = out.writerIndex();
        if (segmented) {
            emitSegment(message, n, out, start);
            return;
        }
        out.writeBytes(message, packet, length);
        if (needsChecksum) {
            long sum = InternetChecksum.add(0, out, start + csumStart, length - csumStart);
            // 0 would mean "none" to UDP (RFC 768); for the others both are the same number.
            setChecksum(out, start + csumStart + csumOffset, sum);
        }
    }

    private void emitSegment(ByteBuf message, int n, ByteBuf out, int start) {
        int from = n * segmentSize;
        int bytes = Math.min(segmentSize, length - payload - from);
        out.writeBytes(message, packet, payload);
        out.writeBytes(message, packet + payload + from, bytes);
        int total = payload + bytes;
        if (ipv4) {
            out.setShort(start + 2, total);
            // Distinct identifications, as the segments would have had (RFC 6864 section 4.1).
            out.setShort(start + 4, out.getUnsignedShort(start + 4) + n);
            out.setShort(start + 10, 0);
            out.setShort(start + 10, InternetChecksum.finish(InternetChecksum.add(0, out, start, transport)));
        } else {
            out.setShort(start + 4, total - IPV6_HEADER);
        }
        int at = start + transport;
        int checksum;
        if (tcp) {
            out.setInt(at + TCP_SEQ, out.getInt(at + TCP_SEQ) + from);
            int flags = out.getUnsignedByte(at + TCP_FLAGS);
            if (n > 0) {
                flags &= ~TCP_FIRST_ONLY;
            }
            if (n < segments - 1) {
                flags &= ~TCP_LAST_ONLY;
            }
            out.setByte(at + TCP_FLAGS, flags);
            checksum = at + TCP_CHECKSUM;
        } else {
            out.setShort(at + UDP_LENGTH, total - transport);
            checksum = at + UDP_CHECKSUM;
        }
        out.setShort(checksum, 0);
        int segment = total - transport;
        long sum = segment + (tcp ? PROTOCOL_TCP : PROTOCOL_UDP);
        // The pseudo-header's addresses: RFC 9293 section 3.1, RFC 8200 section 8.1.
        sum = ipv4 ? InternetChecksum.add(sum, out, start + 12, 8) : InternetChecksum.add(sum, out, start + 8, 32);
        setChecksum(out, checksum, InternetChecksum.add(sum, out, at, segment));
    }

    private static void setChecksum(ByteBuf out, int index, long sum) {
        int checksum = InternetChecksum.finish(sum);
        out.setShort(index, checksum == 0 ? 0xffff : checksum);
    }
}
