package dev.culvert.stack.wire;

import io.netty.buffer.ByteBuf;

/**
 * The header that ICMPv4 (RFC 792) and ICMPv6 (RFC 4443 section 2.1) share, and the types and codes that a stack needs.
 * Indices are absolute indices of the ICMP header in the buffer.
 *
 * <pre>
 *  0      1      2             4                           8
 *  +------+------+-------------+---------------------------+
 *  | type | code |  checksum   | rest: id+sequence (echo), |
 *  |      |      |             | 0+MTU, pointer (errors)   |
 *  +------+------+-------------+---------------------------+
 * </pre>
 */
public final class Icmp {
    /** Bytes of the header, the type-specific word included. */
    public static final int HEADER_LENGTH = 8;
    /** Offset of the checksum field. */
    public static final int CHECKSUM = 2;

    /** ICMPv4: echo reply. */
    public static final int V4_ECHO_REPLY = 0;
    /** ICMPv4: destination unreachable. */
    public static final int V4_UNREACHABLE = 3;
    /** ICMPv4: source quench, deprecated by RFC 6633. */
    public static final int V4_SOURCE_QUENCH = 4;
    /** ICMPv4: redirect. */
    public static final int V4_REDIRECT = 5;
    /** ICMPv4: echo request. */
    public static final int V4_ECHO_REQUEST = 8;
    /** ICMPv4: time exceeded. */
    public static final int V4_TIME_EXCEEDED = 11;
    /** ICMPv4: parameter problem. */
    public static final int V4_PARAMETER_PROBLEM = 12;

    /** ICMPv4 unreachable: protocol. */
    public static final int V4_CODE_PROTOCOL = 2;
    /** ICMPv4 unreachable: port. */
    public static final int V4_CODE_PORT = 3;
    /** ICMPv4 unreachable: fragmentation needed and DF set (RFC 1191). */
    public static final int V4_CODE_FRAGMENTATION_NEEDED = 4;
    /** Time exceeded, both versions: in transit. */
    public static final int CODE_HOP_LIMIT = 0;
    /** Time exceeded, both versions: fragment reassembly. */
    public static final int CODE_REASSEMBLY = 1;

    /** ICMPv6: destination unreachable. */
    public static final int V6_UNREACHABLE = 1;
    /** ICMPv6: packet too big. */
    public static final int V6_PACKET_TOO_BIG = 2;
    /** ICMPv6: time exceeded. */
    public static final int V6_TIME_EXCEEDED = 3;
    /** ICMPv6: parameter problem. */
    public static final int V6_PARAMETER_PROBLEM = 4;
    /** ICMPv6: echo request. */
    public static final int V6_ECHO_REQUEST = 128;
    /** ICMPv6: echo reply. */
    public static final int V6_ECHO_REPLY = 129;

    /** ICMPv6 parameter problem: erroneous header field. */
    public static final int V6_CODE_HEADER_FIELD = 0;
    /** ICMPv6 parameter problem: unrecognised next header type. */
    public static final int V6_CODE_NEXT_HEADER = 1;
    /** ICMPv6 parameter problem: unrecognised IPv6 option. */
    public static final int V6_CODE_OPTION = 2;
    /** ICMPv6 parameter problem: first fragment without the whole header chain (RFC 7112). */
    public static final int V6_CODE_HEADER_CHAIN = 3;
    /** ICMPv6 unreachable: port. */
    public static final int V6_CODE_PORT = 4;

    private Icmp() {}

    /** The type. */
    public static int type(ByteBuf buffer, int header) {
        return buffer.getUnsignedByte(header);
    }

    /** The code. */
    public static int code(ByteBuf buffer, int header) {
        return buffer.getUnsignedByte(header + 1);
    }

    /** The checksum field. */
    public static int checksum(ByteBuf buffer, int header) {
        return buffer.getUnsignedShort(header + CHECKSUM);
    }

    /** The type-specific word: pointer, MTU, or unused. */
    public static int rest(ByteBuf buffer, int header) {
        return buffer.getInt(header + 4);
    }

    /** An echo message's identifier. */
    public static int identifier(ByteBuf buffer, int header) {
        return buffer.getUnsignedShort(header + 4);
    }

    /** An echo message's sequence number. */
    public static int sequence(ByteBuf buffer, int header) {
        return buffer.getUnsignedShort(header + 6);
    }

    /**
     * Whether an ICMPv4 type is an error, about which no error may be sent (RFC 1122 section 3.2.2). Types that nobody has
     * assigned count as errors: silence is the safe side.
     */
    public static boolean isV4Error(int type) {
        return switch (type) {
            case V4_ECHO_REPLY, V4_ECHO_REQUEST, 9, 10, 13, 14, 15, 16, 17, 18 -> false;
            default -> true;
        };
    }

    /** Whether an ICMPv6 type is an error: the high bit is clear (RFC 4443 section 2.1). */
    public static boolean isV6Error(int type) {
        return type < 128;
    }

    /** Appends a header with checksum 0. */
    public static void write(ByteBuf out, int type, int code, int rest) {
        out.writeByte(type);
        out.writeByte(code);
        out.writeShort(0);
        out.writeInt(rest);
    }
}
