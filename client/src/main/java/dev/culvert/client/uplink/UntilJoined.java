package dev.culvert.client.uplink;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;

/** Holds a flow's place until it is joined to something; what ends the flow before that is nobody else's to hear. */
public final class UntilJoined extends ChannelInboundHandlerAdapter {
    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        if (ctx.pipeline().last() == this) {
            ctx.close();
        } else {
            ctx.fireExceptionCaught(cause);
        }
    }
}
