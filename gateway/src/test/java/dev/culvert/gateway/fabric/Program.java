package dev.culvert.gateway.fabric;

import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.flow.ScarceMemory;
import dev.culvert.tunnel.frame.Reason;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import org.jspecify.annotations.NullUnmarked;

/** One of the two programs of an {@link Application}. */
@NullUnmarked
abstract class Program extends ChannelInboundHandlerAdapter {
    final Application of;

    /** 0 of the caller, 1 of the callee. */
    final int direction;

    LinkFlow channel;
    long received;
    boolean aborted; // by this one
    Reason reset;
    boolean closed;

    /** Which process of the agent it is of, if it is a callee. */
    SimulatedAgent at;

    /** That was killed. */
    boolean dead;

    /** Of the path by which it was asked first. */
    int epoch;

    Program(Application of, int direction) {
        this.of = of;
        this.direction = direction;
    }

    /** Does something, if it likes; all that it can when the weather is calm. */
    abstract void act(boolean calm);

    /** Whether it has ended in order. */
    abstract boolean isClean();

    boolean isOver() {
        return closed || dead;
    }

    /** It has ended in order, or has seen a reset, or was never there, or is no more. */
    final boolean ends() {
        return channel == null || dead || aborted || reset != null || isClean();
    }

    final void abort() {
        aborted = true;
        channel.close();
    }

    @Override
    public final void channelRead(ChannelHandlerContext ctx, Object msg) {
        ByteBuf b = (ByteBuf) msg;
        try {
            if (!dead) {
                read(b);
            }
        } finally {
            b.release();
        }
    }

    abstract void read(ByteBuf b);

    @Override
    public final void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        if (!(cause instanceof FlowException e)) {
            of.world.fails(cause);
            return;
        }
        reset = e.reason();
        if (ScarceMemory.isTooMuchHeld(e)) {
            of.world.held.gaveWay(channel, direction == 0 ? of.client : at);
        }
        ctx.close();
    }

    @Override
    public final void handlerRemoved(ChannelHandlerContext ctx) {
        closed = true;
    }

    final String side() {
        return direction == 0 ? "caller" : "callee";
    }

    final String end() {
        return (aborted ? " aborted" : "")
                + (reset == null ? "" : " " + reset)
                + (closed ? " closed" : "")
                + (dead ? " dead" : "");
    }
}
