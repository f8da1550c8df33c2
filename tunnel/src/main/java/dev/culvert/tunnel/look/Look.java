package dev.culvert.tunnel.look;

import dev.culvert.tunnel.link.KeyExchange;
import dev.culvert.tunnel.loop.EventLoops;
import dev.culvert.tunnel.proxy.ProxyTunnel;
import io.netty.bootstrap.Bootstrap;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.socket.SocketChannel;
import io.netty.handler.codec.DateFormatter;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import io.netty.resolver.NoopAddressResolverGroup;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.net.InetSocketAddress;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Date;
import java.util.List;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLPeerUnverifiedException;
import org.jspecify.annotations.Nullable;

/**
 * Asks a server for {@code /} as a browser does, and trusts nothing that it shows: what comes of it is for people's eyes. Its page is not
 * read.
 */
public final class Look extends ChannelInboundHandlerAdapter {
    private static final int MAX_LOCATION = 200;

    private final Promise<Seen> promise;
    private final String host;
    private Seen seen = Seen.NOTHING;

    private final @Nullable SslHandler tls;

    private Look(Promise<Seen> promise, String host, @Nullable SslHandler tls) {
        this.promise = promise;
        this.host = host;
        this.tls = tls;
    }

    /**
     * Looks.
     *
     * @param address resolved: the server's, or that of the proxy on the way
     * @param through the proxy; null without
     * @param host the server's name
     * @param tls whether by TLS
     * @param deadline when it is over, whatever was seen by then
     * @return never fails
     */
    public static Future<Seen> at(
            EventLoop loop,
            InetSocketAddress address,
            @Nullable ProxyTunnel through,
            String host,
            boolean tls,
            Duration deadline) {
        Promise<Seen> promise = loop.newPromise();
        SslContext context;
        try {
            context = tls
                    ? KeyExchange.context(SslContextBuilder.forClient()
                            .trustManager(InsecureTrustManagerFactory.INSTANCE)
                            .endpointIdentificationAlgorithm(null))
                    : null;
        } catch (SSLException e) {
            return promise.setSuccess(Seen.NOTHING);
        }
        ChannelFuture connected = new Bootstrap()
                .group(loop)
                .channel(EventLoops.socketChannel())
                .resolver(NoopAddressResolverGroup.INSTANCE)
                .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, (int) deadline.toMillis())
                .handler(new ChannelInitializer<SocketChannel>() {
                    @Override
                    protected void initChannel(SocketChannel ch) {
                        if (through != null) {
                            through.install(ch, address); // what is written waits for its answer
                        }
                        SslHandler own =
                                context == null ? null : context.newHandler(ch.alloc(), host, address.getPort());
                        if (own != null) {
                            ch.pipeline().addLast(own);
                        }
                        Look look = new Look(promise, host, own);
                        ch.pipeline().addLast(new HttpClientCodec(), look);
                        loop.schedule(look::end, deadline.toMillis(), TimeUnit.MILLISECONDS);
                    }
                })
                .connect(through == null ? address : through.target());
        connected.addListener(f -> {
            if (!f.isSuccess()) {
                promise.trySuccess(Seen.NOTHING);
            }
        });
        promise.addListener(f -> connected.channel().close());
        return promise;
    }

    private void end() {
        promise.trySuccess(seen);
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
        if (tls == null) {
            ask(ctx);
            return;
        }
        tls.handshakeFuture().addListener(f -> {
            if (f.isSuccess()) {
                seen = new Seen(chain(tls), 0, null, null);
                ask(ctx);
            } else {
                end();
            }
        });
    }

    private static List<X509Certificate> chain(SslHandler tls) {
        try {
            return Arrays.stream(tls.engine().getSession().getPeerCertificates())
                    .filter(X509Certificate.class::isInstance)
                    .map(X509Certificate.class::cast)
                    .toList();
        } catch (SSLPeerUnverifiedException e) {
            return List.of(); // it showed none
        }
    }

    private void ask(ChannelHandlerContext ctx) {
        FullHttpRequest request = new DefaultFullHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.GET, "/");
        request.headers()
                .set(HttpHeaderNames.HOST, host.indexOf(':') < 0 ? host : "[" + host + "]")
                .set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
        ctx.writeAndFlush(request);
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        try {
            if (msg instanceof HttpResponse response && response.decoderResult().isSuccess()) {
                Date date = DateFormatter.parseHttpDate(response.headers().get(HttpHeaderNames.DATE, ""));
                String location = response.headers().get(HttpHeaderNames.LOCATION);
                Instant at = date == null ? null : date.toInstant();
                seen = new Seen(
                        seen.chain(),
                        response.status().code(),
                        at,
                        location == null || location.length() > MAX_LOCATION ? null : location);
                end();
            }
        } finally {
            ReferenceCountUtil.release(msg);
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        end();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        end();
    }
}
