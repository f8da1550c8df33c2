package dev.culvert.client.up;

import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;

/**
 * The stack's own addresses, as the first router on every path through the tunnel: what traceroute shows as hop 1. Each is
 * the other host of the /30 (in IPv6 the /126) that the interface's own address lies in, as on a link between two routers.
 */
record RouterAddresses(Inet4Address ipv4, Inet6Address ipv6) {
    /** Turns the first host of a /30 into the second, and the second into the first. */
    private static final int OTHER_HOST = 3;

    static RouterAddresses of(InetAddress own4, InetAddress own6) {
        return new RouterAddresses((Inet4Address) other(own4), (Inet6Address) other(own6));
    }

    private static InetAddress other(InetAddress own) {
        byte[] bytes = own.getAddress();
        bytes[bytes.length - 1] ^= OTHER_HOST;
        try {
            return InetAddress.getByAddress(bytes);
        } catch (UnknownHostException e) {
            throw new IllegalStateException("an address of 4 or 16 bytes", e);
        }
    }
}
