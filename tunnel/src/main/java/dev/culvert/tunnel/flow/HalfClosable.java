package dev.culvert.tunnel.flow;

import io.netty.channel.AbstractChannel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelMetadata;
import io.netty.channel.ChannelPromise;
import io.netty.channel.EventLoop;
import io.netty.channel.socket.DuplexChannel;
import java.net.SocketAddress;
import java.nio.channels.ClosedChannelException;

/** What Netty asks of a channel with two halves that is neither bound nor connected, whatever carries it. As {@link DuplexChannel}. */
public abstract class HalfClosable extends AbstractChannel implements DuplexChannel {
    private static final ChannelMetadata METADATA = new ChannelMetadata(false, 16);

    protected HalfClosable() {
        super(null);
    }

    /** What is unread and what still comes is thrown away. Event loop only. */
    protected abstract void dropInput();

    /** Writes what waits, if it may be written now. Event loop only. */
    protected final void resumeFlush() {
        ((FlowUnsafe) unsafe()).resumeFlush();
    }

    @Override
    public final ChannelMetadata metadata() {
        return METADATA;
    }

    @Override
    protected final AbstractUnsafe newUnsafe() {
        return new FlowUnsafe();
    }

    @Override
    protected final boolean isCompatible(EventLoop loop) {
        return true;
    }

    @Override
    protected final void doBind(SocketAddress localAddress) {
        throw new UnsupportedOperationException("this channel has no address to bind");
    }

    @Override
    protected final void doDisconnect() throws Exception {
        doClose();
    }

    @Override
    public final boolean isShutdown() {
        return isInputShutdown() && isOutputShutdown();
    }

    @Override
    public final ChannelFuture shutdownInput() {
        return shutdownInput(newPromise());
    }

    /**
     * What is unread and what still comes is thrown away, its credit returned; the peer is not told. Who reads hears
     * {@link ChannelInputShutdownReadComplete}.
     */
    @Override
    public final ChannelFuture shutdownInput(ChannelPromise promise) {
        if (!eventLoop().inEventLoop()) {
            eventLoop().execute(() -> shutdownInput(promise));
        } else if (isOpen()) {
            dropInput();
            promise.setSuccess();
        } else {
            promise.setFailure(new ClosedChannelException());
        }
        return promise;
    }

    @Override
    public final ChannelFuture shutdownOutput() {
        return shutdownOutput(newPromise());
    }

    @Override
    public final ChannelFuture shutdownOutput(ChannelPromise promise) {
        EventLoop loop = eventLoop();
        if (loop.inEventLoop()) {
            ((AbstractUnsafe) unsafe()).shutdownOutput(promise);
        } else {
            loop.execute(() -> ((AbstractUnsafe) unsafe()).shutdownOutput(promise));
        }
        return promise;
    }

    @Override
    public final ChannelFuture shutdown() {
        return shutdown(newPromise());
    }

    @Override
    public final ChannelFuture shutdown(ChannelPromise promise) {
        shutdownOutput()
                .addListener(output -> shutdownInput().addListener(in -> {
                    Throwable cause = output.cause() != null ? output.cause() : in.cause();
                    if (cause == null) {
                        promise.trySuccess();
                    } else {
                        promise.tryFailure(cause);
                    }
                }));
        return promise;
    }

    private final class FlowUnsafe extends AbstractUnsafe {
        @Override
        public void connect(SocketAddress remote, SocketAddress local, ChannelPromise promise) {
            promise.setFailure(new UnsupportedOperationException("this channel is made connected"));
        }

        void resumeFlush() {
            flush0();
        }
    }
}
