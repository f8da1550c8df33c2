package dev.culvert.tunnel.flow;

import dev.culvert.tunnel.fixture.LinkPair;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.link.LinkSettings;
import dev.culvert.tunnel.link.LinkUpgrade;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.ServerChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;

/**
 * Two ordinary sockets of the test, {@code near} and {@code far}, joined by what is to be tested: one relay between two
 * sockets, or the whole way: socket, relay, flow, link, flow, relay, socket. All on loopback and one event loop.
 */
@NullUnmarked
final class RelayChain implements AutoCloseable {
    enum Kind {
        EPOLL,
        NIO,
        LINK
    }

    record Ended(long aToB, long bToA, Throwable cause) {}

    final Socket near;
    final Socket far;
    final List<CompletableFuture<Ended>> ended = new CopyOnWriteArrayList<>();
    private final Kind kind;
    private final MultiThreadIoEventLoopGroup group;
    private final ServerSocket target;
    private FlowMultiplexer opener;

    RelayChain(Kind kind) throws Exception {
        this.kind = kind;
        group = kind == Kind.NIO
                ? new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory())
                : EventLoops.create(1, "relay-test");
        target = new ServerSocket(0, 5, InetAddress.getLoopbackAddress());
        ended.add(new CompletableFuture<>());
        if (kind == Kind.LINK) {
            ended.add(new CompletableFuture<>());
            link();
        }
        Channel entrance = listen(new ChannelInboundHandlerAdapter() {
            @Override
            public void channelActive(ChannelHandlerContext ctx) {
                enter(ctx.channel());
            }
        });
        InetSocketAddress at = (InetSocketAddress) entrance.localAddress();
        near = new Socket(at.getAddress(), at.getPort());
        near.setSoTimeout(60_000);
        target.setSoTimeout(60_000);
        far = target.accept();
        far.setSoTimeout(60_000);
    }

    private Class<? extends ServerChannel> serverType() {
        return kind == Kind.NIO ? NioServerSocketChannel.class : EventLoops.serverSocketChannel();
    }

    private Class<? extends Channel> socketType() {
        return kind == Kind.NIO ? NioSocketChannel.class : EventLoops.socketChannel();
    }

    private Channel listen(ChannelInboundHandlerAdapter handler) {
        return new ServerBootstrap()
                .group(group)
                .channel(serverType())
                .childOption(ChannelOption.ALLOW_HALF_CLOSURE, true)
                .childOption(ChannelOption.AUTO_READ, false)
                .childHandler(new ChannelInitializer<>() {
                    @Override
                    protected void initChannel(Channel ch) {
                        ch.pipeline().addLast(handler);
                    }
                })
                .bind(InetAddress.getLoopbackAddress(), 0)
                .syncUninterruptibly()
                .channel();
    }

    private void link() throws Exception {
        CompletableFuture<FlowMultiplexer> up = new CompletableFuture<>();
        FlowMultiplexer agent = new FlowMultiplexer(flow -> dial(out -> {
            LinkFlow in = flow.accept(new Waiting());
            Relay.join(in, out, done(1));
        }));
        Channel listener = new ServerBootstrap()
                .group(group)
                .channel(serverType())
                .childHandler(new ChannelInitializer<>() {
                    @Override
                    protected void initChannel(Channel ch) {
                        LinkUpgrade.install(
                                ch, new Link(Link.Role.WEBSOCKET_SERVER, true, LinkSettings.DEFAULT, agent));
                    }
                })
                .bind(InetAddress.getLoopbackAddress(), 0)
                .sync()
                .channel();
        opener = new FlowMultiplexer(new FlowListener() {
            @Override
            public void linkUp(FlowMultiplexer link) {
                up.complete(link);
            }

            @Override
            public void onOpen(IncomingFlow flow) {
                flow.refuse(Reason.UNSUPPORTED, "");
            }
        });
        new Bootstrap()
                .group(group)
                .channel(socketType())
                .handler(new ChannelInitializer<>() {
                    @Override
                    protected void initChannel(Channel ch) {
                        LinkUpgrade.install(
                                ch, new Link(Link.Role.WEBSOCKET_CLIENT, true, LinkSettings.DEFAULT, opener));
                    }
                })
                .connect(listener.localAddress())
                .sync();
        up.get(60, TimeUnit.SECONDS);
    }

    private void enter(Channel in) {
        if (kind != Kind.LINK) {
            dial(out -> Relay.join(in, out, done(0)));
            return;
        }
        LinkFlow flow = opener.open(LinkPair.request(LinkPair.tcp()), new Waiting());
        flow.opened().addListener(f -> Relay.join(in, flow, done(0)));
    }

    private void dial(java.util.function.Consumer<Channel> then) {
        new Bootstrap()
                .group(group)
                .channel(socketType())
                .option(ChannelOption.ALLOW_HALF_CLOSURE, true)
                .option(ChannelOption.AUTO_READ, false)
                .handler(new ChannelInboundHandlerAdapter())
                .connect(target.getLocalSocketAddress())
                .addListener((io.netty.channel.ChannelFuture f) -> then.accept(f.channel()));
    }

    private Relay.Listener done(int i) {
        return (aToB, bToA, cause) -> {
            if (cause != null) {}
            ended.get(i).complete(new Ended(aToB, bToA, cause));
        };
    }

    Ended ended(int i) throws Exception {
        return ended.get(i).get(60, TimeUnit.SECONDS);
    }

    /** Keeps a flow from reading until its relay has come. */
    static final class Waiting extends ChannelInboundHandlerAdapter {
        @Override
        public void handlerAdded(ChannelHandlerContext ctx) {
            ctx.channel().config().setAutoRead(false);
        }
    }

    @Override
    public void close() throws java.io.IOException {
        near.close();
        far.close();
        target.close();
        group.shutdownGracefully(0, 5, TimeUnit.SECONDS).syncUninterruptibly();
    }
}
