package dev.culvert.gateway.certificate;

import dev.culvert.address.IpLiteral;
import dev.culvert.tunnel.link.KeyExchange;
import dev.culvert.tunnel.link.LinkProof;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.ApplicationProtocolNames;
import io.netty.handler.ssl.SslContextBuilder;
import java.security.cert.CertificateEncodingException;
import java.security.cert.X509Certificate;
import java.util.Collection;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the gateway shows as itself. Holders of tokens with a pin want the certificate of its own authority, browsers and holders of
 * tokens without one a public certificate, under the same name: they are told apart by what their ClientHello offers. Whoever offers
 * protocols (ALPN, RFC 7301) is of the public; ends with a pin never have. Until there is a public certificate all are shown the
 * own authority's. From any thread.
 */
public final class OwnTls {
    private static final Logger log = LoggerFactory.getLogger(OwnTls.class);

    private final Supplier<ServedTls> pinned;
    private final Set<String> publicNames;
    private final @Nullable String publicAddress;
    private final CertificateSource source;
    private final Map<String, Made> made = new ConcurrentHashMap<>();

    private record Made(Certificate certificate, @Nullable ServedTls tls) {}

    /**
     * @param pinned gives the own authority's certificate in force
     * @param publicNames names and addresses of the gateway that public certificates are for; may be empty
     * @param source of those
     */
    public OwnTls(Supplier<ServedTls> pinned, Collection<String> publicNames, CertificateSource source) {
        this.pinned = pinned;
        this.source = source;
        this.publicNames = publicNames.stream()
                .map(Certificate::normalize)
                .filter(Objects::nonNull)
                .collect(Collectors.toUnmodifiableSet());
        publicAddress = this.publicNames.stream()
                .filter(name -> IpLiteral.parse(name) != null)
                .sorted()
                .findFirst()
                .orElse(null);
    }

    /** What is shown to whom nothing is known of. */
    public ServedTls served() {
        return pinned.get();
    }

    /**
     * What is shown to a peer. Does not block; sets TLS up for a certificate when that is first shown.
     *
     * @param name that it asks for (SNI); null when it asks for none, as who comes to an address
     * @param offersProtocols whether it offers any (ALPN)
     */
    public ServedTls served(@Nullable String name, boolean offersProtocols) {
        String asked = name == null ? publicAddress : Certificate.normalize(name);
        if (!offersProtocols || asked == null || !publicNames.contains(asked)) {
            return served();
        }
        Certificate certificate = source.find(asked);
        if (certificate == null) {
            return served();
        }
        Made there = made.get(asked);
        if (there == null || !there.certificate.equals(certificate)) {
            there = new Made(certificate, make(certificate));
            made.put(asked, there);
        }
        return there.tls == null ? served() : there.tls;
    }

    private static @Nullable ServedTls make(Certificate certificate) {
        try {
            return new ServedTls(
                    KeyExchange.context(SslContextBuilder.forServer(
                                    certificate.key(), certificate.chain().toArray(X509Certificate[]::new))
                            .applicationProtocolConfig(new ApplicationProtocolConfig(
                                    ApplicationProtocolConfig.Protocol.ALPN,
                                    ApplicationProtocolConfig.SelectorFailureBehavior.NO_ADVERTISE,
                                    ApplicationProtocolConfig.SelectedListenerFailureBehavior.ACCEPT,
                                    ApplicationProtocolNames.HTTP_1_1))),
                    LinkProof.sha256(certificate.leaf().getEncoded()));
        } catch (SSLException | CertificateEncodingException e) {
            log.warn("no TLS with the {}: {}", certificate, e.getMessage());
            return null;
        }
    }
}
