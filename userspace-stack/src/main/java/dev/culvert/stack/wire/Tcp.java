package dev.culvert.stack.wire;

import io.netty.buffer.ByteBuf;

/**
 * The TCP header (RFC 9293 section 3.1). Indices are absolute indices of the header in the buffer.
 *
 * <pre>
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  |          Source Port          |       Destination Port        |  0
 *  |                        Sequence Number                        |  4
 *  |                    Acknowledgment Number                      |  8
 *  | Offset| Rsrvd |C E U A P R S F|            Window             | 12
 *  |           Checksum            |         Urgent Pointer        | 16
 *  |                   Options (Offset * 4 - 20 bytes)             | 20
 *  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * </pre>
 */
public final class Tcp {
    /** Bytes of a header without options. */
    public static final int HEADER_LENGTH = 20;
    /** Bytes of the longest header: a data offset of 15. */
    public static final int MAX_HEADER_LENGTH = 60;
    /** Offset of the checksum field. */
    public static final int CHECKSUM = 16;

    /** No more data from the sender. */
    public static final int FIN = 0x01;
    /** Synchronise sequence numbers. */
    public static final int SYN = 0x02;
    /** Reset the connection. */
    public static final int RST = 0x04;
    /** Push. */
    public static final int PSH = 0x08;
    /** The acknowledgment field is significant. */
    public static final int ACK = 0x10;
    /** The urgent pointer is significant. */
    public static final int URG = 0x20;
    /** ECN echo (RFC 3168 section 6.1). */
    public static final int ECE = 0x40;
    /** Congestion window reduced (RFC 3168 section 6.1). */
    public static final int CWR = 0x80;

    private Tcp() {}

    /** Source port. */
    public static int sourcePort(ByteBuf buffer, int header) {
        return buffer.getUnsignedShort(header);
    }

    /** Destination port. */
    public static int destinationPort(ByteBuf buffer, int header) {
        return buffer.getUnsignedShort(header + 2);
    }

    /** Sequence number, modulo 2^32. */
    public static int sequence(ByteBuf buffer, int header) {
        return buffer.getInt(header + 4);
    }

    /** Acknowledgment number, modulo 2^32. */
    public static int acknowledgment(ByteBuf buffer, int header) {
        return buffer.getInt(header + 8);
    }

    /** Header length in bytes, options included; 0 to 60 as sent, valid from 20. */
    public static int headerLength(ByteBuf buffer, int header) {
        return buffer.getUnsignedByte(header + 12) >>> 4 << 2;
    }

    /** The eight flags. */
    public static int flags(ByteBuf buffer, int header) {
        return buffer.getUnsignedByte(header + 13);
    }

    /** The window field, not scaled. */
    public static int window(ByteBuf buffer, int header) {
        return buffer.getUnsignedShort(header + 14);
    }

    /** The checksum field. */
    public static int checksum(ByteBuf buffer, int header) {
        return buffer.getUnsignedShort(header + CHECKSUM);
    }

    /** The urgent pointer. */
    public static int urgentPointer(ByteBuf buffer, int header) {
        return buffer.getUnsignedShort(header + 18);
    }

    /** Stores the checksum field. */
    public static void setChecksum(ByteBuf buffer, int header, int checksum) {
        buffer.setShort(header + CHECKSUM, checksum);
    }

    /**
     * Appends the fixed header; options follow by the caller's hand.
     *
     * @param headerLength in bytes with options, a multiple of 4 from 20 to 60
     * @param window the field as sent, already scaled
     * @param checksum the whole checksum, or the folded pseudo-header sum if the device completes it
     */
    public static void write(
            ByteBuf out,
            int sourcePort,
            int destinationPort,
            int sequence,
            int acknowledgment,
            int headerLength,
            int flags,
            int window,
            int checksum) {
        out.writeShort(sourcePort);
        out.writeShort(destinationPort);
        out.writeInt(sequence);
        out.writeInt(acknowledgment);
        out.writeShort(headerLength >>> 2 << 12 | flags);
        out.writeShort(window);
        out.writeShort(checksum);
        out.writeShort(0);
    }
}
