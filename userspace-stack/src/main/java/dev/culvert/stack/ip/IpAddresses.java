package dev.culvert.stack.ip;

import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;

/** Addresses as two longs, IPv4 in the IPv4-mapped form: what they mean and how they become {@link InetAddress}es. */
public final class IpAddresses {
    private static final long V4_MAPPED = 0xffffL;

    private IpAddresses() {}

    /** The low long of an IPv4 address; its high long is 0. */
    public static long ofIpv4(int address) {
        return V4_MAPPED << 32 | address & 0xffff_ffffL;
    }

    /** Whether this is an IPv4 address. */
    public static boolean isIpv4(long high, long low) {
        return high == 0 && low >>> 32 == V4_MAPPED;
    }

    /** The high long of {@code address}. */
    public static long high(InetAddress address) {
        return address instanceof Inet4Address ? 0 : toLong(address.getAddress(), 0);
    }

    /** The low long of {@code address}. */
    public static long low(InetAddress address) {
        byte[] bytes = address.getAddress();
        if (bytes.length == 4) {
            return ofIpv4((bytes[0] & 0xff) << 24 | (bytes[1] & 0xff) << 16 | (bytes[2] & 0xff) << 8 | bytes[3] & 0xff);
        }
        return toLong(bytes, 8);
    }

    /** The address and port as the JDK has them. Allocates: once per flow, not per packet. */
    public static InetSocketAddress socketAddress(long high, long low, int port) {
        return new InetSocketAddress(inetAddress(high, low), port);
    }

    /** The address as the JDK has it; an IPv4-mapped one becomes an {@link Inet4Address}. */
    public static InetAddress inetAddress(long high, long low) {
        byte[] bytes;
        if (isIpv4(high, low)) {
            bytes = new byte[] {(byte) (low >>> 24), (byte) (low >>> 16), (byte) (low >>> 8), (byte) low};
        } else {
            bytes = new byte[16];
            for (int i = 0; i < 8; i++) {
                bytes[i] = (byte) (high >>> (56 - 8 * i));
                bytes[8 + i] = (byte) (low >>> (56 - 8 * i));
            }
        }
        try {
            return InetAddress.getByAddress(bytes);
        } catch (UnknownHostException e) {
            throw new IllegalStateException("an address of " + bytes.length + " bytes was refused", e);
        }
    }

    /** Multicast (RFC 5771, RFC 4291 section 2.7) or limited broadcast. */
    public static boolean isMulticastOrBroadcast(long high, long low) {
        if (isIpv4(high, low)) {
            int a = (int) low;
            return a >>> 28 == 0xe || a == -1;
        }
        return high >>> 56 == 0xff;
    }

    /**
     * Whether no packet may come from this address (RFC 1122 section 3.2.1.3, RFC 1812 section 5.3.7, RFC 4291 sections 2.5.2,
     * 2.5.3 and 2.7): "this network", loopback, multicast, the reserved class E with the broadcast address; unspecified,
     * loopback, multicast, IPv4-mapped.
     */
    public static boolean isImpossibleSource(long high, long low) {
        if (isIpv4(high, low)) {
            int first = (int) low >>> 24;
            return first == 0 || first == 127 || first >= 224;
        }
        return isImpossibleUnicastIpv6(high, low) || high >>> 56 == 0xff;
    }

    /** Whether no packet may leave a host for this address; multicast and broadcast are another matter. */
    public static boolean isImpossibleDestination(long high, long low) {
        if (isIpv4(high, low)) {
            int first = (int) low >>> 24;
            return first == 0 || first == 127;
        }
        return isImpossibleUnicastIpv6(high, low);
    }

    private static boolean isImpossibleUnicastIpv6(long high, long low) {
        return high == 0 && (low == 0 || low == 1);
    }

    private static long toLong(byte[] bytes, int from) {
        long value = 0;
        for (int i = from; i < from + 8; i++) {
            value = value << 8 | bytes[i] & 0xff;
        }
        return value;
    }
}
