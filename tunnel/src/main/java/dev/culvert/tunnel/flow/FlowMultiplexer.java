package dev.culvert.tunnel.flow;

import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Drain;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.HeldFlow;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.ProtocolException;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.frame.SessionId;
import dev.culvert.tunnel.limit.IdTable;
import dev.culvert.tunnel.link.FrameReceiver;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.loop.EventLoops;
import dev.culvert.tunnel.loop.SlicedWork;
import dev.culvert.tunnel.outgoing.FairQueue;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandler;
import io.netty.util.concurrent.Ticker;
import java.util.ArrayList;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The flows of one link at a client or an agent, each a {@link LinkFlow} channel on the link's event loop. Made anew for
 * each link. Event loop only.
 */
public final class FlowMultiplexer implements FrameReceiver {
    private static final Logger log = LoggerFactory.getLogger(FlowMultiplexer.class);

    /** Most flows on one link: a full port scan of a host, and as many more. */
    public static final int MAX_FLOWS = 131_072;

    /** No flows are opened while more waits for a link: what streams may have waiting in common, and datagrams as much. */
    private static final long MAX_HELD = 4 * FairQueue.MAX_DATAGRAM_BYTES;

    private final FlowListener listener;
    private final @Nullable FlowSession session;
    private final CreditBudget budget;
    private final FlowMemory flowMemory;
    private final IdTable<Object> flows = new IdTable<>(); // LinkFlow or IncomingFlow
    private final ArrayList<LinkFlow> touched = new ArrayList<>();
    private @Nullable Link link;
    private int nextId = 1;
    private boolean draining;
    private byte @Nullable [] toAnnounce; // the newest that could not be written yet
    private long unknownFrames;
    private long droppedDatagrams;

    /** For flows that end with the link. */
    public FlowMultiplexer(FlowListener listener) {
        this(listener, FlowMemory.PROCESS);
    }

    FlowMultiplexer(FlowListener listener, FlowMemory flowMemory) {
        this(listener, flowMemory, null);
    }

    /** @param session that flows belong to which outlive the link, if its peer knows how */
    public FlowMultiplexer(FlowListener listener, FlowSession session) {
        this(listener, FlowMemory.PROCESS, session);
    }

    private FlowMultiplexer(FlowListener listener, FlowMemory flowMemory, @Nullable FlowSession session) {
        this.listener = listener;
        this.flowMemory = flowMemory;
        this.session = session;
        this.budget = session != null ? session.budget() : new CreditBudget(CreditBudget.DEFAULT, CreditBudget.PROCESS);
    }

    /** The session that the link's flows belong to; null when they end with it. */
    @Nullable
    FlowSession session() {
        return link().version() >= FlowSession.VERSION ? session : null;
    }

    /** Whether the link's flows may go on over another. */
    public boolean isOutlived() {
        return session() != null;
    }

    /** @throws IllegalStateException before the link is up */
    public Link link() {
        Link l = link;
        if (l == null) {
            throw new IllegalStateException("link is not up yet");
        }
        return l;
    }

    public boolean isUp() {
        return link != null && !link.isDown();
    }

    /** The other side has said DRAIN. */
    public boolean isDraining() {
        return draining;
    }

    /** Open and pending flows. */
    public int flowCount() {
        return flows.size();
    }

    /** Frames for flows that do not exist (any more), of unknown type, or said too often; dropped. */
    public long unknownFrames() {
        return unknownFrames;
    }

    /** Datagrams dropped because their flow had too many waiting. */
    public long droppedDatagrams() {
        return droppedDatagrams;
    }

    void datagramDropped() {
        droppedDatagrams++;
    }

    CreditBudget budget() {
        return budget;
    }

    FlowMemory flowMemory() {
        return flowMemory;
    }

    /** Says to the gateway which token this holder has now, that it was handed over. */
    public void hasRenewed(String tokenId) {
        link().writer()
                .control(
                        Frame.RENEWED,
                        0,
                        0,
                        Unpooled.copiedBuffer(tokenId, java.nio.charset.StandardCharsets.US_ASCII));
    }

    /**
     * Sends an ANNOUNCE.
     *
     * @throws IllegalArgumentException when its JSON does not fit one frame
     */
    public void announce(Object announcement) {
        byte[] json = Announcement.encode(announcement);
        if (json.length > Frame.MAX_PAYLOAD) {
            throw new IllegalArgumentException("cannot announce: " + json.length + " bytes of JSON, most is "
                    + Frame.MAX_PAYLOAD + "; join routes into larger prefixes");
        }
        boolean waits = toAnnounce != null;
        toAnnounce = json;
        if (!waits) {
            link().writer().late(() -> {
                byte[] newest = Objects.requireNonNull(toAnnounce);
                toAnnounce = null;
                link().writer().control(Frame.ANNOUNCE, 0, 0, Unpooled.wrappedBuffer(newest));
            });
        }
    }

    /**
     * Asks the other side for a flow. The returned channel is not active yet; {@link LinkFlow#opened()} completes when
     * the answer has come. A datagram flow may be written to at once.
     *
     * @param handler added to the flow's pipeline
     * @throws IllegalStateException when the link is down, {@link #MAX_FLOWS} exist, or the other side does not read: ask
     *     {@link #canOpen()} first
     */
    public LinkFlow open(OpenRequest request, ChannelHandler handler) {
        return open(request, handler, "", false);
    }

    /**
     * As {@link #open(OpenRequest, ChannelHandler)}, for one of several: what flows may have, and grow by, is shared between all of them
     * first, and then between the flows of each, as at an agent between its clients.
     *
     * @param holder whom it is for
     */
    public LinkFlow openFor(String holder, OpenRequest request, ChannelHandler handler) {
        return open(request, handler, holder, false);
    }

    /**
     * As {@link #open(OpenRequest, ChannelHandler)}.
     *
     * @param probes whether we shall {@linkplain LinkFlow#probe ask} whether the destination is still there: the answerer need
     *     not see to that itself then
     */
    public LinkFlow open(OpenRequest request, ChannelHandler handler, boolean probes) {
        return open(request, handler, "", probes);
    }

    private LinkFlow open(OpenRequest request, ChannelHandler handler, String holder, boolean probes) {
        if (!canOpen()) {
            throw new IllegalStateException("cannot open a flow: "
                    + (!isUp()
                            ? "the link is down"
                            : flows.size() < MAX_FLOWS ? "the other side does not read" : MAX_FLOWS + " exist"));
        }
        int id = freeId();
        LinkFlow flow = new LinkFlow(this, id, request, holder, false);
        flows.put(id, flow);
        flow.pipeline().addLast(handler);
        if (session() instanceof OpenedFlows own) {
            own.opens(flow);
        }
        // OPEN goes first: a handler may close the flow as soon as it is registered, and RESET must come after it.
        sendOpen(flow, probes);
        link().eventLoop().register(flow);
        return flow;
    }

    private void sendOpen(LinkFlow flow, boolean probes) {
        ByteBuf b = link().channel().alloc().directBuffer(128);
        flow.request()
                .over(
                        flow.outstanding(),
                        link().minRttMicros(),
                        session instanceof OpenedFlows own && flow.isResumable() ? flow.nextPath(own.oldest()) : null)
                .encode(b);
        link().writer().control(Frame.OPEN, probes ? Frame.FLAG_PROBES : 0, flow.flowId(), b);
    }

    /** Asks the other side to have a flow go on over this link. {@link #canOpen()} has been asked. */
    void resume(LinkFlow flow) {
        int id = freeId();
        flow.resume(this, id);
        flows.put(id, flow);
        sendOpen(flow, flow.asksProbes());
    }

    public boolean canOpen() {
        return isUp() && flows.size() < MAX_FLOWS && link().writer().takesControl() && !isCrowded();
    }

    /** The other side reads too little: also what flows have left behind that are over may wait, and is bounded by this. */
    private boolean isCrowded() {
        return link().writer().heldBytes() > MAX_HELD;
    }

    private int freeId() {
        int side = link().role() == Link.Role.WEBSOCKET_SERVER ? Frame.SERVER_OPENED : 0;
        do {
            nextId = (nextId + 1) & 0x7fff_ffff;
        } while (nextId == 0 || flows.contains(nextId | side));
        return nextId | side;
    }

    @Nullable
    LinkFlow accepted(IncomingFlow asked, ChannelHandler handler, boolean probes) {
        LinkFlow flow = new LinkFlow(
                this,
                asked.linkId(),
                asked.request().unrestricted(),
                asked.request().clientName(),
                true);
        flows.put(asked.linkId(), flow);
        flow.pipeline().addLast(handler);
        if (session instanceof AnsweredFlows own) {
            own.accepted(asked, flow);
        }
        // OPENED goes first: whatever the handler writes when it becomes active comes after it.
        sendOpened(flow, probes);
        link().eventLoop().register(flow);
        return flow;
    }

    private void sendOpened(LinkFlow flow, boolean probes) {
        ByteBuf b = link().channel().alloc().directBuffer(16);
        b.writeInt((int) flow.outstanding()).writeInt((int) Math.min(link().minRttMicros(), 0xffff_ffffL));
        if (flow.isResumable()) {
            b.writeLong(flow.input().received());
        }
        link().writer().control(Frame.OPENED, probes ? Frame.FLAG_PROBES : 0, flow.flowId(), b);
    }

    /** Has an answered flow go on over this link, as its opener asks. */
    void wentOn(LinkFlow flow) {
        flows.put(flow.flowId(), flow);
        sendOpened(flow, flow.answersProbes());
        flow.wentOn();
    }

    void refused(IncomingFlow asked, ByteBuf payload) {
        int id = asked.linkId();
        if (flows.get(id) == asked) {
            flows.remove(id);
        }
        abandoned(asked);
        if (isUp()) {
            link().writer().control(Frame.REFUSED, 0, id, payload);
        } else {
            payload.release();
        }
    }

    /** It is not going to be a flow. */
    void abandoned(IncomingFlow asked) {
        if (session instanceof AnsweredFlows own) {
            own.refused(asked);
        }
    }

    /** Nothing that comes under the flow's id is for it any more. */
    void forget(LinkFlow flow) {
        if (flows.get(flow.flowId()) == flow) {
            flows.remove(flow.flowId());
        }
    }

    // ---- FrameReceiver ----

    @Override
    public void linkUp(Link link) {
        this.link = link;
        if (!listener.linkComes(this)) {
            link.close(Link.CLOSE_GOING, "another link took its place");
            return;
        }
        FlowSession s = session;
        if (s != null) {
            s.linkUp(this);
        }
        listener.linkUp(this);
    }

    @Override
    public void frame(Link link, int type, int flags, int flowId, ByteBuf payload) throws ProtocolException {
        boolean passedOn = false;
        try {
            Object flow = flowId == 0 ? null : flows.get(flowId);
            switch (type) {
                case Frame.OPEN -> open(link, flags, flowId, payload);
                case Frame.ANNOUNCE -> listener.onAnnounce(this, payload);
                case Frame.DRAIN -> {
                    if (!draining) { // once is enough, and whoever says it without end fills somebody's terminal
                        draining = true;
                        listener.onDrain(this, Drain.read(flags, link.version(), payload));
                    }
                }
                case Frame.OVER -> {
                    if (session() instanceof AnsweredFlows own) {
                        over(own, payload);
                    } else {
                        unknownFrames++;
                    }
                }
                case Frame.SESSION_ENDED -> sessionsEnded(payload);
                case Frame.RENEWED -> listener.onRenewed(this, payload);
                default -> {
                    if (flow instanceof LinkFlow f) {
                        passedOn = dispatch(f, type, flags, payload);
                    } else if (flow instanceof IncomingFlow f) {
                        pending(f, type, flowId);
                    } else {
                        unknownFrames++; // usual just after a reset
                    }
                }
            }
        } finally {
            if (!passedOn) {
                payload.release();
            }
        }
    }

    @Override
    public void roundTrip(Link link, long nanos) {
        listener.roundTrip(this, nanos);
    }

    private static void over(AnsweredFlows own, ByteBuf payload) throws ProtocolException {
        if (payload.readableBytes() < HeldFlow.NAME_LENGTH) {
            throw new ProtocolException("OVER whose payload is shorter than " + HeldFlow.NAME_LENGTH + " bytes");
        }
        own.over(SessionId.read(payload), payload.readLong(), reason(payload));
    }

    private void sessionsEnded(ByteBuf payload) {
        if (session() instanceof AnsweredFlows own) {
            while (payload.readableBytes() >= SessionId.LENGTH) {
                if (!own.ended(SessionId.read(payload))) {
                    unknownFrames++;
                    return;
                }
            }
        } else {
            unknownFrames++;
        }
    }

    private void open(Link link, int flags, int flowId, ByteBuf payload) throws ProtocolException {
        boolean byServer = (flowId & Frame.SERVER_OPENED) != 0;
        if (byServer != (link.role() == Link.Role.WEBSOCKET_CLIENT) || (flowId & ~Frame.SERVER_OPENED) == 0) {
            throw new ProtocolException(
                    "OPEN with flow id " + Integer.toUnsignedString(flowId) + ", which is not the sender's to choose");
        }
        if (flows.contains(flowId)) {
            throw new ProtocolException("OPEN of flow " + Integer.toUnsignedString(flowId) + ", which exists");
        }
        IncomingFlow flow = new IncomingFlow(this, flowId, flags, OpenRequest.decode(payload));
        if (flows.size() >= MAX_FLOWS) {
            flow.refuse(Reason.OVERLOADED, MAX_FLOWS + " flows on this link");
            return;
        }
        if (isCrowded()) {
            flow.refuse(Reason.OVERLOADED, "too much waits for this link");
            return;
        }
        if (session() instanceof AnsweredFlows own && !own.asked(flow)) {
            return; // it was answered
        }
        flows.put(flowId, flow);
        listener.onOpen(flow);
    }

    private void pending(IncomingFlow flow, int type, int flowId) {
        if (type == Frame.RESET || type == Frame.PATH_LOST) {
            flows.remove(flowId);
            flow.abandon();
        } else {
            // A stream's opener waits for OPENED. Datagrams may come early; until the agent is ready they are lost,
            // as datagrams may be.
            unknownFrames++;
        }
    }

    /** @return whether the flow took ownership of the payload */
    private boolean dispatch(LinkFlow f, int type, int flags, ByteBuf payload) throws ProtocolException {
        switch (type) {
            case Frame.DATA -> {
                touch(f);
                f.input().receiveData(payload, flags);
                return true;
            }
            case Frame.DATAGRAM -> {
                touch(f);
                f.input().receiveDatagram(payload, flags);
                return true;
            }
            case Frame.CREDIT -> {
                long bytes = u32(payload, "CREDIT");
                f.receiveCredit(bytes, flags, offset(f.isResumable(), payload));
            }
            case Frame.PATH_LOST -> {
                forget(f);
                f.pathLost(reason(payload).words());
            }
            case Frame.FIN -> {
                touch(f);
                f.input().receiveFin();
            }
            case Frame.RESET -> f.receiveReset(reason(payload));
            case Frame.OPENED -> {
                long credit = u32(payload, "OPENED");
                long rtt = payload.readableBytes() >= 4 ? payload.readUnsignedInt() : 0;
                f.receiveOpened(credit, flags, rtt, offset(f.isResumable(), payload), Link.text(payload));
            }
            case Frame.REFUSED -> {
                Reason reason = reason(payload);
                f.receiveRefused(reason, Link.text(payload));
            }
            default -> unknownFrames++;
        }
        return false;
    }

    private static long u32(ByteBuf payload, String frame) throws ProtocolException {
        if (payload.readableBytes() < 4) {
            throw new ProtocolException(frame + " whose payload is shorter than 4 bytes");
        }
        return payload.readUnsignedInt();
    }

    /** What follows in frames of flows that can be resumed; less than 0 when it does not. */
    private static long offset(boolean resumable, ByteBuf payload) {
        return resumable && payload.readableBytes() >= 8 ? payload.readLong() : -1;
    }

    private static Reason reason(ByteBuf payload) {
        return payload.isReadable() ? Reason.of(payload.readUnsignedByte()) : Reason.UNSPECIFIED;
    }

    private void touch(LinkFlow f) {
        if (!f.touched) {
            f.touched = true;
            touched.add(f);
        }
    }

    @Override
    public void linkSilent(Link link) {
        listener.linkSilent(this);
    }

    @Override
    public void batchComplete(Link link) {
        // Index loop: a flow's handlers may cause others to be touched.
        for (int i = 0; i < touched.size(); i++) {
            LinkFlow f = touched.get(i);
            f.touched = false;
            f.input().batchComplete();
        }
        touched.clear();
    }

    @Override
    public void linkDown(Link link, String why) {
        log.debug("link down: {}", why);
        batchComplete(link);
        FlowSession s = session();
        if (s != null) {
            s.linkDown(this);
        }
        endFlows(why);
        listener.linkDown(this, why);
    }

    /** A hundred thousand flows, and what each means to a relay, a socket, a stack, would hold everybody else up for long. */
    private void endFlows(String why) {
        Ticker clock = link().eventLoop().ticker();
        long start = clock.nanoTime();
        for (Object flow = flows.removeAny(); flow != null; flow = flows.removeAny()) {
            if (flow instanceof LinkFlow f) {
                if (link().endsFlows()) {
                    f.linkLost(why);
                } else {
                    f.pathLost(why);
                }
            } else if (flow instanceof IncomingFlow f) {
                f.abandon();
            }
            if (clock.nanoTime() - start > SlicedWork.SLICE_NANOS) {
                EventLoops.nextTurn(link().eventLoop(), () -> endFlows(why));
                return;
            }
        }
    }

    /** Path round trip for window growth: our link's and what the other side said of its own. */
    long pathRttNanos(long otherMicros) {
        return TimeUnit.MICROSECONDS.toNanos(link().minRttMicros() + otherMicros);
    }
}
