package dev.culvert.gateway.door;

import dev.culvert.policy.publication.Publication;
import dev.culvert.policy.publication.PublicationOptions;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.limit.RecentMap;
import io.netty.channel.Channel;
import io.netty.channel.EventLoop;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/** TLS from the gateway to the targets of {@code https://}, over their flows. From any thread. */
final class TargetTls {
    /** A LAN's server behind a slow agent. */
    private static final long HANDSHAKE_SECONDS = 10;

    /** One for each certificate authority that publications name, and the system's; made again when they are asked for. */
    static final int MAX_CONTEXTS = 256;

    private static final long IDLE_SECONDS = 10;

    /** What a context depends on. */
    record Trust(@Nullable String ca, boolean insecure) {}

    private final RecentMap<Trust, CompletableFuture<SslContext>> contexts = new RecentMap<>(MAX_CONTEXTS);
    private final Executor maker;

    TargetTls() {
        this(maker());
    }

    /** @param maker makes contexts: to read what the system trusts takes tens of milliseconds, which no event loop has */
    TargetTls(Executor maker) {
        this.maker = maker;
    }

    /** What waits is bounded by {@link #MAX_CONTEXTS}, but for those that have been forgotten before they were made. */
    private static Executor maker() {
        ThreadPoolExecutor one = new ThreadPoolExecutor(
                1,
                1,
                IDLE_SECONDS,
                TimeUnit.SECONDS,
                new LinkedBlockingQueue<>(),
                new DefaultThreadFactory("gateway-trust", true));
        one.allowCoreThreadTimeOut(true);
        return one;
    }

    /** The channel of {@code flow} with TLS on it, once the target has shown that it is the one that is meant. */
    Future<Channel> over(Future<? extends Channel> flow, Publication publication, EventLoop loop) {
        Promise<Channel> secured = loop.newPromise();
        PublicationOptions options = publication.options();
        CompletableFuture<SslContext> context = context(new Trust(options.tlsCa(), options.tlsInsecure()));
        secured.addListener(s -> {
            if (s.isCancelled() && !flow.cancel(false) && flow.isSuccess()) {
                ((Channel) flow.getNow()).close();
            }
        });
        flow.addListener(f -> {
            if (!f.isSuccess()) {
                secured.tryFailure(f.cause());
                return;
            }
            Channel channel = (Channel) f.getNow();
            if (context.isDone()) {
                secure(channel, context, publication, secured);
            } else {
                context.whenComplete((made, e) -> loop.execute(() -> secure(channel, context, publication, secured)));
            }
        });
        return secured;
    }

    private static void secure(
            Channel channel, CompletableFuture<SslContext> context, Publication publication, Promise<Channel> secured) {
        if (secured.isDone()) { // nobody waits for it any more
            channel.close();
            return;
        }
        try {
            handshake(channel, context.join(), publication, secured);
        } catch (RuntimeException e) {
            secured.tryFailure(e);
            channel.close();
        }
    }

    private static void handshake(
            Channel channel, SslContext context, Publication publication, Promise<Channel> secured) {
        PublicationOptions options = publication.options();
        String name =
                options.tlsName() != null ? options.tlsName() : publication.to().host();
        SslHandler tls =
                context.newHandler(channel.alloc(), name, publication.to().port());
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

    private synchronized CompletableFuture<SslContext> context(Trust trust) {
        CompletableFuture<SslContext> known = contexts.get(trust);
        if (known == null || known.isCompletedExceptionally()) {
            CompletableFuture<SslContext> made = new CompletableFuture<>();
            contexts.put(trust, made);
            known = made;
            maker.execute(() -> {
                try {
                    made.complete(make(trust));
                } catch (SSLException | RuntimeException e) {
                    made.completeExceptionally(e);
                }
            });
        }
        return known;
    }

    private static SslContext make(Trust trust) throws SSLException {
        SslContextBuilder builder = SslContextBuilder.forClient();
        if (trust.insecure()) {
            builder.trustManager(InsecureTrustManagerFactory.INSTANCE).endpointIdentificationAlgorithm(null);
        } else if (trust.ca() != null) {
            builder.trustManager(new ByteArrayInputStream(pem(trust.ca()))); // as text: it is DER in Base64
        }
        return builder.build();
    }

    private static byte[] pem(String der) {
        return ("-----BEGIN CERTIFICATE-----\n"
                        + Base64.getMimeEncoder()
                                .encodeToString(Base64.getDecoder().decode(der))
                        + "\n-----END CERTIFICATE-----\n")
                .getBytes(StandardCharsets.US_ASCII);
    }
}
