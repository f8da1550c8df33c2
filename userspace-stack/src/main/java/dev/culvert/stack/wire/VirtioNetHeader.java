package dev.culvert.stack.wire;

import io.netty.buffer.ByteBuf;
import java.nio.ByteOrder;

/**
 * The header that a device with offloads puts before each packet, both ways (virtio specification 1.2, section 5.1.6; legacy
 * layout without {@code num_buffers}). Its 16-bit fields are in the byte order of the host, unlike all that follows.
 *
 * <pre>
 *  0        1        2        4        6           8            10
 *  +--------+--------+--------+--------+-----------+------------+
 *  | flags  |gso_type|hdr_len |gso_size|csum_start |csum_offset |
 *  +--------+--------+--------+--------+-----------+------------+
 * </pre>
 */
public final class VirtioNetHeader {
    /** Bytes that the header takes. */
    public static final int LENGTH = 10;

    /** Flag: the checksum field holds the pseudo-header's sum and the rest is still to be added. */
    public static final int NEEDS_CSUM = 1;
    /** Flag: the device has verified the checksum. */
    public static final int DATA_VALID = 2;

    /** An ordinary packet. */
    public static final int GSO_NONE = 0;
    /** A TCP super-segment over IPv4. */
    public static final int GSO_TCPV4 = 1;
    /** The obsolete UDP fragmentation offload: one datagram that the device would cut into IP fragments. */
    public static final int GSO_UDP = 3;
    /** A TCP super-segment over IPv6. */
    public static final int GSO_TCPV6 = 4;
    /** Many UDP datagrams of {@code gso_size} bytes (the last may be shorter) behind one header. */
    public static final int GSO_UDP_L4 = 5;
    /** Modifier of the type: the stream uses ECN, and CWR is to be on the first segment only. */
    public static final int GSO_ECN = 0x80;

    private static final int FLAGS = 0;
    private static final int GSO_TYPE = 1;
    private static final int HDR_LEN = 2;
    private static final int GSO_SIZE = 4;
    private static final int CSUM_START = 6;
    private static final int CSUM_OFFSET = 8;

    private static final boolean LITTLE_ENDIAN = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;

    private VirtioNetHeader() {}

    /** The flags of the header at {@code index}. */
    public static int flags(ByteBuf buffer, int index) {
        return buffer.getUnsignedByte(index + FLAGS);
    }

    /** The kind of segmentation, including {@link #GSO_ECN}. */
    public static int gsoType(ByteBuf buffer, int index) {
        return buffer.getUnsignedByte(index + GSO_TYPE);
    }

    /** Bytes of IP and transport headers, as the sender believes: a hint that is not to be trusted. */
    public static int hdrLen(ByteBuf buffer, int index) {
        return getHostShort(buffer, index + HDR_LEN);
    }

    /** Payload bytes of each segment that the packet stands for. */
    public static int gsoSize(ByteBuf buffer, int index) {
        return getHostShort(buffer, index + GSO_SIZE);
    }

    /** Where the checksum's coverage begins, in bytes from the IP header. */
    public static int csumStart(ByteBuf buffer, int index) {
        return getHostShort(buffer, index + CSUM_START);
    }

    /** Where the checksum field lies, in bytes from {@link #csumStart}. */
    public static int csumOffset(ByteBuf buffer, int index) {
        return getHostShort(buffer, index + CSUM_OFFSET);
    }

    /** Whether the transport checksum needs no verification: the packet never was on a wire, or the device has checked it. */
    public static boolean isChecksumTrusted(ByteBuf buffer, int index) {
        return (flags(buffer, index) & (NEEDS_CSUM | DATA_VALID)) != 0;
    }

    /** Appends the header of an ordinary packet whose checksums are complete. */
    public static void writeComplete(ByteBuf out) {
        out.writeZero(LENGTH);
    }

    /** Appends the header of an ordinary packet whose transport checksum the device completes. */
    public static void writePartialChecksum(ByteBuf out, int csumStart, int csumOffset) {
        writeSegmented(out, GSO_NONE, 0, 0, csumStart, csumOffset);
    }

    /**
     * Appends the header of a packet that the device cuts into segments; its transport checksum is partial too.
     *
     * @param gsoType one of the {@code GSO_} constants
     * @param hdrLen bytes of IP and transport headers together
     * @param gsoSize payload bytes of each segment
     */
    public static void writeSegmented(
            ByteBuf out, int gsoType, int hdrLen, int gsoSize, int csumStart, int csumOffset) {
        out.writeByte(NEEDS_CSUM);
        out.writeByte(gsoType);
        writeHostShort(out, hdrLen);
        writeHostShort(out, gsoSize);
        writeHostShort(out, csumStart);
        writeHostShort(out, csumOffset);
    }

    private static int getHostShort(ByteBuf buffer, int index) {
        return LITTLE_ENDIAN ? buffer.getUnsignedShortLE(index) : buffer.getUnsignedShort(index);
    }

    private static void writeHostShort(ByteBuf out, int value) {
        if (LITTLE_ENDIAN) {
            out.writeShortLE(value);
        } else {
            out.writeShort(value);
        }
    }
}
