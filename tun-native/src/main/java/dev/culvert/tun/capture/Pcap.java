package dev.culvert.tun.capture;

import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The file format of libpcap, version 2.4 (pcap-savefile(5)), with times in microseconds and packets that begin with their IP header
 * (LINKTYPE_RAW). In the order of this machine's bytes, which the magic number tells.
 */
public final class Pcap {
    /** All of any packet, super-packets too; what tcpdump takes, and the most that Wireshark does. */
    public static final int MAX_SNAP_LENGTH = 262_144;

    /** An IP header, and the beginning of what follows. */
    public static final int MIN_SNAP_LENGTH = 64;

    private static final int MAGIC_MICROSECONDS = 0xa1b2c3d4;
    private static final short MAJOR = 2;
    private static final short MINOR = 4;
    private static final int LINKTYPE_RAW = 101;
    private static final int HEADER = 24;
    static final int RECORD_HEADER = 16;

    private static final long MICROS = 1_000_000;

    private Pcap() {}

    /** How a file begins. */
    public static byte[] header(int snapLength) {
        return ByteBuffer.allocate(HEADER)
                .order(ByteOrder.nativeOrder())
                .putInt(MAGIC_MICROSECONDS)
                .putShort(MAJOR)
                .putShort(MINOR)
                .putInt(0) // UTC
                .putInt(0)
                .putInt(snapLength)
                .putInt(LINKTYPE_RAW)
                .array();
    }

    /**
     * A packet as a file has it.
     *
     * @param epochMicros when it passed, in microseconds since 1970
     * @param snapLength bytes that are kept of it
     */
    static byte[] record(long epochMicros, ByteBuf from, int index, int length, int snapLength) {
        int kept = Math.min(length, snapLength);
        byte[] record = new byte[RECORD_HEADER + kept];
        ByteBuffer.wrap(record)
                .order(ByteOrder.nativeOrder())
                .putInt((int) (epochMicros / MICROS)) // unsigned: until 2106
                .putInt((int) (epochMicros % MICROS))
                .putInt(kept)
                .putInt(length);
        from.getBytes(index, record, RECORD_HEADER, kept);
        return record;
    }
}
