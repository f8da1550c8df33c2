package dev.culvert.tunnel.flow;

import dev.culvert.tunnel.frame.Reason;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.ReferenceCountUtil;
import org.jspecify.annotations.Nullable;

/**
 * Joins two duplex channels: bytes both ways, back-pressure (one side is read only while the other is writable),
 * half-close both ways, and resets passed on. Both channels must have half-closure allowed and be served by the same
 * event loop.
 *
 * <p>After {@link #join} the relay owns both channels: it closes them when both directions have ended, and resets the
 * other when one is reset.
 */
public final class Relay {
    /** Told once, when the relay has ended. Event loop. */
    public interface Listener {
        /**
         * @param bytesAtoB bytes relayed
         * @param cause why it was cut short, or null when both directions ended in order
         */
        void relayEnded(long bytesAtoB, long bytesBtoA, @Nullable Throwable cause);
    }

    private final Side a;
    private final Side b;
    private final Listener listener;
    private boolean ended;

    private Relay(Channel a, Channel b, Listener listener) {
        this.a = new Side(a);
        this.b = new Side(b);
        this.a.peer = this.b;
        this.b.peer = this.a;
        this.listener = listener;
    }

    /**
     * Joins {@code a} and {@code b}. Call on their event loop when both are active, with autoRead off or before
     * anything has been read (what handlers have already taken is theirs to pass on).
     */
    public static void join(Channel a, Channel b, Listener listener) {
        Relay relay = new Relay(a, b, listener);
        a.pipeline().addLast(relay.a);
        b.pipeline().addLast(relay.b);
        if (!a.isActive() || !b.isActive()) {
            relay.end(null);
            return;
        }
        a.config().setAutoRead(b.isWritable());
        b.config().setAutoRead(a.isWritable());
        // The event of an input that ended before we came has been missed.
        relay.a.inputEndedEarlier();
        relay.b.inputEndedEarlier();
    }

    private void end(@Nullable Throwable cause) {
        if (ended) {
            return;
        }
        ended = true;
        boolean inOrder = cause == null && a.inputDone && b.inputDone;
        if (inOrder) {
            a.channel.close();
            b.channel.close();
        } else {
            reset(a.channel);
            reset(b.channel);
        }
        listener.relayEnded(
                a.bytesIn,
                b.bytesIn,
                inOrder ? null : cause != null ? cause : new FlowException(Reason.RESET, "closed early"));
    }

    /**
     * Closes so that the other end sees a reset, not an orderly end: for TCP, RST (RFC 9293 3.10.4 ABORT); for TLS on it, no
     * close_notify, which would say that nothing is missing (RFC 8446 6.1).
     */
    public static void reset(Channel channel) {
        if (channel.isOpen()) {
            try {
                channel.config().setOption(ChannelOption.SO_LINGER, 0);
            } catch (RuntimeException e) {
                // The socket is already gone: closing it is all that is left to do.
            }
            ChannelHandlerContext tls = channel.pipeline().context(SslHandler.class);
            if (tls == null) {
                channel.close();
            } else {
                tls.close(); // below it
            }
        }
    }

    private final class Side extends ChannelInboundHandlerAdapter {
        final Channel channel;

        @Nullable
        Side peer;

        long bytesIn;
        boolean inputDone; // the channel's input has ended
        boolean outputDone; // its output has been shut down, or is about to be
        boolean outputFlushed;

        Side(Channel channel) {
            this.channel = channel;
        }

        private Side peer() {
            Side p = peer;
            if (p == null) {
                throw new IllegalStateException("relay side without a peer");
            }
            return p;
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            Side p = peer();
            if (ended || p.outputDone) {
                ReferenceCountUtil.release(msg);
                return;
            }
            ByteBuf data = (ByteBuf) msg;
            bytesIn += data.readableBytes();
            p.channel.write(FlowMemory.sized(data, FlowMemory.PINNED_FRACTION), p.channel.voidPromise());
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) {
            peer().channel.flush();
        }

        @Override
        public void channelWritabilityChanged(ChannelHandlerContext ctx) {
            peer().channel.config().setAutoRead(channel.isWritable());
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
            if (event == ChannelInputShutdownEvent.INSTANCE) {
                inputEnded();
            }
        }

        void inputEndedEarlier() {
            if (((DuplexChannel) channel).isInputShutdown()) {
                inputEnded();
            }
        }

        private void inputEnded() {
            if (inputDone || ended) {
                return;
            }
            inputDone = true;
            Side p = peer();
            p.outputDone = true;
            // shutdownOutput() drops what is still in the outbound buffer, so it waits behind all of it.
            p.channel.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(flushed -> {
                if (!flushed.isSuccess()) {
                    end(flushed.cause());
                    return;
                }
                ((DuplexChannel) p.channel).shutdownOutput().addListener(done -> {
                    p.outputFlushed = true;
                    if (!done.isSuccess()) {
                        end(done.cause());
                    } else if (outputFlushed) {
                        end(null); // both directions have ended
                    }
                });
            });
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            if (!isDone()) {
                end(null);
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            if (!isDone()) {
                end(cause);
            }
        }

        /** A side that has ended in both directions may close itself, or break, while the peer still has its bytes to flush. */
        private boolean isDone() {
            return inputDone && outputFlushed;
        }
    }
}
