package dev.culvert.agent;

import dev.culvert.tun.icmp.IcmpError;
import dev.culvert.tun.icmp.PingSockets;
import dev.culvert.tun.icmp.PingUnavailableException;
import dev.culvert.tunnel.dial.NetworkError;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.DatagramError;
import dev.culvert.tunnel.frame.HopLimitedDatagram;
import dev.culvert.tunnel.frame.Reason;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.socket.DatagramPacket;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.ScheduledFuture;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * ICMP echo flows, each with a ping socket of its own: the kernel chooses its identifier and sorts the replies. A
 * datagram of such a flow is the u16 sequence number and the echo's data. Event loop only.
 */
final class EchoSessions {
    private static final Logger log = LoggerFactory.getLogger(EchoSessions.class);

    /** RFC 5508 3.2: an ICMP query mapping lives at least 60 s. */
    static final Duration IDLE = Duration.ofSeconds(60);

    /** As long as a pinged host that cannot be reached is likely to be tried again; a sweep needs its sockets back. */
    static final Duration IDLE_UNREACHABLE = Duration.ofSeconds(10);

    /** How often idle sessions are looked for. */
    private static final Duration SWEEP = Duration.ofSeconds(5);

    private static final int ECHO_REQUEST_V4 = 8;
    private static final int ECHO_REPLY_V4 = 0;
    private static final int ECHO_REQUEST_V6 = 128;
    private static final int ECHO_REPLY_V6 = 129;
    private static final int ECHO_HEADER = 8;
    private static final int MAX_ECHO = 65_535;

    private final EventLoop loop;
    private final SocketBudget budget;
    private final ErrorTellingSocket.Natives natives = new ErrorTellingSocket.Natives();
    private boolean complained;

    EchoSessions(EventLoop loop, SocketBudget budget) {
        this.loop = loop;
        this.budget = budget;
    }

    /** Whether pings can be sent at all; says in the log why not. */
    static boolean isAvailable() {
        try {
            PingSockets.open(false).unsafe().closeForcibly(); // it was never registered
            return true;
        } catch (PingUnavailableException e) {
            log.warn("ping will not work through this agent: {}", e.getMessage());
            return false;
        } catch (RuntimeException e) { // Netty wraps what the system says
            log.warn("ping will not work through this agent: {}", NetworkError.words(e));
            return false;
        }
    }

    void open(IncomingFlow flow, InetAddress address) {
        Taker taker = Taker.of(flow.request().clientName(), flow.request().destination());
        if (!budget.take(taker, SocketBudget.Kind.PING)) {
            flow.refuse(Reason.OVERLOADED, "too many pings at the agent");
            return;
        }
        boolean ipv6 = address.getAddress().length == 16;
        Channel channel;
        try {
            channel = PingSockets.open(ipv6);
        } catch (PingUnavailableException e) {
            budget.give(taker, SocketBudget.Kind.PING);
            refuse(flow, e);
            return;
        }
        channel.config().setOption(ChannelOption.RECVBUF_ALLOCATOR, new FixedRecvByteBufAllocator(MAX_ECHO));
        Session session = new Session(taker, ipv6, address, channel);
        loop.register(channel).addListener(f -> {
            LinkFlow linkFlow = f.isSuccess() ? flow.accept(session.new Requests()) : null;
            if (linkFlow == null) {
                session.close();
                flow.refuse(Reason.OVERLOADED, "the agent could not open a ping socket");
                return;
            }
            linkFlow.leadsTo(address);
            session.start(linkFlow);
        });
    }

    private void refuse(IncomingFlow flow, PingUnavailableException why) {
        String words = String.valueOf(why.getMessage());
        if (why.isShortage()) {
            budget.failed(why);
            flow.refuse(Reason.OVERLOADED, words); // silence, as for all that is short
            return;
        }
        if (!complained) {
            complained = true;
            log.warn("cannot ping: {}", words);
        }
        flow.refuse(Reason.UNSUPPORTED, words);
    }

    private final class Session implements ErrorTellingSocket.Owner, SocketBudget.Idle {
        private final Taker taker;
        private final boolean ipv6;
        private final InetSocketAddress remote;
        private final Channel channel;
        private final ErrorTellingSocket socket;
        private @Nullable LinkFlow flow;
        private long lastUsedNanos = loop.ticker().nanoTime();
        private boolean unreachable; // since the last reply
        private @Nullable ScheduledFuture<?> idle;
        private boolean closed;

        Session(Taker taker, boolean ipv6, InetAddress address, Channel channel) {
            this.taker = taker;
            this.ipv6 = ipv6;
            this.remote = new InetSocketAddress(address, 0);
            this.channel = channel;
            this.socket = new ErrorTellingSocket(channel, natives, this);
        }

        @Override
        public long lastUsedNanos() {
            return lastUsedNanos;
        }

        @Override
        public void makeRoom() {
            end(Reason.IDLE);
            close();
        }

        void close() {
            if (closed) {
                return;
            }
            closed = true;
            if (idle != null) {
                idle.cancel(false);
            }
            if (channel.isRegistered()) {
                channel.close();
            } else {
                channel.unsafe().closeForcibly();
            }
            budget.closed(taker, SocketBudget.Kind.PING, this);
            budget.give(taker, SocketBudget.Kind.PING);
        }

        void start(LinkFlow flow) {
            this.flow = flow;
            budget.opened(taker, SocketBudget.Kind.PING, this);
            idle = loop.scheduleWithFixedDelay(
                    () -> {
                        Duration limit = unreachable ? IDLE_UNREACHABLE : IDLE;
                        if (loop.ticker().nanoTime() - lastUsedNanos >= limit.toNanos()) {
                            flow.closeReason(Reason.IDLE);
                            flow.close();
                        }
                    },
                    SWEEP.toMillis(),
                    SWEEP.toMillis(),
                    TimeUnit.MILLISECONDS);
        }

        /** From the client to the LAN. */
        final class Requests extends ChannelInboundHandlerAdapter {
            @Override
            public void channelRead(ChannelHandlerContext ctx, Object msg) {
                int hopLimit = 0;
                ByteBuf in;
                if (msg instanceof ByteBuf b) {
                    in = b;
                } else if (msg instanceof HopLimitedDatagram d) {
                    in = d.content();
                    hopLimit = d.hopLimit();
                } else {
                    ReferenceCountUtil.release(msg); // an echo has no port, and its opener hears of errors
                    return;
                }
                try {
                    if (in.readableBytes() < 2) {
                        return;
                    }
                    lastUsedNanos = loop.ticker().nanoTime();
                    int sequence = in.readUnsignedShort();
                    ByteBuf echo = ctx.alloc().directBuffer(ECHO_HEADER + in.readableBytes());
                    echo.writeByte(ipv6 ? ECHO_REQUEST_V6 : ECHO_REQUEST_V4).writeByte(0);
                    echo.writeShort(0).writeShort(0); // checksum and identifier are the kernel's
                    echo.writeShort(sequence).writeBytes(in);
                    if (socket.isSpecial(echo, hopLimit)) {
                        socket.sendAtOnce(echo, remote, hopLimit);
                    } else {
                        socket.write(echo, remote);
                        socket.flush();
                    }
                } finally {
                    in.release();
                }
            }

            @Override
            public void channelInactive(ChannelHandlerContext ctx) {
                close();
            }

            @Override
            public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
                ctx.close();
            }
        }

        @Override
        public void error(InetSocketAddress destination, IcmpError error, ByteBuf quoted) {
            int sequence = PingSockets.quotedSequence(channel, quoted);
            LinkFlow f = flow;
            if (f == null || sequence < 0 || !destination.getAddress().equals(remote.getAddress())) {
                return;
            }
            unreachable |= DialErrors.isUnreachable(error);
            quoted.skipBytes(ECHO_HEADER);
            ByteBuf about = f.alloc().directBuffer(2 + quoted.readableBytes());
            about.writeShort(sequence).writeBytes(quoted);
            f.write(
                    new DatagramError(
                            0, error.type(), error.code(), error.mtu() & 0xffff_ffffL, error.offender(), about),
                    f.voidPromise());
        }

        /** Short of memory, or a ping too large for the interface, is this ping's end and not the flow's. */
        private void end(Reason reason) {
            LinkFlow f = flow;
            if (f != null && reason != Reason.UNSPECIFIED && reason != Reason.OVERLOADED) {
                f.closeReason(reason);
                f.close();
            }
        }

        @Override
        public void notSent(InetSocketAddress to, Throwable cause, boolean forAnother) {
            if (!forAnother) {
                end(DialErrors.reason(cause));
            }
        }

        @Override
        public void failed(Throwable cause) {
            end(DialErrors.reason(cause));
        }

        @Override
        public void received(DatagramPacket packet) {
            ByteBuf reply = packet.content();
            LinkFlow f = flow;
            if (f == null
                    || reply.readableBytes() < ECHO_HEADER
                    || reply.getUnsignedByte(reply.readerIndex()) != (ipv6 ? ECHO_REPLY_V6 : ECHO_REPLY_V4)
                    || !packet.sender().getAddress().equals(remote.getAddress())) {
                packet.release();
                return;
            }
            lastUsedNanos = loop.ticker().nanoTime();
            unreachable = false;
            reply.skipBytes(ECHO_HEADER - 2); // the sequence number and the data remain
            f.write(UdpMapping.sized(reply), f.voidPromise());
        }

        @Override
        public void toldAll() {
            LinkFlow f = flow;
            if (f != null) {
                f.flush();
            }
        }
    }
}
