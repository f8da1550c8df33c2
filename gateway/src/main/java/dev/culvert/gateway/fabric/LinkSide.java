package dev.culvert.gateway.fabric;

import dev.culvert.address.AddressText;
import dev.culvert.gateway.audit.AuditRecord;
import dev.culvert.gateway.limit.Services;
import dev.culvert.gateway.presence.LinkFacts;
import dev.culvert.gateway.presence.Links;
import dev.culvert.gateway.presence.PresentLink;
import dev.culvert.token.Token;
import dev.culvert.tunnel.frame.Drain;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.limit.IdTable;
import dev.culvert.tunnel.limit.Quota;
import dev.culvert.tunnel.link.Carrier;
import dev.culvert.tunnel.outgoing.Bandwidth;
import dev.culvert.tunnel.outgoing.FrameWriter;
import dev.culvert.tunnel.outgoing.Outlet;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A link as the owner of its flows' halves: keeps them, queues what is for its peer, as much as there is room for, and hands
 * what its peer sent to the other halves' sides. On the link's event loop, but for what says otherwise.
 */
final class LinkSide implements Side, PresentLink {
    /** How long flows of a link that is down are ended in one turn of the loop, which has others' frames to switch. */
    private static final long END_SLICE_NANOS = 1_000_000;

    /** What a link costs that does nothing, in bytes, with its TLS. */
    private static final long LINK_COST = 64 << 10;

    /** What a flow's half costs that carries nothing, with its part of the tables, and of the other half. */
    private static final long FLOW_COST = 1 << 10;

    /** Of what a peer says that it has: more than a token's id. */
    private static final int MAX_ID = 64;

    private final Carrier carrier;
    private final EventLoop loop;
    private final FrameWriter writer;
    private final Services services;
    private final @Nullable Token token;
    private final AuditRecord.Holder holder;
    private final String holderKey;
    private final boolean accepts;
    private final Quota<String> places;
    private final Inbox inbox;
    private final IdTable<FlowHalf> flows = new IdTable<>();
    private final BacklogShare backlog;
    private final Crossings crossings;
    private final LastWords lastWords;
    private @Nullable HeldUploads heldUploads;
    private final LinkMeter meter;
    /** Of all links, in the direction of this one's peer. */
    private final LongAdder carried;

    private long flowsEver;
    private volatile int flowCount;
    private volatile boolean moves;
    private volatile @Nullable String hasRenewed;

    /**
     * @param accepts whether flows are opened towards it
     * @param places of flows by their holders' names: each flow that is {@linkplain #add added} has taken one, which is given
     *     back when it has ended
     */
    LinkSide(Carrier carrier, Services services, LinkLife life, boolean accepts, Quota<String> places, Inbox inbox) {
        this.carrier = carrier;
        this.loop = carrier.eventLoop();
        this.writer = carrier.writer();
        this.services = services;
        this.token = life.token();
        this.holder = life.holder();
        this.holderKey = Links.holder(holder.kind(), holder.name());
        this.accepts = accepts;
        this.places = places;
        this.inbox = inbox;
        this.backlog = new BacklogShare(this, services.backlog());
        this.crossings = new Crossings(carrier);
        this.lastWords = new LastWords(carrier, crossings, inbox);
        this.meter = new LinkMeter(services.clock().instant());
        this.carried = accepts ? services.counters().bytesUp : services.counters().bytesDown;
    }

    // ---- who it is; from any thread ----

    @Override
    public String kind() {
        return holder.kind();
    }

    @Override
    public String name() {
        return holder.name();
    }

    @Override
    public @Nullable Token token() {
        return token;
    }

    AuditRecord.Holder holder() {
        return holder;
    }

    /** Whose memory, flows and links these are: the links of one kind and name share a holder. */
    String holderKey() {
        return holderKey;
    }

    @Override
    public boolean accepts() {
        return accepts;
    }

    @Override
    public boolean isUp() {
        return !carrier.isDown();
    }

    @Override
    public EventLoop loop() {
        return loop;
    }

    @Override
    public boolean hand(Inbox.Item item) {
        return inbox.add(item);
    }

    @Override
    public void run(Runnable task) {
        Side.super.run(task);
    }

    @Override
    public void drain(Drain drain) {
        run(() -> carrier.drain(drain));
    }

    /** What its peer has said. */
    void moves(boolean said) {
        moves = said;
    }

    @Override
    public @Nullable String key() {
        return holder.key();
    }

    @Override
    public void renewed(String jwt) {
        run(() -> {
            if (isUp() && carrier.version() >= 2) {
                writer.control(Frame.RENEWED, 0, 0, Unpooled.copiedBuffer(jwt, StandardCharsets.US_ASCII));
            }
        });
    }

    /** Its peer's answer to that. */
    void hasRenewed(ByteBuf payload) {
        hasRenewed = payload.toString(
                payload.readerIndex(), Math.min(payload.readableBytes(), MAX_ID), StandardCharsets.US_ASCII);
    }

    @Override
    public @Nullable String hasRenewed() {
        return hasRenewed;
    }

    @Override
    public boolean moves() {
        return moves;
    }

    @Override
    public Future<?> stopReading() {
        return lastWords.stopReading();
    }

    @Override
    public Future<?> flush() {
        return lastWords.flush();
    }

    @Override
    public void close(int code, String why) {
        run(() -> {
            carrier.close(code, why);
            lastWords.said();
        });
    }

    @Override
    public Future<?> closeFuture() {
        return carrier.closeFuture();
    }

    @Override
    public int flowCount() {
        return flowCount;
    }

    @Override
    public LinkFacts facts() {
        return meter.facts(holder, carrier);
    }

    @Override
    public int mortalFlowCount() {
        return carrier.version() < 2 ? flowCount : 0;
    }

    @Override
    public String toString() {
        return kind() + " '" + name() + "' at " + AddressText.of(carrier.remoteAddress());
    }

    // ---- the link ----

    FrameWriter writer() {
        return writer;
    }

    Carrier carrier() {
        return carrier;
    }

    Crossings crossings() {
        return crossings;
    }

    /** Whether more may wait here for the peer. */
    boolean hasRoom() {
        return backlog.hasRoom();
    }

    /**
     * Holds what flows carry on this link to bandwidths, from now on. Control frames are neither counted nor held up.
     *
     * @param up of what the peer sends; null for no limit
     * @param down of what it is sent; null for no limit
     */
    void limit(@Nullable Bandwidth up, @Nullable Bandwidth down) {
        writer.limit(down);
        if (heldUploads == null && up != null) {
            heldUploads = new HeldUploads(this);
        }
        if (heldUploads != null) {
            heldUploads.limit(up);
        }
    }

    /** Memory that waits here for the peer and from it. */
    long heldBytes() {
        return writer.heldBytes() + (heldUploads == null ? 0 : heldUploads.heldBytes());
    }

    /** Payload bytes that wait here for the peer and from it. */
    long queuedBytes() {
        return writer.queuedBytes() + (heldUploads == null ? 0 : heldUploads.queuedBytes());
    }

    @Override
    public long memory() {
        return LINK_COST + FLOW_COST * flows.size() + heldBytes();
    }

    // ---- its flows ----

    void add(FlowHalf half, int id) {
        half.attach(id, writer.outlet(id, null));
        flows.put(id, half);
        flowsEver++;
        flowCount = flows.size();
    }

    @Nullable
    FlowHalf half(int id) {
        return flows.get(id);
    }

    /** The flows as they are now. */
    FlowHalf[] flows() {
        FlowHalf[] all = new FlowHalf[flows.size()];
        int[] n = {0};
        flows.forEach(half -> all[n[0]++] = half);
        return all;
    }

    /** Shows some of the flows, at most so many. */
    void someFlows(int most, Consumer<FlowHalf> to) {
        int[] n = {0};
        flows.forEach(half -> {
            if (n[0]++ < most) {
                to.accept(half);
            }
        });
    }

    /** How many there have been. */
    long flowsEver() {
        return flowsEver;
    }

    /** Forgets the flow at once: what waits for the owner is dropped. */
    void end(FlowHalf half) {
        half.outlet().close();
        half.dropUpload();
        remove(half);
    }

    private void remove(FlowHalf half) {
        if (!half.closed) {
            half.close();
            flows.remove(half.id);
            flowCount = flows.size();
            places.give(half.countsFor == null ? name() : half.countsFor, 1);
        }
    }

    /** Forgets the flow once both directions have ended; its outlet still drains. */
    void endIfFinished(FlowHalf half) {
        if (half.isFinished()) {
            remove(half);
        }
    }

    /**
     * The link is down: ends its flows, for a slice of time.
     *
     * @return whether all have ended; else it is to be called again, in another turn of the loop
     */
    boolean endFlows() {
        long start = services.nanos();
        for (FlowHalf half = flows.removeAny(); half != null; half = flows.removeAny()) {
            half.record.endedBy(kind(), Reason.LINK_LOST);
            end(half);
            if (half.resumable && !carrier.endsFlows()) {
                pathLostToPeer(half, Reason.LINK_LOST);
            } else {
                toPeer(half, Reason.LINK_LOST);
            }
            if (crossings.isFull() || services.nanos() - start > END_SLICE_NANOS) {
                return false;
            }
        }
        if (heldUploads != null && !heldUploads.close()) {
            return false;
        }
        backlog.clear();
        return true;
    }

    void resetBoth(FlowHalf half, Reason reason) {
        half.record.endedBy(FlowRecord.GATEWAY, reason);
        takeReset(half, reason);
        toPeer(half, reason);
    }

    /** Answers an OPEN of the peer. */
    void refuse(int flowId, Reason reason, String text) {
        byte[] words = text.getBytes(StandardCharsets.UTF_8);
        ByteBuf b = Unpooled.buffer(1 + words.length).writeByte(reason.code()).writeBytes(words);
        writer.control(Frame.REFUSED, 0, flowId, b);
    }

    // ---- from its peer, to other sides ----

    /**
     * Passes DATA, DATAGRAM or FIN on, or keeps it until the owner's bandwidth allows.
     *
     * @return whether the payload was passed on
     */
    boolean pass(FlowHalf half, FlowHalf peer, int type, int flags, ByteBuf payload) {
        HeldUploads held = heldUploads;
        meter.received(payload.readableBytes());
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
    boolean passOn(FlowHalf peer, int type, int flags, ByteBuf payload) {
        Side other = peer.owner;
        if (other.loop().inEventLoop()) {
            other.take(peer, type, flags, payload);
            return true;
        }
        return crossings.hand(other, () -> other.take(peer, type, flags, payload), payload);
    }

    void toPeer(FlowHalf half, Reason reason) {
        FlowHalf peer = half.peer;
        if (peer != null) {
            tell(peer.owner, () -> peer.owner.takeReset(peer, reason));
        }
    }

    void pathLostToPeer(FlowHalf half, Reason reason) {
        FlowHalf peer = half.peer;
        if (peer != null) {
            tell(peer.owner, () -> peer.owner.takePathLost(peer, reason));
        }
    }

    /**
     * Has something done on the loop of {@code other}, because of what this link's peer did: now, when that is this loop.
     *
     * @return false when that loop has ended, as it does only when the gateway closes
     */
    boolean tell(Side other, Runnable task) {
        return tell(other, task, null);
    }

    /** @param payload what {@code task} owns; still the caller's when this returns false */
    boolean tell(Side other, Runnable task, @Nullable ByteBuf payload) {
        if (other.loop().inEventLoop()) {
            task.run();
            return true;
        }
        return crossings.hand(other, task, payload);
    }

    // ---- from other sides, to its peer ----

    @Override
    public void take(FlowHalf half, int type, int flags, ByteBuf payload) {
        if (half.closed) {
            payload.release();
            return;
        }
        carried.add(payload.readableBytes());
        meter.sent(payload.readableBytes());
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
                services.counters().overloaded.increment();
                resetBoth(half, Reason.OVERLOADED);
            }
        } else if (!backlog.hasRoom()) {
            payload.release();
            services.counters().droppedDatagrams.increment();
        } else if (!outlet.addDatagram(flags, backlog.compact(payload), true)) {
            services.counters().droppedDatagrams.increment();
        }
    }

    @Override
    public void takeCredit(FlowHalf half, long bytes, int told, long received, Side granter) {
        if (half.closed) {
            return;
        }
        half.credit += bytes;
        if (half.credit > FlowHalf.MAX_CREDIT) {
            resetBoth(half, Reason.PROTOCOL_ERROR);
            granter.close(1002, "CREDIT beyond " + FlowHalf.MAX_CREDIT + " bytes for one flow");
            return;
        }
        half.outlet().received(received, received >= 0);
        half.outlet().grant(bytes);
        half.outlet().tell(told);
        if ((told & Frame.FLAG_ENDED) != 0) {
            half.finReceivedFromOwner = true;
            endIfFinished(half);
        }
    }

    @Override
    public void takeOpened(FlowHalf half, Opened opened, String answerer) {
        if (half.closed) {
            return;
        }
        half.answered();
        half.credit += opened.credit();
        ByteBuf b = carrier.alloc().directBuffer(64);
        b.writeInt((int) opened.credit()).writeInt((int) Math.min(opened.rttMicros(), 0xffff_ffffL));
        if (half.resumable) {
            b.writeLong(opened.received());
            b.writeCharSequence(answerer, StandardCharsets.US_ASCII);
        }
        writer.control(Frame.OPENED, opened.flags(), half.id, b);
    }

    @Override
    public void takeRefused(FlowHalf half, ByteBuf payload) {
        if (half.closed) {
            payload.release();
            return;
        }
        end(half);
        if (!writer.takesControl()) {
            payload.writerIndex(
                    Math.min(payload.writerIndex(), payload.readerIndex() + 1)); // the reason, without a text
        }
        writer.control(Frame.REFUSED, 0, half.id, payload);
    }

    @Override
    public void takeReset(FlowHalf half, Reason reason) {
        ended(half, Frame.RESET, reason);
    }

    @Override
    public void takePathLost(FlowHalf half, Reason reason) {
        ended(half, Frame.PATH_LOST, reason);
    }

    private void ended(FlowHalf half, int type, Reason reason) {
        if (half.closed) {
            half.dropUpload(); // finished on this side, and still held up
            return;
        }
        end(half);
        if (isUp() && half.isKnownToOwner()) {
            writer.control(type, half.id, reason);
        }
    }

    @Override
    public void takeFailure(FlowHalf half, FlowHalf asked, Reason reason) {
        if (half.closed || half.peer != asked) {
            return;
        }
        half.record.endedBy(FlowRecord.GATEWAY, reason);
        end(half);
        if (isUp()) {
            refuse(
                    half.id,
                    reason,
                    asked.owner.kind() + " '" + asked.owner.name() + "' has "
                            + (reason == Reason.NO_AGENT ? "just disconnected" : "too much to do"));
        }
    }
}
