package dev.culvert.policy.publication;

import dev.culvert.address.HostPattern;
import dev.culvert.address.Transport;
import dev.culvert.text.Printable;

/** Under what a publication is found on the gateway: {@code app.example.com/api}, {@code *.example.com}, {@code tcp:2200-2209}. */
public sealed interface PublicSide {
    /** Ports of one publication: each is a socket of the gateway's. */
    int MAX_PORTS = 256;

    /** What a request line may have before it is refused anyway is longer; nobody routes by more. */
    int MAX_PATH = 255;

    /** How it is written, for messages. */
    String FORM = "write app.example.com, \"*.apps.example.com\", app.example.com/api, tcp:2222 or udp:5000-5009";

    /**
     * A name that browsers ask for, by SNI and Host.
     *
     * @param host one name, or with a wildcard all names of one more label
     * @param path with which a request's path must begin, a whole segment, such as {@code /api}; empty for all
     */
    record WebName(HostPattern host, String path) implements PublicSide {
        /** Checks the path. */
        public WebName {
            if (!path.isEmpty() && !isPath(path)) {
                throw new IllegalArgumentException(
                        "path '" + Printable.shorten(path)
                                + "' is none to route by; write whole segments of letters, digits and -._~, like /api or /api/v2");
            }
        }

        private static boolean isPath(String path) {
            if (path.length() > MAX_PATH || path.charAt(0) != '/') {
                return false;
            }
            for (String segment : path.substring(1).split("/", -1)) {
                // What clients and servers write in several ways (%2e, ..) would be asked for in the other one.
                if (segment.isEmpty()
                        || segment.equals(".")
                        || segment.equals("..")
                        || !segment.chars().allMatch(WebName::isUnreserved)) {
                    return false;
                }
            }
            return true;
        }

        /** RFC 3986 section 2.3. */
        private static boolean isUnreserved(int c) {
            return c >= 'a' && c <= 'z'
                    || c >= 'A' && c <= 'Z'
                    || c >= '0' && c <= '9'
                    || c == '-'
                    || c == '.'
                    || c == '_'
                    || c == '~';
        }

        /** Whether a request for a path (with or without its query) is for this; the host has been looked at. */
        public boolean holds(String requested) {
            return requested.startsWith(path)
                    && (requested.length() == path.length()
                            || path.isEmpty()
                            || requested.charAt(path.length()) == '/'
                            || requested.charAt(path.length()) == '?');
        }

        @Override
        public String toString() {
            return host + path;
        }
    }

    /**
     * Ports of the gateway's own addresses.
     *
     * @param transport TCP or UDP
     * @param first 1 to 65535
     * @param last not below {@code first}
     */
    record Ports(Transport transport, int first, int last) implements PublicSide {
        /** Checks them. */
        public Ports {
            if (transport == Transport.ICMP || first < 1 || last > 65_535 || last < first) {
                throw new IllegalArgumentException("these are no ports of TCP or UDP; " + FORM);
            }
            if (last - first >= MAX_PORTS) {
                throw new IllegalArgumentException("'" + transport + ":" + first + "-" + last + "' has "
                        + (last - first + 1) + " ports, each a socket of the gateway's: at most " + MAX_PORTS
                        + "; use several");
            }
        }

        /** Whether it has this one. */
        public boolean contains(Transport over, int port) {
            return over == transport && port >= first && port <= last;
        }

        @Override
        public String toString() {
            return transport + ":" + first + (last == first ? "" : "-" + last);
        }
    }

    /**
     * Reads the text form.
     *
     * @throws IllegalArgumentException with cause and cure in one line
     */
    static PublicSide parse(String text) {
        int colon = text.indexOf(':');
        if (colon >= 0) {
            String transport = text.substring(0, colon);
            if (transport.equals("tcp") || transport.equals("udp")) {
                return ports(text, Transport.parse(transport), text.substring(colon + 1));
            }
            throw new IllegalArgumentException("public side '" + Printable.shorten(text)
                    + "' has a colon, and names share the gateway's own ports of the web; " + FORM);
        }
        int slash = text.indexOf('/');
        HostPattern host;
        try {
            host = HostPattern.parse(slash < 0 ? text : text.substring(0, slash));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "public side '" + Printable.shorten(text) + "' is no host name; " + FORM, e);
        }
        return new WebName(host, slash < 0 || slash == text.length() - 1 ? "" : text.substring(slash));
    }

    private static Ports ports(String text, Transport transport, String list) {
        int dash = list.indexOf('-');
        int first = ServiceTarget.port(dash < 0 ? list : list.substring(0, dash));
        int last = dash < 0 ? first : ServiceTarget.port(list.substring(dash + 1));
        if (first < 0 || last < first) {
            throw new IllegalArgumentException("public side '" + Printable.shorten(text)
                    + "' has no port or range from 1 to 65535; write tcp:2222 or udp:5000-5009");
        }
        return new Ports(transport, first, last);
    }
}
