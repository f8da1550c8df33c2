package dev.culvert.policy.publication;

import dev.culvert.address.AddressText;
import dev.culvert.address.HostPattern;
import dev.culvert.address.IpLiteral;
import dev.culvert.text.Printable;
import java.net.Inet4Address;
import java.net.InetAddress;
import org.jspecify.annotations.Nullable;

/**
 * Where a published service is, seen from its agent: {@code http://192.168.77.10:8080}, {@code https://[fd77::10]:8443},
 * {@code h2c://grpc.lan:50051}, {@code tls://mail.lan:993}, or without a scheme for ports of TCP and UDP.
 *
 * @param host an address as {@link AddressText} writes it, without brackets, or a name in its compared form, which the agent resolves
 * @param address what {@code host} is, or null when it is a name
 * @param port 1 to 65535
 */
public record ServiceTarget(
        Scheme scheme, String host, @Nullable InetAddress address, int port) {
    private static final String FORM =
            "write http://192.168.77.10:8080, https://, h2c:// or tls:// likewise, or 192.168.77.10:22 for tcp: and udp:";

    /** What is spoken there. */
    public enum Scheme {
        /** HTTP/1.1. */
        HTTP("http", 80),
        /** HTTP/1.1 over TLS. */
        HTTPS("https", 443),
        /** HTTP/2 with prior knowledge, without TLS. */
        H2C("h2c", 80),
        /** TLS that the gateway passes through unread, by SNI. */
        TLS("tls", 443),
        /** The bytes of TCP, or the datagrams of UDP, whatever they say. */
        RAW("", 0);

        private final String text;
        private final int port;

        Scheme(String text, int port) {
            this.text = text;
            this.port = port;
        }

        /** Whether the gateway reads and writes HTTP for it. */
        public boolean isHttp() {
            return this == HTTP || this == HTTPS || this == H2C;
        }

        static Scheme parse(String text) {
            for (Scheme scheme : values()) {
                if (scheme != RAW && scheme.text.equalsIgnoreCase(text)) {
                    return scheme;
                }
            }
            throw new IllegalArgumentException(
                    "'" + Printable.shorten(text) + "://' is not known: write http://, https://, h2c:// or tls://");
        }

        @Override
        public String toString() {
            return text;
        }
    }

    /**
     * Reads the text form.
     *
     * @throws IllegalArgumentException with cause and cure in one line
     */
    public static ServiceTarget parse(String text) {
        String quoted = "target '" + Printable.shorten(text) + "' ";
        int colons = text.indexOf("://");
        Scheme scheme;
        try {
            scheme = colons < 0 ? Scheme.RAW : Scheme.parse(text.substring(0, colons));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("target " + e.getMessage(), e);
        }
        String rest = colons < 0 ? text : text.substring(colons + 3);
        int path = rest.indexOf('/');
        if (path >= 0) {
            throw new IllegalArgumentException(quoted + "has a path: leave '" + Printable.shorten(rest.substring(path))
                    + "' out; a path belongs to the public side, and strip-prefix takes it away");
        }
        int colon = rest.lastIndexOf(':');
        if (colon < rest.lastIndexOf(']')) {
            colon = -1;
        }
        String host = colon < 0 ? rest : rest.substring(0, colon);
        int port = colon < 0 ? scheme.port : port(rest.substring(colon + 1));
        if (port <= 0) {
            throw new IllegalArgumentException(quoted + "has no port from 1 to 65535; " + FORM);
        }
        boolean brackets = host.startsWith("[") && host.endsWith("]");
        InetAddress address = IpLiteral.parse(brackets ? host.substring(1, host.length() - 1) : host);
        if (address != null && brackets == host.indexOf(':') >= 0) {
            return new ServiceTarget(scheme, AddressText.of(address), address, port);
        }
        if (host.indexOf(':') >= 0 && !brackets) {
            throw new IllegalArgumentException(
                    quoted + "is ambiguous: write an IPv6 address in brackets, [fd77::10]:8080");
        }
        String name = HostPattern.normalize(host);
        if (name == null) {
            throw new IllegalArgumentException(quoted + "names neither an address nor a host; " + FORM);
        }
        return new ServiceTarget(scheme, name, null, port);
    }

    /** The port; -1 when the text is none. */
    static int port(String text) {
        if (text.isEmpty() || text.length() > 5 || !text.chars().allMatch(c -> c >= '0' && c <= '9')) {
            return -1;
        }
        int port = Integer.parseInt(text);
        return port >= 1 && port <= 65_535 ? port : -1;
    }

    /** {@code 192.168.77.10:8080} or {@code [fd77::10]:8080}: the target as a Host field has it. */
    public String authority() {
        return (address == null || address instanceof Inet4Address ? host : "[" + host + "]") + ":" + port;
    }

    @Override
    public String toString() {
        return (scheme == Scheme.RAW ? "" : scheme + "://") + authority();
    }
}
