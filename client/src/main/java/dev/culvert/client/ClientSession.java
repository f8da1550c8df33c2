package dev.culvert.client;

import dev.culvert.address.IpPrefix;
import dev.culvert.stack.EchoFlow;
import dev.culvert.stack.IpStack;
import dev.culvert.stack.StackConfig;
import dev.culvert.stack.StackListener;
import dev.culvert.stack.UdpFlow;
import dev.culvert.stack.tcp.TcpConfig;
import dev.culvert.stack.tcp.TcpRequest;
import dev.culvert.token.TokenGrants;
import dev.culvert.tun.TunChannel;
import dev.culvert.tun.TunDevice;
import dev.culvert.tun.TunException;
import dev.culvert.tun.TunStats;
import dev.culvert.tunnel.Announcement;
import dev.culvert.tunnel.EventLoops;
import dev.culvert.tunnel.FlowMultiplexer;
import dev.culvert.tunnel.IncomingFlow;
import dev.culvert.tunnel.LinkConnector;
import dev.culvert.tunnel.LinkKeeper;
import dev.culvert.tunnel.LinkRefusedException;
import dev.culvert.tunnel.LinkSettings;
import dev.culvert.tunnel.ProtocolException;
import dev.culvert.tunnel.Reason;
import dev.culvert.tunnel.Repetition;
import dev.culvert.tunnel.limit.RateLimit;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.util.internal.PlatformDependent;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A client that is up: TUN, stack and link on one event loop, host routes on one other thread. */
final class ClientSession implements AutoCloseable {
    /** What the session has to say to its user. Any thread. */
    interface Voice {
        void say(String line);
    }

    /** A moment's figures for the status line. */
    record Status(
            boolean linked,
            String trouble,
            long rttMicros,
            Map<String, Integer> agents,
            Set<IpPrefix> routes,
            int tcp,
            int udp,
            int echo,
            long refused,
            long bytesUp,
            long bytesDown) {}

    /**
     * What the stack keeps of connections, in each direction: an eighth of the memory for buffers. A quarter is for the growth of
     * windows, and of the rest flows have what they begin with.
     */
    private static final long STACK_BYTES = Math.max(8 << 20, PlatformDependent.maxDirectMemory() / 8);

    /** What the flows' ends may take when the client goes down: tens of thousands need half of it. */
    private static final Duration FLOWS_END = Duration.ofSeconds(1);

    /** Bytes of packets that may wait for the interface: two turns of a busy link. */
    private static final int MAX_UNSENT = 4 << 20;

    /** Announcements count so often at most, the newest: a table of a thousand routes takes a while to make. */
    private static final long ANNOUNCEMENT_MILLIS = 1_000;

    /** Lines about what was announced: so many at once, then one in two seconds, and how many were left out. */
    private static final int NEWS_LINES = 32;

    private static final double NEWS_LINES_PER_SECOND = 0.5;

    private final EventLoopGroup loops = EventLoops.create(1, "client");
    private final EventLoop loop = loops.next();
    private final TunChannel tun;
    private final @Nullable HostRoutes host;
    private final LinkKeeper keeper;
    private final Voice voice;
    private final RouteTable.Wanted wanted;
    private final boolean allowLeak;
    private final TokenGrants grants;
    private final LinkView view = new LinkView();
    private final FlowCounts counts = new FlowCounts();
    private final CompletableFuture<Throwable> failed = new CompletableFuture<>();
    private final CompletableFuture<Void> routed = new CompletableFuture<>();

    // Event loop only.
    private String trouble = "connecting";

    private final Repetition troubles = new Repetition();
    private boolean everUp;
    private final AgentNews news = new AgentNews();
    private final RateLimit newsLines = new RateLimit(NEWS_LINES, NEWS_LINES_PER_SECOND);
    private final Newest<Announced> announcements = new Newest<>(loop, ANNOUNCEMENT_MILLIS, this::announced);
    private @Nullable String leak;
    private volatile Set<IpPrefix> installed = Set.of();
    private volatile boolean closing;

    /**
     * @param device an open TUN, owned from here on
     * @param router what the stack calls itself in ICMP errors
     * @param host changes the host's routes; null when somebody else does
     * @param allowLeak whether with --full a family that no agent takes may leave past the tunnel
     * @param grants of the client's own token
     */
    ClientSession(
            TunDevice device,
            @Nullable HostRoutes host,
            List<LinkConnector> connectors,
            LinkSettings settings,
            RouterAddresses router,
            TokenGrants grants,
            RouteTable.Wanted wanted,
            boolean allowLeak,
            Voice voice)
            throws IOException {
        this.host = host;
        this.voice = voice;
        this.grants = grants;
        this.wanted = wanted;
        this.allowLeak = allowLeak;
        this.tun = new TunChannel(device);
        // Packets are flushed once a turn; until then they wait here, and what finds it full must wait for another
        // turn.
        tun.config().setWriteBufferWaterMark(new WriteBufferWaterMark(MAX_UNSENT / 2, MAX_UNSENT));
        view.down(loop.ticker().nanoTime());
        tun.pipeline()
                .addLast(new IpStack(
                        StackConfig.builder()
                                .mtu(device.mtu())
                                .router(router.ipv4(), router.ipv6())
                                .tcp(TcpConfig.builder()
                                        .receiveBudget(STACK_BYTES)
                                        .sendBudget(STACK_BYTES))
                                .build(),
                        new Flows()));
        tun.pipeline().addLast(new Gone());
        if (!loop.register(tun).awaitUninterruptibly().isSuccess()) {
            throw new IOException("cannot read packets from " + device.name()
                    + "; its descriptor cannot be watched: run this again, and tell us the kernel");
        }
        tun.closeFuture()
                .addListener(f -> failed.complete(new IOException("the interface " + device.name() + " is gone")));
        if (host != null) {
            host.start(new Kept());
        }
        keeper = new LinkKeeper(loop, connectors, settings, new Events());
    }

    void start() {
        keeper.start();
    }

    /** Completes when the session cannot go on: the gateway refuses the token, or the interface is gone. */
    CompletableFuture<Throwable> failed() {
        return failed;
    }

    /** Completes when the first routes are laid. */
    CompletableFuture<Void> routed() {
        return routed;
    }

    /** How it is; asks its loop. */
    Status status() throws InterruptedException {
        try {
            return loop.submit(() -> {
                        FlowMultiplexer link = view.link();
                        TunStats t = tun.stats();
                        return new Status(
                                link != null,
                                trouble,
                                link == null ? 0 : link.link().rttMicros(),
                                news.agents(),
                                installed,
                                counts.tcp,
                                counts.udp,
                                counts.echo,
                                counts.refused,
                                t.bytesIn(),
                                t.bytesOut());
                    })
                    .get();
        } catch (java.util.concurrent.ExecutionException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Ends the flows, the link and the interface; the host's routes are {@link HostRoutes#undo}'s. */
    @Override
    public void close() {
        closing = true;
        loop.execute(() -> closeInterface(view.link(), loop.ticker().nanoTime() + FLOWS_END.toNanos()));
        keeper.stop("the client went down");
        tun.closeFuture().awaitUninterruptibly(2, TimeUnit.SECONDS);
        if (host != null) {
            host.close();
        }
        loops.shutdownGracefully(100, 1_000, TimeUnit.MILLISECONDS).awaitUninterruptibly(2, TimeUnit.SECONDS);
    }

    private void announced(Announced announced) {
        news.of(announced).forEach(this::tell);
        RouteTable table = RouteTable.of(announced, grants, wanted);
        news.problems(table.problems()).forEach(this::tell);
        view.routes(table);
        if (host != null) {
            LeakGuard guard = LeakGuard.of(table.routes().keySet(), wanted.full(), allowLeak);
            if (guard.line() != null && !guard.line().equals(leak)) {
                voice.say(guard.line());
            }
            leak = guard.line();
            host.want(table.routes().keySet(), table.asked(), guard.blocked());
        } else if (!table.routes().isEmpty()) {
            routed.complete(null);
        }
    }

    private void tell(String line) {
        if (newsLines.takes()) {
            long more = newsLines.takeRefused();
            voice.say(more == 0 ? line : line + " (" + more + " lines before this were left out)");
        }
    }

    /** Flows end with their link, some in each turn of the loop, and their applications are told: a reset is a packet. */
    private void closeInterface(@Nullable FlowMultiplexer last, long latestNanos) {
        if (last != null && last.flowCount() > 0 && loop.ticker().nanoTime() - latestNanos < 0) {
            loop.schedule(() -> closeInterface(last, latestNanos), 1, TimeUnit.MILLISECONDS);
        } else {
            // Not in this turn: the last of those packets are flushed at its end.
            loop.schedule(() -> tun.close(), 1, TimeUnit.MILLISECONDS);
        }
    }

    /** New flows from the stack. */
    private final class Flows implements StackListener {
        private final TcpSplice tcp = new TcpSplice(view, counts);

        @Override
        public void onTcp(TcpRequest request) {
            tcp.onTcp(request, loop.ticker().nanoTime());
        }

        @Override
        public void onUdp(UdpFlow flow) {
            flow.pipeline().addLast(new UdpSplice(flow, view, counts));
        }

        @Override
        public void onEcho(EchoFlow flow) {
            flow.pipeline().addLast(new EchoSplice(flow, view, counts));
        }
    }

    /** What happens to the link. */
    private final class Events implements LinkKeeper.Listener {
        @Override
        public CompletionStage<?> beforeDial(List<InetSocketAddress> addresses) {
            return host == null
                    ? CompletableFuture.completedFuture(null)
                    : host.keepOut(addresses.stream()
                            .map(InetSocketAddress::getAddress)
                            .toList());
        }

        @Override
        public void linkUp(FlowMultiplexer link) {
            view.up(link);
            everUp = true;
            trouble = "";
            troubles.clear();
            voice.say("connected to the gateway");
        }

        @Override
        public void onOpen(IncomingFlow flow) {
            flow.refuse(Reason.PROHIBITED, "a client answers no flows");
        }

        @Override
        public void onAnnounce(FlowMultiplexer link, ByteBuf payload) throws ProtocolException {
            announcements.offer(Announced.of(Announcement.decode(payload, Announcement.Reachable.class)));
        }

        @Override
        public void onDrain(FlowMultiplexer link, String text) {
            voice.say("the gateway is about to stop: " + text);
        }

        @Override
        public void linkDown(FlowMultiplexer link, String why) {
            announcements.drop();
            view.down(loop.ticker().nanoTime());
            trouble = why;
            troubles.isNews(why, loop.ticker().nanoTime()); // said here
            if (!closing) {
                voice.say("link lost: " + why);
            }
        }

        @Override
        public void waiting(Throwable why, long retryMillis) {
            trouble = String.valueOf(why.getMessage());
            if (troubles.isNews(trouble, loop.ticker().nanoTime())) {
                voice.say(trouble + "; trying again");
            }
        }

        @Override
        public boolean refused(LinkRefusedException why) {
            if (!everUp) {
                failed.complete(why);
                return false;
            }
            trouble = String.valueOf(why.getMessage());
            if (troubles.isNews(trouble, loop.ticker().nanoTime())) {
                voice.say(trouble + "; trying again now and then");
            }
            return true;
        }
    }

    /**
     * A device that is gone closes its channel, which ends the session in words for people. Packets that still wait for it
     * when it is closed, as they do in the middle of a transfer, are lost without any.
     */
    static final class Gone extends ChannelInboundHandlerAdapter {
        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            if (!(cause instanceof TunException || cause instanceof ClosedChannelException)) {
                ctx.fireExceptionCaught(cause);
            }
        }
    }

    /** Of the routes in a line: a few lines of a terminal. An agent may have a thousand, and change them each second. */
    private static final int ROUTES_SHOWN = 16;

    /** What becomes of the host's routes. Its thread. */
    private final class Kept implements HostRoutes.Listener {
        @Override
        public void routed(Set<IpPrefix> laid) {
            installed = laid;
            if (!laid.isEmpty()) {
                routed.complete(null);
            }
            loop.execute(() -> {
                if (!closing) {
                    voice.say(laid.isEmpty() ? "no routes" : "routes: " + lines(laid));
                }
            });
        }

        private String lines(Set<IpPrefix> laid) {
            RouteTable table = view.routes();
            return Lines.some(
                    laid.stream()
                            .sorted()
                            .map(p -> p + " via " + table.agentFor(p.network()))
                            .toList(),
                    ROUTES_SHOWN);
        }

        @Override
        public void uplinkChanged() {
            keeper.networkChanged();
        }

        @Override
        public void gone() {
            failed.complete(new IOException(
                    "the interface is gone: somebody deleted, renamed or moved it;" + " start the client again"));
        }
    }
}
