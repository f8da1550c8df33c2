package dev.culvert.agent;

import dev.culvert.command.metrics.Histogram;
import dev.culvert.tunnel.dial.AddressRace;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.flow.Relay;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.DefaultChannelPromise;
import io.netty.channel.EventLoop;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.local.LocalChannel;
import io.netty.util.concurrent.Future;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * TCP flows: dials, and joins flow and socket. Of a name with several addresses each that is permitted gets its turn
 * ({@link AddressRace}). Event loop only.
 */
final class TcpDialer {
    private static final Logger log = LoggerFactory.getLogger(TcpDialer.class);

    /** As long as a black hole may hold a dial. The application sees silence, as on the LAN. */
    static final Duration DEADLINE = Duration.ofSeconds(10);

    /**
     * What a socket may have waiting for a slow LAN host, beside the kernel's own buffer, which is megabytes and what keeps a
     * fast one busy. A client can have thousands of flows to hosts that do not read, so this is as little as a turn brings, and less
     * when there are many ({@link LinkFlow#bufferMarks}).
     */
    private static final WriteBufferWaterMark WATER_MARK = new WriteBufferWaterMark(32 << 10, 64 << 10);

    /**
     * Keep-alive on the LAN (RFC 9293 section 3.8.4) of our own, where the application's is not passed on to us: its client's
     * stack answers it, so nobody else would notice within half a minute that a host has died.
     */
    private static final KeepAlive OURS = new KeepAlive(15, 3);

    /**
     * Where it is passed on ({@link HostProbe}) the application alone says how soon a host is dead, as on the LAN, and ours
     * gets rid of sockets that nobody asks about: as late as RFC 5382 REQ-5 lets a NAT. No application's kernel lets more
     * probes be unanswered than 127, and all of them count here.
     */
    private static final KeepAlive APPLICATIONS = new KeepAlive(7_440, 127);

    /** Between probes that are not answered; longer than {@link HostProbe} waits for an answer. */
    private static final int KEEP_ALIVE_INTERVAL_SECONDS = 5;

    private record KeepAlive(int idleSeconds, int probes) {}

    private final EventLoop loop;
    private final SocketBudget budget;
    private final Dials dials = new Dials();
    private int open;
    private final Histogram times = new Histogram();
    private final long[] failed = new long[Reason.values().length];

    TcpDialer(EventLoop loop, SocketBudget budget) {
        this.loop = loop;
        this.budget = budget;
    }

    int openCount() {
        return open;
    }

    /** Flows whose dial is under way. */
    long dialCount() {
        return dials.total();
    }

    /** Dials that came to nothing since the start, by why. */
    Map<Reason, Long> failedCounts() {
        Map<Reason, Long> counts = new EnumMap<>(Reason.class);
        Arrays.stream(Reason.values()).forEach(reason -> counts.put(reason, failed[reason.ordinal()]));
        return counts;
    }

    /** How long those took that reached the destination; goes on counting. */
    Histogram times() {
        return times;
    }

    /** @param permitted addresses that may be dialled, in the order of preference; at least one */
    void dial(IncomingFlow flow, List<InetAddress> permitted) {
        Destination destination = flow.request().destination();
        Taker taker = Taker.of(flow.request().clientName(), destination);
        if (!dials.take(taker)) {
            flow.refuse(Reason.OVERLOADED, "too many dials under way at the agent");
            return;
        }
        int port = destination.port();
        List<InetSocketAddress> addresses = AddressRace.interleave(permitted).stream()
                .map(a -> new InetSocketAddress(a, port))
                .toList();
        long startNanos = loop.ticker().nanoTime();
        Future<Channel> race = AddressRace.run(loop, addresses, DEADLINE, new Dial(flow, taker));
        flow.onAbandoned(() -> race.cancel(false));
        race.addListener(f -> {
            dials.give(taker);
            if (race.isSuccess()) {
                times.add(loop.ticker().nanoTime() - startNanos);
                join(flow, race.getNow());
            } else if (!race.isCancelled()) {
                refuse(flow, race.cause(), permitted.get(0));
            }
        });
    }

    private void refuse(IncomingFlow flow, Throwable cause, InetAddress address) {
        Reason reason = cause instanceof NoSocketException ? Reason.OVERLOADED : DialErrors.reason(cause, address);
        if (reason == Reason.UNSPECIFIED) {
            reason = Reason.HOST_UNREACHABLE;
        } else if (reason == Reason.OVERLOADED && !(cause instanceof NoSocketException)) {
            budget.failed(cause);
        }
        failed[reason.ordinal()]++;
        if (log.isDebugEnabled()) {
            log.atDebug()
                    .addKeyValue("flow", flow.id())
                    .log("flow {} to {}: {}", flow.id(), flow.request().destination(), cause.toString());
        }
        flow.refuse(reason, flow.request().destination() + ": " + reason.words());
    }

    private void join(IncomingFlow flow, Channel socket) {
        LinkFlow linkFlow = flow.accept(new Silent(), EventLoops.isEpoll());
        if (linkFlow == null) {
            Relay.reset(socket);
            return;
        }
        WriteBufferWaterMark marks = linkFlow.bufferMarks();
        if (marks.high() < WATER_MARK.high()) {
            socket.config().setWriteBufferWaterMark(marks);
            socket.config().setRecvByteBufAllocator(EventLoops.smallReads(marks.high()));
        }
        if (socket.remoteAddress() instanceof InetSocketAddress to) {
            linkFlow.leadsTo(to.getAddress());
        }
        linkFlow.closeReason(Reason.RESET); // when the relay ends it early, the host has reset the connection
        if (flow.probes() && socket instanceof EpollSocketChannel epoll) {
            HostProbe.answer(linkFlow, epoll, APPLICATIONS.idleSeconds());
        }
        open++;
        socket.pipeline().addLast(new WhyItBroke(linkFlow));
        Relay.join(linkFlow, socket, (up, down, cause) -> {
            open--;
            if (log.isDebugEnabled()) {
                log.atDebug()
                        .addKeyValue("flow", flow.id())
                        .log(
                                "flow {} to {}: {} bytes up, {} down{}",
                                flow.id(),
                                flow.request().destination(),
                                up,
                                down,
                                cause == null ? "" : ", " + cause.getMessage());
            }
        });
    }

    /** One flow's dials; each takes a socket, and keeps it until the channel is closed. */
    private final class Dial implements AddressRace.Dial<Channel> {
        private final Taker taker;
        private final KeepAlive keepAlive;

        Dial(IncomingFlow flow, Taker taker) {
            this.taker = taker;
            this.keepAlive = flow.probes() ? APPLICATIONS : OURS;
        }

        @Override
        public ChannelFuture connect(InetSocketAddress address) {
            if (!budget.take(taker, SocketBudget.Kind.TCP)) {
                return new DefaultChannelPromise(new LocalChannel(), loop).setFailure(new NoSocketException());
            }
            Bootstrap bootstrap = new Bootstrap()
                    .group(loop)
                    .channel(EventLoops.socketChannel())
                    .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, 0) // the race has a deadline
                    .option(ChannelOption.ALLOW_HALF_CLOSURE, true)
                    .option(ChannelOption.AUTO_READ, false)
                    .option(ChannelOption.TCP_NODELAY, true)
                    .option(ChannelOption.SO_KEEPALIVE, true)
                    .option(ChannelOption.WRITE_BUFFER_WATER_MARK, WATER_MARK)
                    .option(ChannelOption.RECVBUF_ALLOCATOR, EventLoops.bulkReads())
                    .handler(new Silent());
            if (EventLoops.isEpoll()) {
                bootstrap
                        .option(EpollChannelOption.TCP_KEEPIDLE, keepAlive.idleSeconds())
                        .option(EpollChannelOption.TCP_KEEPINTVL, KEEP_ALIVE_INTERVAL_SECONDS)
                        .option(EpollChannelOption.TCP_KEEPCNT, keepAlive.probes());
            }
            ChannelFuture dial = bootstrap.connect(address);
            Channel channel = dial.channel();
            if (channel.isOpen()) {
                channel.closeFuture().addListener(f -> budget.give(taker, SocketBudget.Kind.TCP));
            } else { // not even a socket; its future speaks up on a thread of Netty's
                budget.give(taker, SocketBudget.Kind.TCP);
            }
            return dial;
        }

        @Override
        public Future<Channel> finish(Channel connected) {
            return loop.newSucceededFuture(connected);
        }

        /** Who has said something rather than nothing is believed first. */
        @Override
        public int weight(Throwable failure) {
            return switch (DialErrors.reason(failure)) {
                case CONNECTION_REFUSED, RESET -> 4;
                case PROHIBITED -> 3;
                case HOST_UNREACHABLE -> 2;
                case NETWORK_UNREACHABLE -> 1;
                default -> 0;
            };
        }
    }

    /** The client's sockets are all in use; without a stack trace, for it is made once for each flow. */
    private static final class NoSocketException extends ConnectException {
        private static final long serialVersionUID = 1L;

        NoSocketException() {
            super("no socket left for this client");
        }

        @Override
        public Throwable fillInStackTrace() {
            return this;
        }
    }

    /** Netty wants a handler; the relay's does the work. */
    private static final class Silent extends ChannelInboundHandlerAdapter {
        @Override
        public boolean isSharable() {
            return true;
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            if (ctx.pipeline().last() == this) {
                ctx.close();
            } else {
                ctx.fireExceptionCaught(cause);
            }
        }
    }

    /** What the system says of a connection that breaks is what the client hears. */
    private static final class WhyItBroke extends ChannelInboundHandlerAdapter {
        private final LinkFlow flow;

        WhyItBroke(LinkFlow flow) {
            this.flow = flow;
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            Reason reason = DialErrors.reason(cause);
            if (reason == Reason.TIMED_OUT
                    || reason == Reason.HOST_UNREACHABLE
                    || reason == Reason.NETWORK_UNREACHABLE) {
                flow.closeReason(reason);
            }
            ctx.fireExceptionCaught(cause);
        }
    }
}
