package dev.culvert.gateway.dashboard;

import dev.culvert.address.IpLiteral;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * By which names the dashboard may be asked. A page of another site can have its own name lead to this machine (DNS rebinding), and its
 * scripts would be of the dashboard's origin then; but it cannot be asked by an address or as {@code localhost}.
 *
 * @param names beside these: where something in front, which ends TLS, publishes it
 */
record HostCheck(Set<String> names) {
    /** Whether a request with this Host is for us. */
    boolean takes(@Nullable String host) {
        String name = name(host);
        return name != null && (name.equals("localhost") || IpLiteral.parse(name) != null || names.contains(name));
    }

    /** Whether whoever asks by this Host is in front of TLS. */
    boolean isSecure(@Nullable String host) {
        String name = name(host);
        return name != null && names.contains(name);
    }

    /** Whether a request's Origin (RFC 6454) is the page that this Host has. */
    boolean isOwn(@Nullable String origin, @Nullable String host) {
        return host != null
                && origin != null
                && origin.toLowerCase(Locale.ROOT)
                        .equals((isSecure(host) ? "https://" : "http://") + host.toLowerCase(Locale.ROOT));
    }

    private static @Nullable String name(@Nullable String host) {
        if (host == null) {
            return null;
        }
        try {
            URI uri = new URI("http://" + host);
            String name = uri.getHost();
            if (name == null || uri.getUserInfo() != null || !uri.getRawPath().isEmpty()) {
                return null;
            }
            String lower = name.toLowerCase(Locale.ROOT);
            return lower.startsWith("[") && lower.endsWith("]") ? lower.substring(1, lower.length() - 1) : lower;
        } catch (URISyntaxException e) {
            return null;
        }
    }
}
