package dev.culvert.gateway.door;

import dev.culvert.address.IpLiteral;
import dev.culvert.gateway.certificate.Certificate;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpRequest;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.Collection;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What the gateway itself is called: names and addresses, in the form in which they are compared. From any thread. */
public final class OwnNames {
    private final Set<String> names;

    /** @param names in any case; what is neither a name nor an address is left out */
    public OwnNames(Collection<String> names) {
        this.names = names.stream()
                .map(Certificate::normalize)
                .filter(Objects::nonNull)
                .collect(Collectors.toUnmodifiableSet());
    }

    /** In the form in which they are compared. */
    public Set<String> all() {
        return names;
    }

    /** Whether a name that TLS asks for (SNI) is one of them. */
    boolean has(String name) {
        String normal = Certificate.normalize(name);
        return normal != null && names.contains(normal);
    }

    /**
     * Whether a request is for the gateway itself: by one of its names, by the address that it came to, or by none at all (HTTP/1.0).
     *
     * @param request with one Host at most
     * @param local where its connection came to
     */
    boolean areAsked(HttpRequest request, @Nullable SocketAddress local) {
        String host = host(request);
        if (host.isEmpty()) {
            return true; // RFC 9112 3.3: of whoever is at the address
        }
        return has(host)
                || local instanceof InetSocketAddress here
                        && here.getAddress() != null
                        && here.getAddress().equals(IpLiteral.parse(host));
    }

    /** Without port and brackets. In the absolute form the Host is not looked at (RFC 9112 3.2.2). */
    private static String host(HttpRequest request) {
        String uri = request.uri();
        int scheme = uri.startsWith("/") ? -1 : uri.indexOf("://");
        String authority;
        if (scheme > 0) {
            int end = scheme + 3;
            while (end < uri.length() && "/?#".indexOf(uri.charAt(end)) < 0) {
                end++;
            }
            authority = uri.substring(scheme + 3, end);
        } else {
            authority = request.headers().get(HttpHeaderNames.HOST, "").strip();
        }
        int colon = authority.lastIndexOf(':');
        String host = colon > authority.lastIndexOf(']') ? authority.substring(0, colon) : authority;
        return host.startsWith("[") && host.endsWith("]") ? host.substring(1, host.length() - 1) : host;
    }
}
