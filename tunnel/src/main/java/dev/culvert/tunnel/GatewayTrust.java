package dev.culvert.tunnel;

import io.netty.handler.ssl.OpenSsl;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import java.net.Socket;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
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
    private GatewayTrust() {}

    /** The fastest TLS implementation here: BoringSSL when its library loads, else the JDK's. */
    public static SslProvider provider() {
        return OpenSsl.isAvailable() ? SslProvider.OPENSSL : SslProvider.JDK;
    }

    /**
     * @param pin SHA-256 of the CA's SubjectPublicKeyInfo, or null
     * @throws SSLException when TLS cannot be set up
     */
    public static SslContext clientContext(byte @Nullable [] pin) throws SSLException {
        SslContextBuilder builder =
                SslContextBuilder.forClient().sslProvider(provider()).protocols("TLSv1.3", "TLSv1.2");
        if (pin != null) {
            builder.trustManager(new PinnedCa(pin)).endpointIdentificationAlgorithm(null);
        }
        return builder.build();
    }

    private static final class PinnedCa extends X509ExtendedTrustManager {
        private final byte[] pin;

        PinnedCa(byte[] pin) {
            this.pin = pin.clone();
        }

        private void check(X509Certificate @Nullable [] chain) throws CertificateException {
            if (chain == null || chain.length < 2) {
                throw new CertificateException(
                        "the gateway sent no certificate chain; this token pins the CA of another gateway");
            }
            X509Certificate ca = chain[chain.length - 1];
            if (!MessageDigest.isEqual(LinkProof.sha256(ca.getPublicKey().getEncoded()), pin)) {
                throw new CertificateException(
                        "this is not the gateway of the token: its CA has another key; check the address, or get a new token");
            }
            try {
                if (ca.getBasicConstraints() < 0) {
                    throw new CertificateException("the pinned certificate is not a CA's");
                }
                ca.checkValidity();
                for (int i = 0; i < chain.length - 1; i++) {
                    chain[i].checkValidity();
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
