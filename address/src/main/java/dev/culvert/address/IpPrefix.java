package dev.culvert.address;

import dev.culvert.text.Printable;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.util.List;

/**
 * A range of IPv4 or IPv6 addresses in CIDR form (RFC 4632, RFC 4291 section 2.3). Immutable.
 *
 * <p>Bits beyond the length are always zero. IPv4-mapped IPv6 addresses are the IPv4 addresses that they map, here and
 * wherever an address is compared, so that {@code ::ffff:10.0.0.1} can never slip past a rule for {@code 10.0.0.1}.
 */
public final class IpPrefix implements Target, Comparable<IpPrefix> {
    /** Before the IPv4 address in an IPv4-mapped one (RFC 4291 section 2.5.5.2). */
    private static final int MAPPED_BITS = 96;

    /** Key bits, left aligned: an IPv4 address fills the upper half of {@code hi}. */
    private final long hi;

    private final long lo;
    private final int length;
    private final boolean v6;
    private final InetAddress network;

    private IpPrefix(InetAddress network, int length) {
        byte[] b = network.getAddress();
        this.network = network;
        this.length = length;
        this.v6 = b.length == 16;
        this.hi = v6 ? bits(b, 0) : v4Key(b);
        this.lo = v6 ? bits(b, 8) : 0;
    }

    /**
     * The prefix of this length that starts at this address.
     *
     * @param network the first address of the range
     * @param length 0..32 for IPv4, 0..128 for IPv6
     * @throws IllegalArgumentException if the length is out of range or the address has bits beyond it
     */
    public static IpPrefix of(InetAddress network, int length) {
        byte[] b = network.getAddress();
        if (b.length == 16 && isMapped(bits(b, 0), bits(b, 8)) && length >= MAPPED_BITS) {
            return of(IpLiteral.fromBytes(b), length - MAPPED_BITS);
        }
        if (length < 0 || length > b.length * 8) {
            throw new IllegalArgumentException("prefix length " + length + " of " + AddressText.of(network)
                    + " is out of range: give 0 to " + b.length * 8);
        }
        byte[] masked = mask(b, length);
        if (!java.util.Arrays.equals(masked, b)) {
            throw new IllegalArgumentException("prefix " + AddressText.of(network) + "/" + length
                    + " has host bits set: write " + AddressText.of(IpLiteral.fromBytes(masked)) + "/" + length
                    + " for the network, or " + AddressText.of(network) + " for the one host");
        }
        // getByAddress drops a host name and a scope that the given object may carry
        return new IpPrefix(IpLiteral.fromBytes(b), length);
    }

    /** The prefix that holds just this address: /32 or /128. */
    public static IpPrefix of(InetAddress address) {
        InetAddress plain = IpLiteral.fromBytes(address.getAddress()); // of 4 bytes if they are IPv4-mapped
        return new IpPrefix(plain, plain.getAddress().length * 8);
    }

    /**
     * Reads {@code address/length}; an address alone is /32 or /128.
     *
     * @throws IllegalArgumentException with one line that says what is wrong and proposes the right text
     */
    public static IpPrefix parse(String text) {
        int slash = text.indexOf('/');
        String literal = slash < 0 ? text : text.substring(0, slash);
        InetAddress address = IpLiteral.parse(literal);
        if (address == null) {
            throw new IllegalArgumentException("prefix '" + Printable.shorten(text)
                    + "' is not an IP prefix: write it like 192.168.77.0/24, 10.0.0.7 or fd77::/64");
        }
        if (slash < 0) {
            return of(address);
        }
        boolean mapped = literal.indexOf(':') >= 0 && address instanceof Inet4Address;
        int max = literal.indexOf(':') >= 0 ? 128 : 32;
        int length = number(text.substring(slash + 1));
        if (length < 0 || length > max) {
            throw new IllegalArgumentException("prefix '" + Printable.shorten(text) + "' has a wrong length: give 0 to "
                    + max + " after the slash, like " + literal + "/" + max);
        }
        if (mapped) {
            if (length < MAPPED_BITS) {
                throw new IllegalArgumentException("prefix '" + text
                        + "' spans more than the IPv4-mapped addresses: write the IPv4 prefix, like "
                        + AddressText.of(address) + "/32");
            }
            return of(address, length - MAPPED_BITS);
        }
        return of(address, length);
    }

    /** The first address of the range. */
    public InetAddress network() {
        return network;
    }

    /** The number of leading bits that all addresses of the range share: 0..32 or 0..128. */
    public int length() {
        return length;
    }

    /** True for IPv6. */
    public boolean isIpv6() {
        return v6;
    }

    /** True if the range holds this address. */
    public boolean contains(InetAddress address) {
        byte[] b = address.getAddress();
        if (b.length == 4) {
            return !v6 && matches(v4Key(b), 0, length);
        }
        long h = bits(b, 0);
        long l = bits(b, 8);
        if (isMapped(h, l)) {
            return !v6 && matches(l << 32, 0, length);
        }
        return v6 && matches(h, l, length);
    }

    /** True if the range holds the whole of the other range; every range covers itself. */
    public boolean covers(IpPrefix other) {
        return v6 == other.v6 && length <= other.length && matches(other.hi, other.lo, length);
    }

    /** True if some address lies in both ranges. */
    public boolean overlaps(IpPrefix other) {
        return covers(other) || other.covers(this);
    }

    /**
     * The two ranges of one bit more that make this one up, the lower first. Of {@code ::fffe:0:0/95} only the lower: the
     * upper holds the addresses that are IPv4 (RFC 4291 section 2.5.5.2), and no range of IPv6 does.
     *
     * @throws IllegalStateException if the range holds one address only
     */
    public List<IpPrefix> halves() {
        byte[] b = network.getAddress();
        if (length == b.length * 8) {
            throw new IllegalStateException(this + " has no halves");
        }
        IpPrefix lower = new IpPrefix(network, length + 1);
        b[length / 8] |= (byte) (0x80 >> length % 8);
        return v6 && isMapped(bits(b, 0), bits(b, 8))
                ? List.of(lower)
                : List.of(lower, new IpPrefix(IpLiteral.fromBytes(b), length + 1));
    }

    private boolean matches(long h, long l, int bits) {
        return commonBits(hi, lo, h, l) >= bits;
    }

    long hi() {
        return hi;
    }

    long lo() {
        return lo;
    }

    static int commonBits(long hi, long lo, long otherHi, long otherLo) {
        long x = hi ^ otherHi;
        return x != 0 ? Long.numberOfLeadingZeros(x) : 64 + Long.numberOfLeadingZeros(lo ^ otherLo);
    }

    static boolean isMapped(long hi, long lo) {
        return hi == 0 && lo >>> 32 == 0xffffL;
    }

    static long v4Key(byte[] b) {
        return (b[0] & 0xffL) << 56 | (b[1] & 0xffL) << 48 | (b[2] & 0xffL) << 40 | (b[3] & 0xffL) << 32;
    }

    static long bits(byte[] b, int at) {
        return (b[at] & 0xffL) << 56
                | (b[at + 1] & 0xffL) << 48
                | (b[at + 2] & 0xffL) << 40
                | (b[at + 3] & 0xffL) << 32
                | (b[at + 4] & 0xffL) << 24
                | (b[at + 5] & 0xffL) << 16
                | (b[at + 6] & 0xffL) << 8
                | b[at + 7] & 0xffL;
    }

    private static byte[] mask(byte[] b, int length) {
        byte[] out = b.clone();
        for (int i = 0; i < out.length; i++) {
            int keep = Math.max(0, Math.min(8, length - 8 * i));
            out[i] &= (byte) (0xff00 >>> keep);
        }
        return out;
    }

    private static int number(String text) {
        if (text.isEmpty() || text.length() > 3 || text.length() > 1 && text.charAt(0) == '0') {
            return -1;
        }
        int value = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c < '0' || c > '9') {
                return -1;
            }
            value = value * 10 + c - '0';
        }
        return value;
    }

    /** IPv4 before IPv6, then by address, then the wider range first. */
    @Override
    public int compareTo(IpPrefix other) {
        int order = Boolean.compare(v6, other.v6);
        order = order != 0 ? order : Long.compareUnsigned(hi, other.hi);
        order = order != 0 ? order : Long.compareUnsigned(lo, other.lo);
        return order != 0 ? order : Integer.compare(length, other.length);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof IpPrefix p && hi == p.hi && lo == p.lo && length == p.length && v6 == p.v6;
    }

    @Override
    public int hashCode() {
        return (Long.hashCode(hi * 0x9E3779B97F4A7C15L ^ lo) * 31 + length) * 2 + (v6 ? 1 : 0);
    }

    /** The CIDR form, which {@link #parse} reads back; always with a length. */
    @Override
    public String toString() {
        return AddressText.of(network) + "/" + length;
    }
}
