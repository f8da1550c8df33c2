package dev.culvert.tun.device;

import io.netty.buffer.ByteBuf;

/** The Internet checksum (RFC 1071) over buffers, in pieces. Sums are unfolded and non-negative. */
public final class InternetChecksum {
    private static final long LOW_32 = 0xffff_ffffL;

    private InternetChecksum() {}

    /**
     * Adds {@code length} bytes from {@code index} to a sum; pieces other than the last must be of even
     * length. An odd last byte counts as the high byte of a word (RFC 1071 section 4.1).
     */
    public static long add(long sum, ByteBuf buffer, int index, int length) {
        int i = index;
        int end = index + length;
        // Two 32-bit halves in a 64-bit sum: RFC 1071 section 2(C), with room for 2^31 additions.
        for (; end - i >= Long.BYTES; i += Long.BYTES) {
            long word = buffer.getLong(i);
            sum += (word >>> 32) + (word & LOW_32);
        }
        for (; end - i >= Short.BYTES; i += Short.BYTES) {
            sum += buffer.getUnsignedShort(i);
        }
        if (i < end) {
            sum += (long) buffer.getUnsignedByte(i) << 8;
        }
        return sum;
    }

    /** Folds a sum to 16 bits, uninverted. */
    static int fold(long sum) {
        while (sum >>> 16 != 0) {
            sum = (sum & 0xffff) + (sum >>> 16);
        }
        return (int) sum;
    }

    /** Folds and inverts a sum: what goes into a checksum field. */
    public static int finish(long sum) {
        return ~fold(sum) & 0xffff;
    }
}
