package dev.culvert.address;

import java.net.InetAddress;
import java.net.UnknownHostException;
import org.jspecify.annotations.Nullable;

/**
 * Reads IP address literals, and never asks a resolver; {@link AddressText} writes them.
 *
 * <p>{@link InetAddress#getByName} resolves whatever it does not recognise, and reads {@code 010.1} or {@code 127.1} as
 * some address; in a policy language neither may happen. IPv4 is dotted quad without leading zeros; IPv6 is RFC 4291
 * section 2.2 without zone; an IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2) is the IPv4 address that it maps.
 */
public final class IpLiteral {
    /** The longest text of an IPv6 address: eight groups, the last two as dotted quad. */
    private static final int MAX_LENGTH = 45;

    private static final int GROUPS = 8;

    private IpLiteral() {}

    /**
     * Reads a literal.
     *
     * @param text an address without brackets, zone or prefix length
     * @return the address, or null if the text is not an IP address literal
     */
    public static @Nullable InetAddress parse(String text) {
        if (text.isEmpty() || text.length() > MAX_LENGTH) {
            return null;
        }
        byte[] bytes = text.indexOf(':') < 0 ? parse4(text) : parse6(text);
        return bytes == null ? null : fromBytes(bytes);
    }

    /**
     * The address of 4 or 16 bytes in network order; without name or zone, and IPv4 if they are IPv4-mapped.
     *
     * @throws IllegalArgumentException for another number of bytes
     */
    public static InetAddress fromBytes(byte[] bytes) {
        try {
            return InetAddress.getByAddress(bytes);
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException("an IP address has 4 or 16 bytes, not " + bytes.length, e);
        }
    }

    private static byte @Nullable [] parse4(String text) {
        byte[] out = new byte[4];
        int part = 0;
        int at = 0;
        while (true) {
            int start = at;
            int value = 0;
            while (at < text.length() && isDigit(text.charAt(at))) {
                value = value * 10 + text.charAt(at++) - '0';
                if (value > 255) {
                    return null;
                }
            }
            // A leading zero is refused: some readers take it for octal, and the two readings differ.
            if (at == start || at - start > 1 && text.charAt(start) == '0') {
                return null;
            }
            out[part++] = (byte) value;
            if (part == 4) {
                return at == text.length() ? out : null;
            }
            if (at >= text.length() || text.charAt(at++) != '.') {
                return null;
            }
        }
    }

    private static byte @Nullable [] parse6(String text) {
        int gap = text.indexOf("::");
        if (gap >= 0 && text.indexOf("::", gap + 1) >= 0) {
            return null;
        }
        byte[] out = new byte[16];
        if (gap < 0) {
            return parseGroups(text, out) == 16 ? out : null;
        }
        byte[] head = new byte[16];
        byte[] tail = new byte[16];
        int headLength = parseGroups(text.substring(0, gap), head);
        int tailLength = parseGroups(text.substring(gap + 2), tail);
        // "::" stands for at least one group (RFC 5952 section 4.2.2 writes it only for two, but all read one).
        if (headLength < 0 || tailLength < 0 || headLength + tailLength > 14 || text.lastIndexOf('.', gap) >= 0) {
            return null;
        }
        System.arraycopy(head, 0, out, 0, headLength);
        System.arraycopy(tail, 0, out, 16 - tailLength, tailLength);
        return out;
    }

    /** Reads groups apart by single colons, the last possibly a dotted quad; returns the bytes written, or -1. */
    private static int parseGroups(String text, byte[] out) {
        if (text.isEmpty()) {
            return 0;
        }
        int written = 0;
        int at = 0;
        while (true) {
            int colon = text.indexOf(':', at);
            String group = text.substring(at, colon < 0 ? text.length() : colon);
            if (colon < 0 && group.indexOf('.') >= 0) {
                byte[] quad = parse4(group);
                if (quad == null || written > 12) {
                    return -1;
                }
                System.arraycopy(quad, 0, out, written, 4);
                return written + 4;
            }
            if (group.isEmpty() || group.length() > 4 || written > 14) {
                return -1;
            }
            int value = 0;
            for (int i = 0; i < group.length(); i++) {
                int digit = hexDigit(group.charAt(i));
                if (digit < 0) {
                    return -1;
                }
                value = value << 4 | digit;
            }
            out[written++] = (byte) (value >>> 8);
            out[written++] = (byte) value;
            if (colon < 0) {
                return written;
            }
            at = colon + 1;
        }
    }

    private static boolean isDigit(char c) {
        return c >= '0' && c <= '9';
    }

    private static int hexDigit(char c) {
        if (isDigit(c)) {
            return c - '0';
        }
        char lower = (char) (c | 0x20);
        return c < 0x80 && lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
    }
}
