package dev.culvert.gateway;

import dev.culvert.gateway.audit.AuditRecord;
import dev.culvert.token.Token;
import dev.culvert.tunnel.Bandwidth;
import dev.culvert.tunnel.FairWriter;
import dev.culvert.tunnel.Frame;
import dev.culvert.tunnel.FrameReceiver;
import dev.culvert.tunnel.Link;
import dev.culvert.tunnel.Outlet;
import dev.culvert.tunnel.ProtocolException;
import dev.culvert.tunnel.Reason;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.ScheduledFuture;
import java.time.Duration;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One authenticated link at the gateway, as a frame switch: looks up the flow, checks that the frame is due, counts its
 * credit, and hands the payload to the flow's other half under the other id, without reading or copying it. Runs on the
 * link's event loop; what concerns the other link is handed to its loop.
 *
 * <p>Whatever the peer at the other end would take for a violation is caught here: a peer that breaks the protocol, or
 * floods, ends its own link and no other.
 */
abstract class SwitchedLink implements FrameReceiver {
    private static final Logger log = LoggerFactory.getLogger(SwitchedLink.class);

    /** Most credit that one flow may hold: above the largest window that our own ends grant (64 MiB). */
    static final long MAX_FLOW_CREDIT = 128L << 20;

    /**
     * Control frames that may wait for a link before others' frames for it are held back: an eighth of what closes it, so
     * that no other peer can bring that about.
     */
    static final int CONTROL_HOLD_BACK = 8_192;

    /** A timer stands still while the machine does, and a token's end is a date: so we look at the clock this often. */
    static final Duration CALENDAR_CHECK = Duration.ofSeconds(30);

    /** Of an agent's explanation of a refusal, what is passed on. */
    private static final int MAX_REFUSED = 1 + 512;

    final LinkRegistry registry;
    final Token token;
    final String name;
    final AuditRecord.Holder holder;
    private final FlowTable flows = new FlowTable();
    private final OwedCredit owedCredit = new OwedCredit(this);
    private final BacklogShare backlog;
    private @Nullable HeldUploads heldUploads;
    private volatile @Nullable Link link;
    private @Nullable ScheduledFuture<?> expiry;
    private long upNanos;
    private long flowsEver;
    volatile int flowCount;

    SwitchedLink(LinkRegistry registry, Token token, AuditRecord.Holder holder) {
        this.registry = registry;
        this.token = token;
        this.name = token.name();
        this.holder = holder;
        this.backlog = new BacklogShare(this, registry.backlog);
    }

    abstract String kind();

    /** Whether flows are opened towards this link: only such a link answers OPENED and REFUSED. */
    abstract boolean accepts();

    abstract void up();

    abstract void down(String why);

    abstract void opened(int flowId, ByteBuf payload) throws ProtocolException;

    abstract void announced(ByteBuf payload) throws ProtocolException;

    /** Whether the owner of {@code half} may send a datagram to another port of its host. */
    abstract boolean mayUsePort(FlowHalf half, int port);

    void draining() {}

    final Link link() {
        Link l = link;
        if (l == null) {
            throw new IllegalStateException("link is not up yet");
        }
        return l;
    }

    final boolean isUp() {
        Link l = link;
        return l != null && !l.isDown();
    }

    final EventLoop loop() {
        return link().eventLoop();
    }

    final FairWriter writer() {
        return link().writer();
    }

    @Override
    public final String toString() {
        Link l = link;
        return kind() + " '" + name + "'" + (l == null ? "" : " at " + l.remoteAddress());
    }

    // ---- FrameReceiver ----

    @Override
    public final void linkUp(Link link) {
        this.link = link;
        upNanos = System.nanoTime();
        awaitExpiry();
        registry.linkUp(this);
        log.info("{} connected", this);
        registry.audit.add(new AuditRecord.LinkUp(registry.audit.clock().instant(), holder));
        up();
        // Asked after the link can be found: whatever is revoked from here on finds it.
        if (registry.isRevoked(token)) {
            link.close(Link.CLOSE_TOKEN_ENDED, Authenticator.REVOKED);
        }
    }

    private void awaitExpiry() {
        Duration left = Duration.between(registry.clock.instant(), token.expires());
        if (left.isNegative() || left.isZero()) {
            // In a turn of its own: the link may only just be coming up.
            expiry = loop().schedule(
                            () -> link().close(Link.CLOSE_TOKEN_ENDED, Authenticator.EXPIRED), 0, TimeUnit.NANOSECONDS);
            return;
        }
        long nanos = left.compareTo(CALENDAR_CHECK) < 0 ? left.toNanos() : CALENDAR_CHECK.toNanos();
        expiry = loop().schedule(this::awaitExpiry, nanos, TimeUnit.NANOSECONDS);
    }

    @Override
    public final void linkDown(Link link, String why) {
        if (expiry != null) {
            expiry.cancel(false);
        }
        log.info("{} disconnected: {} ({} flows)", this, why, flows.size());
        for (FlowHalf half : flows.all()) {
            half.record.endedBy(kind(), Reason.LINK_LOST);
            end(half);
            toPeer(half, Reason.LINK_LOST);
        }
        if (heldUploads != null) {
            heldUploads.close();
        }
        owedCredit.clear();
        backlog.clear();
        registry.linkDown(this);
        registry.audit.add(new AuditRecord.LinkDown(
                registry.audit.clock().instant(),
                holder,
                why,
                flowsEver,
                Duration.ofNanos(System.nanoTime() - upNanos)));
        down(why);
    }

    @Override
    public final void batchComplete(Link link) {}

    @Override
    public final void frame(Link link, int type, int flags, int flowId, ByteBuf payload) throws ProtocolException {
        boolean passedOn = false;
        try {
            switch (type) {
                case Frame.OPEN -> opened(flowId, payload);
                case Frame.ANNOUNCE -> announced(payload);
                case Frame.DRAIN -> draining();
                default -> {
                    FlowHalf half = flows.get(flowId);
                    if (half == null) {
                        registry.counters.unknownFlow.increment(); // usual just after a reset
                    } else {
                        passedOn = switchFrame(half, type, flags, payload);
                    }
                }
            }
        } finally {
            if (!passedOn) {
                payload.release();
            }
        }
    }

    /** @return whether the payload was passed on */
    private boolean switchFrame(FlowHalf half, int type, int flags, ByteBuf payload) throws ProtocolException {
        FlowHalf peer = half.peer;
        if (peer == null) {
            return false;
        }
        SwitchedLink other = peer.owner;
        switch (type) {
            case Frame.DATA -> {
                int bytes = payload.readableBytes();
                half.credit -= bytes;
                if (!half.stream || !half.opened || half.finFromOwner || half.credit < 0) {
                    throw violation(
                            "DATA",
                            half,
                            !half.stream
                                    ? ", which is not a stream"
                                    : !half.opened
                                            ? " before OPENED"
                                            : half.finFromOwner ? " after its FIN" : " beyond its credit");
                }
                half.bytes += bytes;
                if (bytes == 0) {
                    return false; // says nothing, and no credit would bound how many of them wait
                }
                return pass(half, peer, Frame.DATA, flags, payload);
            }
            case Frame.DATAGRAM -> {
                checkDatagram(half, flags, payload);
                if ((flags & Frame.FLAG_PORT) != 0
                        && !mayUsePort(half, payload.getUnsignedShort(payload.readerIndex()))) {
                    registry.counters.denied.increment();
                    return false;
                }
                half.bytes += payload.readableBytes();
                return pass(half, peer, Frame.DATAGRAM, flags, payload);
            }
            case Frame.CREDIT -> {
                long bytes = u32(payload, "CREDIT");
                if (!half.stream || !half.opened) {
                    throw violation("CREDIT", half, half.stream ? " before OPENED" : ", which is not a stream");
                }
                other.run(() -> other.takeCredit(peer, bytes, this));
            }
            case Frame.FIN -> {
                if (!half.stream || !half.opened || half.finFromOwner) {
                    throw violation(
                            "FIN",
                            half,
                            !half.stream ? ", which is not a stream" : half.opened ? " twice" : " before OPENED");
                }
                half.finFromOwner = true;
                endIfFinished(half);
                pass(half, peer, Frame.FIN, 0, Unpooled.EMPTY_BUFFER);
            }
            case Frame.RESET -> {
                Reason reason = reasonIn(payload);
                half.record.endedBy(kind(), reason);
                end(half);
                toPeer(half, reason);
            }
            case Frame.OPENED -> answeredOpened(half, peer, payload);
            case Frame.REFUSED -> {
                answering("REFUSED", half);
                half.record.endedBy(kind(), reasonIn(payload));
                end(half);
                payload.writerIndex(payload.readerIndex() + Math.min(payload.readableBytes(), MAX_REFUSED));
                return other.handOver(() -> other.takeRefused(peer, payload));
            }
            default -> registry.counters.unknownFrame.increment();
        }
        return false;
    }

    /**
     * Passes DATA, DATAGRAM or FIN on, or keeps it until the owner's bandwidth allows.
     *
     * @return whether the payload was passed on
     */
    private boolean pass(FlowHalf half, FlowHalf peer, int type, int flags, ByteBuf payload) {
        HeldUploads held = heldUploads;
        if (held == null) {
            return passOn(peer, type, flags, payload);
        }
        if (held.isIdle()) { // the limit is gone, and what it held up
            heldUploads = null;
            return passOn(peer, type, flags, payload);
        }
        queue(half, held.of(half, peer), type, flags, payload);
        return true;
    }

    /** @return whether the payload was passed on */
    final boolean passOn(FlowHalf peer, int type, int flags, ByteBuf payload) {
        SwitchedLink other = peer.owner;
        if (other.loop().inEventLoop()) {
            other.take(peer, type, flags, payload);
            return true;
        }
        return other.handOver(() -> other.take(peer, type, flags, payload));
    }

    private static Reason reasonIn(ByteBuf payload) {
        return payload.isReadable() ? Reason.of(payload.getUnsignedByte(payload.readerIndex())) : Reason.UNSPECIFIED;
    }

    private static ProtocolException violation(String frame, FlowHalf half, String what) {
        return new ProtocolException(frame + " for flow " + Integer.toUnsignedString(half.id) + what);
    }

    private static void checkDatagram(FlowHalf half, int flags, ByteBuf payload) throws ProtocolException {
        if (half.stream) {
            throw violation("DATAGRAM", half, ", which is a stream");
        }
        if (payload.readableBytes() < Frame.datagramPrefix(flags)) {
            throw violation("DATAGRAM", half, " that is shorter than its flags say");
        }
    }

    /** OPENED and REFUSED come from the side that was asked, and once. */
    private void answering(String frame, FlowHalf half) throws ProtocolException {
        if (!accepts()) {
            throw violation(frame, half, " from the side that opened it");
        }
        if (half.opened) {
            throw violation(frame, half, ", which is open");
        }
    }

    private void answeredOpened(FlowHalf half, FlowHalf peer, ByteBuf payload) throws ProtocolException {
        answering("OPENED", half);
        long credit = u32(payload, "OPENED");
        if (credit > MAX_FLOW_CREDIT) {
            throw new ProtocolException("OPENED grants " + credit + " bytes, most is " + MAX_FLOW_CREDIT);
        }
        half.opened = true;
        long rtt = link().minRttMicros();
        peer.owner.run(() -> peer.owner.takeOpened(peer, credit, rtt));
    }

    private static long u32(ByteBuf payload, String frame) throws ProtocolException {
        if (payload.readableBytes() < 4) {
            throw new ProtocolException(frame + " whose payload is shorter than 4 bytes");
        }
        return payload.readUnsignedInt();
    }

    // ---- halves; this link's loop ----

    final void add(FlowHalf half, int id) {
        half.attach(id, writer().outlet(id, null));
        flows.add(half);
        flowsEver++;
        flowCount = flows.size();
    }

    final boolean has(int id) {
        return flows.get(id) != null;
    }

    /** Forgets the flow at once: what waits for the owner is dropped. */
    final void end(FlowHalf half) {
        half.outlet().close();
        half.dropUpload();
        remove(half);
    }

    private void remove(FlowHalf half) {
        if (!half.closed) {
            half.close();
            flows.remove(half);
            flowCount = flows.size();
            forgotten(half);
        }
    }

    /** A flow is no longer on this link; once for each that was added. */
    void forgotten(FlowHalf half) {}

    /** The flows as they are now. */
    final FlowHalf[] flows() {
        return flows.all();
    }

    /** Forgets the flow once both directions have ended; its outlet still drains. */
    private void endIfFinished(FlowHalf half) {
        if (half.finFromOwner && half.finToOwner) {
            remove(half);
        }
    }

    private static void toPeer(FlowHalf half, Reason reason) {
        FlowHalf peer = half.peer;
        if (peer != null) {
            peer.owner.run(() -> peer.owner.takeReset(peer, reason));
        }
    }

    /**
     * Runs on this link's loop: now, when that is the caller's.
     *
     * @return false when the loop has ended, as it does only when the gateway closes
     */
    final boolean run(Runnable task) {
        EventLoop loop = loop();
        if (loop.inEventLoop()) {
            task.run();
            return true;
        }
        return handOver(task);
    }

    private boolean handOver(Runnable task) {
        try {
            loop().execute(task);
            return true;
        } catch (RejectedExecutionException e) {
            return false;
        }
    }

    /**
     * Holds what flows carry on this link to bandwidths, from now on. Control frames are neither counted nor held up.
     *
     * @param up of what the peer sends; null for no limit
     * @param down of what it is sent; null for no limit
     */
    final void limit(@Nullable Bandwidth up, @Nullable Bandwidth down) {
        writer().limit(down);
        if (heldUploads == null && up != null) {
            heldUploads = new HeldUploads(this);
        }
        if (heldUploads != null) {
            heldUploads.limit(up);
        }
    }

    /** Memory that waits here for the peer and from it. */
    final long heldBytes() {
        return writer().heldBytes() + (heldUploads == null ? 0 : heldUploads.heldBytes());
    }

    /** Payload bytes that wait here for the peer and from it. */
    final long queuedBytes() {
        return writer().queuedBytes() + (heldUploads == null ? 0 : heldUploads.queuedBytes());
    }

    /** Whether frames that others cause may still be queued for this link's peer. */
    final boolean takesControl() {
        return writer().controlFrames() < CONTROL_HOLD_BACK;
    }

    // ---- from the peer half, on this link's loop ----

    /** DATA, DATAGRAM or FIN. */
    private void take(FlowHalf half, int type, int flags, ByteBuf payload) {
        if (half.closed) {
            payload.release();
            return;
        }
        registry.counters.bytes.add(payload.readableBytes());
        queue(half, half.outlet(), type, flags, payload);
        if (type == Frame.FIN) {
            half.finToOwner = true;
            endIfFinished(half);
        }
    }

    /** Queues DATA, DATAGRAM or FIN of a flow of this link in one of the flow's two outlets here, if there is room. */
    private void queue(FlowHalf half, Outlet outlet, int type, int flags, ByteBuf payload) {
        if (type == Frame.FIN) {
            outlet.add(Frame.FIN, 0, payload, false);
        } else if (type == Frame.DATA) {
            if (backlog.hasRoom()) {
                outlet.add(Frame.DATA, flags, backlog.compact(payload), true);
            } else {
                payload.release();
                registry.counters.overloaded.increment();
                resetBoth(half, Reason.OVERLOADED);
            }
        } else if (!backlog.hasRoom()) {
            payload.release();
            registry.counters.droppedDatagrams.increment();
        } else if (!outlet.addDatagram(flags, backlog.compact(payload), true)) {
            registry.counters.droppedDatagrams.increment();
        }
    }

    private void takeCredit(FlowHalf half, long bytes, SwitchedLink granter) {
        if (half.closed) {
            return;
        }
        half.credit += bytes;
        if (half.credit > MAX_FLOW_CREDIT) {
            resetBoth(half, Reason.PROTOCOL_ERROR);
            granter.run(() -> granter.link().close(1002, "CREDIT beyond " + MAX_FLOW_CREDIT + " bytes for one flow"));
            return;
        }
        owedCredit.grant(half, bytes);
    }

    private void takeOpened(FlowHalf half, long credit, long rttMicros) {
        if (half.closed) {
            return;
        }
        half.opened = true;
        half.credit += credit;
        ByteBuf b = link().channel().alloc().directBuffer(8);
        b.writeInt((int) credit).writeInt((int) Math.min(rttMicros, 0xffff_ffffL));
        writer().control(Frame.OPENED, 0, half.id, b);
    }

    private void takeRefused(FlowHalf half, ByteBuf payload) {
        if (half.closed) {
            payload.release();
            return;
        }
        end(half);
        last(Frame.REFUSED, half.id, payload);
    }

    final void takeReset(FlowHalf half, Reason reason) {
        if (half.closed) {
            half.dropUpload(); // finished on this side, and still held up
            return;
        }
        end(half);
        if (isUp()) {
            last(Frame.RESET, half.id, Unpooled.buffer(1).writeByte(reason.code()));
        }
    }

    /**
     * The last frame of a flow. An agent that goes may end a hundred thousand flows of one client in one turn of the loop:
     * beyond a number of control frames they queue as data does, where no count closes the link.
     */
    final void last(int type, int id, ByteBuf payload) {
        if (takesControl()) {
            writer().control(type, 0, id, payload);
        } else {
            Outlet outlet = writer().outlet(id, null);
            outlet.add(type, 0, payload, false);
        }
    }

    final void resetBoth(FlowHalf half, Reason reason) {
        half.record.endedBy(FlowRecord.GATEWAY, reason);
        takeReset(half, reason);
        toPeer(half, reason);
    }
}
