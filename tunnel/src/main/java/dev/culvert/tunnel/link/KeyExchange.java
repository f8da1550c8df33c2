package dev.culvert.tunnel.link;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.handler.ssl.OpenSslContextOption;
import io.netty.handler.ssl.OpenSslSession;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslProvider;
import java.util.List;
import java.util.stream.Stream;
import javax.net.ssl.SSLException;

/**
 * By which group the ends of a TLS connection agree on its keys: those that our ends and gateways offer, the best first, and which
 * one stands. The first is a hybrid of X25519 and ML-KEM-768 (draft-ietf-tls-ecdhe-mlkem): who records a link today cannot read it
 * with a quantum computer later, and if ML-KEM should prove weak X25519 still holds. A side that does not know it takes the next.
 */
public final class KeyExchange {
    static final String HYBRID = "X25519MLKEM768";

    /** What each TLS library has: X25519, P-256 and P-384, as Netty calls them. */
    private static final List<String> CLASSIC = List.of("x25519", "secp256r1", "secp384r1");

    private KeyExchange() {}

    /**
     * Sets up TLS 1.3 and 1.2 with these groups, of which a library that lacks the hybrid has the others. Which groups the JDK's
     * has is its own and {@code jdk.tls.namedGroups}' to say.
     *
     * @throws SSLException when TLS cannot be set up
     */
    public static SslContext context(SslContextBuilder builder) throws SSLException {
        return context(builder, GatewayTrust.provider(), HYBRID);
    }

    static SslContext context(SslContextBuilder builder, SslProvider provider, String first) throws SSLException {
        builder.sslProvider(provider).protocols("TLSv1.3", "TLSv1.2");
        if (provider == SslProvider.JDK) {
            return builder.build();
        }
        try {
            return offering(builder, Stream.concat(Stream.of(first), CLASSIC.stream()));
        } catch (SSLException e) { // an unknown group is not told from what else may be wrong, which is wrong again
            return offering(builder, CLASSIC.stream());
        }
    }

    private static SslContext offering(SslContextBuilder builder, Stream<String> groups) throws SSLException {
        return builder.option(OpenSslContextOption.GROUPS, groups.toArray(String[]::new))
                .build();
    }

    /** The group that stands on a connection, as its library calls it; empty without TLS, and when the library does not tell. */
    public static String of(Channel channel) {
        SslHandler tls = null;
        for (ChannelHandler handler : channel.pipeline().toMap().values()) {
            tls = handler instanceof SslHandler found ? found : tls; // one before it is a proxy's
        }
        String group = tls != null && tls.engine().getSession() instanceof OpenSslSession session
                ? session.getNamedGroup()
                : null;
        return group == null ? "" : group;
    }
}
