package dev.culvert.stack.wire;

import io.netty.buffer.ByteBuf;

/**
 * The internet checksum (RFC 1071): the ones-complement of the ones-complement sum of 16-bit words.
 *
 * <p>A sum in progress is a {@code long} that stands for its value modulo 2^16 - 1. Sums of parts are joined with {@link #add}
 * (never with a plain {@code +}, which could lose the carry); a part that starts at an odd offset of the whole is put
 * through {@link #swap} first. Because 2^16, 2^32 and 2^64 are all 1 modulo 2^16 - 1, words of 8 bytes may be summed and
 * folded in the end (RFC 1071 section 2 (C)).
 */
public final class Checksum {
    private Checksum() {}

    /** The sum of {@code length} bytes, big-endian; an odd last byte is padded with zero on the right. */
    public static long sum(ByteBuf buffer, int index, int length) {
        int i = index;
        int left = length;
        long sum = 0;
        while (left >= 8) {
            sum = add(sum, buffer.getLong(i));
            i += 8;
            left -= 8;
        }
        long tail = 0;
        if ((left & 4) != 0) {
            tail = buffer.getUnsignedInt(i);
            i += 4;
        }
        if ((left & 2) != 0) {
            tail += buffer.getUnsignedShort(i);
            i += 2;
        }
        if ((left & 1) != 0) {
            tail += buffer.getUnsignedByte(i) << 8;
        }
        return add(sum, tail);
    }

    /** Ones-complement addition of 64-bit words: the carry out of the top comes back at the bottom. */
    public static long add(long a, long b) {
        long sum = a + b;
        return Long.compareUnsigned(sum, a) < 0 ? sum + 1 : sum;
    }

    /** The folded sum, 0 to 0xffff, not inverted: what a {@code NEEDS_CSUM} checksum field holds. */
    public static int fold(long sum) {
        long s = (sum >>> 32) + (sum & 0xffff_ffffL);
        s = (s >>> 16) + (s & 0xffff);
        s = (s >>> 16) + (s & 0xffff);
        s = (s >>> 16) + (s & 0xffff);
        return (int) s;
    }

    /** The value of a checksum field: the inverse of the folded sum. */
    public static int finish(long sum) {
        return ~fold(sum) & 0xffff;
    }

    /** The sum of the same bytes had they started at an offset of the other parity (RFC 1071 section 2 (B)). */
    public static long swap(long sum) {
        int folded = fold(sum);
        return (folded << 8 | folded >>> 8) & 0xffff;
    }

    /** Whether a sum that covered its own checksum field is right: all ones. */
    public static boolean isValid(long sum) {
        return fold(sum) == 0xffff;
    }

    /** The sum of the IPv4 pseudo-header (RFC 9293 section 3.1, RFC 768). Addresses as the header holds them. */
    public static long pseudoHeader(int source, int destination, int protocol, int length) {
        return (source & 0xffff_ffffL) + (destination & 0xffff_ffffL) + protocol + length;
    }

    /** The sum of the IPv6 pseudo-header (RFC 8200 section 8.1). Addresses as two big-endian longs each. */
    public static long pseudoHeader(
            long sourceHigh, long sourceLow, long destinationHigh, long destinationLow, int nextHeader, int length) {
        long sum = add(add(sourceHigh, sourceLow), add(destinationHigh, destinationLow));
        return add(sum, (long) nextHeader + length);
    }

    /** The pseudo-header's sum of an IPv4 packet, read from its header. */
    public static long pseudoHeaderOfIpv4(ByteBuf buffer, int header, int protocol, int length) {
        return pseudoHeader(Ipv4.source(buffer, header), Ipv4.destination(buffer, header), protocol, length);
    }

    /** The pseudo-header's sum of an IPv6 packet, read from its header. */
    public static long pseudoHeaderOfIpv6(ByteBuf buffer, int header, int nextHeader, int length) {
        return add(
                sum(buffer, header + Ipv6.SOURCE, 2 * Ipv6.ADDRESS_LENGTH),
                (long) nextHeader + (length & 0xffff_ffffL));
    }

    /**
     * A checksum field after one 16-bit word under it has changed (RFC 1624 equation 3: HC' = ~(~HC + ~m + m')).
     *
     * @param checksum the field so far
     * @param oldWord the word that was summed
     * @param newWord the word in its place
     */
    public static int update(int checksum, int oldWord, int newWord) {
        return finish((~checksum & 0xffffL) + (~oldWord & 0xffffL) + (newWord & 0xffffL));
    }
}
