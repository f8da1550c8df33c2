package dev.culvert.tun;

import dev.culvert.address.AddressText;
import io.netty.util.NetUtil;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.List;

/**
 * A network in CIDR form.
 *
 * @param address its first address; the bits behind the prefix must be zero
 * @param length prefix length in bits, 0 to 32 (IPv4) or 128 (IPv6)
 */
public record IpPrefix(InetAddress address, int length) implements Comparable<IpPrefix> {
    /** Checks the bounds given above; throws {@link IllegalArgumentException}. A scope id is left out. */
    public IpPrefix {
        address = withoutScope(address);
        requireLength(address, length);
        byte[] bytes = address.getAddress();
        for (int bit = length; bit < bytes.length * 8; bit++) {
            if ((bytes[bit / 8] & (0x80 >>> (bit % 8))) != 0) {
                throw new IllegalArgumentException("network " + AddressText.of(address) + "/" + length
                        + " has bits set behind its prefix; give the first address of the network");
            }
        }
    }

    /** By address and length; thousands that another has chosen may have one hash, and are then found by this order. */
    @Override
    public int compareTo(IpPrefix other) {
        int byAddress = Arrays.compareUnsigned(address.getAddress(), other.address.getAddress());
        return byAddress != 0 ? byAddress : Integer.compare(length, other.length);
    }

    /** The prefix of one address. */
    public static IpPrefix host(InetAddress address) {
        return new IpPrefix(address, address.getAddress().length * 8);
    }

    public static void requireLength(InetAddress address, int length) {
        int bits = address.getAddress().length * 8;
        if (length < 0 || length > bits) {
            throw new IllegalArgumentException(
                    "prefix length of " + AddressText.of(address) + "/" + length + " must be from 0 to " + bits);
        }
    }

    /** The address without the interface that it may name. */
    public static InetAddress withoutScope(InetAddress address) {
        try {
            byte[] bytes = address.getAddress();
            // Not getByAddress(bytes): that takes IPv4-mapped addresses for IPv4.
            return bytes.length == 16 ? Inet6Address.getByAddress(null, bytes, -1) : InetAddress.getByAddress(bytes);
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException("address " + AddressText.of(address) + " has an impossible length", e);
        }
    }

    /** Parses an address or {@code address/length}; throws {@link IllegalArgumentException} for anything else. */
    public static IpPrefix parse(String text) {
        int slash = text.indexOf('/');
        String host = slash < 0 ? text : text.substring(0, slash);
        byte[] bytes = NetUtil.createByteArrayFromIpAddressString(host);
        if (bytes == null) {
            throw new IllegalArgumentException("network " + text + " is not an IP address; write it as 10.0.0.0/8");
        }
        try {
            InetAddress address =
                    bytes.length == 16 ? Inet6Address.getByAddress(null, bytes, -1) : InetAddress.getByAddress(bytes);
            return slash < 0 ? host(address) : new IpPrefix(address, Integer.parseInt(text.substring(slash + 1)));
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException("network " + text + " has an impossible length", e);
        }
    }

    /** Whether the other prefix lies within this one, or is it. */
    public boolean covers(IpPrefix other) {
        return other.length >= length && contains(other.address);
    }

    /** Whether the address lies within this prefix; one of the other family does not. */
    public boolean contains(InetAddress other) {
        byte[] mine = address.getAddress();
        byte[] its = other.getAddress();
        if (mine.length != its.length) {
            return false;
        }
        for (int bit = 0; bit < length; bit += 8) {
            int mask = length - bit >= 8 ? 0xff : 0xff00 >> (length - bit) & 0xff;
            if (((mine[bit / 8] ^ its[bit / 8]) & mask) != 0) {
                return false;
            }
        }
        return true;
    }

    /** The two prefixes, one bit longer, that make up this one, whose length must not be the longest. */
    public List<IpPrefix> halves() {
        byte[] upper = address.getAddress();
        upper[length / 8] |= (byte) (0x80 >>> length % 8);
        try {
            return List.of(
                    new IpPrefix(address, length + 1),
                    new IpPrefix(
                            upper.length == 16
                                    ? Inet6Address.getByAddress(null, upper, -1)
                                    : InetAddress.getByAddress(upper),
                            length + 1));
        } catch (UnknownHostException e) {
            throw new IllegalStateException("network " + this + " has no halves", e);
        }
    }

    /** Its family. */
    public boolean isIpv6() {
        return address.getAddress().length == 16;
    }

    @Override
    public String toString() {
        return AddressText.of(address) + "/" + length;
    }
}
