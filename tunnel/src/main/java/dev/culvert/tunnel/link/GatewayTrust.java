package dev.culvert.tunnel.link;

import dev.culvert.text.Printable;
import dev.culvert.tunnel.dial.NetworkError;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.ApplicationProtocolNames;
import io.netty.handler.ssl.NotSslRecordException;
import io.netty.handler.ssl.OpenSsl;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import java.io.IOException;
import java.net.Socket;
import java.nio.channels.ClosedChannelException;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.cert.CertPathBuilderException;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateNotYetValidException;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Date;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLException;
import javax.net.ssl.X509ExtendedTrustManager;
import org.jspecify.annotations.Nullable;

/**
 * Whom a client or agent takes for its gateway. With a pin (the token's): the certificate chain must end in the CA whose
 * public key has that SHA-256; the host name is not compared, since that CA certifies this gateway only, under
 * whatever address it is reached. Without a pin: the public web PKI and the host name.
 */
public final class GatewayTrust {
    /** BoringSSL's "error:10000410:SSL routines:OPENSSL_internal:SSLV3_ALERT_HANDSHAKE_FAILURE". */
    private static final Pattern OPENSSL = Pattern.compile("OPENSSL_internal:(?:[ST][SL][SL]V\\d+_)?([A-Z0-9_]+)");

    private GatewayTrust() {}

    /** The fastest TLS implementation here: BoringSSL when its library loads, else the JDK's. */
    public static SslProvider provider() {
        return OpenSsl.isAvailable() ? SslProvider.OPENSSL : SslProvider.JDK;
    }

    /** Its name, as people know it. */
    public static String providerName() {
        return provider() == SslProvider.JDK ? "the JDK" : "BoringSSL";
    }

    /**
     * @param pin SHA-256 of the CA's SubjectPublicKeyInfo, or null
     * @throws SSLException when TLS cannot be set up
     */
    public static SslContext clientContext(byte @Nullable [] pin) throws SSLException {
        SslContextBuilder builder = SslContextBuilder.forClient();
        if (pin != null) {
            builder.trustManager(new PinnedCa(pin)).endpointIdentificationAlgorithm(null);
        } else {
            // As browsers do; by it a gateway with a certificate of its own authority and a public one knows which to
            // show.
            builder.applicationProtocolConfig(new ApplicationProtocolConfig(
                    ApplicationProtocolConfig.Protocol.ALPN,
                    ApplicationProtocolConfig.SelectorFailureBehavior.NO_ADVERTISE,
                    ApplicationProtocolConfig.SelectedListenerFailureBehavior.ACCEPT,
                    ApplicationProtocolNames.HTTP_1_1));
        }
        return KeyExchange.context(builder);
    }

    /**
     * Whether a chain is what a pin wants.
     *
     * @param at when its certificates are to be valid
     * @throws CertificateException if it is not, in words for people
     */
    public static void require(byte[] pin, List<X509Certificate> chain, Instant at) throws CertificateException {
        new PinnedCa(pin).check(chain.toArray(X509Certificate[]::new), Date.from(at));
    }

    /** Whether this is the authority that a pin means, whatever else is wrong with it. */
    public static boolean isPinned(byte[] pin, X509Certificate ca) {
        return MessageDigest.isEqual(LinkProof.sha256(ca.getPublicKey().getEncoded()), pin);
    }

    /** What came of a TLS handshake that failed; the message says what the gateway did, in words for people. */
    public static IOException explain(Throwable failure) {
        Throwable root = failure;
        for (Throwable t = failure; t != null; t = t.getCause()) {
            if (t instanceof CertificateExpiredException || t instanceof CertificateNotYetValidException) {
                return new UntrustedGatewayException("TLS: its certificate has expired or is not valid yet ("
                        + t.getMessage() + "), if this machine's clock is right: it says " + now());
            }
            if (t instanceof CertificateException) { // the first is our own verdict (PinnedCa), worded for people
                root = t;
                break;
            }
            root = t;
        }
        for (Throwable t = root; t != null; t = t.getCause()) {
            if (t instanceof CertificateExpiredException || t instanceof CertificateNotYetValidException) {
                return explain(t);
            }
        }
        if (root instanceof CertificateException
                || root instanceof CertPathBuilderException
                || root instanceof CertPathValidatorException) {
            return new UntrustedGatewayException("TLS: " + words(root));
        }
        if (failure instanceof NotSslRecordException) { // Netty's text is a dump of what came
            return new UnusableGatewayException("it does not speak TLS; is the port right?");
        }
        if (failure instanceof ClosedChannelException) {
            return new UnusableGatewayException("it closed the connection during the TLS handshake");
        }
        if (NetworkError.of(failure) != NetworkError.OTHER) {
            return new UnusableGatewayException(NetworkError.words(failure) + ", during the TLS handshake");
        }
        return new UnusableGatewayException("TLS: " + words(root));
    }

    private static String now() {
        return Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
    }

    private static String words(Throwable t) {
        if (t.getMessage() == null) {
            return "the handshake failed (" + t.getClass().getSimpleName() + ")";
        }
        Matcher alert = OPENSSL.matcher(t.getMessage());
        return alert.find()
                ? "the handshake failed: "
                        + alert.group(1).toLowerCase(Locale.ROOT).replace('_', ' ')
                : Printable.text(t.getMessage());
    }

    private static final class PinnedCa extends X509ExtendedTrustManager {
        private final byte[] pin;

        PinnedCa(byte[] pin) {
            this.pin = pin.clone();
        }

        private void check(X509Certificate @Nullable [] chain) throws CertificateException {
            check(chain, new Date());
        }

        void check(X509Certificate @Nullable [] chain, Date at) throws CertificateException {
            if (chain == null || chain.length < 2) {
                throw new CertificateException(
                        "the gateway sent no certificate chain; this token pins the CA of another gateway");
            }
            X509Certificate ca = chain[chain.length - 1];
            if (!isPinned(pin, ca)) {
                throw new CertificateException(
                        "this is not the gateway of the token: its CA has another key; check the address, or get a new token");
            }
            try {
                if (ca.getBasicConstraints() < 0) {
                    throw new CertificateException("the pinned certificate is not a CA's");
                }
                ca.checkValidity(at);
                for (int i = 0; i < chain.length - 1; i++) {
                    chain[i].checkValidity(at);
                    chain[i].verify(chain[i + 1].getPublicKey());
                    if (i > 0 && chain[i].getBasicConstraints() < 0) {
                        throw new CertificateException("a certificate in the gateway's chain was not issued by a CA");
                    }
                }
            } catch (CertificateException e) {
                throw e;
            } catch (GeneralSecurityException e) {
                throw new CertificateException(
                        "the gateway's certificate was not issued by the pinned CA: " + e.getMessage(), e);
            }
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String authType, Socket socket)
                throws CertificateException {
            check(chain);
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
                throws CertificateException {
            check(chain);
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String authType) throws CertificateException {
            check(chain);
        }

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String authType, Socket socket)
                throws CertificateException {
            throw new CertificateException("not for clients");
        }

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
                throws CertificateException {
            throw new CertificateException("not for clients");
        }

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String authType) throws CertificateException {
            throw new CertificateException("not for clients");
        }

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }
}
