package dev.culvert.address;

import dev.culvert.text.Printable;
import java.net.InetAddress;
import java.net.InetSocketAddress;

/** Where a program is to listen for others, as people write it who mean their own machine unless they say otherwise. */
public final class ListenAddress {
    private static final String LOOPBACK = "127.0.0.1";

    private static final int MAX_PORT = 0xffff;
    private static final int MAX_PORT_DIGITS = 5;

    private ListenAddress() {}

    /**
     * Reads {@code [BIND:]PORT}; without BIND it is loopback's. Port 0 is any that is free.
     *
     * @throws IllegalArgumentException saying in one line what is wrong
     */
    public static InetSocketAddress parse(String text) {
        int colon = text.lastIndexOf(':');
        String host = colon < 0 ? LOOPBACK : text.substring(0, colon);
        if (host.startsWith("[") && host.endsWith("]")) {
            host = host.substring(1, host.length() - 1);
        }
        InetAddress address = IpLiteral.parse(host.equals("localhost") ? LOOPBACK : host);
        if (address == null) {
            throw new IllegalArgumentException("'" + Printable.shorten(host)
                    + "' is no IP address to listen at: write 127.0.0.1, [::1], or 0.0.0.0 for all of this machine");
        }
        return new InetSocketAddress(address, port(text.substring(colon + 1)));
    }

    private static int port(String text) {
        boolean digits = !text.isEmpty()
                && text.length() <= MAX_PORT_DIGITS
                && text.chars().allMatch(c -> c >= '0' && c <= '9');
        int port = digits ? Integer.parseInt(text) : -1;
        if (port < 0 || port > MAX_PORT) {
            throw new IllegalArgumentException("'" + Printable.shorten(text) + "' is no port, 0 to 65535");
        }
        return port;
    }
}
