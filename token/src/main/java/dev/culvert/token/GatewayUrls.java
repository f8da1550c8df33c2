package dev.culvert.token;

import dev.culvert.address.AddressText;
import dev.culvert.address.HostPattern;
import dev.culvert.address.IpLiteral;
import dev.culvert.text.Printable;
import java.net.InetAddress;
import java.net.URI;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;

/** The form of gateways' URLs, and when two of them name one gateway. */
public final class GatewayUrls {
    /** More gateways than one network has; a client that can reach none must not try for minutes. */
    public static final int MAX = 16;

    /** Longest URL: a full host name, a port, and a path of reasonable length. */
    private static final int MAX_LENGTH = 1024;

    private static final int WSS_PORT = 443;
    private static final int WS_PORT = 80;

    private GatewayUrls() {}

    /**
     * Returns the URL if it is {@code wss://host[:port][/path]} or {@code ws://}. What is a host name in a policy is one here;
     * one with other letters than ASCII's is returned in its A-labels (RFC 5890).
     *
     * @throws IllegalArgumentException if it is not
     */
    public static URI require(URI uri) {
        String scheme = scheme(uri);
        String host = AddressText.host(uri);
        if (!(scheme.equals("wss") || scheme.equals("ws")) || host.isEmpty()) {
            throw unusable(uri, "write wss://host:port");
        }
        if (uri.getRawQuery() != null
                || uri.getRawFragment() != null
                || uri.getRawAuthority().indexOf('@') >= 0) {
            throw unusable(uri, "write wss://host:port, without user, query or fragment");
        }
        if (AddressText.port(uri) == 0) {
            throw unusable(uri, "its port is not one of 1 to 65535");
        }
        if (host.indexOf('%') >= 0) {
            throw unusable(
                    uri, "an address with a zone means something on one machine only: write a name, or one without");
        }
        InetAddress address = IpLiteral.parse(host);
        if (address != null && address.isLinkLocalAddress()) {
            throw unusable(uri, "a link-local address means something on one link only: write a name, or another");
        }
        String name = address == null ? HostPattern.normalize(host) : host;
        if (name == null || address == null && uri.getRawAuthority().startsWith("[")) {
            throw unusable(uri, "'" + Printable.shorten(host) + "' is neither a host name nor an IP address");
        }
        URI usable = uri;
        if (host.chars().anyMatch(c -> c >= 0x80)) {
            usable = URI.create(uri.toString().replace(uri.getRawAuthority(), authority(name, AddressText.port(uri))));
        }
        if (usable.toString().length() > MAX_LENGTH) {
            throw unusable(uri, "most is " + MAX_LENGTH + " characters");
        }
        if (!usable.toString().equals(usable.toASCIIString())) {
            throw unusable(uri, "write its path in ASCII");
        }
        return usable;
    }

    private static IllegalArgumentException unusable(URI uri, String why) {
        return new IllegalArgumentException(
                "gateway URL '" + Printable.shorten(uri.toString()) + "' is not usable: " + why);
    }

    private static String authority(String host, int port) {
        return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + (port > 0 ? ":" + port : "");
    }

    private static String scheme(URI uri) {
        return uri.getScheme() == null ? "" : uri.getScheme().toLowerCase(Locale.ROOT);
    }

    /** The list, if it is not empty, not too long, and all in it are usable. */
    public static List<URI> require(String what, List<URI> uris) {
        if (uris.isEmpty() || uris.size() > MAX) {
            throw new IllegalArgumentException("token has " + uris.size() + " " + what + ": give 1 to " + MAX);
        }
        return uris.stream().map(GatewayUrls::require).toList();
    }

    /**
     * The form in which URLs are compared (RFC 3986 section 6.2): scheme and host in lower case, the port written out, no
     * slash alone as path.
     */
    public static URI canonical(URI uri) {
        URI usable = require(uri);
        String scheme = scheme(usable);
        String host = AddressText.host(usable);
        InetAddress address = IpLiteral.parse(host);
        String name = address == null ? HostPattern.normalize(host) : AddressText.of(address);
        int given = AddressText.port(usable);
        int port = given > 0 ? given : scheme.equals("wss") ? WSS_PORT : WS_PORT;
        String path = usable.getRawPath() == null || usable.getRawPath().equals("/") ? "" : usable.getRawPath();
        return URI.create(scheme + "://" + authority(name == null ? host : name, port) + path);
    }

    /** All of them in canonical form, each once, in their order. */
    public static List<URI> canonical(Collection<URI> uris) {
        LinkedHashSet<URI> out = new LinkedHashSet<>();
        uris.forEach(uri -> out.add(canonical(uri)));
        return List.copyOf(out);
    }
}
