package dev.culvert.gateway.limit;

import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.util.Comparator;

/**
 * A network that visitors and strangers come from, by which they are counted: who has one address of it may have all. What is handed
 * out to one customer is an IPv4 address, or an IPv6 /64, /56 or /48 (RFC 6177); so each address counts at three levels.
 *
 * @param prefix the network's first bits, the rest 0
 * @param length how many bits count
 * @param isIpv4 whether it is an IPv4 network
 */
public record Network(long prefix, int length, boolean isIpv4) implements Comparable<Network> {
    /** Who has a large network chooses the bits that are hashed: those of one hash are found by this order. */
    private static final Comparator<Network> ORDER = Comparator.comparingLong(Network::prefix)
            .thenComparingInt(Network::length)
            .thenComparing(Network::isIpv4);

    /** How many levels an address counts at, from narrow to wide. */
    public static final int LEVELS = 3;

    private static final int[] IPV4 = {32, 28, 24};
    private static final int[] IPV6 = {64, 56, 48};

    /** The network of an address at a level, 0 the narrowest. */
    public static Network of(InetAddress address, int level) {
        byte[] b = address.getAddress();
        boolean v4 = b.length == 4;
        long bits = v4
                ? (long) ByteBuffer.wrap(b).getInt() << 32
                : ByteBuffer.wrap(b).getLong();
        int length = (v4 ? IPV4 : IPV6)[level];
        return new Network(bits & -1L << 64 - length, length, v4);
    }

    @Override
    public int compareTo(Network other) {
        return ORDER.compare(this, other);
    }
}
