package dev.culvert.gateway.door;

import dev.culvert.address.AddressText;
import dev.culvert.gateway.limit.Counters;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.haproxy.HAProxyCommand;
import io.netty.handler.codec.haproxy.HAProxyMessage;
import io.netty.handler.codec.haproxy.HAProxyMessageDecoder;
import io.netty.util.NetUtil;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Connections from a balancer in front, which begin with a header that says whose they are (the PROXY protocol, version 1 or 2).
 * Until it has come there is no visitor, and to the handlers that are installed then the connection becomes active only with it.
 * One that begins with anything else is closed, as nginx and HAProxy do: what is not the balancer's word must not be taken for
 * a visitor who comes from there. On the connection's event loop.
 */
final class BehindBalancer extends ChannelInboundHandlerAdapter {
    private static final Logger log = LoggerFactory.getLogger(BehindBalancer.class);

    /** A balancer says it with its first packet. */
    static final Duration DEADLINE = Duration.ofSeconds(5);

    /** What may stand in a header of version 2 beside addresses: balancers of clouds add some hundred bytes. */
    static final int MAX_MORE = 2_048;

    private final Strangers.Stranger stranger;
    private final Counters counters;
    private final Runnable then;
    private @Nullable Future<?> deadline;
    private boolean begun;

    private BehindBalancer(Strangers.Stranger stranger, Counters counters, Runnable then) {
        this.stranger = stranger;
        this.counters = counters;
        this.then = then;
    }

    /** See {@link Arrivals#whenKnown}. */
    static void whenKnown(Channel channel, Arrivals arrivals, Runnable then) {
        InetSocketAddress from = (InetSocketAddress) channel.remoteAddress();
        if (!arrivals.proxies().isBalancer(from.getAddress())) {
            then.run();
            return;
        }
        Strangers.Stranger stranger =
                arrivals.strangers().enter(from.getAddress(), () -> GatewayChannel.closeNow(channel));
        if (stranger == null) {
            arrivals.counters().refusedConnections.increment();
            channel.close();
            return;
        }
        channel.closeFuture().addListener(f -> stranger.leave());
        channel.config().setAutoRead(false);
        channel.pipeline()
                .addLast(new HAProxyMessageDecoder(MAX_MORE), new BehindBalancer(stranger, arrivals.counters(), then));
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        deadline = ctx.executor()
                .schedule(
                        () -> refuse(ctx, "it has not said whose connection this is in time"),
                        DEADLINE.toMillis(),
                        TimeUnit.MILLISECONDS);
        if (ctx.channel().isActive()) {
            ctx.read();
        }
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
        ctx.read(); // those behind hear of it when there is a visitor
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        if (begun || !(msg instanceof HAProxyMessage header)) {
            ReferenceCountUtil.release(msg); // behind a header that was refused
            return;
        }
        Visitor said;
        try {
            said = visitor(header, ctx.channel());
        } catch (UnknownHostException e) {
            refuse(ctx, e.getMessage());
            return;
        } finally {
            header.release();
        }
        end();
        stranger.leave();
        said.isOf(ctx.channel());
        then.run();
        if (ctx.channel().isActive()) {
            ctx.fireChannelActive();
        }
        ctx.pipeline().remove(this); // the decoder goes next, and passes on what has come behind the header
    }

    /** LOCAL (health checks of the balancer), and what is no TCP over IP, is the balancer's own connection. */
    private static Visitor visitor(HAProxyMessage header, Channel channel) throws UnknownHostException {
        if (header.command() != HAProxyCommand.PROXY) {
            return Visitor.of(channel);
        }
        return switch (header.proxiedProtocol()) {
            case TCP4, TCP6 ->
                new Visitor(
                        new InetSocketAddress(address(header.sourceAddress()), header.sourcePort()),
                        new InetSocketAddress(address(header.destinationAddress()), header.destinationPort()));
            default -> Visitor.of(channel);
        };
    }

    /** An IPv4 address in an IPv6 one is the IPv4 address. */
    private static InetAddress address(String text) throws UnknownHostException {
        byte[] bytes = NetUtil.createByteArrayFromIpAddressString(text);
        if (bytes == null) {
            throw new UnknownHostException("its header has no address");
        }
        return InetAddress.getByAddress(bytes);
    }

    private void end() {
        begun = true;
        Future<?> d = deadline;
        if (d != null) {
            d.cancel(false);
        }
    }

    private void refuse(ChannelHandlerContext ctx, @Nullable String why) {
        if (!begun) {
            end();
            counters.badProxyHeaders.increment();
            log.debug("balancer {}: {}", AddressText.of(ctx.channel().remoteAddress()), why);
            ctx.close();
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        if (cause instanceof java.io.IOException) {
            end();
            ctx.close(); // it is reset: a look whether we are there
        } else {
            refuse(ctx, cause.getMessage());
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        end();
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext ctx) {
        end();
    }
}
