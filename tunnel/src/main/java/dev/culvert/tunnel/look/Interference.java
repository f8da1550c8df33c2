package dev.culvert.tunnel.look;

import dev.culvert.address.AddressText;
import dev.culvert.address.HostPattern;
import dev.culvert.address.IpLiteral;
import dev.culvert.text.Printable;
import dev.culvert.tunnel.link.GatewayTrust;
import dev.culvert.tunnel.link.LinkRefusedException;
import java.net.InetAddress;
import java.security.cert.CertificateException;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Collection;
import java.util.Date;
import java.util.List;
import java.util.Objects;
import javax.security.auth.x500.X500Principal;
import org.jspecify.annotations.Nullable;

/**
 * Names what stands between a client or agent and its gateway, by what was {@link Seen} there: a network that wants a log-in, somebody
 * who opens TLS, another server, or a clock that is wrong. In half a sentence for people, with what to do.
 *
 * @param host the gateway's name or address
 * @param pin hash of its authority's key; null where it has a certificate of the public web PKI
 */
public record Interference(String host, byte @Nullable [] pin) {
    /** What every gateway's own authority is called. */
    private static final X500Principal OWN_AUTHORITY = new X500Principal("CN=Culvert gateway CA");

    private static final int MAX_NAME = 120;

    /** As RFC 5280 section 4.2.1.6 numbers them. */
    private static final int DNS_NAME = 2;

    private static final int IP_ADDRESS = 7;

    /**
     * What it is.
     *
     * @param tls seen at the gateway's own port
     * @param plain seen at port 80
     * @param now by this machine's clock
     * @return null when it is nothing of these
     */
    public @Nullable String words(Seen tls, Seen plain, Instant now) {
        if (plain.isPortal(host)) {
            return "this network wants you to log in first, with a browser: it answers in the gateway's place"
                    + (plain.location() == null ? "" : " and leads to " + Printable.shorten(plain.location()));
        }
        return tls.chain().isEmpty() ? null : words(tls.chain(), tls.date(), now);
    }

    private @Nullable String words(List<X509Certificate> chain, @Nullable Instant theirs, Instant now) {
        boolean valid = isValid(chain, now);
        if (theirs != null && differ(theirs, now) && !valid && isValid(chain, theirs)) {
            return clocks(theirs, now) + ": set that which is wrong (timedatectl set-ntp true, or date)";
        }
        if (pin == null ? !valid : GatewayTrust.isPinned(pin, chain.get(chain.size() - 1))) {
            return null; // it is the gateway's, or says so, and something else is wrong with it
        }
        X509Certificate leaf = chain.get(0);
        if (leaf.getIssuerX500Principal().equals(OWN_AUTHORITY)) {
            return null;
        }
        String issuer = "'" + Printable.shorten(leaf.getIssuerX500Principal().getName(), MAX_NAME) + "'";
        return isFor(leaf)
                ? "something between here and the gateway opens TLS: the certificate for " + host
                        + " that is shown here was issued by " + issuer + ", not by "
                        + (pin == null ? "anybody whom this machine trusts" : "the gateway's own authority")
                        + "; have " + host + " excepted from inspection"
                        + (pin == null && chain.size() == 1 && !isSelfIssued(leaf)
                                ? ", or, if that is who issues the gateway's certificates, have the gateway send the"
                                        + " intermediate ones too"
                                : "")
                : (pin == null ? "another server answers there" : "this is not the gateway of the token")
                        + ": its certificate is of '"
                        + Printable.shorten(leaf.getSubjectX500Principal().getName(), MAX_NAME) + "' by " + issuer
                        + "; check the address, or does this network want you to log in first, with a browser?";
    }

    /** Whether two clocks differ by so much that people should know. */
    public static boolean differ(Instant one, Instant other) {
        return Duration.between(one, other).abs().compareTo(LinkRefusedException.CLOCK_SKEW) > 0;
    }

    private static String clocks(Instant theirs, Instant now) {
        return "this machine's clock or the gateway's is wrong: this one says " + now.truncatedTo(ChronoUnit.SECONDS)
                + ", the gateway's " + theirs.truncatedTo(ChronoUnit.SECONDS);
    }

    /** Whether it is what the pin wants, at that time; without one whether it is good at that time, whoever issued it. */
    private boolean isValid(List<X509Certificate> chain, Instant at) {
        byte[] key = pin;
        try {
            if (key != null) {
                GatewayTrust.require(key, chain, at);
            } else {
                chain.get(0).checkValidity(Date.from(at));
            }
            return true;
        } catch (CertificateException e) {
            return false;
        }
    }

    private static boolean isSelfIssued(X509Certificate certificate) {
        return certificate.getIssuerX500Principal().equals(certificate.getSubjectX500Principal());
    }

    private boolean isFor(X509Certificate leaf) {
        try {
            Collection<List<?>> names = leaf.getSubjectAlternativeNames();
            return names != null && names.stream().anyMatch(name -> isOurs(name.get(0), name.get(1)));
        } catch (CertificateParsingException e) {
            return false;
        }
    }

    private boolean isOurs(Object kind, Object name) {
        InetAddress address = IpLiteral.parse(host);
        if (address != null) {
            InetAddress named = Objects.equals(kind, IP_ADDRESS) ? IpLiteral.parse(String.valueOf(name)) : null;
            return named != null && AddressText.of(named).equals(AddressText.of(address));
        }
        try {
            return Objects.equals(kind, DNS_NAME)
                    && HostPattern.parse(String.valueOf(name)).matches(host);
        } catch (IllegalArgumentException e) {
            return false;
        }
    }
}
