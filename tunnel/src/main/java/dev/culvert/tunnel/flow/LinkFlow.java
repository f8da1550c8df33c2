package dev.culvert.tunnel.flow;

import dev.culvert.tunnel.frame.DatagramCodec;
import dev.culvert.tunnel.frame.DatagramError;
import dev.culvert.tunnel.frame.FlowPath;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.HopLimitedDatagram;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.PortedDatagram;
import dev.culvert.tunnel.frame.ProtocolException;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.outgoing.FrameWriter;
import dev.culvert.tunnel.outgoing.Outlet;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufHolder;
import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.ChannelInputShutdownReadComplete;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.net.InetAddress;
import java.net.SocketAddress;
import org.jspecify.annotations.Nullable;

/**
 * One flow, as a channel, whose event loop is its link's. It ends with its link, unless it belongs to a {@link FlowSession}: then it
 * waits for another path, on which it goes on from the byte where it stopped, and whoever reads and writes it notices nothing but
 * a silence.
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
public final class LinkFlow extends HalfClosable {
    private final OpenRequest request;
    private final String holder;
    private final LinkFlowConfig config;
    private final boolean incoming;
    private final Promise<Void> opened;
    private final CreditBudget budget;
    private final FlowMemory memory;

    /** What it belongs to if it may outlive its link; else null. */
    private @Nullable FlowSession session;

    private long number;
    private int epoch;
    private String answerer = "";

    private final PresentPath path;

    private enum State {
        OPENING,
        OPEN,
        CLOSED
    }

    private volatile State state;
    private final @Nullable ReceiveWindow window;
    private final FlowInput input;
    private final FlowOutput output;

    private volatile boolean outputShutdown;
    private boolean remoteGone; // reset by the peer, refused, or lost for good: nothing more may be sent for it
    private boolean answersProbes; // the other end does
    private boolean confirmed; // the opener has heard OPENED
    private @Nullable Runnable onProbe;
    private @Nullable InetAddress leadsTo;
    private Reason closeReason = Reason.CANCELLED;
    boolean touched;

    /** In its session's list of those that may have something to tell. */
    boolean quiet;

    /** @param holder for whom it is, who shares what flows may have with others like it; empty when all are one's own */
    LinkFlow(FlowMultiplexer mux, int flowId, OpenRequest request, String holder, boolean incoming) {
        this.path = new PresentPath(mux, flowId, this::goOn);
        this.request = request;
        this.holder = holder;
        this.incoming = incoming;
        this.config = new LinkFlowConfig(this);
        this.opened = mux.link().eventLoop().newPromise();
        this.budget = mux.budget();
        this.memory = mux.flowMemory();
        boolean stream = request.destination().isStream();
        this.window = stream ? new ReceiveWindow(budget.join(holder), memory.take(holder)) : null;
        this.input = new FlowInput(this, window);
        this.output = new FlowOutput(this, stream);
        if (window != null && window.first() < FlowMemory.MOST) {
            config.setWriteBufferWaterMark(bufferMarks());
        }
        if (incoming) {
            state = State.OPEN;
            path.opened(request.rttMicros());
            output.begin(request.credit());
            opened.setSuccess(null);
        } else {
            state = stream ? State.OPENING : State.OPEN;
        }
    }

    /** It may outlive its link, under a number of its session. */
    void belongsTo(FlowSession session, long number, int epoch) {
        this.session = session;
        this.number = number;
        this.epoch = epoch;
        if (incoming && window != null) {
            output.keep(session.keptBudget(), holder);
            input.newPath(); // OPENED has said it
            outlet().received(input.received(), false);
        }
    }

    public int flowId() {
        return path.flowId();
    }

    /** Its number in the opener's session, never used again there; 0 for one that has no session. */
    public long number() {
        return number;
    }

    public OpenRequest request() {
        return request;
    }

    /** For whom it is: the client, at an agent; else whom it was {@linkplain FlowMultiplexer#openFor opened for}; empty for nobody. */
    public String holder() {
        return holder;
    }

    /** Which address it leads to, as the answerer has found: of a destination that is a name, one that it had then. */
    public void leadsTo(InetAddress address) {
        leadsTo = address;
    }

    /** See {@link #leadsTo(InetAddress)}; null when it was not said. */
    public @Nullable InetAddress leadsTo() {
        return leadsTo;
    }

    /** Succeeds with OPENED; fails with a {@link FlowException} when refused or the link breaks. */
    public Future<Void> opened() {
        return opened;
    }

    /** Bytes that the peer still lets us send. */
    public long sendCredit() {
        return output.credit();
    }

    /** Bytes that were sent and are kept until the other end has received them. */
    public long keptBytes() {
        return output.keptBytes();
    }

    /** Payload bytes of a stream that have come and that nobody has read. Event loop only. */
    public long unreadBytes() {
        return input.unreadBytes();
    }

    /** Whether frames of it go anywhere now; else it waits for another path. */
    public boolean isAttached() {
        return path.isOpen() || path.isAsked() && window == null;
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
     * @return false when nobody can be asked: the answerer does not know of this, the flow waits for a path, or it has ended
     */
    public boolean probe() {
        if (!answersProbes || !isOpen() || !isAttached()) {
            return false;
        }
        outlet().tell(Frame.FLAG_PROBE);
        return true;
    }

    /** Answers a probe: the destination has been heard of since. */
    public void alive() {
        if (isOpen()) {
            outlet().tell(Frame.FLAG_ALIVE);
        }
    }

    /** {@code action} runs when a probe comes (at the answerer), or its answer (at the opener). */
    public void onProbe(Runnable action) {
        onProbe = action;
    }

    // ---- for its halves ----

    FlowInput input() {
        return input;
    }

    FlowOutput output() {
        return output;
    }

    Outlet outlet() {
        return path.outlet();
    }

    FrameWriter writer() {
        return path.writer();
    }

    void datagramDropped() {
        path.multiplexer().datagramDropped();
    }

    boolean isResumable() {
        return session != null;
    }

    /** Whether we have said that we ask whether the destination is still there. */
    boolean asksProbes() {
        return window != null && !incoming;
    }

    boolean answersProbes() {
        return incoming && onProbe != null;
    }

    /** Whether the peer may still be granted credit. */
    boolean grants() {
        return !remoteGone && state != State.CLOSED;
    }

    /** Grants the peer more, now or, while that has not been answered, when the next path is there. */
    void grant(long bytes) {
        if (path.isOpen() && session != null) {
            outlet().received(input.tellReceived(), false);
        }
        path.grant(bytes);
    }

    /** Least round trip to the flow's other end. */
    long pathRttNanos() {
        return path.rttNanos();
    }

    /** Something has come: it is told before long. */
    void gotSomething() {
        FlowSession s = session;
        confirmed = true;
        if (s != null && window != null) {
            s.quiet(this);
        }
    }

    /** Tells the other end what has been received, if it has not been told. */
    void tellReceived() {
        if (session != null && isAttached() && input.hasNews()) {
            outlet().received(input.tellReceived(), true);
        }
    }

    /** FIN has come: its sender keeps all that it has until it has heard of that. */
    void tellFin() {
        if (session != null) {
            outlet().received(input.tellReceived(), true);
            outlet().tell(Frame.FLAG_ENDED);
            endsIfReceived();
        }
    }

    // ---- from the multiplexer ----

    /** @param received of a flow that can be resumed: from where we go on; else less than 0 */
    void receiveOpened(long credit, int flags, long rttMicros, long received, String answerer)
            throws ProtocolException {
        if (!path.isAsked()) {
            throw new ProtocolException("OPENED twice for flow " + Integer.toUnsignedString(flowId()));
        }
        if (received < 0) {
            leaveSession();
        } else {
            this.answerer = answerer;
        }
        path.opened(rttMicros);
        if (!opened.isDone()) {
            begin(credit, (flags & Frame.FLAG_PROBES) != 0);
        } else if (isOver() || output.goOn(received, credit, outputShutdown)) {
            wentOn();
        } else {
            violated();
        }
    }

    /** The other end says what cannot be. */
    private void violated() {
        path.answerReset(Reason.PROTOCOL_ERROR);
        receiveReset(Reason.PROTOCOL_ERROR);
    }

    /** Whether the other end has only to be told that it was closed while it had no path. */
    private boolean isOver() {
        return state == State.CLOSED && !isLingering();
    }

    /** It is open for the first time. */
    private void begin(long credit, boolean probes) {
        FlowSession s = session;
        if (s != null) {
            if (window != null) {
                output.keep(s.keptBudget(), holder);
                outlet().received(input.received(), false); // each CREDIT says it
            }
            s.attached(this);
        }
        path.attached();
        output.begin(credit);
        answersProbes = probes;
        path.grantKept();
        boolean activate = state == State.OPENING;
        state = State.OPEN;
        output.goOn(outputShutdown); // shut down while it was pending: its FIN had to wait for OPENED
        opened.setSuccess(null);
        if (activate && isOpen()) {
            pipeline().fireChannelActive();
        }
        gotSomething(); // that it was answered
    }

    /** It has another path, from where both ends know what the other has. */
    void wentOn() {
        FlowSession s = session;
        if (s != null) {
            s.attached(this);
        }
        path.attached();
        if (isOver()) {
            path.answerReset(closeReason);
            over();
            return;
        }
        if (window != null) {
            outlet().received(input.received(), false);
        }
        path.grantKept();
        input.newPath();
        goOn();
        gotSomething();
    }

    void receiveRefused(Reason reason, String text) {
        FlowSession s = session;
        if (s != null && epoch > 0 && s.holds(this, reason, opened.isSuccess())) {
            path.forget(this);
            path.lost();
            return;
        }
        remoteGone = true;
        endWith(new FlowException(reason, text.isEmpty() ? reason.words() : text));
    }

    void receiveReset(Reason reason) {
        remoteGone = true;
        endWith(new FlowException(reason, reason.words()));
    }

    /** Its path is no more. */
    void pathLost(String why) {
        FlowSession s = session;
        if (s == null || remoteGone || !isOpen() && !isLingering() && !isDoomed()) {
            linkLost(why);
            return;
        }
        path.lost();
        s.held(this, confirmed || !incoming || window == null);
    }

    void linkLost(String why) {
        remoteGone = true;
        endWith(new FlowException(Reason.LINK_LOST, "link lost: " + why));
    }

    /** Whoever holds it for its other end gives it up. */
    void giveUp(Reason reason, String why) {
        if (!remoteGone) {
            path.reset(reason);
        }
        remoteGone = true;
        endWith(new FlowException(reason, why));
    }

    /** Whoever waits for {@link #opened()} hears the cause there; an active channel's handlers hear it too. */
    private void endWith(FlowException cause) {
        if (!isOpen() || cause.reason() == Reason.UNKNOWN && hasEnded() && output.isSaid()) {
            over(); // the other end was done first, and has forgotten it; or another flow's end has closed this one in
            // this very turn, or it was kept for its other end alone
            return;
        }
        boolean answered = !opened.tryFailure(cause);
        if (answered || isActive()) {
            pipeline().fireExceptionCaught(cause);
        }
        unsafe().close(voidPromise());
    }

    /** @param received of a flow that can be resumed: what the other end has received; else less than 0 */
    void receiveCredit(long bytes, int flags, long received) throws ProtocolException {
        confirmed = true;
        Runnable probed = onProbe;
        if (probed != null && isOpen() && (flags & (incoming ? Frame.FLAG_PROBE : Frame.FLAG_ALIVE)) != 0) {
            probed.run();
        }
        if (received >= 0) {
            if (!output.received(received)) {
                violated(); // by the other end, not by the link
                return;
            }
            if (endsIfReceived()) {
                return;
            }
        }
        if (bytes > 0) {
            output.granted(bytes);
        }
        if (bytes > 0 || received >= 0) {
            goOn();
        }
    }

    /** Forgets a flow of which both ends know that both directions have ended; who uses it may still have to read what has come. */
    private boolean endsIfReceived() {
        boolean ends = !remoteGone && session != null && hasEnded() && isReceived();
        if (ends) {
            over();
        }
        return ends;
    }

    /** Whether each end knows that the other has received all, FIN included. */
    private boolean isReceived() {
        return output.isReceived() && (session == null || input.isFinOnPath());
    }

    /** Sends what can be sent. */
    private void goOn() {
        if (isOpen() || isLingering()) {
            output.goOn(outputShutdown); // what is to be sent again may be all that there is
        }
        if (isOpen() && isRegistered()) {
            resumeFlush();
        }
    }

    // ---- its session's ----

    int epoch() {
        return epoch;
    }

    /** Since when its path, or the last that it had, was there. */
    long attachedNanos() {
        return path.attachedNanos();
    }

    private void leaveSession() {
        FlowSession s = session;
        if (s != null) {
            session = null;
            s.forget(this);
        }
    }

    /** Whether both directions have ended here. */
    private boolean hasEnded() {
        return input.finReceived() && outputShutdown;
    }

    /** Whether it is closed in order, and the other end may not have heard of it. */
    private boolean isLingering() {
        return state == State.CLOSED && !remoteGone && session != null && hasEnded();
    }

    /** Whether it is over here, and the other end is still to be told when there is a path. */
    private boolean isDoomed() {
        return state == State.CLOSED && !remoteGone && session != null && !incoming && opened.isSuccess();
    }

    /** What the next path is asked for with. */
    FlowPath nextPath(long oldest) {
        return new FlowPath(
                number,
                oldest,
                epoch,
                null,
                epoch == 0 || !opened.isSuccess() ? null : new FlowPath.Resume(input.received(), answerer));
    }

    /** Asks for another path, as the opener. */
    void resume(FlowMultiplexer over, int id) {
        epoch++;
        path.ask(over, id);
    }

    /** What the peer may send us before it hears more. */
    long outstanding() {
        return window == null ? 0 : window.outstanding();
    }

    /**
     * Goes on over another path, as the answerer; whatever comes over the one before is dropped.
     *
     * @return false when the opener goes on from where it cannot
     */
    boolean goOn(FlowMultiplexer over, int id, OpenRequest asked, FlowPath its) {
        if (path.isOpen()) {
            path.leave(this);
        }
        FlowPath.Resume resume = its.resume();
        epoch = its.epoch();
        confirmed |= resume != null;
        path.take(over, id);
        if (!output.goOn(resume == null ? 0 : resume.received(), asked.credit(), outputShutdown)) {
            path.none();
            return false;
        }
        path.opened(asked.rttMicros());
        return true;
    }

    // ---- AbstractChannel ----

    @Override
    protected void doBeginRead() {
        input.beginRead();
    }

    @Override
    protected void doWrite(ChannelOutboundBuffer in) {
        output.write(in);
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
                output.goOn(true);
            }
        }
    }

    @Override
    protected void doClose() {
        if (state == State.CLOSED) {
            return;
        }
        state = State.CLOSED;
        boolean finished = hasEnded();
        if (isLingering() && !isReceived() || isDoomed() && !finished && !path.isOpen()) {
            // What waits in the outlet, up to the FIN, still goes out, and is kept until it has been received; or the
            // other end is told when there is a path again.
            if (!finished) {
                output.close();
            }
        } else {
            if (!finished || remoteGone) {
                outlet().close();
                if (!remoteGone) {
                    path.reset(closeReason);
                }
            } // else what waits in the outlet, up to the FIN, still goes out
            over();
        }
        opened.tryFailure(new FlowException(Reason.CANCELLED, "closed before it was opened"));
        input.close();
        if (window != null) {
            window.close();
            budget.leave(holder);
            memory.give(holder, window.first());
        }
    }

    /** Nothing of it is of use to anybody any more. */
    private void over() {
        path.forget(this);
        output.close();
        leaveSession();
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
    protected @Nullable SocketAddress localAddress0() {
        return request.source();
    }

    @Override
    protected @Nullable SocketAddress remoteAddress0() {
        return path.remoteAddress();
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
    protected void dropInput() {
        input.shutdown();
    }
}
