package dev.culvert.gateway.door;

import dev.culvert.gateway.certificate.Certificate;
import dev.culvert.gateway.certificate.CertificateSource;
import dev.culvert.tunnel.limit.RecentMap;
import dev.culvert.tunnel.link.KeyExchange;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.ApplicationProtocolNames;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import java.security.cert.X509Certificate;
import java.util.Collection;
import java.util.List;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * TLS with the certificates of published names. To set one up takes some 20 ms of a processor (BoringSSL, ECDSA), which no event loop has: it is
 * done {@linkplain #prepare beforehand}, and on a loop only for a certificate that has just come. From any thread.
 */
final class CertificateTls {
    private static final Logger log = LoggerFactory.getLogger(CertificateTls.class);

    /** What published names speak. */
    private static final List<String> HTTP =
            List.of(ApplicationProtocolNames.HTTP_2, ApplicationProtocolNames.HTTP_1_1);

    /** Contexts that are kept, one for each certificate; others are made again when they are asked for. */
    private static final int MAX_CONTEXTS = 1_024;

    /** The thread that prepares them has others to serve. */
    static final int AT_ONCE = 4;

    private final RecentMap<Certificate, SslContext> contexts = new RecentMap<>(MAX_CONTEXTS);

    /** With which it cannot be set up, as was found and said. */
    private final RecentMap<Certificate, Boolean> unusable = new RecentMap<>(MAX_CONTEXTS);

    /**
     * Sets up what is not there yet, {@link #AT_ONCE} of them at most: called again and again. Takes up to some 100 ms.
     *
     * @param names also wildcards, for which a name below them is looked for
     */
    void prepare(Collection<String> names, CertificateSource certificates) {
        int made = 0;
        for (String name : names) {
            Certificate certificate = certificates.find(name.startsWith("*.") ? "a" + name.substring(1) : name);
            if (certificate != null && !isKnown(certificate)) {
                http(certificate);
                if (++made >= AT_ONCE) {
                    return;
                }
            }
        }
    }

    /** Whether it has been set up; also when there is no room for more, so that nobody takes turns at it. */
    private boolean isKnown(Certificate certificate) {
        synchronized (contexts) {
            return contexts.get(certificate) != null
                    || unusable.get(certificate) != null
                    || contexts.size() >= MAX_CONTEXTS;
        }
    }

    /** For HTTP; null when TLS cannot be set up with it, which is said in the log. */
    @Nullable
    SslContext http(Certificate certificate) {
        return of(certificate, HTTP);
    }

    /**
     * The same for other protocols.
     *
     * @param protocols always the same for one certificate
     */
    @Nullable
    SslContext of(Certificate certificate, List<String> protocols) {
        synchronized (contexts) {
            SslContext known = contexts.get(certificate);
            if (known != null) {
                return known;
            }
            if (unusable.get(certificate) != null) {
                return null;
            }
        }
        SslContext made = make(certificate, protocols); // which others do not wait for
        synchronized (contexts) {
            if (made != null) {
                contexts.put(certificate, made);
            } else {
                unusable.put(certificate, true);
            }
        }
        return made;
    }

    private static @Nullable SslContext make(Certificate certificate, List<String> protocols) {
        try {
            return KeyExchange.context(SslContextBuilder.forServer(
                            certificate.key(), certificate.chain().toArray(X509Certificate[]::new))
                    .applicationProtocolConfig(new ApplicationProtocolConfig(
                            ApplicationProtocolConfig.Protocol.ALPN,
                            ApplicationProtocolConfig.SelectorFailureBehavior.NO_ADVERTISE,
                            ApplicationProtocolConfig.SelectedListenerFailureBehavior.ACCEPT,
                            protocols)));
        } catch (SSLException e) {
            log.warn(
                    "no TLS with the {}: {}; give one with an RSA key of 2048 bits or more, or with one of P-256 or P-384",
                    certificate,
                    e.getMessage());
            return null;
        }
    }
}
