package dev.culvert.tunnel;

import dev.culvert.command.Printable;
import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.ssl.NotSslRecordException;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import io.netty.util.concurrent.ScheduledFuture;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.channels.ClosedChannelException;
import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.security.SecureRandom;
import java.security.cert.CertificateEncodingException;
import java.security.cert.CertificateException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLPeerUnverifiedException;
import org.jspecify.annotations.Nullable;

/** Makes one link to a gateway: TCP, TLS for {@code wss}, the upgrade with the token as bearer. */
public final class LinkConnector {
    /** TCP, TLS and upgrade together. */
    private static final Duration DEADLINE = Duration.ofSeconds(15);

    /** The most of an error page that is read. */
    private static final int MAX_RESPONSE = 16 << 10;

    private static final SecureRandom RANDOM = new SecureRandom();

    private final URI gateway;
    private final String token;
    private final @Nullable KeyPair holderKey;
    private final @Nullable SslContext tls;

    private final OffLoopNames names;

    /**
     * Where the last link led. A client whose name servers lie behind the tunnel cannot resolve anything while the tunnel is
     * gone; whether it is still the gateway that answers there, TLS shows.
     */
    private volatile @Nullable InetSocketAddress lastGood;

    /** For a bearer token; see the other constructor. */
    public LinkConnector(URI gateway, byte @Nullable [] pin, String token) throws SSLException {
        this(gateway, pin, token, null);
    }

    /**
     * @param gateway {@code wss://host[:port]} or {@code ws://host[:port]}
     * @param pin see {@link GatewayTrust}
     * @param token the token
     * @param holderKey the Ed25519 key pair that the token is bound to; null for a bearer token
     */
    public LinkConnector(URI gateway, byte @Nullable [] pin, String token, @Nullable KeyPair holderKey)
            throws SSLException {
        this(gateway, pin, token, holderKey, OffLoopNames.SYSTEM);
    }

    LinkConnector(URI gateway, byte @Nullable [] pin, String token, @Nullable KeyPair holderKey, OffLoopNames names)
            throws SSLException {
        if (gateway.getHost() == null || !("wss".equals(gateway.getScheme()) || "ws".equals(gateway.getScheme()))) {
            throw new IllegalArgumentException("gateway URL " + gateway + " is not of the form wss://host:port");
        }
        this.gateway = gateway;
        this.token = token;
        this.holderKey = holderKey;
        this.names = names;
        this.tls = "wss".equals(gateway.getScheme()) ? GatewayTrust.clientContext(pin) : null;
    }

    /** One for each of the gateways that a token names; see the constructor. */
    public static List<LinkConnector> all(
            List<URI> gateways, byte @Nullable [] pin, String token, @Nullable KeyPair holderKey) throws SSLException {
        List<LinkConnector> list = new ArrayList<>(gateways.size());
        for (URI gateway : gateways) {
            list.add(new LinkConnector(gateway, pin, token, holderKey));
        }
        return list;
    }

    /** The URL that it was made for. */
    public URI gateway() {
        return gateway;
    }

    /** Host and port; the name is not resolved yet. */
    public InetSocketAddress address() {
        return InetSocketAddress.createUnresolved(hostName(), port());
    }

    private String hostName() {
        String host = gateway.getHost();
        return host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
    }

    /** A path in the URL is for a proxy that serves the gateway under it. */
    private String path() {
        String path = gateway.getRawPath();
        return path == null || path.isEmpty() || path.equals("/") ? LinkUpgrade.PATH : path;
    }

    private int port() {
        return gateway.getPort() > 0 ? gateway.getPort() : tls != null ? 443 : 80;
    }

    /**
     * Connects on {@code loop}. The name is resolved anew each time; when that fails, to where the last link led.
     *
     * @return fails with an exception whose message is one line for people
     */
    public Future<Link> connect(EventLoop loop, LinkSettings settings, FrameReceiver receiver) {
        Promise<Link> promise = loop.newPromise();
        Bootstrap bootstrap = new Bootstrap()
                .group(loop)
                .channel(EventLoops.socketChannel())
                .resolver(names)
                .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, (int) DEADLINE.toMillis())
                .option(ChannelOption.TCP_NODELAY, true)
                .handler(new ChannelInitializer<>() {
                    @Override
                    protected void initChannel(Channel ch) {
                        if (tls != null) {
                            SslHandler handler = tls.newHandler(ch.alloc(), hostName(), port());
                            handler.setHandshakeTimeout(DEADLINE.toMillis(), TimeUnit.MILLISECONDS);
                            ch.pipeline().addLast(handler);
                        }
                        HttpClientCodec codec = new HttpClientCodec();
                        HttpObjectAggregator aggregator = new HttpObjectAggregator(MAX_RESPONSE);
                        ch.pipeline()
                                .addLast(
                                        codec, aggregator, new Upgrade(codec, aggregator, settings, receiver, promise));
                    }
                });
        bootstrap.connect(hostName(), port()).addListener(f -> {
            InetSocketAddress known = lastGood;
            if (f.cause() instanceof UnknownHostException && known != null) {
                bootstrap.connect(known).addListener(again -> explainTo(promise, again.cause()));
            } else {
                explainTo(promise, f.cause());
            }
        });
        return promise;
    }

    private void explainTo(Promise<Link> promise, @Nullable Throwable cause) {
        if (cause != null) {
            promise.tryFailure(explain(cause));
        }
    }

    private Throwable explain(Throwable cause) {
        String where = hostName() + ":" + port();
        if (cause instanceof UnknownHostException) {
            return new ConnectException("cannot resolve the gateway's name " + hostName());
        }
        String text =
                Objects.requireNonNullElse(cause.getMessage(), cause.getClass().getSimpleName());
        // Netty's epoll says "finishConnect(..) failed with error(-111): Connection refused: host/1.2.3.4:443".
        text = text.replaceFirst("^[\\w:]+\\(\\.\\.\\) failed(?: with error\\([^)]*\\))?: ", "")
                .replaceFirst(": /?[^ ]+:\\d+$", "");
        return new ConnectException("cannot reach the gateway at " + where + ": " + text);
    }

    private final class Upgrade extends SimpleChannelInboundHandler<FullHttpResponse> {
        private final HttpClientCodec codec;
        private final HttpObjectAggregator aggregator;
        private final LinkSettings settings;
        private final FrameReceiver receiver;
        private final Promise<Link> promise;
        private final String key;
        private @Nullable ScheduledFuture<?> deadline;
        private boolean proved;

        Upgrade(
                HttpClientCodec codec,
                HttpObjectAggregator aggregator,
                LinkSettings settings,
                FrameReceiver receiver,
                Promise<Link> promise) {
            this.codec = codec;
            this.aggregator = aggregator;
            this.settings = settings;
            this.receiver = receiver;
            this.promise = promise;
            byte[] nonce = new byte[16];
            RANDOM.nextBytes(nonce);
            key = Base64.getEncoder().encodeToString(nonce);
        }

        @Override
        public void channelActive(ChannelHandlerContext ctx) {
            deadline = ctx.executor()
                    .schedule(
                            () -> fail(ctx, "no answer within " + DEADLINE.toSeconds() + " s"),
                            DEADLINE.toMillis(),
                            TimeUnit.MILLISECONDS);
            if (tls == null) {
                request(ctx, null);
            }
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
            if (event instanceof SslHandshakeCompletionEvent done) {
                if (done.isSuccess()) {
                    request(ctx, null);
                } else {
                    failTls(ctx, done.cause());
                }
            }
        }

        private void failTls(ChannelHandlerContext ctx, Throwable cause) {
            if (cause instanceof NotSslRecordException) {
                fail(ctx, "it does not speak TLS; is the port right?"); // Netty's text is a dump of what came
                return;
            }
            if (cause instanceof ClosedChannelException) {
                fail(ctx, "it closed the connection during the TLS handshake");
                return;
            }
            Throwable root = cause;
            // Our own verdict on the certificate (GatewayTrust) is worded for people; what lies behind it is not.
            while (root.getCause() != null && !(root instanceof CertificateException)) {
                root = root.getCause();
            }
            String text = "TLS: "
                    + Objects.requireNonNullElse(
                            root.getMessage(), root.getClass().getSimpleName());
            if (root instanceof CertificateException) {
                promise.tryFailure(new UntrustedGatewayException(cannotUse(text)));
            }
            fail(ctx, text);
        }

        private void request(ChannelHandlerContext ctx, @Nullable LinkProof proof) {
            FullHttpRequest request = new DefaultFullHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.GET, path());
            String host = gateway.getPort() > 0 ? gateway.getHost() + ":" + gateway.getPort() : gateway.getHost();
            request.headers()
                    .set(HttpHeaderNames.HOST, host)
                    .set(HttpHeaderNames.UPGRADE, HttpHeaderValues.WEBSOCKET)
                    .set(HttpHeaderNames.CONNECTION, HttpHeaderValues.UPGRADE)
                    .set(HttpHeaderNames.SEC_WEBSOCKET_KEY, key)
                    .set(HttpHeaderNames.SEC_WEBSOCKET_VERSION, "13")
                    .set(HttpHeaderNames.SEC_WEBSOCKET_PROTOCOL, LinkUpgrade.SUBPROTOCOL)
                    .set(HttpHeaderNames.AUTHORIZATION, "Bearer " + token);
            if (proof != null) {
                request.headers().set(LinkProof.NAME, proof.header());
            }
            ctx.writeAndFlush(request);
        }

        @Override
        protected void channelRead0(ChannelHandlerContext ctx, FullHttpResponse response) {
            if (response.status().code() == HttpResponseStatus.SWITCHING_PROTOCOLS.code()) {
                if (!LinkUpgrade.accept(key).equals(response.headers().get(HttpHeaderNames.SEC_WEBSOCKET_ACCEPT))
                        || !LinkUpgrade.SUBPROTOCOL.equals(
                                response.headers().get(HttpHeaderNames.SEC_WEBSOCKET_PROTOCOL))) {
                    fail(ctx, "its answer to the WebSocket upgrade is not a gateway's");
                    return;
                }
                // At once: frames often come in the same read, behind the 101, and the codec's removal passes them on.
                finish(ctx);
                return;
            }
            String nonce = response.status().code() == HttpResponseStatus.UNAUTHORIZED.code()
                    ? LinkProof.nonceOf(response.headers().get(HttpHeaderNames.WWW_AUTHENTICATE))
                    : null;
            if (nonce != null && holderKey != null) {
                prove(ctx, response, holderKey, nonce);
            } else {
                refused(ctx, response);
            }
        }

        /** The gateway wants to see that we have the token's key: the same request again, signed, on this connection. */
        private void prove(ChannelHandlerContext ctx, FullHttpResponse response, KeyPair key, String nonce) {
            if (proved || !HttpUtil.isKeepAlive(response)) {
                fail(ctx, "it did not take our proof that we have the token's key; is a slow proxy in between?");
                return;
            }
            proved = true;
            try {
                SslHandler handler = ctx.pipeline().get(SslHandler.class);
                byte[] certificate = handler == null
                        ? null
                        : LinkProof.sha256(handler.engine()
                                .getSession()
                                .getPeerCertificates()[0]
                                .getEncoded());
                request(ctx, LinkProof.sign(key, nonce, token, certificate));
            } catch (SSLPeerUnverifiedException | CertificateEncodingException e) {
                fail(ctx, "TLS: it showed no certificate");
            }
        }

        private void finish(ChannelHandlerContext ctx) {
            cancelDeadline();
            if (!ctx.channel().isActive()) {
                promise.tryFailure(
                        new ConnectException("the gateway at " + hostName() + ":" + port() + " closed the connection"));
                return;
            }
            Link link = new Link(Link.Role.WEBSOCKET_CLIENT, tls != null, settings, receiver);
            Channel channel = ctx.channel();
            LinkUpgrade.install(channel, link, this, aggregator, codec);
            lastGood = (InetSocketAddress) channel.remoteAddress(); // before anybody hears of it and connects again
            if (!promise.trySuccess(link)) {
                channel.close();
            }
        }

        private void refused(ChannelHandlerContext ctx, FullHttpResponse response) {
            int status = response.status().code();
            String body = response.content().toString(StandardCharsets.UTF_8).strip();
            String where = "the gateway at " + hostName() + ":" + port();
            String contentType = response.headers().get(HttpHeaderNames.CONTENT_TYPE, "");
            String text;
            if (status == 404) {
                text = where
                        + " does not know this token (HTTP 404): was it made with this gateway's keys? make a new one with 'token'";
            } else if (status == 429) {
                text = where + " takes no more attempts from this network for now (HTTP 429):"
                        + " too many wrong tokens have come from it";
            } else if (contentType.startsWith("text/plain") && !body.isEmpty() && body.length() <= 300) {
                text = where + " refused: " + Printable.text(body);
            } else {
                text = where + " answered HTTP " + status
                        + " to the WebSocket upgrade; is a proxy in between, or another server?";
            }
            promise.tryFailure(new LinkRefusedException(status, text));
            cancelDeadline();
            ctx.close();
        }

        private void fail(ChannelHandlerContext ctx, String why) {
            promise.tryFailure(new ConnectException(cannotUse(why)));
            cancelDeadline();
            ctx.close();
        }

        private String cannotUse(String why) {
            return "cannot use the gateway at " + hostName() + ":" + port() + ": " + why;
        }

        private void cancelDeadline() {
            if (deadline != null) {
                deadline.cancel(false);
            }
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            fail(ctx, "it closed the connection during the upgrade");
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            fail(ctx, Printable.text(String.valueOf(cause.getMessage())));
        }
    }
}
