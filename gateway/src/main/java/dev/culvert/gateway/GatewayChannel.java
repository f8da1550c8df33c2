package dev.culvert.gateway;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.ssl.OptionalSslHandler;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.timeout.IdleStateHandler;
import io.netty.util.AttributeKey;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A new connection at the gateway's port: limits, TLS, HTTP. */
final class GatewayChannel extends ChannelInitializer<Channel> {
    /** Set where TLS is expected: plain HTTP there is told so, as web servers do. */
    static final AttributeKey<Boolean> EXPECTS_TLS = AttributeKey.valueOf(GatewayChannel.class, "expectsTls");

    /** Connections of one address that are not links (yet): a busy browser uses six, a scanner all it gets. */
    static final int MAX_UNAUTHENTICATED_PER_ADDRESS = 128;

    /** TLS handshake: a slow phone needs two seconds. */
    private static final long HANDSHAKE_SECONDS = 10;

    /** Without a request for so long, a connection that is not a link is closed. */
    private static final int IDLE_SECONDS = 30;

    /** Largest request, header and body: a token is at most 16 KiB. */
    private static final int MAX_HEADER = 24 << 10;

    private static final int MAX_BODY = 16 << 10;

    private final @Nullable Supplier<SslContext> tls;
    private final WebEdge.Shared shared;
    private final ConcurrentHashMap<InetAddress, Integer> unauthenticated = new ConcurrentHashMap<>();

    /** @param tls gives the certificate in force; null for plain {@code ws} */
    GatewayChannel(@Nullable Supplier<SslContext> tls, WebEdge.Shared shared) {
        this.tls = tls;
        this.shared = shared;
    }

    @Override
    protected void initChannel(Channel ch) {
        InetAddress from = ((InetSocketAddress) ch.remoteAddress()).getAddress();
        Guard guard = new Guard(from);
        if (unauthenticated.merge(from, 1, Integer::sum) > MAX_UNAUTHENTICATED_PER_ADDRESS) {
            shared.registry().counters.refusedConnections.increment();
            guard.leave();
            ch.close();
            return;
        }
        ch.closeFuture().addListener(f -> guard.leave());
        if (tls != null) {
            ch.attr(EXPECTS_TLS).set(true);
            ch.pipeline().addLast(new OptionalSslHandler(tls.get()) {
                @Override
                protected SslHandler newSslHandler(ChannelHandlerContext ctx, SslContext context) {
                    SslHandler handler = context.newHandler(ctx.alloc());
                    handler.setHandshakeTimeout(HANDSHAKE_SECONDS, TimeUnit.SECONDS);
                    return handler;
                }
            });
        }
        IdleStateHandler idle = new IdleStateHandler(IDLE_SECONDS, 0, 0);
        HttpServerCodec codec = new HttpServerCodec(4096, MAX_HEADER, 8192);
        HttpObjectAggregator aggregator = new HttpObjectAggregator(MAX_BODY);
        ChannelHandler[] handlers = {idle, codec, aggregator, guard};
        ch.pipeline().addLast(guard, idle, codec, aggregator, new WebEdge(shared, handlers));
    }

    /** Counts one connection of an address until it is a link or closed: it leaves the pipeline at either. */
    private final class Guard extends io.netty.channel.ChannelHandlerAdapter {
        private final InetAddress from;
        private boolean left;

        Guard(InetAddress from) {
            this.from = from;
        }

        synchronized void leave() {
            if (!left) {
                left = true;
                unauthenticated.computeIfPresent(from, (a, n) -> n == 1 ? null : n - 1);
            }
        }

        @Override
        public void handlerRemoved(ChannelHandlerContext ctx) {
            leave();
        }
    }
}
