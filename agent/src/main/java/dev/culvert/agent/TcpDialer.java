package dev.culvert.agent;

import dev.culvert.tunnel.EventLoops;
import dev.culvert.tunnel.IncomingFlow;
import dev.culvert.tunnel.LinkFlow;
import dev.culvert.tunnel.Reason;
import dev.culvert.tunnel.Relay;
import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.WriteBufferWaterMark;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** TCP flows: dials, and joins flow and socket. One link's; event loop only. */
final class TcpDialer {
    private static final Logger log = LoggerFactory.getLogger(TcpDialer.class);

    /** As long as a black hole may hold a dial. The application sees silence, as on the LAN. */
    static final Duration DEADLINE = Duration.ofSeconds(10);

    /** Dials under way: a scan of four thousand silent ports is not held up. */
    static final int MAX_DIALS = 4096;

    /** Of these for one client, so that one client's black holes do not stop another's flows. */
    static final int MAX_DIALS_PER_CLIENT = 2048;

    /** What a socket may have waiting for a slow LAN host, beside the kernel's own buffer. */
    private static final WriteBufferWaterMark WATER_MARK = new WriteBufferWaterMark(128 << 10, 256 << 10);

    private final EventLoop loop;
    private final Map<String, Integer> dialsByClient = new HashMap<>();
    private int dials;
    private int open;

    TcpDialer(EventLoop loop) {
        this.loop = loop;
    }

    int openCount() {
        return open;
    }

    void dial(IncomingFlow flow, InetAddress address) {
        String client = flow.request().clientName();
        if (dials >= MAX_DIALS || dialsByClient.getOrDefault(client, 0) >= MAX_DIALS_PER_CLIENT) {
            flow.refuse(Reason.OVERLOADED, "too many dials under way at the agent");
            return;
        }
        dials++;
        dialsByClient.merge(client, 1, Integer::sum);
        ChannelFuture dial = new Bootstrap()
                .group(loop)
                .channel(EventLoops.socketChannel())
                .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, (int) DEADLINE.toMillis())
                .option(ChannelOption.ALLOW_HALF_CLOSURE, true)
                .option(ChannelOption.AUTO_READ, false)
                .option(ChannelOption.TCP_NODELAY, true)
                .option(ChannelOption.SO_KEEPALIVE, true)
                .option(ChannelOption.WRITE_BUFFER_WATER_MARK, WATER_MARK)
                .option(ChannelOption.RECVBUF_ALLOCATOR, EventLoops.bulkReads())
                .handler(new Silent())
                .connect(new InetSocketAddress(
                        address, flow.request().destination().port()));
        flow.onAbandoned(() -> {
            dial.cancel(false);
            if (dial.channel().isRegistered()) {
                dial.channel().close();
            }
        });
        dial.addListener(f -> {
            if (loop.inEventLoop()) {
                dialled(flow, client, dial);
            } else { // no descriptor was to be had, so no loop either
                loop.execute(() -> dialled(flow, client, dial));
            }
        });
    }

    /** Dials under way. */
    int dialCount() {
        return dials;
    }

    private void dialled(IncomingFlow flow, String client, ChannelFuture dial) {
        dials--;
        dialsByClient.computeIfPresent(client, (c, n) -> n == 1 ? null : n - 1);
        Throwable cause = dial.cause();
        if (cause != null) {
            refuse(flow, cause);
        } else {
            join(flow, dial.channel());
        }
    }

    private void refuse(IncomingFlow flow, Throwable cause) {
        Reason reason = reason(cause);
        log.debug("{}: {}", flow.request().destination(), cause.toString());
        flow.refuse(reason, flow.request().destination() + ": " + reason.words());
    }

    private static Reason reason(Throwable cause) {
        Reason reason = DialErrors.reason(cause);
        return reason == Reason.UNSPECIFIED ? Reason.HOST_UNREACHABLE : reason;
    }

    private void join(IncomingFlow flow, Channel socket) {
        LinkFlow linkFlow = flow.accept(new Silent());
        if (linkFlow == null) {
            Relay.reset(socket);
            return;
        }
        linkFlow.closeReason(Reason.RESET); // when the relay ends it early, the host has reset the connection
        open++;
        Relay.join(linkFlow, socket, (up, down, cause) -> {
            open--;
            if (log.isDebugEnabled()) {
                log.debug(
                        "{}: {} bytes up, {} down{}",
                        flow.request().destination(),
                        up,
                        down,
                        cause == null ? "" : ", " + cause.getMessage());
            }
        });
    }

    /** Netty wants a handler; the relay's does the work. */
    private static final class Silent extends ChannelInboundHandlerAdapter {
        @Override
        public boolean isSharable() {
            return true;
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            ctx.fireExceptionCaught(cause);
        }
    }
}
