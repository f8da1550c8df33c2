package dev.culvert.tunnel.look;

import dev.culvert.address.IpLiteral;
import dev.culvert.tunnel.link.GatewayTrust;
import java.net.URI;
import java.net.URISyntaxException;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What was seen at an address. All of it may be anybody's word.
 *
 * @param chain certificates, the server's first; empty without TLS, and when the handshake failed
 * @param status of its answer to {@code GET /}; 0 when there was none
 * @param date by its clock; null when it did not say
 * @param location where its answer leads; null when nowhere
 */
public record Seen(
        List<X509Certificate> chain,
        int status,
        @Nullable Instant date,
        @Nullable String location) {
    /** Nothing. */
    public static final Seen NOTHING = new Seen(List.of(), 0, null, null);

    /** RFC 6585 section 6: a network's own word that it wants a log-in. */
    private static final int AUTHENTICATION_REQUIRED = 511;

    /**
     * Whether it is the gateway that a pin means that was seen, so that its word may be taken.
     *
     * @param pin null for the public web PKI, whose judge is the handshake of a link
     * @param at when its certificates are to be valid
     */
    public boolean isOf(byte @Nullable [] pin, Instant at) {
        try {
            if (pin != null) {
                GatewayTrust.require(pin, chain, at);
            }
            return !chain.isEmpty();
        } catch (CertificateException e) {
            return false;
        }
    }

    /**
     * Whether a network answered in its place that wants a log-in first: by the status for that, or by leading to a host of others, which a
     * gateway's port 80, or that of a web server before it, does not. Asked by its address a web server leads to a name of its own.
     *
     * @param host that was asked
     */
    boolean isPortal(String host) {
        if (status == AUTHENTICATION_REQUIRED) {
            return true;
        }
        String to = status >= 300 && status < 400 && location != null ? hostOf(location) : null;
        return to != null && IpLiteral.parse(host) == null && !family(to).equals(family(host));
    }

    /** The last two labels of a name: whoever has one host there may well have the other. */
    private static String family(String host) {
        String name = host.toLowerCase(Locale.ROOT);
        int last = name.lastIndexOf('.');
        return name.substring(last < 0 ? 0 : name.lastIndexOf('.', last - 1) + 1);
    }

    private static @Nullable String hostOf(String location) {
        try {
            String host = new URI(location).getHost();
            return host == null || host.length() < 3 || host.charAt(0) != '['
                    ? host
                    : host.substring(1, host.length() - 1);
        } catch (URISyntaxException e) {
            return null;
        }
    }
}
