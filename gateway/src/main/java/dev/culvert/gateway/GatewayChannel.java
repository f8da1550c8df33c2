package dev.culvert.gateway;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerAdapter;
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
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A new connection at the gateway's port: limits, TLS, HTTP. */
final class GatewayChannel extends ChannelInitializer<Channel> {
    /** Set where TLS is expected: plain HTTP there is told so, as web servers do. */
    static final AttributeKey<Boolean> EXPECTS_TLS = AttributeKey.valueOf(GatewayChannel.class, "expectsTls");

    /** SHA-256 of the certificate that the connection showed, for proofs to be bound to. */
    static final AttributeKey<byte[]> CERTIFICATE = AttributeKey.valueOf(GatewayChannel.class, "certificate");

    /** Connections of one network that are not links (yet): a busy browser uses six, a scanner all it gets. */
    static final int MAX_UNAUTHENTICATED_PER_NETWORK = 128;

    /** Of all networks together: half of a usual descriptor limit of 16,384. */
    static final int MAX_UNAUTHENTICATED = 8_192;

    /** TLS handshake: a slow phone needs two seconds. */
    private static final long HANDSHAKE_SECONDS = 10;

    /** Without a whole request for so long, a connection that is not a link is closed, however steadily it drips. */
    static final int IDLE_SECONDS = 30;

    private static final int MAX_REQUEST_LINE = 4_096;

    /** Most header bytes of a request: a token is at most 16 KiB. */
    private static final int MAX_HEADER = 24 << 10;

    /** Most body bytes: none is of use here, but one that is read lets the answer arrive. */
    private static final int MAX_BODY = 16 << 10;

    /** TLS with one certificate, and the SHA-256 of that. */
    record ServedTls(SslContext context, byte[] certificate) {}

    private final @Nullable Supplier<ServedTls> tls;
    private final LinkGate.Shared shared;
    private final ConcurrentHashMap<InetAddress, Integer> unauthenticated = new ConcurrentHashMap<>();
    private final AtomicInteger total = new AtomicInteger();

    /** @param tls gives the certificate in force; null for plain {@code ws} */
    GatewayChannel(@Nullable Supplier<ServedTls> tls, LinkGate.Shared shared) {
        this.tls = tls;
        this.shared = shared;
    }

    /** Connections that are not links. */
    int unauthenticatedCount() {
        return total.get();
    }

    @Override
    protected void initChannel(Channel ch) {
        Guard guard = new Guard(network(((InetSocketAddress) ch.remoteAddress()).getAddress()));
        if (!guard.enter()) {
            shared.registry().counters.refusedConnections.increment();
            ch.close();
            return;
        }
        ch.closeFuture().addListener(f -> guard.leave());
        if (tls != null) {
            ServedTls now = tls.get();
            ch.attr(EXPECTS_TLS).set(true);
            ch.attr(CERTIFICATE).set(now.certificate());
            ch.pipeline().addLast(new OptionalSslHandler(now.context()) {
                @Override
                protected SslHandler newSslHandler(ChannelHandlerContext ctx, SslContext context) {
                    SslHandler handler = context.newHandler(ctx.alloc());
                    handler.setHandshakeTimeout(HANDSHAKE_SECONDS, TimeUnit.SECONDS);
                    return handler;
                }
            });
        }
        HttpServerCodec codec = new HttpServerCodec(MAX_REQUEST_LINE, MAX_HEADER, 8192);
        HttpObjectAggregator aggregator = new HttpObjectAggregator(MAX_BODY, true);
        // Behind the aggregator: only a whole request counts as a sign of life.
        IdleStateHandler idle = new IdleStateHandler(IDLE_SECONDS, 0, 0);
        ChannelHandler[] handlers = {guard, codec, aggregator, idle};
        ch.pipeline().addLast(handlers).addLast(new WebEdge(shared, handlers));
    }

    /** Who gets one IPv6 address has a /64 of them (RFC 6177). */
    static InetAddress network(InetAddress address) {
        byte[] b = address.getAddress();
        if (b.length == 4) {
            return address;
        }
        Arrays.fill(b, 8, 16, (byte) 0);
        try {
            return InetAddress.getByAddress(b);
        } catch (UnknownHostException e) {
            throw new IllegalStateException("an address of 16 bytes", e);
        }
    }

    /** Counts one connection of a network until it is a link or closed: it leaves the pipeline at either. */
    private final class Guard extends ChannelHandlerAdapter {
        private final InetAddress from;
        private boolean entered;

        Guard(InetAddress from) {
            this.from = from;
        }

        synchronized boolean enter() {
            // Behind a proxy that ends TLS all connections come from its address.
            int most = tls == null ? MAX_UNAUTHENTICATED : MAX_UNAUTHENTICATED_PER_NETWORK;
            entered = true;
            if (total.incrementAndGet() > MAX_UNAUTHENTICATED | unauthenticated.merge(from, 1, Integer::sum) > most) {
                leave();
                return false;
            }
            return true;
        }

        synchronized void leave() {
            if (entered) {
                entered = false;
                total.decrementAndGet();
                unauthenticated.computeIfPresent(from, (a, n) -> n == 1 ? null : n - 1);
            }
        }

        @Override
        public void handlerRemoved(ChannelHandlerContext ctx) {
            leave();
        }
    }
}
