package dev.culvert.address;

import dev.culvert.text.Printable;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.URI;

/**
 * Addresses as people write them, in all messages: Java's own {@code toString} puts a slash before them and eight groups
 * into an IPv6 address.
 */
public final class AddressText {
    private static final int GROUPS = 8;

    private AddressText() {}

    /** Dotted quad, or RFC 5952 (lower case, longest run of zeros shortened). A zone is not written. */
    public static String of(InetAddress address) {
        byte[] b = address.getAddress();
        if (address instanceof Inet4Address) {
            return (b[0] & 0xff) + "." + (b[1] & 0xff) + "." + (b[2] & 0xff) + "." + (b[3] & 0xff);
        }
        int[] groups = new int[GROUPS];
        for (int i = 0; i < GROUPS; i++) {
            groups[i] = (b[2 * i] & 0xff) << 8 | b[2 * i + 1] & 0xff;
        }
        int runAt = -1;
        int runLength = 1; // RFC 5952 section 4.2.2: a single zero group is not shortened
        for (int i = 0; i < GROUPS; ) {
            int end = i;
            while (end < GROUPS && groups[end] == 0) {
                end++;
            }
            if (end - i > runLength) {
                runAt = i;
                runLength = end - i;
            }
            i = Math.max(end, i + 1);
        }
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < GROUPS; i++) {
            if (i == runAt) {
                out.append("::");
                i += runLength - 1;
                continue;
            }
            if (!out.isEmpty() && out.charAt(out.length() - 1) != ':') {
                out.append(':');
            }
            out.append(Integer.toHexString(groups[i]));
        }
        return out.toString();
    }

    /** {@code 192.0.2.1:443}, {@code [2001:db8::1]:443}, or the name that has yet to be resolved and its port. */
    public static String of(SocketAddress address) {
        if (!(address instanceof InetSocketAddress inet)) {
            return Printable.escape(address.toString());
        }
        InetAddress ip = inet.getAddress();
        if (ip == null) {
            return Printable.escape(inet.getHostString()) + ":" + inet.getPort();
        }
        return (ip instanceof Inet4Address ? of(ip) : "[" + of(ip) + "]") + ":" + inet.getPort();
    }

    /**
     * The host in a URL: a name or an address, without brackets; empty if there is none. {@link URI#getHost} knows no name
     * with an underscore, and of other than ASCII.
     */
    public static String host(URI url) {
        String authority = authority(url);
        int end = portColon(authority);
        String host = end < 0 ? authority : authority.substring(0, end);
        return host.startsWith("[") && host.endsWith("]") ? host.substring(1, host.length() - 1) : host;
    }

    /** The port in a URL; -1 if it has none, 0 if it is none. */
    public static int port(URI url) {
        String authority = authority(url);
        int colon = portColon(authority);
        if (colon < 0 || colon == authority.length() - 1) {
            return -1;
        }
        try {
            int port = Integer.parseInt(authority, colon + 1, authority.length(), 10);
            return authority.charAt(colon + 1) == '+' || port > 65_535 || port < 0 ? 0 : port;
        } catch (NumberFormatException e) {
            return 0;
        }
    }

    private static String authority(URI url) {
        String authority = url.getRawAuthority();
        return authority == null ? "" : authority.substring(authority.lastIndexOf('@') + 1);
    }

    private static int portColon(String authority) {
        int colon = authority.lastIndexOf(':');
        return colon > authority.lastIndexOf(']') ? colon : -1;
    }
}
