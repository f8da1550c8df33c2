package dev.culvert.gateway.dashboard;

import dev.culvert.address.AddressText;
import dev.culvert.text.Printable;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.SocketProtocolFamily;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.timeout.IdleStateEvent;
import io.netty.handler.timeout.IdleStateHandler;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.Closeable;
import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.spi.SelectorProvider;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Serves the dashboard by HTTP/1.1, at loopback, on a thread of its own; another finds out what there is to see, once a second while
 * somebody looks and never else.
 */
final class Dashboard implements Closeable {
    /** Of all browsers; each has six at most, one of which is the stream. One more, and the oldest that streams nothing is closed. */
    static final int MAX_CONNECTIONS = 64;

    static final Duration TICK = Duration.ofSeconds(1);

    /** A connection that is asked nothing for so long is closed, unless its answer goes on. */
    static final Duration IDLE = Duration.ofSeconds(60);

    private static final int MAX_LINE = 4 << 10;
    private static final int MAX_HEAD = 16 << 10;
    private static final int MAX_BODY = 16 << 10;

    /** A change of an ordinary second fits, so that a viewer on a slow line is not sent all again because of it. */
    private static final WriteBufferWaterMark WAITING = new WriteBufferWaterMark(64 << 10, 256 << 10);

    private static final Duration CLOSES = Duration.ofSeconds(1);

    /** Finds out what there is to see. May block. */
    interface Look {
        Scene.Builder look() throws IOException;
    }

    private final MultiThreadIoEventLoopGroup loops =
            new MultiThreadIoEventLoopGroup(1, new DefaultThreadFactory("dashboard", true), NioIoHandler.newFactory());
    private final ScheduledExecutorService looking =
            Executors.newSingleThreadScheduledExecutor(new DefaultThreadFactory("dashboard-look", true));
    private final Channel listening;
    private final Map<String, Page> pages;
    private final HostCheck hosts;
    private final SignIn signIn;
    private final Viewers viewers;
    private final Look look;
    private final Consumer<String> log;
    private final LongSupplier nanoTime;

    // Of the loop.
    private final Set<Channel> connections = new LinkedHashSet<>(); // in the order in which they came
    private boolean isLooking;
    private boolean complained;

    /**
     * Listens, and answers from now on.
     *
     * @param log is told in one line what goes wrong here; from its thread
     * @throws IOException with one line for people
     */
    Dashboard(InetSocketAddress at, HostCheck hosts, Look look, Consumer<String> log, LongSupplier nanoTime)
            throws IOException {
        this.pages = Page.all();
        this.hosts = hosts;
        this.look = look;
        this.log = log;
        this.nanoTime = nanoTime;
        this.signIn = new SignIn(nanoTime);
        this.viewers = new Viewers(signIn::holds, nanoTime);
        ChannelFuture bound = new ServerBootstrap()
                .group(loops)
                .channelFactory(() -> new NioServerSocketChannel(SelectorProvider.provider(), family(at.getAddress())))
                .childOption(ChannelOption.WRITE_BUFFER_WATER_MARK, WAITING)
                .childHandler(new ChannelInitializer<SocketChannel>() {
                    @Override
                    protected void initChannel(SocketChannel connection) {
                        take(connection);
                    }
                })
                .bind(at)
                .awaitUninterruptibly();
        if (!bound.isSuccess()) {
            end();
            throw new IOException(
                    "cannot serve the dashboard at " + AddressText.of(at) + " ("
                            + Printable.text(String.valueOf(bound.cause().getMessage()))
                            + "): choose another address or port with --dashboard",
                    bound.cause());
        }
        listening = bound.channel();
    }

    /** 0.0.0.0 has nothing of IPv6. */
    private static SocketProtocolFamily family(InetAddress at) {
        return at instanceof Inet4Address ? SocketProtocolFamily.INET : SocketProtocolFamily.INET6;
    }

    private void take(SocketChannel connection) {
        if (connections.size() >= MAX_CONNECTIONS) {
            connections.iterator().next().close(); // which takes it out; viewers are not among them
        }
        connections.add(connection);
        connection.closeFuture().addListener(f -> connections.remove(connection));
        ChannelPipeline pipeline = connection.pipeline();
        pipeline.addLast(new HttpServerCodec(
                new HttpDecoderConfig().setMaxInitialLineLength(MAX_LINE).setMaxHeaderSize(MAX_HEAD)));
        pipeline.addLast(new HttpObjectAggregator(MAX_BODY));
        pipeline.addLast(new Idle());
        pipeline.addLast(new Requests(this));
    }

    /** Ends a connection that is silent. */
    private static final class Idle extends IdleStateHandler {
        Idle() {
            super(IDLE.toSeconds(), 0, 0, TimeUnit.SECONDS);
        }

        @Override
        protected void channelIdle(ChannelHandlerContext ctx, IdleStateEvent event) {
            ctx.close();
        }
    }

    /** Where it listens. */
    InetSocketAddress address() {
        return (InetSocketAddress) listening.localAddress();
    }

    // ---- for its connections, on the loop ----

    Map<String, Page> pages() {
        return pages;
    }

    HostCheck hosts() {
        return hosts;
    }

    SignIn signIn() {
        return signIn;
    }

    Viewers viewers() {
        return viewers;
    }

    /** The answer of a connection has begun that goes on. */
    void look(Channel channel, SignIn.Session session) {
        connections.remove(channel);
        channel.pipeline().remove(Idle.class);
        viewers.add(channel, session);
        if (!isLooking) {
            isLooking = true;
            next(Duration.ZERO);
        }
    }

    private void next(Duration after) {
        try {
            looking.schedule(this::tick, after.toMillis(), TimeUnit.MILLISECONDS);
        } catch (RejectedExecutionException e) {
            isLooking = false; // it closes
        }
    }

    /** On the thread that looks; the next tick is after this one's scene has been shown. */
    private void tick() {
        @Nullable Scene scene = null;
        @Nullable String trouble = null;
        try {
            scene = look.look().make(TimeUnit.NANOSECONDS.toMillis(nanoTime.getAsLong()));
        } catch (IOException | RuntimeException e) {
            trouble = Printable.line(String.valueOf(e.getMessage()));
        }
        Scene found = scene;
        String why = trouble;
        loops.execute(() -> shown(found, why));
    }

    private void shown(@Nullable Scene scene, @Nullable String trouble) {
        if (scene != null) {
            complained = false;
            viewers.show(scene);
        } else if (!complained) {
            complained = true;
            log.accept("the dashboard cannot be shown anything new: " + trouble);
        }
        isLooking = !viewers.isEmpty();
        if (isLooking) {
            next(TICK);
        }
    }

    // ---- from any thread but its own ----

    /** Ends it, and every session. */
    @Override
    public void close() {
        listening.close().awaitUninterruptibly(CLOSES.toMillis());
        end();
    }

    private void end() {
        looking.shutdownNow();
        loops.shutdownGracefully(0, CLOSES.toMillis(), TimeUnit.MILLISECONDS);
    }
}
