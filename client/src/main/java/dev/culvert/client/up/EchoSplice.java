package dev.culvert.client.up;

import dev.culvert.client.uplink.Uplink;
import dev.culvert.stack.EchoFlow;
import dev.culvert.stack.EchoMessage;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.DatagramError;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.HopLimitedDatagram;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.ReferenceCountUtil;
import org.jspecify.annotations.Nullable;

/** One run of ping: requests and replies as datagrams of a flow on the link (u16 sequence number, data). Event loop only. */
final class EchoSplice extends ChannelInboundHandlerAdapter {
    private final EchoFlow echo;
    private final Uplink uplink;
    private final FlowCounts counts;
    private @Nullable LinkFlow flow;
    private int lastSequence;

    EchoSplice(EchoFlow echo, Uplink uplink, FlowCounts counts) {
        this.echo = echo;
        this.uplink = uplink;
        this.counts = counts;
        counts.echo++;
        echo.closeFuture().addListener(f -> counts.echo--);
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        EchoMessage request = (EchoMessage) msg;
        lastSequence = request.sequence();
        LinkFlow f = flow;
        try {
            if (f == null) {
                f = uplink.open(
                        Destination.of(Destination.ICMP, echo.destination(), echo.identifier()),
                        echo.clientAddress(),
                        new Replies());
                flow = f;
            }
            ByteBuf b = ctx.alloc().directBuffer(2 + request.content().readableBytes());
            b.writeShort(request.sequence()).writeBytes(request.content());
            int hopLimit = request.hopLimit();
            f.write(hopLimit == 0 ? b : new HopLimitedDatagram(hopLimit, b), f.voidPromise());
        } catch (FlowException e) {
            counts.refused++;
            echo.unreachable(request.sequence(), Refusals.of(e));
        } finally {
            request.release();
        }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        if (flow != null) {
            flow.flush();
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        if (flow != null) {
            flow.close();
        }
        ctx.fireChannelInactive();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        ctx.close();
    }

    private final class Replies extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            if (msg instanceof DatagramError error) {
                told(error);
                return;
            }
            if (!(msg instanceof ByteBuf b) || b.readableBytes() < 2 || !echo.isWritable()) {
                ReferenceCountUtil.release(msg);
                return;
            }
            int sequence = b.readUnsignedShort();
            echo.write(new EchoMessage(sequence, b), echo.voidPromise());
        }

        private void told(DatagramError error) {
            ByteBuf about = error.content();
            try {
                if (about.readableBytes() >= 2) {
                    int sequence = about.readUnsignedShort();
                    echo.error(sequence, about, PathErrors.of(error));
                }
            } finally {
                error.release();
            }
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) {
            echo.flush();
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            if (cause instanceof FlowException e && Refusals.isTold(e)) {
                counts.refused++;
                echo.unreachable(lastSequence, Refusals.of(e));
            }
            ctx.close();
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            flow = null; // the next request opens another
        }
    }
}
