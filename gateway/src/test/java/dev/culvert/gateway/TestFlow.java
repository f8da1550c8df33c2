package dev.culvert.gateway;

import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.Reason;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.util.ReferenceCountUtil;
import java.io.ByteArrayOutputStream;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;

/** A client's end of a flow: collects what comes. */
@NullUnmarked
public final class TestFlow extends ChannelInboundHandlerAdapter {
    public LinkFlow flow;
    /** Null when opened, else why not. */
    public final CompletableFuture<Reason> refused = new CompletableFuture<>();
    /** All bytes up to the peer's FIN. */
    public final CompletableFuture<byte[]> all = new CompletableFuture<>();

    public final CompletableFuture<Reason> ended = new CompletableFuture<>();
    private final ByteArrayOutputStream in = new ByteArrayOutputStream();

    public Void start(LinkFlow f) {
        flow = f;
        f.opened().addListener(o -> refused.complete(o.isSuccess() ? null : ((FlowException) o.cause()).reason()));
        return null;
    }

    public Reason refused() throws Exception {
        return refused.get(TestNetwork.PATIENCE, TimeUnit.SECONDS);
    }

    public Reason ended() throws Exception {
        return ended.get(TestNetwork.PATIENCE, TimeUnit.SECONDS);
    }

    public void send(byte[] bytes) {
        whenOpen(() -> flow.writeAndFlush(Unpooled.wrappedBuffer(bytes)));
    }

    public void finish() {
        whenOpen(() -> flow.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(f -> flow.shutdownOutput()));
    }

    /** A stream that is written to before it is open fails the write, as every channel does. */
    private void whenOpen(Runnable action) {
        flow.eventLoop()
                .execute(() -> flow.opened().addListener(o -> {
                    if (o.isSuccess()) {
                        action.run();
                    }
                }));
    }

    public void close() {
        flow.eventLoop().execute(flow::close);
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        if (msg instanceof ByteBuf b) {
            byte[] bytes = new byte[b.readableBytes()];
            b.readBytes(bytes);
            in.writeBytes(bytes);
        }
        ReferenceCountUtil.release(msg);
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event == ChannelInputShutdownEvent.INSTANCE) {
            all.complete(in.toByteArray());
            if (flow.isOutputShutdown()) {
                ctx.close();
            }
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        if (cause instanceof FlowException e) {
            ended.complete(e.reason());
        }
        all.completeExceptionally(cause);
    }

    /** The agent's side: gives back what comes, half-close too. */
    public static void echo(IncomingFlow flow) {
        flow.accept(new Echo());
    }

    private static final class Echo extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            ctx.write(msg, ctx.voidPromise());
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) {
            ctx.flush();
        }

        @Override
        public void channelWritabilityChanged(ChannelHandlerContext ctx) {
            ctx.channel().config().setAutoRead(ctx.channel().isWritable());
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
            if (event == ChannelInputShutdownEvent.INSTANCE) {
                ctx.writeAndFlush(Unpooled.EMPTY_BUFFER)
                        .addListener(
                                f -> ((LinkFlow) ctx.channel()).shutdownOutput().addListener(g -> ctx.close()));
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }
    }
}
