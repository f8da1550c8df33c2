package dev.culvert.stack.tcp;

import dev.culvert.stack.wire.Tcp;
import io.netty.buffer.ByteBuf;

/**
 * The segment that is being processed: header fields and options, parsed once into an object that is used again for the
 * next segment. RFC field names.
 */
final class Segment {
    private static final int OPTION_END = 0;
    private static final int OPTION_NOP = 1;
    static final int OPTION_MSS = 2;
    static final int OPTION_WINDOW_SCALE = 3;
    static final int OPTION_SACK_PERMITTED = 4;
    static final int OPTION_SACK = 5;
    static final int OPTION_TIMESTAMPS = 8;
    /** RFC 7323 section 2.3: a larger shift is to be taken as 14. */
    private static final int MAX_WINDOW_SCALE = 14;
    /** What fits in 40 bytes of options. */
    private static final int MAX_SACK_BLOCKS = 4;

    int sequence;
    int acknowledgment;
    int flags;
    /** Not scaled. */
    int window;
    /** Index of the first payload byte in the packet, and how many there are. Trimmed as processing goes on. */
    int payload;

    int payloadLength;
    /** 0 if the option is absent. */
    int mss;
    /** -1 if the option is absent. */
    int windowScale;

    boolean sackPermitted;
    boolean timestamps;
    int timestampValue;
    int timestampEcho;
    int sackBlocks;
    final int[] sackLeft = new int[MAX_SACK_BLOCKS];
    final int[] sackRight = new int[MAX_SACK_BLOCKS];

    /**
     * Parses the {@code length} bytes at index {@code tcp} of {@code packet}.
     *
     * @return false if the header does not fit in them or an option runs over its end
     */
    boolean parse(ByteBuf packet, int tcp, int length) {
        if (length < Tcp.HEADER_LENGTH) {
            return false;
        }
        int header = Tcp.headerLength(packet, tcp);
        if (header < Tcp.HEADER_LENGTH || header > length) {
            return false;
        }
        sequence = Tcp.sequence(packet, tcp);
        acknowledgment = Tcp.acknowledgment(packet, tcp);
        flags = Tcp.flags(packet, tcp);
        window = Tcp.window(packet, tcp);
        payload = tcp + header;
        payloadLength = length - header;
        mss = 0;
        windowScale = -1;
        sackPermitted = false;
        timestamps = false;
        sackBlocks = 0;
        return header == Tcp.HEADER_LENGTH || parseOptions(packet, tcp + Tcp.HEADER_LENGTH, tcp + header);
    }

    private boolean parseOptions(ByteBuf packet, int from, int end) {
        int i = from;
        while (i < end) {
            int kind = packet.getByte(i);
            if (kind == OPTION_END) {
                return true;
            }
            if (kind == OPTION_NOP) {
                i++;
                continue;
            }
            if (i + 1 >= end) {
                return false;
            }
            int length = packet.getUnsignedByte(i + 1);
            if (length < 2 || i + length > end) {
                return false;
            }
            option(packet, kind, i, length);
            i += length;
        }
        return true;
    }

    /** An option of the wrong length is ignored like an unknown one (RFC 9293 section 3.1, MUST-6 and MUST-7). */
    private void option(ByteBuf packet, int kind, int i, int length) {
        switch (kind) {
            case OPTION_MSS -> {
                if (length == 4) {
                    mss = packet.getUnsignedShort(i + 2);
                }
            }
            case OPTION_WINDOW_SCALE -> {
                if (length == 3) {
                    windowScale = Math.min(packet.getUnsignedByte(i + 2), MAX_WINDOW_SCALE);
                }
            }
            case OPTION_SACK_PERMITTED -> sackPermitted |= length == 2;
            case OPTION_TIMESTAMPS -> {
                if (length == 10) {
                    timestamps = true;
                    timestampValue = packet.getInt(i + 2);
                    timestampEcho = packet.getInt(i + 6);
                }
            }
            case OPTION_SACK -> {
                if ((length - 2) % 8 == 0) {
                    sackBlocks = Math.min((length - 2) / 8, MAX_SACK_BLOCKS);
                    for (int block = 0; block < sackBlocks; block++) {
                        sackLeft[block] = packet.getInt(i + 2 + 8 * block);
                        sackRight[block] = packet.getInt(i + 6 + 8 * block);
                    }
                }
            }
            default -> {
                // Unknown options are skipped.
            }
        }
    }

    boolean has(int flag) {
        return (flags & flag) != 0;
    }

    /** SEG.LEN of RFC 9293: payload, and one for each of SYN and FIN. */
    int length() {
        return payloadLength + (has(Tcp.SYN) ? 1 : 0) + (has(Tcp.FIN) ? 1 : 0);
    }

    /** Drops {@code bytes} of payload from the front; the sequence number moves along. */
    void trimFront(int bytes) {
        sequence += bytes;
        payload += bytes;
        payloadLength -= bytes;
    }
}
