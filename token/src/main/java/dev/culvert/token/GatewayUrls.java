package dev.culvert.token;

import dev.culvert.command.Printable;
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
     * Returns the URL if it is {@code wss://host[:port][/path]} or {@code ws://}.
     *
     * @throws IllegalArgumentException if it is not
     */
    public static URI require(URI uri) {
        String scheme = scheme(uri);
        if (!(scheme.equals("wss") || scheme.equals("ws"))
                || uri.getHost() == null
                || uri.getHost().isEmpty()
                || uri.getPort() == 0
                || uri.getPort() > 65535
                || uri.getRawUserInfo() != null
                || uri.getRawQuery() != null
                || uri.getRawFragment() != null
                || uri.toString().length() > MAX_LENGTH
                || !uri.toString().equals(uri.toASCIIString())) {
            throw new IllegalArgumentException("gateway URL '" + Printable.shorten(uri.toString())
                    + "' is not usable: write wss://host:port, without user, query or fragment");
        }
        return uri;
    }

    private static String scheme(URI uri) {
        return uri.getScheme() == null ? "" : uri.getScheme().toLowerCase(Locale.ROOT);
    }

    /** The list, if it is not empty, not too long, and all in it are usable. */
    static List<URI> require(String what, List<URI> uris) {
        if (uris.isEmpty() || uris.size() > MAX) {
            throw new IllegalArgumentException("token has " + uris.size() + " " + what + ": give 1 to " + MAX);
        }
        uris.forEach(GatewayUrls::require);
        return List.copyOf(uris);
    }

    /**
     * The form in which URLs are compared (RFC 3986 section 6.2): scheme and host in lower case, the port written out, no
     * slash alone as path.
     */
    public static URI canonical(URI uri) {
        require(uri);
        String scheme = scheme(uri);
        int port = uri.getPort() > 0 ? uri.getPort() : scheme.equals("wss") ? WSS_PORT : WS_PORT;
        String path = uri.getRawPath() == null || uri.getRawPath().equals("/") ? "" : uri.getRawPath();
        return URI.create(scheme + "://" + uri.getHost().toLowerCase(Locale.ROOT) + ":" + port + path);
    }

    /** All of them in canonical form, each once, in their order. */
    public static List<URI> canonical(Collection<URI> uris) {
        LinkedHashSet<URI> out = new LinkedHashSet<>();
        uris.forEach(uri -> out.add(canonical(uri)));
        return List.copyOf(out);
    }
}
