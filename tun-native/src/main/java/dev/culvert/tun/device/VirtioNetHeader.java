package dev.culvert.tun.device;

import io.netty.buffer.ByteBuf;
import java.nio.ByteOrder;

/**
 * The header before every packet of a {@link TunChannel}: {@code struct virtio_net_hdr} (virtio 1.2
 * section 5.1.6), in host byte order, offsets counted from the first byte of the IP header.
 *
 * <pre>
 *  0        1          2          4          6            8             10
 *  +--------+----------+----------+----------+------------+-------------+
 *  | flags  | gso_type | hdr_len  | gso_size | csum_start | csum_offset |
 *  +--------+----------+----------+----------+------------+-------------+
 * </pre>
 *
 * Read {@code hdr_len} as a hint only: kernels have been known to get it wrong.
 */
public final class VirtioNetHeader {
    /** Bytes of the header. */
    public static final int LENGTH = 10;

    static final int FLAGS = 0;
    static final int GSO_TYPE = 1;
    static final int HDR_LEN = 2;
    static final int GSO_SIZE = 4;
    static final int CSUM_START = 6;
    static final int CSUM_OFFSET = 8;

    /** Flag: the transport checksum field holds the folded pseudo-header sum and must be completed. */
    public static final int NEEDS_CSUM = 1;

    /** Flag: the transport checksum has been verified. */
    public static final int DATA_VALID = 2;

    /** Type: one ordinary packet. */
    public static final int GSO_NONE = 0;

    /** Type: a TCP over IPv4 super-packet of segments of {@code gso_size} payload bytes. */
    public static final int GSO_TCPV4 = 1;

    /** Type: a TCP over IPv6 super-packet. */
    public static final int GSO_TCPV6 = 4;

    /** Type: a UDP super-packet of datagrams of {@code gso_size} bytes. */
    public static final int GSO_UDP_L4 = 5;

    /** Bit beside a TCP type: the first segment has CWR set. */
    public static final int GSO_ECN = 0x80;

    private static final boolean LITTLE = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;

    private VirtioNetHeader() {}

    /** Flags of the header at {@code index}. */
    public static int flags(ByteBuf buffer, int index) {
        return buffer.getUnsignedByte(index + FLAGS);
    }

    /** GSO type with the ECN bit of the header at {@code index}. */
    public static int gsoType(ByteBuf buffer, int index) {
        return buffer.getUnsignedByte(index + GSO_TYPE);
    }

    /** Payload bytes per segment of the header at {@code index}. */
    public static int gsoSize(ByteBuf buffer, int index) {
        return u16(buffer, index + GSO_SIZE);
    }

    /** Bytes of headers to repeat before each segment, as the sender believed. */
    public static int hdrLen(ByteBuf buffer, int index) {
        return u16(buffer, index + HDR_LEN);
    }

    /** Where the sum starts, from the first byte of the IP header. */
    public static int csumStart(ByteBuf buffer, int index) {
        return u16(buffer, index + CSUM_START);
    }

    /** Where the sum goes, from {@code csum_start}. */
    public static int csumOffset(ByteBuf buffer, int index) {
        return u16(buffer, index + CSUM_OFFSET);
    }

    /** Appends a header; every value is cut to its field. */
    public static void write(
            ByteBuf buffer, int flags, int gsoType, int hdrLen, int gsoSize, int csumStart, int csumOffset) {
        buffer.writeByte(flags);
        buffer.writeByte(gsoType);
        writeU16(buffer, hdrLen);
        writeU16(buffer, gsoSize);
        writeU16(buffer, csumStart);
        writeU16(buffer, csumOffset);
    }

    /** Appends the header of an ordinary, finished packet: ten zero bytes. */
    public static void writeNone(ByteBuf buffer) {
        buffer.writeZero(LENGTH);
    }

    private static int u16(ByteBuf buffer, int index) {
        return LITTLE ? buffer.getUnsignedShortLE(index) : buffer.getUnsignedShort(index);
    }

    private static void writeU16(ByteBuf buffer, int value) {
        if (LITTLE) {
            buffer.writeShortLE(value);
        } else {
            buffer.writeShort(value);
        }
    }
}
