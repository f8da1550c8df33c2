package dev.culvert.client.forward;

import dev.culvert.address.AddressText;
import dev.culvert.client.uplink.Uplink;
import dev.culvert.client.uplink.Voice;
import dev.culvert.command.control.SocketFile;
import dev.culvert.tunnel.flow.Relay;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import java.io.Closeable;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * The ports and Unix sockets that a client listens at for applications, on its uplink's loop. Opened by one thread, which closes them,
 * too.
 */
public final class ForwardPorts implements Closeable {
    /** Connections that the kernel has accepted and we have not: of a browser that opens many at once. */
    private static final int BACKLOG = 512;

    private static final SocketFile.Use USE = new SocketFile.Use("unix", "name another place");

    private final Uplink uplink;
    private final Connections connections;
    private final Voice complaints;
    private final List<Closeable> open = new ArrayList<>();

    /**
     * @param connections that count beside those that come in
     * @param complaints told of connections that lead nowhere, as often as they come
     */
    public ForwardPorts(Uplink uplink, Connections connections, Voice complaints) {
        this.uplink = uplink;
        this.connections = connections;
        this.complaints = complaints;
    }

    /**
     * Listens, and forwards from now on. Blocks.
     *
     * @return a line for people: where it listens, and where that leads
     * @throws IOException with one line for people
     */
    String open(Forward forward) throws IOException {
        if (forward.local() instanceof UnixDomainSocketAddress unix) {
            return forward.lineAt(open(unix.getPath(), connection -> serve(connection, forward)));
        }
        InetSocketAddress at = (InetSocketAddress) forward.local();
        if (forward.isUdp()) {
            return forward.lineAt(bound(
                    "udp " + AddressText.of(at),
                    new Bootstrap()
                            .group(uplink.eventLoop())
                            .channelFactory(() -> EventLoops.newDatagramChannel(at.getAddress()))
                            .option(ChannelOption.RECVBUF_ALLOCATOR, DatagramReads.allocator())
                            .handler(new ForwardedDatagrams(forward.target(), uplink, complaints))
                            .bind(at)));
        }
        return forward.lineAt(open(at, connection -> serve(connection, forward)));
    }

    private void serve(Channel connection, Forward forward) {
        InetSocketAddress source = connection.remoteAddress() instanceof InetSocketAddress inet ? inet : null;
        SocketSplice.begin(connection, handler -> forward.target().open(uplink, source, handler), why -> {
            complaints.say(forward.target().why(why));
            Relay.reset(connection);
        });
    }

    /**
     * Listens for TCP connections. Blocks.
     *
     * @param service told of each when it is active, on the loop; nothing of it has been read, and nothing will be unasked
     * @return where it really listens
     * @throws IOException with one line for people
     */
    public SocketAddress open(InetSocketAddress at, Consumer<Channel> service) throws IOException {
        ServerBootstrap server = server(service)
                .channelFactory(() -> EventLoops.newServerSocketChannel(at.getAddress()))
                .option(ChannelOption.SO_REUSEADDR, true)
                .childOption(ChannelOption.TCP_NODELAY, true)
                .childOption(ChannelOption.SO_KEEPALIVE, true);
        return bound(AddressText.of(at), server.bind(at));
    }

    private SocketAddress open(Path at, Consumer<Channel> service) throws IOException {
        SocketFile<Closeable> file = SocketFile.open(USE, at, null, path -> {
            ChannelFuture bound = server(service)
                    .channel(EventLoops.serverDomainSocketChannel())
                    .bind(EventLoops.domainAddress(path))
                    .awaitUninterruptibly();
            if (!bound.isSuccess()) {
                throw new IOException(String.valueOf(bound.cause().getMessage()), bound.cause());
            }
            return () -> bound.channel().close().awaitUninterruptibly();
        });
        open.add(file);
        return UnixDomainSocketAddress.of(file.path());
    }

    private ServerBootstrap server(Consumer<Channel> service) {
        return new ServerBootstrap()
                .group(uplink.eventLoop())
                .option(ChannelOption.SO_BACKLOG, BACKLOG)
                .childOption(ChannelOption.AUTO_READ, false)
                .childOption(ChannelOption.ALLOW_HALF_CLOSURE, true)
                .childOption(ChannelOption.RECVBUF_ALLOCATOR, EventLoops.bulkReads())
                .childHandler(new ChannelInitializer<Channel>() {
                    @Override
                    protected void initChannel(Channel channel) {
                        channel.pipeline().addLast(new Arrival(service));
                    }
                });
    }

    private SocketAddress bound(String where, ChannelFuture binding) throws IOException {
        binding.awaitUninterruptibly();
        if (!binding.isSuccess()) {
            throw new IOException(
                    "cannot listen at " + where + " (" + reason(binding.cause())
                            + "); end whoever does, name another port, or one of 1024 and above",
                    binding.cause());
        }
        Channel channel = binding.channel();
        open.add(() -> channel.close().awaitUninterruptibly());
        return channel.localAddress();
    }

    /** Netty puts the name of the call and a number before it. */
    static String reason(Throwable cause) {
        String text = String.valueOf(cause.getMessage());
        return text.substring(text.indexOf("): ") < 0 ? 0 : text.lastIndexOf("): ") + "): ".length());
    }

    /** Listens no more. What is connected goes on. Blocks. */
    @Override
    public void close() {
        for (Closeable one : open) {
            try {
                one.close();
            } catch (IOException e) {
                complaints.say("a socket may be left: " + e.getMessage());
            }
        }
        open.clear();
    }

    /** Waits until the connection is active. */
    private final class Arrival extends ChannelInboundHandlerAdapter {
        private final Consumer<Channel> service;

        Arrival(Consumer<Channel> service) {
            this.service = service;
        }

        @Override
        public void channelActive(ChannelHandlerContext ctx) {
            Channel channel = ctx.channel();
            ctx.pipeline().remove(this);
            if (connections.enter(channel)) {
                service.accept(channel);
            } else {
                complaints.say("there are " + Connections.MAX + " connections; one more was reset");
                Relay.reset(channel);
            }
        }
    }
}
