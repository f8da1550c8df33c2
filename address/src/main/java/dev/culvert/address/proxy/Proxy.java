package dev.culvert.address.proxy;

import dev.culvert.address.AddressText;
import dev.culvert.text.Printable;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A proxy that connections to gateways are made through. Its text never holds the password.
 *
 * @param host a name or an address, without brackets
 * @param port 1 to 65535
 * @param login what it asks for; null when nothing is known to say
 */
public record Proxy(
        Kind kind, String host, int port, @Nullable Login login) {
    /** No proxy, in the place of one. */
    public static final String NONE = "none";

    /** How a proxy is spoken to. */
    public enum Kind {
        /** HTTP CONNECT (RFC 9110 section 9.3.6). */
        HTTP(80),
        /** The same inside TLS. */
        HTTPS(443),
        /** SOCKS version 5 (RFC 1928), which resolves the gateway's name itself. */
        SOCKS5(1080);

        private final int port;

        Kind(int port) {
            this.port = port;
        }

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** A user and a password. */
    public record Login(String user, String password) {
        /** What RFC 1929 has room for, each. */
        private static final int MAX = 255;

        /** @throws IllegalArgumentException if one of them is empty or too long; says nothing of what it is */
        public Login {
            if (!fits(user) || !fits(password)) {
                throw new IllegalArgumentException(
                        "a proxy's user and password are neither empty nor longer than " + MAX + " bytes");
            }
        }

        private static boolean fits(String text) {
            int bytes = text.getBytes(StandardCharsets.UTF_8).length;
            return bytes > 0 && bytes <= MAX;
        }

        /**
         * Reads {@code USER:PASSWORD}.
         *
         * @throws IllegalArgumentException saying in one line what is wrong, and nothing of the password
         */
        public static Login parse(String line) {
            int colon = line.indexOf(':');
            if (colon < 0) {
                throw new IllegalArgumentException("write USER:PASSWORD into its first line");
            }
            return new Login(line.substring(0, colon), line.substring(colon + 1));
        }

        /** Never what it holds. */
        @Override
        public String toString() {
            return "a user and a password";
        }
    }

    /**
     * Reads {@code http://HOST[:PORT]}, {@code https://}, {@code socks5://} or {@code HOST:PORT}, as curl does; {@code socks5h} is {@code
     * socks5}, for names are the proxy's to resolve in any case. A user and a password before the host are read too.
     *
     * @throws IllegalArgumentException saying in one line what is wrong, and nothing of a password
     */
    public static Proxy parse(String text) {
        String given = text.strip();
        URI url;
        try {
            url = new URI(given.contains("://") ? given : "http://" + given);
        } catch (URISyntaxException e) {
            throw unreadable(given);
        }
        Kind kind = switch (String.valueOf(url.getScheme()).toLowerCase(Locale.ROOT)) {
            case "http" -> Kind.HTTP;
            case "https" -> Kind.HTTPS;
            case "socks5", "socks5h" -> Kind.SOCKS5;
            default -> throw unreadable(given);
        };
        String host = AddressText.host(url);
        int port = AddressText.port(url);
        String path = url.getRawPath();
        if (host.isEmpty() || port == 0 || path != null && path.length() > 1 || url.getRawQuery() != null) {
            throw unreadable(given);
        }
        return new Proxy(kind, host, port < 0 ? kind.port : port, login(url));
    }

    private static @Nullable Login login(URI url) {
        String authority = String.valueOf(url.getRawAuthority());
        int at = authority.lastIndexOf('@');
        if (at < 0) {
            return null;
        }
        String both = authority.substring(0, at);
        int colon = both.indexOf(':');
        if (colon < 0) {
            throw new IllegalArgumentException("a proxy's user is of no use without its password");
        }
        return new Login(decoded(both.substring(0, colon)), decoded(both.substring(colon + 1)));
    }

    /** RFC 3986 section 2.1, in which a plus is a plus. */
    private static String decoded(String part) {
        return URLDecoder.decode(part.replace("+", "%2B"), StandardCharsets.UTF_8);
    }

    private static IllegalArgumentException unreadable(String given) {
        String shown = given.substring(given.lastIndexOf('@') + 1);
        return new IllegalArgumentException("'" + Printable.shorten(shown)
                + "' is no proxy: write http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT");
    }

    /** The same with a user and a password. */
    public Proxy withLogin(Login login) {
        return new Proxy(kind, host, port, login);
    }

    /** Its URL, without what it is asked for. */
    @Override
    public String toString() {
        return kind + "://" + (host.indexOf(':') < 0 ? Printable.escape(host) : "[" + host + "]") + ":" + port;
    }
}
