package dev.culvert.tunnel.flow;

import dev.culvert.tunnel.frame.DatagramCodec;
import dev.culvert.tunnel.frame.DatagramError;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.HopLimitedDatagram;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.PortedDatagram;
import dev.culvert.tunnel.frame.ProtocolException;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.outgoing.Outlet;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufHolder;
import io.netty.buffer.Unpooled;
import io.netty.channel.AbstractChannel;
import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelMetadata;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelPromise;
import io.netty.channel.EventLoop;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.ChannelInputShutdownReadComplete;
import io.netty.channel.socket.DuplexChannel;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.net.SocketAddress;
import java.nio.channels.ClosedChannelException;
import org.jspecify.annotations.Nullable;

/**
 * One flow on a link, as a channel; its parent is the link's channel and its event loop the link's.
 *
 * <p><b>Streams</b> (TCP) carry {@link ByteBuf} messages of any cut. Reading follows {@code autoRead}/{@code read()}:
 * what is not read stays within the credit that was granted. Writing follows {@code isWritable()}: bytes leave the
 * channel's outbound buffer as the peer's credit and the link allow. Half-close is always on:
 * {@link ChannelInputShutdownEvent} and {@link ChannelInputShutdownReadComplete} tell the peer's FIN, and
 * {@link #shutdownOutput()} sends ours (await earlier writes first, as with every Netty socket). {@code close()} before
 * both have happened sends RESET.
 *
 * <p><b>Datagram flows</b> (UDP, ICMP echo) carry one datagram a {@link ByteBuf}; those for which there is no room are
 * dropped. A datagram from another port of the destination's host is read and written as {@link PortedDatagram}, one with a
 * hop limit of its own as {@link HopLimitedDatagram}, and what the network says of one as {@link DatagramError}.
 *
 * <p>A reset or a broken link is told as a {@link FlowException} in {@code exceptionCaught}, then
 * {@code channelInactive}.
 */
public final class LinkFlow extends AbstractChannel implements DuplexChannel {
    private static final ChannelMetadata METADATA = new ChannelMetadata(false, 16);

    /** From so much on that waits for the link, 256 flows' worth, a flow adds only what its memory allows. */
    private static final int CROWDED = 16 << 20;

    private final FlowMultiplexer mux;
    private final int flowId;
    private final OpenRequest request;
    private final LinkFlowConfig config;
    private final boolean incoming;
    private final Outlet outlet;
    private final Promise<Void> opened;

    private enum State {
        OPENING,
        OPEN,
        CLOSED
    }

    private volatile State state;
    private long sendCredit;
    private final @Nullable ReceiveWindow window;
    private final FlowInput input;
    private long otherRttMicros;

    private volatile boolean outputShutdown;
    private boolean remoteGone; // reset by the peer, refused, or link lost: nothing more may be sent for it
    private boolean answersProbes; // the other end does
    private @Nullable Runnable onProbe;
    private Reason closeReason = Reason.CANCELLED;
    boolean touched;

    LinkFlow(FlowMultiplexer mux, int flowId, OpenRequest request, boolean incoming) {
        super(mux.link().channel());
        this.mux = mux;
        this.flowId = flowId;
        this.request = request;
        this.incoming = incoming;
        this.config = new LinkFlowConfig(this);
        this.outlet = mux.link().writer().outlet(flowId, this::outletReady);
        this.opened = mux.link().eventLoop().newPromise();
        this.window = request.destination().isStream()
                ? new ReceiveWindow(
                        mux.budget().join(request.clientName()),
                        mux.flowMemory().take(request.clientName()))
                : null;
        this.input = new FlowInput(this, mux, outlet, window);
        if (window != null && window.first() < FlowMemory.MOST) {
            config.setWriteBufferWaterMark(bufferMarks());
        }
        if (incoming) {
            state = State.OPEN;
            sendCredit = request.credit();
            otherRttMicros = request.rttMicros();
            opened.setSuccess(null);
        } else {
            state = request.destination().isStream() ? State.OPENING : State.OPEN;
        }
    }

    public int flowId() {
        return flowId;
    }

    public OpenRequest request() {
        return request;
    }

    /** Succeeds with OPENED; fails with a {@link FlowException} when refused or the link breaks. */
    public Future<Void> opened() {
        return opened;
    }

    /** Bytes that the peer still lets us send. */
    public long sendCredit() {
        return sendCredit;
    }

    /** What the peer is granted at first; 0 for a datagram flow. */
    int firstCredit() {
        return window == null ? 0 : window.first();
    }

    /** Between which marks a buffer of this stream should be kept, here and where it goes on: the flow's {@link FlowMemory}. */
    public WriteBufferWaterMark bufferMarks() {
        int most = window == null ? FlowMemory.MOST : window.first();
        return new WriteBufferWaterMark(most / 2, most);
    }

    /** The reason that {@code close()} gives in its RESET; {@link Reason#CANCELLED} unless set. */
    public void closeReason(Reason reason) {
        closeReason = reason;
    }

    /**
     * Asks the answerer whether the destination is still there, as the application has just asked us. Where it is silent the
     * answerer is, too.
     *
     * @return false when nobody can be asked: the answerer does not know of this, or the flow has ended
     */
    public boolean probe() {
        if (!answersProbes || !isOpen()) {
            return false;
        }
        outlet.tell(Frame.FLAG_PROBE);
        return true;
    }

    /** Answers a probe: the destination has been heard of since. */
    public void alive() {
        if (isOpen()) {
            outlet.tell(Frame.FLAG_ALIVE);
        }
    }

    /** {@code action} runs when a probe comes (at the answerer), or its answer (at the opener). */
    public void onProbe(Runnable action) {
        onProbe = action;
    }

    // ---- for its input ----

    FlowInput input() {
        return input;
    }

    /** Whether the peer may still be granted credit. */
    boolean grants() {
        return !remoteGone && state != State.CLOSED;
    }

    /** Least round trip to the flow's other end. */
    long pathRttNanos() {
        return mux.pathRttNanos(otherRttMicros);
    }

    // ---- from the multiplexer ----

    void receiveOpened(long credit, int flags, long rttMicros) throws ProtocolException {
        if (opened.isDone()) {
            throw new ProtocolException("OPENED twice for flow " + Integer.toUnsignedString(flowId));
        }
        sendCredit += credit;
        otherRttMicros = rttMicros;
        answersProbes = (flags & Frame.FLAG_PROBES) != 0;
        boolean activate = state == State.OPENING;
        state = State.OPEN;
        if (outputShutdown && window != null) { // shut down while it was pending: its FIN had to wait for OPENED
            outlet.add(Frame.FIN, 0, Unpooled.EMPTY_BUFFER, false);
        }
        opened.setSuccess(null);
        if (activate && isOpen()) {
            pipeline().fireChannelActive();
        }
    }

    void receiveRefused(Reason reason, String text) {
        remoteGone = true;
        endWith(new FlowException(reason, text.isEmpty() ? reason.words() : text));
    }

    void receiveReset(Reason reason) {
        remoteGone = true;
        endWith(new FlowException(reason, reason.words()));
    }

    void linkLost(String why) {
        remoteGone = true;
        endWith(new FlowException(Reason.LINK_LOST, "link lost: " + why));
    }

    /** Whoever waits for {@link #opened()} hears the cause there; an active channel's handlers hear it too. */
    private void endWith(FlowException cause) {
        if (!isOpen()) {
            return; // the end of another flow has closed this one, in this very turn
        }
        boolean answered = !opened.tryFailure(cause);
        if (answered || isActive()) {
            pipeline().fireExceptionCaught(cause);
        }
        unsafe().close(voidPromise());
    }

    void receiveCredit(long bytes, int flags) throws ProtocolException {
        Runnable probed = onProbe;
        if (probed != null && isOpen() && (flags & (incoming ? Frame.FLAG_PROBE : Frame.FLAG_ALIVE)) != 0) {
            probed.run();
        }
        if (bytes == 0) {
            return;
        }
        sendCredit += bytes;
        if (sendCredit > 0x7fff_ffffL) {
            throw new ProtocolException("CREDIT adds up to " + sendCredit + " bytes for flow "
                    + Integer.toUnsignedString(flowId) + ", most is 2147483647");
        }
        flushPending();
    }

    private void outletReady() {
        flushPending();
    }

    private void flushPending() {
        if (isOpen() && isRegistered()) {
            ((FlowUnsafe) unsafe()).resumeFlush();
        }
    }

    // ---- AbstractChannel ----

    @Override
    protected void doBeginRead() {
        input.beginRead();
    }

    @Override
    protected void doWrite(ChannelOutboundBuffer in) {
        boolean stream = window != null;
        for (Object msg = in.current(); msg != null; msg = in.current()) {
            if (!stream) {
                writeDatagram(msg);
                in.remove();
                continue;
            }
            ByteBuf buf = (ByteBuf) msg;
            int readable = buf.readableBytes();
            if (readable == 0) {
                in.remove();
                continue;
            }
            long room = Math.min(sendCredit, mostInOutlet() - outlet.queuedBytes());
            if (room <= 0) {
                return; // CREDIT or the outlet brings us back
            }
            int n = (int) Math.min(Math.min(readable, room), Frame.MAX_DATA);
            sendCredit -= n;
            if (n == readable) {
                outlet.add(Frame.DATA, blockedFlag(in.size() > 1), buf.retain(), false);
                in.remove();
            } else {
                outlet.add(Frame.DATA, blockedFlag(true), buf.readRetainedSlice(n), false);
                in.progress(n);
            }
        }
    }

    /** Four frames, so that the writer never starves; of which there is no danger when much waits for the link. */
    private long mostInOutlet() {
        return mux.link().writer().queuedBytes() < CROWDED ? 2L * Outlet.LOW_WATER : firstCredit();
    }

    private int blockedFlag(boolean more) {
        return sendCredit == 0 && more ? Frame.FLAG_BLOCKED : 0;
    }

    private void writeDatagram(Object msg) {
        ByteBuf payload =
                msg instanceof ByteBufHolder holder ? DatagramCodec.encode(alloc(), holder) : ((ByteBuf) msg).retain();
        if (!outlet.addDatagram(DatagramCodec.flags(msg), payload, false)) {
            mux.datagramDropped();
        }
    }

    @Override
    protected Object filterOutboundMessage(Object msg) {
        if (window != null ? msg instanceof ByteBuf : DatagramCodec.accepts(msg)) {
            return msg;
        }
        ByteBuf content = msg instanceof ByteBuf b ? b : msg instanceof ByteBufHolder h ? h.content() : null;
        throw new UnsupportedOperationException("flow " + request.destination() + " cannot carry a "
                + msg.getClass().getSimpleName()
                + (content == null ? "" : " of " + content.readableBytes() + " bytes"));
    }

    @Override
    protected void doShutdownOutput() {
        if (!outputShutdown) {
            outputShutdown = true;
            if (window != null && !remoteGone && state == State.OPEN) {
                outlet.add(Frame.FIN, 0, Unpooled.EMPTY_BUFFER, false);
            }
        }
    }

    @Override
    protected void doClose() {
        if (state == State.CLOSED) {
            return;
        }
        state = State.CLOSED;
        mux.forget(this);
        boolean finished = input.finReceived() && outputShutdown;
        if (!finished || remoteGone) {
            outlet.close();
            if (!remoteGone && mux.isUp()) {
                mux.link().writer().control(Frame.RESET, flowId, closeReason);
            }
        } // else what waits in the outlet, up to the FIN, still goes out
        opened.tryFailure(new FlowException(Reason.CANCELLED, "closed before it was opened"));
        input.close();
        if (window != null) {
            window.close();
            mux.budget().leave(request.clientName());
            mux.flowMemory().give(request.clientName(), window.first());
        }
    }

    @Override
    public boolean isOpen() {
        return state != State.CLOSED;
    }

    @Override
    public boolean isActive() {
        return state == State.OPEN;
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
    protected AbstractUnsafe newUnsafe() {
        return new FlowUnsafe();
    }

    @Override
    protected boolean isCompatible(EventLoop loop) {
        return true;
    }

    @Override
    protected @Nullable SocketAddress localAddress0() {
        return request.source();
    }

    @Override
    protected @Nullable SocketAddress remoteAddress0() {
        return parent().remoteAddress();
    }

    @Override
    protected void doBind(SocketAddress localAddress) {
        throw new UnsupportedOperationException("a flow has no address to bind");
    }

    @Override
    protected void doDisconnect() throws Exception {
        doClose();
    }

    // ---- DuplexChannel ----

    @Override
    public boolean isInputShutdown() {
        return input.isShutdown() || !isOpen();
    }

    @Override
    public boolean isOutputShutdown() {
        return outputShutdown || !isOpen();
    }

    @Override
    public boolean isShutdown() {
        return isInputShutdown() && isOutputShutdown();
    }

    @Override
    public ChannelFuture shutdownInput() {
        return shutdownInput(newPromise());
    }

    /**
     * What is unread and what still comes is thrown away, its credit returned; the peer is not told. Who reads hears
     * {@link ChannelInputShutdownReadComplete}.
     */
    @Override
    public ChannelFuture shutdownInput(ChannelPromise promise) {
        if (!eventLoop().inEventLoop()) {
            eventLoop().execute(() -> shutdownInput(promise));
        } else if (isOpen()) {
            input.shutdown();
            promise.setSuccess();
        } else {
            promise.setFailure(new ClosedChannelException());
        }
        return promise;
    }

    @Override
    public ChannelFuture shutdownOutput() {
        return shutdownOutput(newPromise());
    }

    @Override
    public ChannelFuture shutdownOutput(ChannelPromise promise) {
        EventLoop loop = eventLoop();
        if (loop.inEventLoop()) {
            ((AbstractUnsafe) unsafe()).shutdownOutput(promise);
        } else {
            loop.execute(() -> ((AbstractUnsafe) unsafe()).shutdownOutput(promise));
        }
        return promise;
    }

    @Override
    public ChannelFuture shutdown() {
        return shutdown(newPromise());
    }

    @Override
    public ChannelFuture shutdown(ChannelPromise promise) {
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
            promise.setFailure(new UnsupportedOperationException("a flow is opened, not connected"));
        }

        void resumeFlush() {
            flush0();
        }
    }
}
