package dev.culvert.gateway.door;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoop;
import io.netty.util.ReferenceCountUtil;
import java.util.ArrayDeque;
import java.util.Queue;

/**
 * The last handler of a published connection while it moves from the strangers' event loop to one of the links: keeps what was read
 * before, and passes it on to what is installed behind it. Nothing is read meanwhile.
 */
final class Held extends ChannelInboundHandlerAdapter {
    private final Queue<Object> messages = new ArrayDeque<>();

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        messages.add(msg);
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        // Passed on with what was read.
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        ctx.close(); // reset on the way
    }

    /** Moves the channel to {@code loop}, then does {@code next} there, if it is still open. On its present loop. */
    void move(Channel channel, EventLoop loop, Runnable next) {
        channel.pipeline().remove(StrangerTurns.Turn.class);
        channel.deregister()
                .addListener(out -> loop.register(channel).addListener(in -> {
                    if (in.isSuccess() && channel.isActive()) { // else the gateway is closing, and Netty has closed it
                        next.run();
                    } else {
                        channel.close();
                    }
                }));
    }

    /** Passes on what was read, and goes. What comes next is installed. */
    void passOn(Channel channel) {
        channel.pipeline().remove(this);
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext ctx) {
        boolean any = !messages.isEmpty();
        while (!messages.isEmpty()) {
            Object next = messages.remove();
            if (ctx.channel().isActive()) {
                ctx.fireChannelRead(next);
            } else {
                ReferenceCountUtil.release(next);
            }
        }
        if (any) {
            ctx.fireChannelReadComplete();
        }
    }
}
