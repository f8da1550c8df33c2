package dev.culvert.client.forward;

import dev.culvert.client.uplink.FlowAttempt;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.flow.Relay;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.ReferenceCountUtil;
import java.util.ArrayDeque;
import java.util.Queue;
import org.jspecify.annotations.Nullable;

/**
 * The last handler of an application's connection that shall lead to a flow: it is not read until the far side is there, and then joined.
 * What has been read before, or is read by a system that tells of the end of input in no other way, goes first. An application that gives
 * up ends the attempt. Event loop only.
 */
public final class SocketSplice extends ChannelInboundHandlerAdapter implements FlowAttempt.Listener {
    /** Told what becomes of it, one of the two, unless the application has gone. Event loop. */
    public interface Outcome {
        /** The far side is there: what is written to the connection now comes before all that the far side says. */
        default void opened(LinkFlow flow) {}

        /** It is not; the connection is the callee's to close. */
        void refused(FlowException why);
    }

    private final Channel socket;
    private final Outcome outcome;
    private final Queue<Object> early = new ArrayDeque<>();
    private @Nullable FlowAttempt attempt;
    private boolean over;

    private SocketSplice(Channel socket, Outcome outcome) {
        this.socket = socket;
        this.outcome = outcome;
    }

    /**
     * Begins to open a flow for a connection, which is active, and whose {@code autoRead} is off from now on.
     *
     * @param socket of the uplink's loop, a {@link io.netty.channel.socket.DuplexChannel} with half-closure allowed
     */
    public static void begin(Channel socket, FlowAttempt.Opener opener, Outcome outcome) {
        SocketSplice splice = new SocketSplice(socket, outcome);
        socket.config().setAutoRead(false);
        socket.pipeline().addLast(splice);
        FlowAttempt begun = FlowAttempt.begin(socket.eventLoop(), opener, splice);
        if (!splice.over) {
            splice.attempt = begun;
        }
    }

    @Override
    public void opened(LinkFlow flow) {
        over = true;
        attempt = null;
        if (!socket.isActive()) {
            flow.close();
            return;
        }
        outcome.opened(flow);
        socket.config().setWriteBufferWaterMark(flow.bufferMarks());
        // Not by the relay: the input may have ended already, and for that one nothing comes after its end.
        while (!early.isEmpty()) {
            flow.write(early.remove(), flow.voidPromise());
        }
        flow.flush();
        socket.pipeline().remove(this);
        Relay.join(socket, flow, (up, down, cause) -> {});
    }

    @Override
    public void refused(FlowException why) {
        over = true;
        attempt = null;
        if (socket.isActive()) {
            outcome.refused(why);
        }
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        if (over) {
            ReferenceCountUtil.release(msg);
        } else {
            early.add(msg);
        }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        // Goes with what was read.
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        // The end of the input: whoever joins the two looks for it.
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        FlowAttempt a = attempt;
        if (a != null) {
            attempt = null;
            over = true;
            a.cancel();
        }
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext ctx) {
        while (!early.isEmpty()) {
            ReferenceCountUtil.release(early.remove());
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        ctx.close(); // reset by the application
    }
}
