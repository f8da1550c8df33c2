package dev.culvert.stack.wire;

import io.netty.buffer.ByteBuf;

/**
 * The IPv6 header and its fragment header (RFC 8200 sections 3 and 4.5). Indices are absolute indices of the header in the
 * buffer.
 *
 * <pre>
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  |Version| Traffic Class |           Flow Label                  |  0
 *  |         Payload Length        |  Next Header  |   Hop Limit   |  4
 *  |                     Source Address (16 bytes)                 |  8
 *  |                  Destination Address (16 bytes)               | 24
 *  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 *  fragment header:
 *  |  Next Header  |   Reserved    |      Fragment Offset    |Res|M|  0
 *  |                         Identification                        |  4
 * </pre>
 */
public final class Ipv6 {
    /** Bytes of the fixed header. */
    public static final int HEADER_LENGTH = 40;
    /** Bytes of the fragment header. */
    public static final int FRAGMENT_HEADER_LENGTH = 8;
    /** Bytes of an address. */
    public static final int ADDRESS_LENGTH = 16;
    /** The least MTU of a link, which an ICMPv6 error may not exceed (RFC 8200 section 5, RFC 4443 section 2.4 (c)). */
    public static final int MIN_MTU = 1280;

    /** Offset of the source address. */
    public static final int SOURCE = 8;
    /** Offset of the destination address. */
    public static final int DESTINATION = 24;

    /** Hop limit of what we send (RFC 4861 section 6.2.1 default, IANA's recommended value). */
    public static final int DEFAULT_HOP_LIMIT = 64;

    private Ipv6() {}

    /** The version nibble. */
    public static int version(ByteBuf buffer, int header) {
        return buffer.getUnsignedByte(header) >>> 4;
    }

    /** The traffic class: DSCP and ECN. */
    public static int trafficClass(ByteBuf buffer, int header) {
        return buffer.getUnsignedShort(header) >>> 4 & 0xff;
    }

    /** The two ECN bits (RFC 3168 section 5). */
    public static int ecn(ByteBuf buffer, int header) {
        return buffer.getUnsignedByte(header + 1) >>> 4 & 3;
    }

    /** The flow label, 20 bits. */
    public static int flowLabel(ByteBuf buffer, int header) {
        return buffer.getInt(header) & 0xf_ffff;
    }

    /** Bytes after the fixed header, extension headers included. */
    public static int payloadLength(ByteBuf buffer, int header) {
        return buffer.getUnsignedShort(header + 4);
    }

    /** The type of what follows the fixed header: one of {@link IpProtocol}. */
    public static int nextHeader(ByteBuf buffer, int header) {
        return buffer.getUnsignedByte(header + 6);
    }

    /** Hop limit. */
    public static int hopLimit(ByteBuf buffer, int header) {
        return buffer.getUnsignedByte(header + 7);
    }

    /** Stores a hop limit. */
    public static void setHopLimit(ByteBuf buffer, int header, int hopLimit) {
        buffer.setByte(header + 7, hopLimit);
    }

    /** First half of the source address. */
    public static long sourceHigh(ByteBuf buffer, int header) {
        return buffer.getLong(header + SOURCE);
    }

    /** Second half of the source address. */
    public static long sourceLow(ByteBuf buffer, int header) {
        return buffer.getLong(header + SOURCE + 8);
    }

    /** First half of the destination address. */
    public static long destinationHigh(ByteBuf buffer, int header) {
        return buffer.getLong(header + DESTINATION);
    }

    /** Second half of the destination address. */
    public static long destinationLow(ByteBuf buffer, int header) {
        return buffer.getLong(header + DESTINATION + 8);
    }

    /**
     * Appends a fixed header.
     *
     * @param trafficClass DSCP and ECN
     * @param payloadLength bytes after this header, at most 65,535
     */
    public static void write(
            ByteBuf out,
            int trafficClass,
            int flowLabel,
            int payloadLength,
            int nextHeader,
            int hopLimit,
            long sourceHigh,
            long sourceLow,
            long destinationHigh,
            long destinationLow) {
        out.writeInt(6 << 28 | (trafficClass & 0xff) << 20 | flowLabel & 0xf_ffff);
        out.writeShort(payloadLength);
        out.writeByte(nextHeader);
        out.writeByte(hopLimit);
        out.writeLong(sourceHigh);
        out.writeLong(sourceLow);
        out.writeLong(destinationHigh);
        out.writeLong(destinationLow);
    }

    /** The type of what the fragment header at {@code fragment} precedes. */
    public static int fragmentNextHeader(ByteBuf buffer, int fragment) {
        return buffer.getUnsignedByte(fragment);
    }

    /** The fragment's offset in bytes. */
    public static int fragmentOffset(ByteBuf buffer, int fragment) {
        return buffer.getUnsignedShort(fragment + 2) & 0xfff8;
    }

    /** Whether more fragments follow. */
    public static boolean moreFragments(ByteBuf buffer, int fragment) {
        return (buffer.getByte(fragment + 3) & 1) != 0;
    }

    /** The fragment's identification, 32 bits. */
    public static int fragmentIdentification(ByteBuf buffer, int fragment) {
        return buffer.getInt(fragment + 4);
    }

    /**
     * Appends a fragment header.
     *
     * @param offset in bytes, a multiple of 8
     */
    public static void writeFragmentHeader(
            ByteBuf out, int nextHeader, int offset, boolean moreFragments, int identification) {
        out.writeByte(nextHeader);
        out.writeByte(0);
        out.writeShort(offset | (moreFragments ? 1 : 0));
        out.writeInt(identification);
    }
}
