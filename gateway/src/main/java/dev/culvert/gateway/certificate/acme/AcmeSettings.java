package dev.culvert.gateway.certificate.acme;

import dev.culvert.gateway.certificate.dns.DnsSettings;
import java.net.InetAddress;
import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * How certificates are obtained.
 *
 * @param servers authorities, in the order in which they are asked
 * @param contact an address of mail that they may write to; null for none
 * @param termsAccepted whether their terms of service are accepted
 * @param trusted certificates, as PEM, of the authorities that those servers' own TLS is trusted by; null for the system's
 * @param challenges how names are proved, preferred first
 * @param dns how records are put into the DNS; empty for not at all
 * @param addresses of this gateway as the world sees them, one of which a name must have before it is tried; empty to let each be
 *     tried that has any
 */
public record AcmeSettings(
        List<Server> servers,
        @Nullable String contact,
        boolean termsAccepted,
        @Nullable Path trusted,
        List<Proof> challenges,
        List<DnsSettings> dns,
        Set<InetAddress> addresses) {
    /** What {@code --acme} takes instead of a URL. */
    static final Map<String, URI> KNOWN = Map.of(
            "letsencrypt", URI.create("https://acme-v02.api.letsencrypt.org/directory"),
            "letsencrypt-staging", URI.create("https://acme-staging-v02.api.letsencrypt.org/directory"),
            "zerossl", URI.create("https://acme.zerossl.com/v2/DV90"));

    private static final String FORM =
            "write letsencrypt, or https://ca.example/directory, and behind it, with commas, eab=KEY-ID:FILE, profile=NAME";

    /** How a name is proved. */
    public enum Proof {
        /** By a page on port 80. */
        HTTP_01,
        /** By a certificate on port 443. */
        TLS_ALPN_01,
        /** By a record in the DNS, for which there are {@link #dns settings}. */
        DNS_01
    }

    /**
     * An authority.
     *
     * @param directory its URL
     * @param eabKeyId the account there that the new one belongs to (external account binding); null for none
     * @param eabKeyFile a file with that account's key, in base64url
     * @param profile what kind of certificate to ask for; null for the usual
     */
    public record Server(
            URI directory,
            @Nullable String eabKeyId,
            @Nullable Path eabKeyFile,
            @Nullable String profile) {
        /**
         * Reads {@code letsencrypt} or a URL, and behind it {@code ,eab=KEY-ID:FILE} and {@code ,profile=NAME}.
         *
         * @throws IllegalArgumentException with one line that shows the form
         */
        public static Server parse(String text) {
            String[] parts = text.split(",", -1);
            URI directory = KNOWN.get(parts[0]);
            if (directory == null) {
                directory = url(parts[0]);
            }
            String keyId = null;
            Path keyFile = null;
            String profile = null;
            for (String part : List.of(parts).subList(1, parts.length)) {
                int colon = part.lastIndexOf(':');
                if (part.startsWith("eab=") && colon > 4 && colon < part.length() - 1) {
                    keyId = part.substring(4, colon);
                    keyFile = Path.of(part.substring(colon + 1));
                } else if (part.startsWith("profile=") && part.length() > 8) {
                    profile = part.substring(8);
                } else {
                    throw new IllegalArgumentException("'" + part + "' is not understood: " + FORM);
                }
            }
            return new Server(directory, keyId, keyFile, profile);
        }

        private static URI url(String text) {
            try {
                URI url = URI.create(text);
                if ("https".equals(url.getScheme()) && url.getHost() != null) {
                    return url;
                }
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException("'" + text + "' is no URL: " + FORM, e);
            }
            throw new IllegalArgumentException("'" + text + "' is no https URL: " + FORM);
        }
    }

    /** Takes copies. */
    public AcmeSettings {
        servers = List.copyOf(servers);
        challenges = List.copyOf(challenges);
        dns = List.copyOf(dns);
        addresses = Set.copyOf(addresses);
    }

    /** By HTTP-01, then TLS-ALPN-01, then DNS-01 where that is set up; without a contact. */
    public static AcmeSettings of(List<Server> servers, boolean termsAccepted) {
        return new AcmeSettings(servers, null, termsAccepted, null, List.of(Proof.values()), List.of(), Set.of());
    }

    public AcmeSettings contact(@Nullable String mail) {
        return new AcmeSettings(servers, mail, termsAccepted, trusted, challenges, dns, addresses);
    }

    public AcmeSettings trusted(@Nullable Path pem) {
        return new AcmeSettings(servers, contact, termsAccepted, pem, challenges, dns, addresses);
    }

    public AcmeSettings challenges(List<Proof> preferredFirst) {
        return new AcmeSettings(servers, contact, termsAccepted, trusted, preferredFirst, dns, addresses);
    }

    public AcmeSettings dns(List<DnsSettings> records) {
        return new AcmeSettings(servers, contact, termsAccepted, trusted, challenges, records, addresses);
    }

    public AcmeSettings addresses(Set<InetAddress> ours) {
        return new AcmeSettings(servers, contact, termsAccepted, trusted, challenges, dns, ours);
    }
}
