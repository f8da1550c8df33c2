package dev.culvert.stack.wire;

import io.netty.buffer.ByteBuf;

/**
 * The UDP header (RFC 768). Indices are absolute indices of the header in the buffer.
 *
 * <pre>
 *  0      2      4      6      8
 *  +------+------+------+------+
 *  |source|dest. |length|check-|
 *  | port | port |      | sum  |
 *  +------+------+------+------+
 * </pre>
 */
public final class Udp {
    /** Bytes of the header. */
    public static final int HEADER_LENGTH = 8;
    /** Offset of the checksum field. */
    public static final int CHECKSUM = 6;

    private Udp() {}

    /** Source port; 0 means that no answer is wanted. */
    public static int sourcePort(ByteBuf buffer, int header) {
        return buffer.getUnsignedShort(header);
    }

    /** Destination port. */
    public static int destinationPort(ByteBuf buffer, int header) {
        return buffer.getUnsignedShort(header + 2);
    }

    /** Header and payload bytes as the header claims. */
    public static int length(ByteBuf buffer, int header) {
        return buffer.getUnsignedShort(header + 4);
    }

    /** The checksum; 0 means none over IPv4 and is forbidden over IPv6 (RFC 8200 section 8.1). */
    public static int checksum(ByteBuf buffer, int header) {
        return buffer.getUnsignedShort(header + CHECKSUM);
    }

    /** Appends a header; {@code length} counts header and payload bytes. */
    public static void write(ByteBuf out, int sourcePort, int destinationPort, int length, int checksum) {
        out.writeShort(sourcePort);
        out.writeShort(destinationPort);
        out.writeShort(length);
        out.writeShort(checksum);
    }
}
