package dev.culvert.stack.wire;

import io.netty.buffer.ByteBuf;

/**
 * The IPv4 header (RFC 791 section 3.1). Indices are absolute indices of the header in the buffer.
 *
 * <pre>
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  |Version|  IHL  |    DSCP   |ECN|          Total Length         |  0
 *  |         Identification        |Flags|      Fragment Offset    |  4
 *  |  Time to Live |    Protocol   |         Header Checksum       |  8
 *  |                         Source Address                        | 12
 *  |                      Destination Address                      | 16
 *  |                    Options (IHL * 4 - 20 bytes)               | 20
 *  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * </pre>
 */
public final class Ipv4 {
    /** Bytes of a header without options. */
    public static final int HEADER_LENGTH = 20;
    /** Bytes of the longest header: an IHL of 15. */
    public static final int MAX_HEADER_LENGTH = 60;
    /** The largest total length. */
    public static final int MAX_LENGTH = 65_535;

    /** Offset of the checksum field. */
    public static final int CHECKSUM = 10;
    /** Offset of the source address. */
    public static final int SOURCE = 12;
    /** Offset of the destination address. */
    public static final int DESTINATION = 16;

    /** Don't-fragment bit of the flags and offset word. */
    public static final int DONT_FRAGMENT = 0x4000;
    /** More-fragments bit of the flags and offset word. */
    public static final int MORE_FRAGMENTS = 0x2000;
    /** Mask of the offset in the flags and offset word, in units of 8 bytes. */
    public static final int OFFSET_MASK = 0x1fff;

    /** Time to live of what we send: the value that RFC 1122 section 3.2.1.7 and the assigned numbers recommend. */
    public static final int DEFAULT_TTL = 64;

    private Ipv4() {}

    /** The version nibble. */
    public static int version(ByteBuf buffer, int header) {
        return buffer.getUnsignedByte(header) >>> 4;
    }

    /** Header length in bytes, options included; 0 to 60 as sent, valid from 20. */
    public static int headerLength(ByteBuf buffer, int header) {
        return (buffer.getByte(header) & 0x0f) << 2;
    }

    /** The whole second octet: DSCP and ECN. */
    public static int trafficClass(ByteBuf buffer, int header) {
        return buffer.getUnsignedByte(header + 1);
    }

    /** The two ECN bits (RFC 3168 section 5). */
    public static int ecn(ByteBuf buffer, int header) {
        return buffer.getByte(header + 1) & 3;
    }

    /** Header and payload bytes. */
    public static int totalLength(ByteBuf buffer, int header) {
        return buffer.getUnsignedShort(header + 2);
    }

    /** The identification, 16 bits. */
    public static int identification(ByteBuf buffer, int header) {
        return buffer.getUnsignedShort(header + 4);
    }

    /** Flags and fragment offset as one 16-bit word. */
    public static int flagsAndOffset(ByteBuf buffer, int header) {
        return buffer.getUnsignedShort(header + 6);
    }

    /** Whether this is a fragment, be it the first. */
    public static boolean isFragment(ByteBuf buffer, int header) {
        return (flagsAndOffset(buffer, header) & (MORE_FRAGMENTS | OFFSET_MASK)) != 0;
    }

    /** The fragment's offset in bytes. */
    public static int fragmentOffset(ByteBuf buffer, int header) {
        return (flagsAndOffset(buffer, header) & OFFSET_MASK) << 3;
    }

    /** Whether more fragments follow. */
    public static boolean moreFragments(ByteBuf buffer, int header) {
        return (flagsAndOffset(buffer, header) & MORE_FRAGMENTS) != 0;
    }

    /** Time to live. */
    public static int ttl(ByteBuf buffer, int header) {
        return buffer.getUnsignedByte(header + 8);
    }

    /** The payload's protocol: one of {@link IpProtocol}. */
    public static int protocol(ByteBuf buffer, int header) {
        return buffer.getUnsignedByte(header + 9);
    }

    /** The header checksum. */
    public static int checksum(ByteBuf buffer, int header) {
        return buffer.getUnsignedShort(header + CHECKSUM);
    }

    /** Source address. */
    public static int source(ByteBuf buffer, int header) {
        return buffer.getInt(header + SOURCE);
    }

    /** Destination address. */
    public static int destination(ByteBuf buffer, int header) {
        return buffer.getInt(header + DESTINATION);
    }

    /** Whether the header checksum is right; the header must lie within the buffer. */
    public static boolean isChecksumValid(ByteBuf buffer, int header) {
        return Checksum.isValid(Checksum.sum(buffer, header, headerLength(buffer, header)));
    }

    /** Stores a time to live and the header checksum that goes with it. */
    public static void setTtl(ByteBuf buffer, int header, int ttl) {
        buffer.setByte(header + 8, ttl);
        setChecksum(buffer, header);
    }

    /** Computes and stores the header checksum. */
    public static void setChecksum(ByteBuf buffer, int header) {
        buffer.setShort(header + CHECKSUM, 0);
        buffer.setShort(header + CHECKSUM, Checksum.finish(Checksum.sum(buffer, header, headerLength(buffer, header))));
    }

    /**
     * Appends a header without options, its checksum complete. The sum is taken from the fields, so nothing is read back.
     *
     * @param trafficClass DSCP and ECN
     * @param totalLength header and payload bytes, at most {@link #MAX_LENGTH}
     * @param flagsAndOffset {@link #DONT_FRAGMENT}, {@link #MORE_FRAGMENTS} and the offset in units of 8 bytes
     */
    public static void write(
            ByteBuf out,
            int trafficClass,
            int totalLength,
            int identification,
            int flagsAndOffset,
            int ttl,
            int protocol,
            int source,
            int destination) {
        int first = 0x4500 | trafficClass & 0xff;
        int ttlAndProtocol = ttl << 8 | protocol;
        long sum = (long) first
                + totalLength
                + (identification & 0xffff)
                + flagsAndOffset
                + ttlAndProtocol
                + (source & 0xffff_ffffL)
                + (destination & 0xffff_ffffL);
        out.writeShort(first);
        out.writeShort(totalLength);
        out.writeShort(identification);
        out.writeShort(flagsAndOffset);
        out.writeShort(ttlAndProtocol);
        out.writeShort(Checksum.finish(sum));
        out.writeInt(source);
        out.writeInt(destination);
    }
}
