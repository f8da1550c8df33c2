package dev.culvert.command.metrics;

import dev.culvert.address.AddressText;
import dev.culvert.text.Printable;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.SocketProtocolFamily;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.Future;
import java.io.Closeable;
import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.spi.SelectorProvider;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/**
 * Serves metrics by HTTP, on a thread of its own: no event loop of links has to do with it. Whoever can connect may read them, and do
 * nothing else.
 */
final class MetricsServer implements Closeable {
    /**
     * Who asks at once: two Prometheus servers, somebody with a browser. One more, and the oldest is closed: who holds connections and
     * asks nothing keeps nobody out.
     */
    static final int MAX_CONNECTIONS = 16;

    /** For a connection, from its beginning to its end; it is of one request. Prometheus itself waits for 10 s. */
    static final Duration LIFE = Duration.ofSeconds(15);

    /** The same is told again for so long: however often it is asked, it costs the program no more than that. */
    static final Duration KEPT = Duration.ofMillis(500);

    private static final int MAX_LINE = 4 << 10;
    private static final int MAX_HEAD = 8 << 10;

    private static final Duration CLOSES = Duration.ofSeconds(1);

    private final MultiThreadIoEventLoopGroup loops =
            new MultiThreadIoEventLoopGroup(1, new DefaultThreadFactory("metrics", true), NioIoHandler.newFactory());
    private final Channel listening;

    // Of its thread.
    private final MetricsSource source;
    private final LongSupplier nanoTime;
    private byte[] text = {};
    private long madeNanos;
    private boolean made;
    private final Set<Channel> connections = new LinkedHashSet<>(); // in the order in which they came

    /**
     * Listens, and answers from now on.
     *
     * @param log is told in one line what goes wrong here; from its thread
     * @throws IOException with one line for people
     */
    static MetricsServer open(InetSocketAddress at, MetricsSource source, Consumer<String> log) throws IOException {
        return new MetricsServer(at, source, log, System::nanoTime, LIFE);
    }

    MetricsServer(
            InetSocketAddress at, MetricsSource source, Consumer<String> log, LongSupplier nanoTime, Duration life)
            throws IOException {
        this.source = source;
        this.nanoTime = nanoTime;
        ChannelFuture bound = new ServerBootstrap()
                .group(loops)
                .channelFactory(() -> new NioServerSocketChannel(SelectorProvider.provider(), family(at.getAddress())))
                .childHandler(new ChannelInitializer<SocketChannel>() {
                    @Override
                    protected void initChannel(SocketChannel connection) {
                        if (connections.size() >= MAX_CONNECTIONS) {
                            connections.iterator().next().close(); // which takes it out
                        }
                        connections.add(connection);
                        Future<?> end = connection
                                .eventLoop()
                                .schedule(() -> connection.close(), life.toMillis(), TimeUnit.MILLISECONDS);
                        connection.closeFuture().addListener(f -> {
                            connections.remove(connection);
                            end.cancel(false);
                        });
                        connection
                                .pipeline()
                                .addLast(new HttpServerCodec(new HttpDecoderConfig()
                                        .setMaxInitialLineLength(MAX_LINE)
                                        .setMaxHeaderSize(MAX_HEAD)))
                                .addLast(new MetricsRequests(MetricsServer.this::text, log));
                    }
                })
                .bind(at)
                .awaitUninterruptibly();
        if (!bound.isSuccess()) {
            end();
            throw new IOException(
                    "cannot serve metrics at " + AddressText.of(at) + " ("
                            + Printable.text(String.valueOf(bound.cause().getMessage()))
                            + "): choose another address or port with --metrics",
                    bound.cause());
        }
        listening = bound.channel();
    }

    /** 0.0.0.0 has nothing of IPv6. */
    private static SocketProtocolFamily family(InetAddress at) {
        return at instanceof Inet4Address ? SocketProtocolFamily.INET : SocketProtocolFamily.INET6;
    }

    /** Where it listens. */
    InetSocketAddress address() {
        return (InetSocketAddress) listening.localAddress();
    }

    /** On its thread. */
    private byte[] text() throws IOException {
        long now = nanoTime.getAsLong();
        if (!made || now - madeNanos >= KEPT.toNanos()) {
            Scrape scrape = new Scrape();
            ProcessMetrics.tell(scrape);
            source.tell(scrape);
            text = scrape.text();
            madeNanos = nanoTime.getAsLong();
            made = true;
        }
        return text;
    }

    /** From any thread but its own. */
    @Override
    public void close() {
        listening.close().awaitUninterruptibly(CLOSES.toMillis());
        end();
    }

    private void end() {
        loops.shutdownGracefully(0, CLOSES.toMillis(), TimeUnit.MILLISECONDS);
    }
}
