package dev.culvert.client.proxy;

import dev.culvert.client.forward.DatagramReads;
import dev.culvert.client.uplink.FlowTarget;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.PortedDatagram;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.socket.DatagramPacket;
import io.netty.util.ReferenceCountUtil;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The socket of one UDP ASSOCIATE (RFC 1928 section 7): its client's datagrams say where they go, and each destination has a flow; the
 * agent sends all of them from one socket. It takes datagrams from the address that the connection comes from and the port that the
 * client has said it sends from, or, when it has said none, the first that sends some; and ends with the connection. Event loop only.
 */
final class SocksDatagrams extends SimpleChannelInboundHandler<DatagramPacket> {
    /** Flows of one association; the one used longest ago makes room. */
    static final int MAX_DESTINATIONS = 256;

    /** A flow on which nothing goes or comes: RFC 4787 REQ-5. */
    static final Duration IDLE = Duration.ofMinutes(5);

    private static final Duration SWEEP = Duration.ofSeconds(30);

    private final InetAddress client;
    private final int port;
    private final ProxySettings settings;
    private final LinkedHashMap<Destination, Remote> remotes = new LinkedHashMap<>(4, 0.75f, true);
    private final List<LinkFlow> unflushed = new ArrayList<>();
    private @Nullable InetSocketAddress sender;

    /**
     * @param client from where datagrams are taken
     * @param port from which they are; 0 for the first that sends one
     */
    SocksDatagrams(InetAddress client, int port, ProxySettings settings) {
        this.client = client;
        this.port = port;
        this.settings = settings;
    }

    /**
     * Opens the socket for a connection, at the address that its client reached us at.
     *
     * @param port from which its client says that it sends; 0 when it does not say
     */
    static ChannelFuture open(Channel connection, int port, ProxySettings settings) {
        InetSocketAddress local = (InetSocketAddress) connection.localAddress();
        InetSocketAddress remote = (InetSocketAddress) connection.remoteAddress();
        return new Bootstrap()
                .group(connection.eventLoop())
                .channelFactory(EventLoops::newDatagramChannel)
                .option(ChannelOption.RECVBUF_ALLOCATOR, DatagramReads.allocator())
                .handler(new SocksDatagrams(remote.getAddress(), port, settings))
                .bind(new InetSocketAddress(local.getAddress(), 0));
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
        sweepLater(ctx);
    }

    private void sweepLater(ChannelHandlerContext ctx) {
        ctx.executor().schedule(() -> sweep(ctx), SWEEP.toMillis(), TimeUnit.MILLISECONDS);
    }

    private void sweep(ChannelHandlerContext ctx) {
        if (ctx.channel().isOpen()) {
            long now = ctx.executor().ticker().nanoTime();
            List.copyOf(remotes.values()).stream()
                    .filter(r -> now - r.usedNanos >= IDLE.toNanos())
                    .forEach(Remote::end);
            sweepLater(ctx);
        }
    }

    /** Reserved, fragment, address, data. Whoever sends something else is not heard. */
    @Override
    protected void channelRead0(ChannelHandlerContext ctx, DatagramPacket packet) {
        ByteBuf in = packet.content();
        if (!isClient(packet.sender()) || in.readableBytes() < 4) {
            return;
        }
        in.skipBytes(2);
        boolean whole = in.readUnsignedByte() == 0; // fragments are not put together (RFC 1928: they may be dropped)
        int length = SocksAddress.length(in);
        if (!whole || length <= 0 || in.readableBytes() < length) {
            return;
        }
        Remote remote = null;
        try {
            remote = remote(ctx, SocksAddress.read(in, Destination.UDP), packet.sender());
        } catch (IllegalArgumentException e) {
            settings.complaints().say(String.valueOf(e.getMessage()));
        }
        if (remote != null && remote.flow != null) {
            LinkFlow flow = remote.flow;
            remote.usedNanos = ctx.executor().ticker().nanoTime();
            flow.write(DatagramReads.sized(in), flow.voidPromise());
            if (!unflushed.contains(flow)) {
                unflushed.add(flow);
            }
        }
    }

    private boolean isClient(InetSocketAddress from) {
        if (sender == null && from.getAddress().equals(client) && (port == 0 || from.getPort() == port)) {
            sender = from;
        }
        return from.equals(sender);
    }

    private @Nullable Remote remote(ChannelHandlerContext ctx, Destination to, InetSocketAddress from) {
        Remote there = remotes.get(to);
        if (there != null) {
            return there;
        }
        if (remotes.size() >= MAX_DESTINATIONS) {
            remotes.values().iterator().next().end();
        }
        Remote remote = new Remote(ctx.channel(), to, from);
        try {
            remote.flow = settings.destinations().open(to, from, remote);
            remotes.put(to, remote);
            return remote;
        } catch (FlowException e) {
            settings.complaints().say(new FlowTarget(null, to).why(e));
            return null;
        }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        unflushed.forEach(Channel::flush);
        unflushed.clear();
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        List.copyOf(remotes.values()).forEach(Remote::end);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        // An ICMP error about what was sent to the client, which may send from there no more.
    }

    /** One destination. */
    private final class Remote extends ChannelInboundHandlerAdapter {
        private final Channel socket;
        private final Destination destination;
        private final InetSocketAddress client;
        private @Nullable LinkFlow flow;
        private long usedNanos;

        Remote(Channel socket, Destination destination, InetSocketAddress client) {
            this.socket = socket;
            this.destination = destination;
            this.client = client;
        }

        void end() {
            remotes.remove(destination, this);
            if (flow != null) {
                flow.close();
            }
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            int port = msg instanceof PortedDatagram other ? other.port() : destination.port();
            ByteBuf content =
                    msg instanceof PortedDatagram other ? other.content() : msg instanceof ByteBuf b ? b : null;
            if (content == null || !socket.isWritable()) {
                ReferenceCountUtil.release(msg); // errors of ICMP have nobody to be told to here
                return;
            }
            usedNanos = ctx.executor().ticker().nanoTime();
            ByteBuf head = ctx.alloc().buffer().writeZero(3);
            SocksAddress.write(destination, port, head);
            socket.write(
                    new DatagramPacket(ctx.alloc().compositeBuffer(2).addComponents(true, head, content), client),
                    socket.voidPromise());
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) {
            socket.flush();
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            if (cause instanceof FlowException e && remotes.get(destination) == this) {
                settings.complaints().say(new FlowTarget(null, destination).why(e));
            }
            ctx.close();
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            remotes.remove(destination, this);
        }

        @Override
        public void channelUnregistered(ChannelHandlerContext ctx) {
            remotes.remove(destination, this); // one that was refused at once was never active
        }
    }
}
