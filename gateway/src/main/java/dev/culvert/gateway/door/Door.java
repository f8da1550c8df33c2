package dev.culvert.gateway.door;

import dev.culvert.address.AddressText;
import dev.culvert.gateway.certificate.OwnTls;
import dev.culvert.gateway.fabric.Fabric;
import dev.culvert.gateway.limit.Services;
import dev.culvert.gateway.presence.Links;
import dev.culvert.tunnel.link.LinkSettings;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.channel.unix.Errors;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.io.IOException;
import java.net.BindException;
import java.net.InetSocketAddress;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** The gateway's port, and the connections that come to it until they are links. From any thread but a loop's. */
public final class Door implements AutoCloseable {
    /** Upgrades whose token waits to be verified: ten thousand agents come back within seconds after a restart. */
    private static final int MAX_VERIFYING = 16_384;

    private static final int BACKLOG = 4096;

    /**
     * For so many event loops of links there is one for what is no link yet: a handshake and an upgrade take it about a
     * millisecond, so one lets ten thousand agents in within ten seconds, and a flood of them has one thread's share of the
     * machine.
     */
    private static final int LINK_LOOPS_PER_STRANGERS = 8;

    private final Arrivals arrivals;
    private final StrangerTurns.Loops turns;
    private final EventLoopGroup strangerLoops;
    private final ThreadPoolExecutor verifying;
    private final GatewayChannel initializer;
    private final ChannelGroup connections = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);
    private @Nullable Channel listener;
    private @Nullable Channel plain;

    /**
     * One that is not open yet.
     *
     * @param tls what is shown; null for plain {@code ws} behind a proxy that ends TLS
     * @param own what the gateway is called
     * @param published where connections for published names go; null when there are none
     * @param proxies what may stand before it
     * @param loops event loops of links
     * @param threads how many those are
     */
    public Door(
            Services services,
            Links links,
            Fabric fabric,
            Authenticator authenticator,
            @Nullable OwnTls tls,
            OwnNames own,
            @Nullable PublishedDoor published,
            ProxiesInFront proxies,
            EventLoopGroup loops,
            int threads,
            LinkSettings settings) {
        arrivals = new Arrivals(
                proxies, new Strangers(services.nanoTime(), tls == null, proxies::isShared), services.counters());
        turns = new StrangerTurns.Loops(services.nanoTime());
        strangerLoops = EventLoops.create(1 + (threads - 1) / LINK_LOOPS_PER_STRANGERS, "gateway-strangers");
        verifying = new ThreadPoolExecutor(
                1,
                1,
                0,
                TimeUnit.SECONDS,
                new ArrayBlockingQueue<>(MAX_VERIFYING),
                new DefaultThreadFactory("gateway-tokens", true));
        // Behind a proxy all connections come from its address: nobody could be told apart.
        AttemptLimiter limiter = tls == null ? null : new AttemptLimiter(services.nanoTime(), proxies::isShared);
        LinkGate.Shared shared = new LinkGate.Shared(
                authenticator, limiter, verifying, services, links, fabric, new ReadShares(), loops, settings);
        initializer = new GatewayChannel(tls, own, shared, arrivals, turns, published);
    }

    /**
     * Listens from now on.
     *
     * @throws IOException with one line for people
     */
    public void open(InetSocketAddress listen) throws IOException {
        listener = bind(listen, initializer);
    }

    /**
     * Serves browsers in the clear as well: those of published names are sent to https.
     *
     * @param httpsPort where that is, seen from outside
     * @throws IOException with one line for people
     */
    public void openInTheClear(InetSocketAddress listen, PublishedDoor published, int httpsPort) throws IOException {
        plain = bind(listen, published.inTheClear(httpsPort, arrivals, turns));
    }

    private Channel bind(InetSocketAddress listen, ChannelHandler each) throws IOException {
        try {
            return new ServerBootstrap()
                    .group(strangerLoops)
                    .channel(EventLoops.serverSocketChannel())
                    .option(ChannelOption.SO_BACKLOG, BACKLOG)
                    .option(ChannelOption.SO_REUSEADDR, true)
                    .childHandler(new ChannelInitializer<Channel>() {
                        @Override
                        protected void initChannel(Channel ch) {
                            connections.add(ch);
                            ch.pipeline().addLast(each);
                        }
                    })
                    .bind(listen)
                    .sync()
                    .channel();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while starting", e);
        } catch (Exception e) { // sync() throws what bind met, declared or not
            if (e instanceof IOException io
                    && !(e instanceof BindException)
                    && !(e instanceof Errors.NativeIoException)) {
                throw io;
            }
            throw new IOException(bindError(listen, e), e);
        }
    }

    private static String bindError(InetSocketAddress listen, Exception e) {
        String text = String.valueOf(e.getMessage());
        String where = AddressText.of(listen);
        if (text.contains("ermission denied")) {
            return "cannot listen on " + where
                    + ": permission denied; ports below 1024 need root or CAP_NET_BIND_SERVICE, or use --listen :8443";
        }
        if (text.contains("ddress already in use")) {
            return "cannot listen on " + where
                    + ": another program does; stop it, or choose another port with --listen";
        }
        return "cannot listen on " + where + ": " + text;
    }

    /** Where it listens. */
    public InetSocketAddress address() {
        Channel l = listener;
        if (l == null) {
            throw new IllegalStateException("the door is not open");
        }
        return (InetSocketAddress) l.localAddress();
    }

    /** Those that have just been made. */
    Arrivals arrivals() {
        return arrivals;
    }

    /** The connections that are no links. */
    public Strangers strangers() {
        return arrivals.strangers();
    }

    /** Where those are. */
    EventLoopGroup strangerLoops() {
        return strangerLoops;
    }

    /** Lets nobody in any more. */
    public void shut() {
        if (listener != null) {
            listener.close().awaitUninterruptibly();
        }
        if (plain != null) {
            plain.close().awaitUninterruptibly();
        }
    }

    /** Closes all connections, links too, and waits for it so long at most. */
    public void closeConnections(long millis) {
        connections.close().awaitUninterruptibly(millis);
    }

    /** Ends its threads. */
    @Override
    public void close() {
        // Nobody is interrupted here: it would close files that are being written, and be told as an error of theirs.
        verifying.getQueue().clear();
        verifying.shutdown();
        strangerLoops.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    }
}
