package dev.culvert.token.state;

import java.security.PrivateKey;
import java.security.cert.X509Certificate;

/**
 * What a TLS server needs.
 *
 * @param chain the server's certificate, then the certificate authority's
 * @param key the private key of the first
 */
public record ServerCertificate(X509Certificate[] chain, PrivateKey key) {
    /** Takes a copy of the chain. */
    public ServerCertificate {
        chain = chain.clone();
    }

    /** A copy of the chain. */
    @Override
    public X509Certificate[] chain() {
        return chain.clone();
    }

    /** The server's own certificate. */
    public X509Certificate leaf() {
        return chain[0];
    }

    /** Names the certificate without showing the key. */
    @Override
    public String toString() {
        return "ServerCertificate[" + leaf().getSubjectX500Principal() + " until " + leaf().getNotAfter() + "]";
    }
}
