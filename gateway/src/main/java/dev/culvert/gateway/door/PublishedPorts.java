package dev.culvert.gateway.door;

import dev.culvert.address.AddressText;
import dev.culvert.address.Transport;
import dev.culvert.gateway.publish.PublicPort;
import dev.culvert.gateway.publish.PublicationTable;
import dev.culvert.gateway.publish.PublicationUsage;
import dev.culvert.gateway.publish.Published;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.FixedRecvByteBufAllocator;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The gateway's ports that are published: open while something is published there. */
public final class PublishedPorts implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(PublishedPorts.class);

    private static final int BACKLOG = 1_024;

    /** What UDP carries at most; shorter buffers would cut, and pass on what is left as whole. */
    private static final int MAX_DATAGRAM = 65_535;

    private static final int DATAGRAMS_PER_READ = 16;

    /** A port that could not be opened is tried again so often: who has it may go. */
    private static final Duration AGAIN = Duration.ofSeconds(5);

    private final PublishedDoor door;
    private final Supplier<PublicationTable> published;
    private final InetAddress host;
    private final Arrivals arrivals;
    private final EventLoopGroup loops;
    private final Map<PublicPort, Channel> open = new TreeMap<>();
    private final Map<PublicPort, String> troubles = new TreeMap<>();
    private long triedNanos;
    private boolean closed;

    /**
     * @param gateway on whose address ports are opened
     * @param loops event loops of links
     */
    public PublishedPorts(
            PublishedDoor door, Supplier<PublicationTable> published, Door gateway, EventLoopGroup loops) {
        this.door = door;
        this.published = published;
        this.host = gateway.address().getAddress();
        this.arrivals = gateway.arrivals();
        this.loops = loops;
    }

    /** Opens and closes ports as the table says. What cannot be opened is said in the log, once, and tried again. Blocks. */
    public synchronized void follow(PublicationTable now) {
        if (closed) {
            return;
        }
        open.entrySet().removeIf(e -> {
            boolean gone = !now.ports().contains(e.getKey());
            if (gone) {
                e.getValue().close().awaitUninterruptibly(); // what is published there next finds it free
                log.info("{} is closed: nothing is published there any more", e.getKey());
            }
            return gone;
        });
        troubles.keySet().retainAll(now.ports());
        for (PublicPort port : now.ports()) {
            if (!open.containsKey(port)) {
                listen(port);
            }
        }
    }

    /** Tries again what could not be opened, when it is time to. Blocks. */
    public synchronized void tryAgain(long nowNanos) {
        if (!troubles.isEmpty() && nowNanos - triedNanos >= AGAIN.toNanos()) {
            triedNanos = nowNanos;
            follow(published.get());
        }
    }

    private void listen(PublicPort port) {
        InetSocketAddress at = new InetSocketAddress(host, port.port());
        ChannelFuture bound = (port.transport() == Transport.UDP ? datagrams(port, at) : connections(port, at))
                .awaitUninterruptibly();
        if (bound.isSuccess()) {
            open.put(port, bound.channel());
            troubles.remove(port);
            log.info("{} is open", port);
        } else {
            String why = String.valueOf(bound.cause().getMessage());
            if (!why.equals(troubles.put(port, why))) {
                log.warn("cannot publish on {}: {}; free the port, or publish on another", AddressText.of(at), why);
            }
        }
    }

    private ChannelFuture connections(PublicPort port, InetSocketAddress at) {
        return new ServerBootstrap()
                .group(loops)
                .channel(EventLoops.serverSocketChannel())
                .option(ChannelOption.SO_BACKLOG, BACKLOG)
                .option(ChannelOption.SO_REUSEADDR, true)
                .childOption(ChannelOption.AUTO_READ, false)
                .childOption(ChannelOption.TCP_NODELAY, true)
                .childHandler(new ChannelInitializer<Channel>() {
                    @Override
                    protected void initChannel(Channel channel) {
                        arrivals.whenKnown(channel, () -> door.accept(channel, port));
                    }
                })
                .bind(at);
    }

    private ChannelFuture datagrams(PublicPort port, InetSocketAddress at) {
        return new Bootstrap()
                .group(loops)
                .channelFactory(EventLoops::newDatagramChannel)
                .option(
                        ChannelOption.RECVBUF_ALLOCATOR,
                        new FixedRecvByteBufAllocator(MAX_DATAGRAM).maxMessagesPerRead(DATAGRAMS_PER_READ))
                .handler(door.datagrams(() -> at(port), port.port()))
                .bind(at);
    }

    private @Nullable PublicationUsage at(PublicPort port) {
        PublicationTable now = published.get();
        Published there = now.port(port.transport(), port.port());
        return there == null ? null : now.usage(there);
    }

    @Override
    public synchronized void close() {
        closed = true;
        open.values().forEach(Channel::close);
        open.clear();
    }
}
