package dev.culvert.gateway.door;

import dev.culvert.gateway.certificate.Challenges;
import dev.culvert.gateway.certificate.OwnTls;
import dev.culvert.gateway.certificate.ServedTls;
import dev.culvert.tunnel.link.UpgradableReads;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpRequestDecoder;
import io.netty.handler.codec.http.HttpResponseEncoder;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.timeout.IdleStateHandler;
import io.netty.util.AttributeKey;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A new connection at the gateway's port: limits, TLS, HTTP. */
final class GatewayChannel extends ChannelInitializer<Channel> {
    /** Set where TLS is expected: plain HTTP there is told so, as web servers do. */
    static final AttributeKey<Boolean> EXPECTS_TLS = AttributeKey.valueOf(GatewayChannel.class, "expectsTls");

    /** SHA-256 of the certificate that the connection showed, for proofs to be bound to. */
    static final AttributeKey<byte[]> CERTIFICATE = AttributeKey.valueOf(GatewayChannel.class, "certificate");

    /** TLS handshake: a slow phone needs two seconds. */
    private static final Duration HANDSHAKE = Duration.ofSeconds(10);

    /** Without a whole request for so long, a connection that is not a link is closed, however steadily it drips. */
    static final int IDLE_SECONDS = 30;

    /** What is read at once of a stranger: a buffer that holds the rest of a TLS record is no larger than that record. */
    private static final int MAX_READ = 4_096;

    private final @Nullable OwnTls tls;
    private final OwnNames own;
    private final LinkGate.Shared shared;
    private final Arrivals arrivals;
    private final Strangers strangers;
    private final @Nullable PublishedDoor published;
    private final StrangerTurns.Loops turns;

    /**
     * @param tls what is shown; null for plain {@code ws}
     * @param own what the gateway is called
     * @param arrivals among them who is connected and not a link
     * @param turns for all strangers, also those at other ports
     * @param published where connections for published names go; null when there are none
     */
    GatewayChannel(
            @Nullable OwnTls tls,
            OwnNames own,
            LinkGate.Shared shared,
            Arrivals arrivals,
            StrangerTurns.Loops turns,
            @Nullable PublishedDoor published) {
        this.tls = tls;
        this.own = own;
        this.shared = shared;
        this.arrivals = arrivals;
        this.strangers = arrivals.strangers();
        this.turns = turns;
        this.published = published;
    }

    @Override
    protected void initChannel(Channel ch) {
        arrivals.whenKnown(ch, () -> begin(ch));
    }

    private void begin(Channel ch) {
        InetSocketAddress from = Visitor.of(ch).from();
        Strangers.Stranger stranger = strangers.enter(from.getAddress(), () -> closeNow(ch));
        if (stranger == null) {
            shared.services().counters().refusedConnections.increment();
            ch.close();
            return;
        }
        ch.closeFuture().addListener(f -> stranger.leave());
        ch.config().setRecvByteBufAllocator(new UpgradableReads(MAX_READ));
        turns.serve(ch, from, stranger);
        if (tls == null) {
            serve(ch, stranger);
            return;
        }
        OwnTls ours = tls;
        ch.attr(EXPECTS_TLS).set(true);
        PublishedDoor other = published;
        ChannelHandler errors = new Errors();
        ServerNameChoice choice = new ServerNameChoice(HANDSHAKE.toMillis(), new ServerNameChoice.Chooser() {
            @Override
            public void choose(ChannelHandlerContext ctx, @Nullable String name, List<String> protocols) {
                ctx.pipeline().remove(errors);
                boolean challenge = protocols.contains(Challenges.TLS_PROTOCOL);
                if (other != null && other.takes(ctx, name, challenge, stranger, HANDSHAKE.toMillis())) {
                    return;
                }
                // Ends with a pin, whom the own authority's certificate is for, offer no protocols and come by any
                // name.
                if (name != null && !protocols.isEmpty() && !own.has(name)) {
                    TlsAlert.unrecognizedName(ctx);
                } else {
                    ServedTls shown = ours.served(name, !protocols.isEmpty());
                    ch.attr(CERTIFICATE).set(shown.certificate());
                    ctx.pipeline().addLast(secured(ctx, shown.context()));
                    serve(ch, stranger);
                    ctx.pipeline().remove(ctx.handler());
                }
            }

            @Override
            public void chooseInTheClear(ChannelHandlerContext ctx) {
                ctx.pipeline().remove(errors);
                serve(ch, stranger);
                ctx.pipeline().remove(ctx.handler());
            }
        });
        ch.pipeline().addLast(choice, errors);
    }

    /** What comes of a ClientHello that is none is a stranger's, and not for the log. */
    private static final class Errors extends ChannelInboundHandlerAdapter {
        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }
    }

    /** TLS as the gateway itself. */
    private static SslHandler secured(ChannelHandlerContext ctx, SslContext context) {
        SslHandler handler = context.newHandler(ctx.alloc());
        handler.setHandshakeTimeout(HANDSHAKE.toMillis(), TimeUnit.MILLISECONDS);
        return handler;
    }

    /** HTTP and links. */
    private void serve(Channel ch, Strangers.Stranger stranger) {
        RequestReader reader = new RequestReader(stranger);
        // Behind the decoder: only a whole request counts as a sign of life.
        HttpRequestDecoder decoder = requestDecoder();
        HttpResponseEncoder encoder = new HttpResponseEncoder();
        IdleStateHandler idle = new IdleStateHandler(IDLE_SECONDS, 0, 0);
        ch.pipeline()
                .addLast(reader, decoder, encoder, idle)
                // The reader is taken out last: what it still holds is the link's.
                .addLast(new WebEdge(shared, own, reader, decoder, encoder, idle, reader));
    }

    private static HttpRequestDecoder requestDecoder() {
        HttpDecoderConfig config = new HttpDecoderConfig()
                .setMaxInitialLineLength(RequestReader.MAX_LINE)
                .setMaxHeaderSize(RequestReader.MAX_HEAD);
        return new HttpRequestDecoder(config) {
            @Override
            protected void handleTransferEncodingChunkedWithContentLength(HttpMessage message) {
                // RFC 9112 6.1: an attempt to smuggle, or a broken proxy.
                throw new IllegalArgumentException("both Transfer-Encoding and Content-Length");
            }
        };
    }

    /** Without a word, and without waiting for one: a peer that does not read must not keep what it has. */
    static void closeNow(Channel ch) {
        try {
            ch.eventLoop().execute(() -> ch.unsafe().close(ch.unsafe().voidPromise()));
        } catch (RejectedExecutionException e) {
            ch.close(); // the gateway is closing
        }
    }
}
