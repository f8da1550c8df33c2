package dev.culvert.client.names;

import dev.culvert.tunnel.names.DnsMessage;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.codec.LengthFieldBasedFrameDecoder;
import io.netty.handler.flow.FlowControlHandler;
import io.netty.util.concurrent.ScheduledFuture;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A program's connection to the name service: questions in any number, answered as the answers come (RFC 7766). Event loop only. */
final class NameConnection extends ChannelInboundHandlerAdapter {
    /** Questions that wait; the connection is not read meanwhile. */
    static final int MAX_ASKED = 16;

    /** RFC 7766 section 6.2.3 asks for a few seconds at least; longer than any answer takes. */
    static final Duration IDLE = Duration.ofSeconds(30);

    private final NameService service;
    private int asked;
    private boolean inputEnded;
    private @Nullable ScheduledFuture<?> idle;

    NameConnection(NameService service) {
        this.service = service;
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        ctx.pipeline()
                .addFirst(
                        new LengthFieldBasedFrameDecoder(DnsMessage.MAX + 2, 0, 2, 0, 2),
                        new FlowControlHandler()); // of what has come together, so many at a time, too
        used(ctx);
    }

    private void used(ChannelHandlerContext ctx) {
        if (idle != null) {
            idle.cancel(false);
        }
        idle = ctx.executor().schedule(() -> ctx.close(), IDLE.toMillis(), TimeUnit.MILLISECONDS);
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        used(ctx);
        asked++;
        service.question((ByteBuf) msg, true, answer -> {
            asked--;
            if (answer != null) {
                ctx.write(ctx.alloc().directBuffer(2).writeShort(answer.readableBytes()));
                ctx.writeAndFlush(answer);
            }
            readOn(ctx);
        });
        readOn(ctx);
    }

    private void readOn(ChannelHandlerContext ctx) {
        ctx.channel().config().setAutoRead(asked < MAX_ASKED && ctx.channel().isWritable());
        if (inputEnded && asked == 0) {
            inputEnded = false;
            ctx.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(f -> ((DuplexChannel) ctx.channel()).shutdownOutput());
        }
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
        readOn(ctx);
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event instanceof ChannelInputShutdownEvent) {
            inputEnded = true;
            readOn(ctx);
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        if (idle != null) {
            idle.cancel(false);
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        ctx.close();
    }
}
