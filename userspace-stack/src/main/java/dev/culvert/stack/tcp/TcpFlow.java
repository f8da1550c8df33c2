package dev.culvert.stack.tcp;

import io.netty.buffer.ByteBuf;
import io.netty.channel.AbstractChannel;
import io.netty.channel.Channel;
import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelMetadata;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelPromise;
import io.netty.channel.EventLoop;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.ChannelInputShutdownReadComplete;
import io.netty.channel.socket.DuplexChannel;
import io.netty.util.internal.StringUtil;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.channels.ClosedChannelException;
import org.jspecify.annotations.Nullable;

/**
 * One accepted TCP connection as a channel of {@link ByteBuf}s. It behaves as Netty's socket channels do with
 * {@code ALLOW_HALF_CLOSURE}.
 *
 * <h2>Reading</h2>
 * Buffers that are fired belong to the handler. What is not read stays queued and closes the advertised window. A FIN,
 * once everything before it has been read, fires {@link ChannelInputShutdownEvent} and then
 * {@link ChannelInputShutdownReadComplete}; the channel stays open until it is closed, also when both directions are shut.
 *
 * <h2>Writing</h2>
 * A write completes when its bytes are in the send queue, which the peer's window bounds; the channel's own outbound
 * buffer and its water marks hold the rest. {@link #shutdownOutput()} sends FIN behind the send queue and fails what is
 * still in the outbound buffer: await earlier writes first, as with every Netty socket.
 *
 * <h2>Closing</h2>
 * {@code close()} lets the send queue and a FIN go out, but fails what is still in the outbound buffer, as with sockets. It
 * resets the connection instead if received bytes are unread, or with {@code SO_LINGER} 0. A reset by the peer fires
 * {@code exceptionCaught} with an {@link IOException}, then {@code channelInactive}.
 *
 * <p>{@link #remoteAddress()} is the application's endpoint, {@link #localAddress()} the destination that it dialled. The
 * event loop is that of the packet channel, the {@link #parent()}.
 */
public final class TcpFlow extends AbstractChannel implements DuplexChannel {
    private static final ChannelMetadata METADATA = new ChannelMetadata(false, 16);
    /** Queued buffers that one turn hands over, as many as a socket's read loop. */
    private static final int BUFFERS_PER_READ = 16;

    private static final String EXPECTED = " (expected: " + StringUtil.simpleClassName(ByteBuf.class) + ')';

    private final TcpFlowConfig config;
    private final TcpEndpoint endpoint;
    private final TcpConnection connection;
    /** Links of the endpoint's list of open channels. */
    @Nullable
    TcpFlow nextOpen;

    @Nullable
    TcpFlow previousOpen;

    private @Nullable Runnable onKeepAlive;

    private final Runnable readTask = this::readQueued;

    private volatile boolean open = true;
    private volatile boolean active;
    private volatile boolean inputShutdown;
    private volatile boolean outputShutdown;
    private boolean readPending;
    private boolean readScheduled;
    private boolean inputFired;
    private boolean endFired;

    TcpFlow(Channel parent, TcpEndpoint endpoint, PendingRequest request) {
        super(parent);
        this.config = new TcpFlowConfig(this);
        this.endpoint = endpoint;
        this.connection = new TcpConnection(endpoint, request, this);
    }

    TcpConnection connection() {
        return connection;
    }

    /**
     * {@code action} runs on the event loop when the peer asks whether this end is still there (keep-alive, RFC 9293 section
     * 3.8.4), and the peer is answered by {@link #answerKeepAlive()} only: for who stands for another end, whose life is what
     * is asked about. Without this each such probe is answered at once.
     */
    public void onKeepAlive(Runnable action) {
        onKeepAlive = action;
    }

    /** Event loop only. Does nothing when nothing was asked, or the connection has ended. */
    public void answerKeepAlive() {
        connection.acceptability.answerKeepAlive();
    }

    // ---- Called by the connection ----

    boolean hearsKeepAlive() {
        return onKeepAlive != null;
    }

    void fireKeepAlive() {
        Runnable action = onKeepAlive;
        if (action != null) {
            action.run();
        }
    }

    void fireEstablished() {
        active = true;
        pipeline().fireChannelActive();
    }

    /** Whether payload may be fired now. */
    boolean wantsInput() {
        return readPending;
    }

    /** Whether payload is to be thrown away, since the application said it reads no more. */
    boolean discardsInput() {
        return inputShutdown;
    }

    void fireInput(ByteBuf data) {
        inputFired = true;
        pipeline().fireChannelRead(data);
    }

    /** No more input in this batch. */
    void inputBatchEnd() {
        if (inputFired) {
            inputFired = false;
            readPending = false;
            pipeline().fireChannelReadComplete();
        }
        if (endFired || !readPending || !open) {
            return;
        }
        boolean unknown = !inputShutdown;
        if (unknown && !(connection.receiver.finished && connection.receiver.queued() == 0)) {
            return;
        }
        endFired = true;
        readPending = false;
        if (unknown) {
            inputShutdown = true;
            pipeline().fireUserEventTriggered(ChannelInputShutdownEvent.INSTANCE);
        }
        pipeline().fireUserEventTriggered(ChannelInputShutdownReadComplete.INSTANCE);
    }

    /** There is room in the send queue. */
    void sendMore() {
        ChannelOutboundBuffer waiting = unsafe().outboundBuffer();
        if (waiting != null && !waiting.isEmpty() && connection.sender.room() > 0) {
            ((FlowUnsafe) unsafe()).forceFlush();
        }
    }

    void fireFailure(IOException cause) {
        if (open) {
            pipeline().fireExceptionCaught(cause);
            unsafe().close(unsafe().voidPromise());
        }
    }

    void autoReadCleared() {
        if (eventLoop().inEventLoop()) {
            readPending = false;
        } else {
            eventLoop().execute(() -> {
                if (!config.isAutoRead()) {
                    readPending = false;
                }
            });
        }
    }

    // ---- Reading ----

    @Override
    protected void doBeginRead() {
        readPending = true;
        if (inputShutdown || connection.receiver.queued() > 0 || connection.receiver.finished) {
            scheduleRead();
        }
    }

    private void scheduleRead() {
        if (!readScheduled && !endFired) {
            readScheduled = true;
            eventLoop().execute(readTask);
        }
    }

    private void readQueued() {
        readScheduled = false;
        for (int i = 0; i < BUFFERS_PER_READ && readPending; i++) {
            ByteBuf data = connection.receiver.poll();
            if (data == null) {
                break;
            }
            fireInput(data);
        }
        inputBatchEnd();
        connection.inputRead();
    }

    @Override
    public boolean isInputShutdown() {
        return inputShutdown || !open;
    }

    @Override
    public ChannelFuture shutdownInput() {
        return shutdownInput(newPromise());
    }

    /**
     * What is queued and what still comes is thrown away; the peer is not told. Who reads hears
     * {@link ChannelInputShutdownReadComplete}.
     */
    @Override
    public ChannelFuture shutdownInput(ChannelPromise promise) {
        if (!eventLoop().inEventLoop()) {
            eventLoop().execute(() -> shutdownInput(promise));
            return promise;
        }
        if (!open) {
            promise.setFailure(new ClosedChannelException());
            return promise;
        }
        if (!inputShutdown) {
            inputShutdown = true;
            ByteBuf data;
            while ((data = connection.receiver.poll()) != null) {
                data.release();
            }
            connection.inputRead();
            if (readPending) {
                scheduleRead();
            }
        }
        promise.setSuccess();
        return promise;
    }

    // ---- Writing ----

    @Override
    protected Object filterOutboundMessage(Object message) throws Exception {
        if (!(message instanceof ByteBuf data)) {
            throw new UnsupportedOperationException(
                    "cannot write " + StringUtil.simpleClassName(message) + " to a TCP flow" + EXPECTED);
        }
        if (data.isDirect()) {
            return data;
        }
        ByteBuf direct = alloc().directBuffer(Math.max(1, data.readableBytes()));
        direct.writeBytes(data, data.readerIndex(), data.readableBytes());
        data.release();
        return direct;
    }

    @Override
    protected void doWrite(ChannelOutboundBuffer in) {
        Sender sender = connection.sender;
        while (!connection.isGone()) {
            ByteBuf data = (ByteBuf) in.current();
            if (data == null) {
                break;
            }
            int length = data.readableBytes();
            int room = sender.room();
            if (length > 0 && room <= 0) {
                break;
            }
            if (length <= room) {
                sender.append(data.retain());
                in.progress(length);
                in.remove();
            } else {
                sender.append(data.retainedSlice(data.readerIndex(), room));
                in.removeBytes(room);
            }
        }
        connection.output();
    }

    @Override
    public boolean isOutputShutdown() {
        return outputShutdown || !open;
    }

    @Override
    public ChannelFuture shutdownOutput() {
        return shutdownOutput(newPromise());
    }

    @Override
    public ChannelFuture shutdownOutput(ChannelPromise promise) {
        if (eventLoop().inEventLoop()) {
            ((AbstractUnsafe) unsafe()).shutdownOutput(promise);
        } else {
            eventLoop().execute(() -> ((AbstractUnsafe) unsafe()).shutdownOutput(promise));
        }
        return promise;
    }

    @Override
    protected void doShutdownOutput() {
        outputShutdown = true;
        connection.shutdownOutput();
    }

    @Override
    public boolean isShutdown() {
        return isInputShutdown() && isOutputShutdown();
    }

    @Override
    public ChannelFuture shutdown() {
        return shutdown(newPromise());
    }

    @Override
    public ChannelFuture shutdown(ChannelPromise promise) {
        shutdownOutput().addListener((ChannelFutureListener) output -> shutdownInput()
                .addListener((ChannelFutureListener) input -> {
                    Throwable cause = output.cause() != null ? output.cause() : input.cause();
                    if (cause == null) {
                        promise.trySuccess();
                    } else {
                        promise.tryFailure(cause);
                    }
                }));
        return promise;
    }

    // ---- The channel itself ----

    @Override
    protected void doClose() {
        if (!open) {
            return;
        }
        open = false;
        readPending = false;
        endpoint.unlink(this);
        connection.channelClosed(config.soLinger() == 0);
    }

    @Override
    protected void doDisconnect() {
        doClose();
    }

    @Override
    protected void doBind(SocketAddress localAddress) {
        throw new UnsupportedOperationException("a TCP flow is bound by its request: " + this);
    }

    @Override
    public ChannelConfig config() {
        return config;
    }

    @Override
    public ChannelMetadata metadata() {
        return METADATA;
    }

    @Override
    public boolean isOpen() {
        return open;
    }

    @Override
    public boolean isActive() {
        return active && open;
    }

    @Override
    protected SocketAddress localAddress0() {
        return connection.local();
    }

    @Override
    protected SocketAddress remoteAddress0() {
        return connection.remote();
    }

    @Override
    public InetSocketAddress localAddress() {
        return (InetSocketAddress) super.localAddress();
    }

    @Override
    public InetSocketAddress remoteAddress() {
        return (InetSocketAddress) super.remoteAddress();
    }

    @Override
    protected boolean isCompatible(EventLoop loop) {
        return loop == parent().eventLoop();
    }

    @Override
    protected AbstractUnsafe newUnsafe() {
        return new FlowUnsafe();
    }

    private final class FlowUnsafe extends AbstractUnsafe {
        @Override
        public void connect(SocketAddress remoteAddress, SocketAddress localAddress, ChannelPromise promise) {
            safeSetFailure(promise, new UnsupportedOperationException("a TCP flow is connected by its request"));
        }

        void forceFlush() {
            flush0();
        }
    }
}
