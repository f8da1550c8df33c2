package dev.culvert.client.up;

import dev.culvert.client.uplink.UntilJoined;
import dev.culvert.client.uplink.Uplink;
import dev.culvert.stack.tcp.TcpFlow;
import dev.culvert.stack.tcp.TcpRequest;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.flow.Relay;
import dev.culvert.tunnel.frame.Destination;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.net.InetSocketAddress;

/**
 * A SYN becomes a flow on the link; only when the agent has reached the destination is the SYN answered, and what the
 * agent met is what the application sees. Event loop only.
 */
final class TcpSplice {
    private final Uplink uplink;
    private final FlowCounts counts;

    TcpSplice(Uplink uplink, FlowCounts counts) {
        this.uplink = uplink;
        this.counts = counts;
    }

    void onTcp(TcpRequest request) {
        InetSocketAddress to = request.destination();
        LinkFlow flow;
        try {
            flow = uplink.open(
                    Destination.of(Destination.TCP, to.getAddress(), to.getPort()),
                    request.source(),
                    new UntilJoined());
        } catch (FlowException | IllegalArgumentException e) {
            counts.refused++;
            request.refuse(Refusals.of(e));
            return;
        }
        long askedNanos = uplink.eventLoop().ticker().nanoTime();
        flow.config().setAutoRead(false);
        request.onAbandoned(flow::close);
        flow.opened().addListener(f -> {
            if (!f.isSuccess()) {
                counts.refused++;
                request.refuse(Refusals.of(f.cause()));
                return;
            }
            counts.openings.add(uplink.eventLoop().ticker().nanoTime() - askedNanos);
            if (request.isPending()) {
                TcpFlow tcp = request.accept(new Opening(flow));
                tcp.config().setAutoRead(false);
                // The host answers the application's keep-alive, or nobody does.
                flow.onProbe(tcp::answerKeepAlive);
                tcp.onKeepAlive(() -> {
                    if (!flow.probe()) {
                        tcp.answerKeepAlive();
                    }
                });
            } else {
                flow.close();
            }
        });
    }

    /** Waits for the ACK of our SYN-ACK, then joins the two. */
    private final class Opening extends ChannelInboundHandlerAdapter {
        private final LinkFlow flow;
        private boolean joined;

        Opening(LinkFlow flow) {
            this.flow = flow;
        }

        @Override
        public void channelActive(ChannelHandlerContext ctx) {
            joined = true;
            counts.tcp++;
            ctx.channel().closeFuture().addListener(f -> counts.tcp--);
            ctx.channel().config().setWriteBufferWaterMark(flow.bufferMarks());
            Relay.join(ctx.channel(), flow, (up, down, cause) -> {});
        }

        @Override
        public void handlerRemoved(ChannelHandlerContext ctx) {
            if (!joined) {
                flow.close();
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            if (joined) {
                ctx.fireExceptionCaught(cause);
            } else {
                ctx.close();
            }
        }
    }
}
