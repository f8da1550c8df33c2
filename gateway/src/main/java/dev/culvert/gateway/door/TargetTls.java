package dev.culvert.gateway.door;

import dev.culvert.policy.publication.Publication;
import dev.culvert.policy.publication.PublicationOptions;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.frame.Reason;
import io.netty.channel.Channel;
import io.netty.channel.EventLoop;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.io.ByteArrayInputStream;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/** TLS from the gateway to the targets of {@code https://}, over their flows. From any thread. */
final class TargetTls {
    /** A LAN's server behind a slow agent. */
    private static final long HANDSHAKE_SECONDS = 10;

    /** One for each certificate authority that publications name, and the system's; made again when they are asked for. */
    private static final int MAX_CONTEXTS = 256;

    /** What a context depends on. */
    private record Trust(@Nullable String ca, boolean insecure) {}

    private final Map<Trust, SslContext> contexts = new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Trust, SslContext> eldest) {
            return size() > MAX_CONTEXTS;
        }
    };

    /** The channel of {@code flow} with TLS on it, once the target has shown that it is the one that is meant. */
    Future<Channel> over(Future<? extends Channel> flow, Publication publication, EventLoop loop) {
        Promise<Channel> secured = loop.newPromise();
        secured.addListener(s -> {
            if (s.isCancelled()) {
                flow.cancel(false);
            }
        });
        flow.addListener(f -> {
            if (!f.isSuccess()) {
                secured.tryFailure(f.cause());
                return;
            }
            Channel channel = (Channel) f.getNow();
            try {
                handshake(channel, publication, secured);
            } catch (SSLException | RuntimeException e) {
                secured.tryFailure(e);
                channel.close();
            }
        });
        return secured;
    }

    private void handshake(Channel channel, Publication publication, Promise<Channel> secured) throws SSLException {
        PublicationOptions options = publication.options();
        String name =
                options.tlsName() != null ? options.tlsName() : publication.to().host();
        SslHandler tls = context(new Trust(options.tlsCa(), options.tlsInsecure()))
                .newHandler(channel.alloc(), name, publication.to().port());
        tls.setHandshakeTimeout(HANDSHAKE_SECONDS, TimeUnit.SECONDS);
        channel.pipeline().addLast(tls);
        tls.handshakeFuture().addListener(h -> {
            if (!h.isSuccess()) {
                secured.tryFailure(new FlowException(
                        Reason.RESET, "TLS with the target failed: " + h.cause().getMessage()));
                channel.close();
            } else if (!secured.trySuccess(channel)) {
                channel.close();
            }
        });
        channel.read(); // its answer; what comes after is read when somebody asks
    }

    private SslContext context(Trust trust) throws SSLException {
        synchronized (contexts) {
            SslContext known = contexts.get(trust);
            if (known == null) {
                SslContextBuilder builder = SslContextBuilder.forClient();
                if (trust.insecure()) {
                    builder.trustManager(InsecureTrustManagerFactory.INSTANCE).endpointIdentificationAlgorithm(null);
                } else if (trust.ca() != null) {
                    builder.trustManager(new ByteArrayInputStream(pem(trust.ca()))); // as text: it is DER in Base64
                }
                known = builder.build();
                contexts.put(trust, known);
            }
            return known;
        }
    }

    private static byte[] pem(String der) {
        return ("-----BEGIN CERTIFICATE-----\n"
                        + Base64.getMimeEncoder()
                                .encodeToString(Base64.getDecoder().decode(der))
                        + "\n-----END CERTIFICATE-----\n")
                .getBytes(java.nio.charset.StandardCharsets.US_ASCII);
    }
}
