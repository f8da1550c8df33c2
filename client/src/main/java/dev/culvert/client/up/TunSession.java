package dev.culvert.client.up;

import dev.culvert.address.IpPrefix;
import dev.culvert.client.join.Tally;
import dev.culvert.client.names.NameService;
import dev.culvert.client.uplink.Lines;
import dev.culvert.client.uplink.RouteTable;
import dev.culvert.client.uplink.Uplink;
import dev.culvert.client.uplink.Voice;
import dev.culvert.command.metrics.Histogram;
import dev.culvert.stack.IpStack;
import dev.culvert.stack.StackConfig;
import dev.culvert.stack.StackStats;
import dev.culvert.stack.tcp.TcpConfig;
import dev.culvert.tun.device.TunDevice;
import dev.culvert.tun.device.TunException;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoop;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.util.internal.PlatformDependent;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A client that is up: TUN and stack on the event loop of the uplink, host routes on one other thread. */
final class TunSession {
    /** A moment's figures for the status line. */
    record Status(Uplink.Status link, int tcp, int udp, int echo, long refused) {}

    /**
     * All of a moment that can be asked for.
     *
     * @param joined programs that have joined this client
     * @param routes that lead into the tunnel, and how each is reached
     * @param openings what TCP connections took to be opened; goes on counting
     * @param stack what the stack has done; goes on counting
     */
    record Report(
            Status status,
            Uplink.Details link,
            int joined,
            Map<IpPrefix, RouteTable.Way> routes,
            Histogram openings,
            StackStats stack) {}

    /**
     * What the stack keeps of connections, in each direction: an eighth of the memory for buffers. A quarter is for the growth of
     * windows, and of the rest flows have what they begin with.
     */
    private static final long STACK_BYTES = Math.max(8 << 20, PlatformDependent.maxDirectMemory() / 8);

    /** What the flows' ends may take when the client goes down: tens of thousands need half of it. */
    static final Duration FLOWS_END = Duration.ofSeconds(1);

    /** Bytes of packets that may wait for the interface: two turns of a busy link. */
    private static final int MAX_UNSENT = 4 << 20;

    /** Of the routes in a line: a few lines of a terminal. An agent may have a thousand, and change them each second. */
    private static final int ROUTES_SHOWN = 16;

    private final EventLoop loop;
    private final Channel tun;
    private final Uplink uplink;
    private final @Nullable HostRoutes host;
    private final Voice voice;
    private final boolean full;
    private final boolean allowLeak;
    private final FlowCounts counts = new FlowCounts();
    private final NameService names;
    private final IpStack stack;
    private final CompletableFuture<Throwable> failed = new CompletableFuture<>();
    private final CompletableFuture<Void> ready = new CompletableFuture<>();
    private @Nullable String leak; // event loop only
    private Set<IpPrefix> laid = Set.of(); // event loop only
    private volatile boolean closing;

    /**
     * @param tun of the device; registered here, with the uplink's loop, unless it is
     * @param uplink not started yet
     * @param host changes the host's routes; null when somebody else does
     * @param router what the stack calls itself in ICMP errors
     * @param names the stack's own name server
     * @param full whether everything shall go through the tunnel
     * @param allowLeak whether, if so, a family that no agent takes may leave past it
     */
    TunSession(
            TunDevice device,
            Channel tun,
            Uplink uplink,
            @Nullable HostRoutes host,
            RouterAddresses router,
            NameService names,
            boolean full,
            boolean allowLeak,
            Voice voice)
            throws IOException {
        this.loop = uplink.eventLoop();
        this.tun = tun;
        this.uplink = uplink;
        this.host = host;
        this.names = names;
        this.full = full;
        this.allowLeak = allowLeak;
        this.voice = voice;
        // Packets are flushed once a turn; until then they wait here, and what finds it full must wait for another
        // turn.
        tun.config().setWriteBufferWaterMark(new WriteBufferWaterMark(MAX_UNSENT / 2, MAX_UNSENT));
        stack = new IpStack(
                StackConfig.builder()
                        .mtu(device.mtu())
                        .router(router.ipv4(), router.ipv6())
                        .tcp(TcpConfig.builder().receiveBudget(STACK_BYTES).sendBudget(STACK_BYTES))
                        .build(),
                new Splices(uplink, counts, names));
        tun.pipeline().addLast(stack);
        tun.pipeline().addLast(new Gone());
        if (!tun.isRegistered() && !loop.register(tun).awaitUninterruptibly().isSuccess()) {
            throw new IOException("cannot read packets from " + device.name()
                    + "; its descriptor cannot be watched: run this again, and tell us the kernel");
        }
        tun.closeFuture()
                .addListener(f -> failed.complete(new IOException("the interface " + device.name() + " is gone")));
        uplink.failed().thenAccept(failed::complete);
        if (host != null) {
            host.start(new Kept());
        }
    }

    void start() {
        uplink.start(new Events());
    }

    /** Completes when the session cannot go on: the gateway refuses the token, or the interface is gone. */
    CompletableFuture<Throwable> failed() {
        return failed;
    }

    /** Completes when the gateway has said what there is, and the routes are laid that can be. */
    CompletableFuture<Void> ready() {
        return ready;
    }

    /** For flows that are opened beside the interface. */
    Tally tally() {
        return counts;
    }

    /** How it is. Event loop. */
    Status status() {
        return new Status(uplink.status(), counts.tcp, counts.udp, counts.echo, counts.refused);
    }

    /** How it is, with all that belongs to it. Event loop. */
    Report report() {
        RouteTable table = uplink.routes();
        Map<IpPrefix, RouteTable.Way> routes = new TreeMap<>();
        // Who lays the routes himself may have laid any of these.
        for (IpPrefix prefix : host == null ? table.routes().keySet() : laid) {
            RouteTable.Way way = table.wayOf(prefix);
            if (way != null) { // one that is about to go leads nowhere
                routes.put(prefix, way);
            }
        }
        return new Report(status(), uplink.details(), counts.programs, routes, counts.openings, stack.stats());
    }

    /**
     * Ends the flows, the link and the interface, and lets the host be; its routes are {@link HostRoutes#undo}'s. Any thread.
     *
     * @return done when the interface is gone
     */
    ChannelFuture end() {
        closing = true;
        loop.execute(() -> closeInterface(loop.ticker().nanoTime() + FLOWS_END.toNanos()));
        uplink.stop("the client went down");
        return tun.closeFuture();
    }

    /** Flows end with their link, some in each turn of the loop, and their applications are told: a reset is a packet. */
    private void closeInterface(long latestNanos) {
        if (uplink.flowCount() > 0 && loop.ticker().nanoTime() - latestNanos < 0) {
            loop.schedule(() -> closeInterface(latestNanos), 1, TimeUnit.MILLISECONDS);
        } else {
            // Not in this turn: the last of those packets are flushed at its end.
            loop.schedule(() -> tun.close(), 1, TimeUnit.MILLISECONDS);
        }
    }

    /** What is announced becomes routes of the host, and gateways are kept out of these before they are dialled. */
    private final class Events implements Uplink.Listener {
        @Override
        public CompletionStage<?> beforeDial(List<InetSocketAddress> addresses) {
            return host == null
                    ? CompletableFuture.completedFuture(null)
                    : host.keepOut(addresses.stream()
                            .map(InetSocketAddress::getAddress)
                            .toList());
        }

        @Override
        public void announced(RouteTable table) {
            names.announced();
            if (host == null) {
                ready.complete(null);
                return;
            }
            LeakGuard guard = LeakGuard.of(table.routes().keySet(), full, allowLeak);
            if (guard.line() != null && !guard.line().equals(leak)) {
                voice.say(guard.line());
            }
            leak = guard.line();
            host.want(table.routes().keySet(), table.asked(), guard.blocked());
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

    /** What becomes of the host's routes. Its thread. */
    private final class Kept implements HostRoutes.Listener {
        @Override
        public void routed(Set<IpPrefix> now) {
            loop.execute(() -> {
                laid = now;
                if (!closing) {
                    voice.say(now.isEmpty() ? "no routes" : "routes: " + lines(now));
                }
            });
        }

        private String lines(Set<IpPrefix> now) {
            RouteTable table = uplink.routes();
            return Lines.some(
                    now.stream()
                            .sorted()
                            .map(p -> {
                                RouteTable.Way way = table.wayOf(p);
                                return way == null ? p.toString() : way.textOf(p);
                            })
                            .toList(),
                    ROUTES_SHOWN);
        }

        @Override
        public void settled() {
            loop.execute(() -> ready.complete(null)); // behind what was just said of the routes
        }

        @Override
        public void uplinkChanged() {
            uplink.networkChanged();
        }

        @Override
        public void gone() {
            failed.complete(new IOException(
                    "the interface is gone: somebody deleted, renamed or moved it;" + " start the client again"));
        }
    }
}
