package dev.culvert.agent;

import dev.culvert.tun.IcmpError;
import dev.culvert.tun.IcmpErrorQueue;
import dev.culvert.tun.PingSockets;
import dev.culvert.tun.PingUnavailableException;
import dev.culvert.tunnel.IncomingFlow;
import dev.culvert.tunnel.LinkFlow;
import dev.culvert.tunnel.Reason;
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
 * datagram of such a flow is the u16 sequence number and the echo's data. One link's; event loop only.
 */
final class EchoSessions {
    private static final Logger log = LoggerFactory.getLogger(EchoSessions.class);

    /** RFC 5508 3.2: an ICMP query mapping lives at least 60 s. */
    static final Duration IDLE = Duration.ofSeconds(60);

    /** Sockets: pinging a /22 at once. */
    static final int MAX_SESSIONS = 1024;

    private static final int ECHO_REQUEST_V4 = 8;
    private static final int ECHO_REPLY_V4 = 0;
    private static final int ECHO_REQUEST_V6 = 128;
    private static final int ECHO_REPLY_V6 = 129;
    private static final int ECHO_HEADER = 8;
    private static final int MAX_ECHO = 65_535;

    private final EventLoop loop;
    private final @Nullable IcmpErrorQueue errors = IcmpErrorQueue.isAvailable() ? new IcmpErrorQueue() : null;
    private int sessions;
    private boolean complained;

    EchoSessions(EventLoop loop) {
        this.loop = loop;
    }

    int openCount() {
        return sessions;
    }

    /** Whether pings can be sent at all; says in the log why not. */
    static boolean isAvailable() {
        try {
            PingSockets.open(false).unsafe().closeForcibly(); // it was never registered
            return true;
        } catch (PingUnavailableException e) {
            log.warn("ping will not work through this agent: {}", e.getMessage());
            return false;
        } catch (LinkageError | RuntimeException e) {
            log.warn("ping will not work through this agent: {}", e.toString());
            return false;
        }
    }

    void open(IncomingFlow flow, InetAddress address) {
        if (sessions >= MAX_SESSIONS) {
            flow.refuse(Reason.OVERLOADED, MAX_SESSIONS + " pings at the agent");
            return;
        }
        boolean ipv6 = address.getAddress().length == 16;
        Channel socket;
        try {
            socket = PingSockets.open(ipv6);
        } catch (PingUnavailableException e) {
            if (!complained) {
                complained = true;
                log.warn("cannot ping {}: {}", address.getHostAddress(), e.getMessage());
            }
            flow.refuse(Reason.UNSUPPORTED, String.valueOf(e.getMessage()));
            return;
        }
        Session session = new Session(ipv6, address, socket);
        socket.config().setOption(ChannelOption.RECVBUF_ALLOCATOR, new FixedRecvByteBufAllocator(MAX_ECHO));
        socket.pipeline().addLast(session.new Replies());
        IcmpErrorQueue.enable(socket, ipv6);
        loop.register(socket).addListener(f -> {
            LinkFlow linkFlow = f.isSuccess() ? flow.accept(session.new Requests()) : null;
            if (linkFlow == null) {
                if (socket.isRegistered()) {
                    socket.close();
                } else {
                    socket.unsafe().closeForcibly();
                }
                flow.refuse(Reason.OVERLOADED, "the agent could not open a ping socket");
                return;
            }
            sessions++;
            session.start(linkFlow);
        });
    }

    private final class Session {
        private final boolean ipv6;
        private final InetSocketAddress remote;
        private final Channel socket;
        private @Nullable LinkFlow flow;
        private long lastUsedNanos = loop.ticker().nanoTime();
        private @Nullable ScheduledFuture<?> idle;

        Session(boolean ipv6, InetAddress address, Channel socket) {
            this.ipv6 = ipv6;
            this.remote = new InetSocketAddress(address, 0);
            this.socket = socket;
        }

        void start(LinkFlow flow) {
            this.flow = flow;
            long period = IDLE.toMillis() / 4;
            idle = loop.scheduleAtFixedRate(
                    () -> {
                        if (loop.ticker().nanoTime() - lastUsedNanos >= IDLE.toNanos()) {
                            flow.closeReason(Reason.IDLE);
                            flow.close();
                        }
                    },
                    period,
                    period,
                    TimeUnit.MILLISECONDS);
        }

        /** From the client to the LAN. */
        final class Requests extends ChannelInboundHandlerAdapter {
            @Override
            public void channelRead(ChannelHandlerContext ctx, Object msg) {
                if (!(msg instanceof ByteBuf in)) {
                    ReferenceCountUtil.release(msg); // an echo has no port
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
                    socket.writeAndFlush(new DatagramPacket(echo, remote)).addListener(f -> {
                        if (!f.isSuccess() && !drainErrors()) {
                            end(DialErrors.reason(f.cause()));
                        }
                    });
                } finally {
                    in.release();
                }
            }

            @Override
            public void channelInactive(ChannelHandlerContext ctx) {
                sessions--;
                if (idle != null) {
                    idle.cancel(false);
                }
                socket.close();
            }

            @Override
            public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
                ctx.close();
            }
        }

        /** @return whether there was any; they end the flow, each being about the one host that it has */
        private boolean drainErrors() {
            return errors != null && errors.drain(socket, this::error) > 0;
        }

        private void error(InetSocketAddress destination, IcmpError error) {
            Reason reason = DialErrors.byIcmp(error);
            if (reason != null && destination.getAddress().equals(remote.getAddress())) {
                end(reason);
            }
        }

        /** Short of memory, or a ping too large for the interface, is this ping's end and not the flow's. */
        private void end(Reason reason) {
            LinkFlow f = flow;
            if (f != null && reason != Reason.UNSPECIFIED && reason != Reason.OVERLOADED) {
                f.closeReason(reason);
                f.close();
            }
        }

        /** From the LAN to the client. */
        final class Replies extends ChannelInboundHandlerAdapter {
            private boolean read;

            @Override
            public void channelRead(ChannelHandlerContext ctx, Object msg) {
                read = true;
                DatagramPacket packet = (DatagramPacket) msg;
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
                reply.skipBytes(ECHO_HEADER - 2); // the sequence number and the data remain
                f.write(UdpMapping.sized(ctx, reply), f.voidPromise());
            }

            @Override
            public void channelReadComplete(ChannelHandlerContext ctx) {
                if (!read) {
                    drainErrors(); // it was errors that woke us
                }
                read = false;
                if (flow != null) {
                    flow.flush();
                }
            }

            @Override
            public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
                if (!drainErrors()) {
                    end(DialErrors.reason(cause));
                }
            }
        }
    }
}
