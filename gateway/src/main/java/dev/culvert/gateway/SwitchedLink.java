package dev.culvert.gateway;

import dev.culvert.address.AddressText;
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
import dev.culvert.tunnel.limit.IdTable;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoop;
import java.time.Duration;
import java.util.Objects;
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

    /** How long flows of a link that is down are ended in one turn of the loop, which has others' frames to switch. */
    private static final long END_SLICE_NANOS = 1_000_000;

    /** How soon it goes on when the other loops have enough to do with what it has told them. */
    private static final long END_PAUSE_MILLIS = 1;

    /** Of an agent's explanation of a refusal, what is passed on. */
    private static final int MAX_REFUSED = 1 + 512;

    /** What a link costs that does nothing, in bytes, with its TLS. */
    private static final long LINK_COST = 64 << 10;

    /** What a flow's half costs that carries nothing, with its part of the tables, and of the other half. */
    private static final long FLOW_COST = 1 << 10;

    final LinkRegistry registry;
    final Token token;
    final String name;
    final AuditRecord.Holder holder;

    /** Whose memory, flows and links these are: the links of one kind and name share a holder. */
    final String holderKey;

    private final IdTable<FlowHalf> flows = new IdTable<>();
    private final BacklogShare backlog;
    final Crossings crossings = new Crossings(this);
    private @Nullable Inbox inbox;
    private @Nullable HeldUploads heldUploads;
    private volatile @Nullable Link link;
    private final LinkExpiry expiry = new LinkExpiry(this);
    private long upNanos;
    private long flowsEver;
    volatile int flowCount;

    SwitchedLink(LinkRegistry registry, Token token, AuditRecord.Holder holder) {
        this.registry = registry;
        this.token = token;
        this.name = token.name();
        this.holder = holder;
        this.holderKey = holder.kind() + ' ' + name;
        this.backlog = new BacklogShare(this, registry.backlog);
    }

    abstract String kind();

    /** Whether flows are opened towards this link: only such a link answers OPENED and REFUSED. */
    abstract boolean accepts();

    abstract void up();

    /** The link is down: nothing new may come to it. Its flows end after this, some time each turn. */
    abstract void down(String why);

    /** The last of its flows has ended. */
    void gone() {}

    abstract void opened(int flags, int flowId, ByteBuf payload) throws ProtocolException;

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
        return kind() + " '" + name + "'" + (l == null ? "" : " at " + AddressText.of(l.remoteAddress()));
    }

    // ---- FrameReceiver ----

    @Override
    public final void linkUp(Link link) {
        inbox = registry.inbox(link.eventLoop());
        this.link = link;
        upNanos = System.nanoTime();
        expiry.start();
        registry.linkUp(this);
        if (registry.lines.takes(holderKey, PeerLines.Kind.LINKS)) {
            log.info("{} connected", this);
        }
        registry.audit.add(new AuditRecord.LinkUp(registry.audit.clock().instant(), holder));
        up();
        // Asked after the link can be found: whatever is revoked from here on finds it.
        if (registry.isRevoked(token)) {
            link.close(Link.CLOSE_TOKEN_ENDED, Authenticator.REVOKED);
        }
    }

    @Override
    public final void linkDown(Link link, String why) {
        expiry.cancel();
        if (registry.lines.takes(holderKey, PeerLines.Kind.LINKS)) {
            log.info("{} disconnected: {} ({} flows)", this, why, flows.size());
        }
        down(why);
        long seconds = System.nanoTime() - upNanos;
        endFlows(why, Duration.ofNanos(seconds));
    }

    private void endFlows(String why, Duration up) {
        long start = System.nanoTime();
        for (FlowHalf half = flows.removeAny(); half != null; half = flows.removeAny()) {
            half.record.endedBy(kind(), Reason.LINK_LOST);
            end(half);
            toPeer(half, Reason.LINK_LOST);
            if (crossings.isFull() || System.nanoTime() - start > END_SLICE_NANOS) {
                endMoreFlows(why, up);
                return;
            }
        }
        if (heldUploads != null && !heldUploads.close()) {
            endMoreFlows(why, up);
            return;
        }
        backlog.clear();
        registry.audit.add(new AuditRecord.LinkDown(registry.audit.clock().instant(), holder, why, flowsEver, up));
        gone();
        registry.linkDown(this);
    }

    private void endMoreFlows(String why, Duration up) {
        // Scheduled, not executed: what is executed has its turn before sockets have theirs.
        loop().schedule(() -> endFlows(why, up), crossings.isFull() ? END_PAUSE_MILLIS : 0, TimeUnit.MILLISECONDS);
    }

    /** Asked when many control frames wait for the peer. */
    @Override
    public final boolean mayHold(Link link) {
        return backlog.hasRoom();
    }

    @Override
    public final void batchComplete(Link link) {}

    @Override
    public final void frame(Link link, int type, int flags, int flowId, ByteBuf payload) throws ProtocolException {
        boolean passedOn = false;
        try {
            switch (type) {
                case Frame.OPEN -> opened(flags, flowId, payload);
                case Frame.ANNOUNCE -> announced(payload);
                case Frame.DRAIN -> draining();
                default -> {
                    FlowHalf half = flows.get(flowId);
                    if (half == null || half.openWaits) {
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
                FrameRules.data(half, payload);
                return payload.isReadable() // else it says nothing, and no credit would bound how many of them wait
                        && pass(half, peer, Frame.DATA, flags, payload);
            }
            case Frame.DATAGRAM -> {
                FrameRules.datagram(half, flags, payload);
                if ((flags & Frame.FLAG_PORT) != 0
                        && !mayUsePort(half, payload.getUnsignedShort(payload.readerIndex()))) {
                    registry.counters.denied.increment();
                    return false;
                }
                half.bytes += payload.readableBytes();
                return pass(half, peer, Frame.DATAGRAM, flags, payload);
            }
            case Frame.CREDIT -> {
                long bytes = FrameRules.credit(half, payload);
                int probe = flags & (Frame.FLAG_PROBE | Frame.FLAG_ALIVE);
                if (bytes > 0 || probe != 0) {
                    tell(other, () -> other.takeCredit(peer, bytes, probe, this));
                }
            }
            case Frame.FIN -> {
                FrameRules.fin(half);
                half.finFromOwner = true;
                endIfFinished(half);
                pass(half, peer, Frame.FIN, 0, Unpooled.EMPTY_BUFFER);
            }
            case Frame.RESET -> {
                Reason reason = FrameRules.reason(payload);
                half.record.endedBy(kind(), reason);
                end(half);
                toPeer(half, reason);
            }
            case Frame.OPENED -> answeredOpened(half, peer, flags, payload);
            case Frame.REFUSED -> {
                FrameRules.answer("REFUSED", half);
                half.record.endedBy(kind(), FrameRules.reason(payload));
                end(half);
                payload.writerIndex(payload.readerIndex() + Math.min(payload.readableBytes(), MAX_REFUSED));
                return tell(other, () -> other.takeRefused(peer, payload), payload);
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
        return crossings.hand(other, () -> other.take(peer, type, flags, payload), payload);
    }

    private void answeredOpened(FlowHalf half, FlowHalf peer, int flags, ByteBuf payload) throws ProtocolException {
        FrameRules.answer("OPENED", half);
        long credit = FrameRules.u32(payload, "OPENED");
        if (credit > MAX_FLOW_CREDIT) {
            throw new ProtocolException("OPENED grants " + credit + " bytes, most is " + MAX_FLOW_CREDIT);
        }
        half.opened = true;
        long rtt = link().minRttMicros();
        tell(peer.owner, () -> peer.owner.takeOpened(peer, flags & Frame.FLAG_PROBES, credit, rtt));
    }

    // ---- halves; this link's loop ----

    final void add(FlowHalf half, int id) {
        half.attach(id, writer().outlet(id, null));
        flows.put(id, half);
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
            flows.remove(half.id);
            flowCount = flows.size();
            forgotten(half);
        }
    }

    /** A flow is no longer on this link; once for each that was added. */
    void forgotten(FlowHalf half) {}

    /** The flows as they are now. */
    final FlowHalf[] flows() {
        FlowHalf[] all = new FlowHalf[flows.size()];
        int[] n = {0};
        flows.forEach(half -> all[n[0]++] = half);
        return all;
    }

    /** Forgets the flow once both directions have ended; its outlet still drains. */
    private void endIfFinished(FlowHalf half) {
        if (half.finFromOwner && half.finToOwner) {
            remove(half);
        }
    }

    final void toPeer(FlowHalf half, Reason reason) {
        FlowHalf peer = half.peer;
        if (peer != null) {
            tell(peer.owner, () -> peer.owner.takeReset(peer, reason));
        }
    }

    final Inbox inbox() {
        return Objects.requireNonNull(inbox, "link is not up yet");
    }

    /**
     * Has something done on the loop of {@code other}, because of what this link's peer did: now, when that is this loop.
     *
     * @return false when that loop has ended, as it does only when the gateway closes
     */
    final boolean tell(SwitchedLink other, Runnable task) {
        return tell(other, task, null);
    }

    /** @param payload what {@code task} owns; still the caller's when this returns false */
    private boolean tell(SwitchedLink other, Runnable task, @Nullable ByteBuf payload) {
        if (other.loop().inEventLoop()) {
            task.run();
            return true;
        }
        return crossings.hand(other, task, payload);
    }

    /** Runs on this link's loop, from any thread: now, when that is the caller's. */
    final void run(Runnable task) {
        if (loop().inEventLoop()) {
            task.run();
        } else {
            inbox().add(new Inbox.Item(null, 0, task, null));
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

    /** What the link keeps, about: itself with its TLS, its flows, and what waits. */
    final long memory() {
        return LINK_COST + FLOW_COST * flows.size() + heldBytes();
    }

    /** Payload bytes that wait here for the peer and from it. */
    final long queuedBytes() {
        return writer().queuedBytes() + (heldUploads == null ? 0 : heldUploads.queuedBytes());
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
        if (type == Frame.FIN && !half.closed) {
            half.finToOwner = true;
            endIfFinished(half);
        }
    }

    /** Queues DATA, DATAGRAM or FIN of a flow of this link in one of the flow's two outlets here, if there is room. */
    private void queue(FlowHalf half, Outlet outlet, int type, int flags, ByteBuf payload) {
        if (type != Frame.DATAGRAM) {
            if (backlog.hasRoom()) {
                outlet.add(type, flags, type == Frame.FIN ? payload : backlog.compact(payload), type != Frame.FIN);
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

    private void takeCredit(FlowHalf half, long bytes, int probe, SwitchedLink granter) {
        if (half.closed) {
            return;
        }
        half.credit += bytes;
        if (half.credit > MAX_FLOW_CREDIT) {
            resetBoth(half, Reason.PROTOCOL_ERROR);
            granter.run(() -> granter.link().close(1002, "CREDIT beyond " + MAX_FLOW_CREDIT + " bytes for one flow"));
            return;
        }
        half.outlet().grant(bytes);
        half.outlet().tell(probe);
    }

    private void takeOpened(FlowHalf half, int flags, long credit, long rttMicros) {
        if (half.closed) {
            return;
        }
        half.opened = true;
        half.credit += credit;
        ByteBuf b = link().channel().alloc().directBuffer(8);
        b.writeInt((int) credit).writeInt((int) Math.min(rttMicros, 0xffff_ffffL));
        writer().control(Frame.OPENED, flags, half.id, b);
    }

    private void takeRefused(FlowHalf half, ByteBuf payload) {
        if (half.closed) {
            payload.release();
            return;
        }
        end(half);
        if (!writer().takesControl()) {
            payload.writerIndex(
                    Math.min(payload.writerIndex(), payload.readerIndex() + 1)); // the reason, without a text
        }
        writer().control(Frame.REFUSED, 0, half.id, payload);
    }

    final void takeReset(FlowHalf half, Reason reason) {
        if (half.closed) {
            half.dropUpload(); // finished on this side, and still held up
            return;
        }
        end(half);
        if (isUp() && half.isKnownToOwner()) {
            writer().control(Frame.RESET, half.id, reason);
        }
    }

    final void resetBoth(FlowHalf half, Reason reason) {
        half.record.endedBy(FlowRecord.GATEWAY, reason);
        takeReset(half, reason);
        toPeer(half, reason);
    }
}
