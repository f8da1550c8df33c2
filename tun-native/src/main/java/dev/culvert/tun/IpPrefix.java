package dev.culvert.tun;

import io.netty.util.NetUtil;
import java.net.InetAddress;
import java.net.UnknownHostException;

/**
 * A network in CIDR form.
 *
 * @param address its first address; the bits behind the prefix must be zero
 * @param length prefix length in bits, 0 to 32 (IPv4) or 128 (IPv6)
 */
public record IpPrefix(InetAddress address, int length) {
    /** Checks the bounds given above; throws {@link IllegalArgumentException}. A scope id is left out. */
    public IpPrefix {
        address = withoutScope(address);
        requireLength(address, length);
        byte[] bytes = address.getAddress();
        for (int bit = length; bit < bytes.length * 8; bit++) {
            if ((bytes[bit / 8] & (0x80 >>> (bit % 8))) != 0) {
                throw new IllegalArgumentException("network " + address.getHostAddress() + "/" + length
                        + " has bits set behind its prefix; give the first address of the network");
            }
        }
    }

    /** The prefix of one address. */
    public static IpPrefix host(InetAddress address) {
        return new IpPrefix(address, address.getAddress().length * 8);
    }

    static void requireLength(InetAddress address, int length) {
        int bits = address.getAddress().length * 8;
        if (length < 0 || length > bits) {
            throw new IllegalArgumentException(
                    "prefix length of " + address.getHostAddress() + "/" + length + " must be from 0 to " + bits);
        }
    }

    static InetAddress withoutScope(InetAddress address) {
        try {
            return InetAddress.getByAddress(address.getAddress());
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException("address " + address + " has an impossible length", e);
        }
    }

    /** Parses {@code default}, an address, or {@code address/length}, as {@code ip} prints them. */
    static IpPrefix parse(String text, boolean ipv6) {
        if (text.equals("default")) {
            return parse(ipv6 ? "::/0" : "0.0.0.0/0", ipv6);
        }
        int slash = text.indexOf('/');
        String host = slash < 0 ? text : text.substring(0, slash);
        byte[] bytes = NetUtil.createByteArrayFromIpAddressString(host);
        if (bytes == null) {
            throw new IllegalArgumentException("network " + text + " is not an IP address; write it as 10.0.0.0/8");
        }
        try {
            InetAddress address = InetAddress.getByAddress(bytes);
            return slash < 0 ? host(address) : new IpPrefix(address, Integer.parseInt(text.substring(slash + 1)));
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException("network " + text + " has an impossible length", e);
        }
    }

    boolean isIpv6() {
        return address.getAddress().length == 16;
    }

    @Override
    public String toString() {
        return address.getHostAddress() + "/" + length;
    }
}
