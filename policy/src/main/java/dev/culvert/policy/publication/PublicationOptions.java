package dev.culvert.policy.publication;

import dev.culvert.address.HostPattern;
import dev.culvert.text.Printable;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * How the gateway treats what is published under a name; without options it says to the target what the browser said.
 *
 * @param stripPrefix whether the public side's path is taken off before the target sees the request
 * @param host what the target sees as Host; null for the public name
 * @param hsts seconds for Strict-Transport-Security (RFC 6797); 0 for none
 * @param tlsName under what name an https target's certificate is checked and asked for; null for the target's host
 * @param tlsCa the certificate that an https target's must lead to, DER in Base64; null for those that the system trusts
 * @param tlsInsecure whether an https target's certificate is not checked at all
 */
public record PublicationOptions(
        boolean stripPrefix,
        @Nullable String host,
        long hsts,
        @Nullable String tlsName,
        @Nullable String tlsCa,
        boolean tlsInsecure) {
    /** None of them. */
    public static final PublicationOptions NONE = new PublicationOptions(false, null, 0, null, null, false);

    /** What HSTS is without a number: a year, the least that browsers' lists take. */
    public static final long DEFAULT_HSTS = 31_536_000;

    /** Two years: more makes no difference, and a name is unusable without TLS for so long. */
    public static final long MAX_HSTS = 63_072_000;

    /** A certificate has one or two thousand bytes; so many fit an announcement beside others. */
    static final int MAX_CA = 6_144;

    static final String STRIP_PREFIX = "strip-prefix";
    static final String HOST = "host";
    static final String HSTS = "hsts";
    static final String TLS_NAME = "tls-name";
    static final String TLS_CA = "tls-ca";
    static final String TLS_INSECURE = "tls-insecure";

    /** Every option's name. */
    public static final List<String> NAMES = List.of(STRIP_PREFIX, HOST, HSTS, TLS_NAME, TLS_CA, TLS_INSECURE);

    /**
     * These, and one more.
     *
     * @param value as it is written; empty for an option that needs none
     * @throws IllegalArgumentException with cause and cure in one line
     */
    public PublicationOptions with(String name, String value) {
        return switch (name) {
            case STRIP_PREFIX -> new PublicationOptions(flag(name, value), host, hsts, tlsName, tlsCa, tlsInsecure);
            case HOST -> new PublicationOptions(stripPrefix, authority(value), hsts, tlsName, tlsCa, tlsInsecure);
            case HSTS -> new PublicationOptions(stripPrefix, host, seconds(value), tlsName, tlsCa, tlsInsecure);
            case TLS_NAME -> new PublicationOptions(stripPrefix, host, hsts, name(value), tlsCa, tlsInsecure);
            case TLS_CA -> new PublicationOptions(stripPrefix, host, hsts, tlsName, certificate(value), tlsInsecure);
            case TLS_INSECURE -> new PublicationOptions(stripPrefix, host, hsts, tlsName, tlsCa, flag(name, value));
            default ->
                throw new IllegalArgumentException(
                        "there is no option '" + Printable.shorten(name) + "'; known: " + String.join(", ", NAMES));
        };
    }

    private static boolean flag(String name, String value) {
        return switch (value) {
            case "", "true" -> true;
            case "false" -> false;
            default ->
                throw new IllegalArgumentException(
                        "option '" + name + "' is '" + Printable.shorten(value) + "'; write true, or leave it out");
        };
    }

    /** A name, or a name or IPv4 address and a port; no more, because it goes into a header. */
    private static String authority(String value) {
        int colon = value.indexOf(':');
        String name = HostPattern.normalize(colon < 0 ? value : value.substring(0, colon));
        int port = colon < 0 ? 0 : ServiceTarget.port(value.substring(colon + 1));
        if (name == null || port < 0) {
            throw new IllegalArgumentException("option 'host' is '" + Printable.shorten(value)
                    + "', which is no host name; write host: app.internal, perhaps with a port");
        }
        return colon < 0 ? name : name + ":" + port;
    }

    private static String name(String value) {
        String name = HostPattern.normalize(value);
        if (name == null) {
            throw new IllegalArgumentException("option 'tls-name' is '" + Printable.shorten(value)
                    + "', which is no host name; write the one in the target's certificate");
        }
        return name;
    }

    private static long seconds(String value) {
        if (value.isEmpty() || value.equals("true")) {
            return DEFAULT_HSTS;
        }
        if (value.equals("false")) {
            return 0;
        }
        boolean digits = value.length() <= 9 && value.chars().allMatch(c -> c >= '0' && c <= '9');
        long seconds = digits ? Long.parseLong(value) : -1;
        if (seconds < 1 || seconds > MAX_HSTS) {
            throw new IllegalArgumentException("option 'hsts' is '" + Printable.shorten(value)
                    + "'; write seconds from 1 to " + MAX_HSTS + ", or nothing for " + DEFAULT_HSTS);
        }
        return seconds;
    }

    private static String certificate(String value) {
        try {
            return Base64.getEncoder().encodeToString(read(value).getEncoded());
        } catch (CertificateException | IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "option 'tls-ca' is no certificate that can be read; write one as PEM, or its DER in Base64, of at most "
                            + MAX_CA + " characters",
                    e);
        }
    }

    private static X509Certificate read(String value) throws CertificateException {
        if (value.length() > MAX_CA) {
            throw new CertificateException("too long");
        }
        byte[] bytes = value.contains("-----BEGIN")
                ? value.getBytes(StandardCharsets.US_ASCII)
                : Base64.getMimeDecoder().decode(value);
        return (X509Certificate)
                CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(bytes));
    }

    /** The certificate that {@link #tlsCa} is; null when there is none. */
    public @Nullable X509Certificate ca() {
        try {
            return tlsCa == null ? null : read(tlsCa);
        } catch (CertificateException e) {
            throw new IllegalStateException("it could be read when the option was", e);
        }
    }

    /** Names of the options that are set. */
    public List<String> set() {
        List<String> out = new ArrayList<>();
        NAMES.forEach(name -> {
            if (value(name) != null) {
                out.add(name);
            }
        });
        return out;
    }

    /** An option's value as it is written; empty when its name says all, null when it is not set. */
    private @Nullable String value(String name) {
        return switch (name) {
            case STRIP_PREFIX -> stripPrefix ? "" : null;
            case HOST -> host;
            case HSTS -> hsts == 0 ? null : Long.toString(hsts);
            case TLS_NAME -> tlsName;
            case TLS_CA -> tlsCa;
            default -> tlsInsecure ? "" : null;
        };
    }

    /** The text form: {@code ,strip-prefix,host=app.internal}; empty without options. */
    @Override
    public String toString() {
        StringBuilder out = new StringBuilder();
        for (String name : set()) {
            String value = Objects.requireNonNull(value(name));
            out.append(',').append(name).append(value.isEmpty() ? "" : "=" + value);
        }
        return out.toString();
    }
}
