package dev.culvert.gateway;

import dev.culvert.tunnel.Frame;
import dev.culvert.tunnel.FrameReceiver;
import dev.culvert.tunnel.Link;
import dev.culvert.tunnel.ProtocolException;
import dev.culvert.tunnel.Reason;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoop;
import io.netty.util.collection.IntObjectHashMap;
import io.netty.util.concurrent.ScheduledFuture;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One authenticated link at the gateway, as a frame switch: looks up the flow, counts its credit, and hands the payload
 * to the flow's other half under the other id, without reading or copying it. Runs on the link's event loop; what
 * concerns the other link is handed to its loop.
 */
abstract class SwitchedLink implements FrameReceiver {
    private static final Logger log = LoggerFactory.getLogger(SwitchedLink.class);

    /** Most credit that one flow may hold: above the largest window that our own ends grant (16 MiB). */
    static final long MAX_FLOW_CREDIT = 32L << 20;

    /** Most payload bytes waiting for one link: a peer whose windows add up to more than any of ours do is not ours. */
    static final long MAX_BACKLOG = 512L << 20;

    final LinkRegistry registry;
    final String name;
    private final Instant expires;
    private final IntObjectHashMap<FlowHalf> halves = new IntObjectHashMap<>();
    private @Nullable Link link;
    private @Nullable ScheduledFuture<?> expiry;
    volatile int flowCount;

    SwitchedLink(LinkRegistry registry, String name, Instant expires) {
        this.registry = registry;
        this.name = name;
        this.expires = expires;
    }

    abstract String kind();

    abstract void up();

    abstract void down(String why);

    abstract void opened(int flowId, ByteBuf payload) throws ProtocolException;

    abstract void announced(ByteBuf payload) throws ProtocolException;

    final Link link() {
        Link l = link;
        if (l == null) {
            throw new IllegalStateException("link is not up yet");
        }
        return l;
    }

    final boolean isUp() {
        return link != null && !link.isDown();
    }

    final EventLoop loop() {
        return link().eventLoop();
    }

    @Override
    public final String toString() {
        return kind() + " '" + name + "'" + (link == null ? "" : " at " + link.remoteAddress());
    }

    // ---- FrameReceiver ----

    @Override
    public final void linkUp(Link link) {
        this.link = link;
        long left = Duration.between(Instant.now(), expires).toMillis();
        expiry = loop().schedule(
                        () -> link.close(1008, "the token has expired; get a new one"),
                        Math.max(0, left),
                        TimeUnit.MILLISECONDS);
        log.info("{} connected", this);
        up();
    }

    @Override
    public final void linkDown(Link link, String why) {
        if (expiry != null) {
            expiry.cancel(false);
        }
        log.info("{} disconnected: {} ({} flows)", this, why, halves.size());
        for (FlowHalf half : halves.values().toArray(FlowHalf[]::new)) {
            end(half);
            toPeer(half, Reason.LINK_LOST);
        }
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
                    FlowHalf half = halves.get(flowId);
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

    void draining() {}

    /** @return whether the payload was passed on */
    private boolean switchFrame(FlowHalf half, int type, int flags, ByteBuf payload) throws ProtocolException {
        FlowHalf peer = half.peer;
        if (peer == null) {
            return false;
        }
        switch (type) {
            case Frame.DATA -> {
                half.credit -= payload.readableBytes();
                if (!half.stream || half.finFromOwner || half.credit < 0) {
                    throw new ProtocolException("DATA for flow " + Integer.toUnsignedString(half.id)
                            + (!half.stream
                                    ? ", which is not a stream"
                                    : half.finFromOwner ? " after its FIN" : " beyond its credit"));
                }
                peer.owner.run(() -> peer.owner.takeData(peer, flags, payload));
                return true;
            }
            case Frame.DATAGRAM -> {
                if (half.stream) {
                    throw new ProtocolException(
                            "DATAGRAM for flow " + Integer.toUnsignedString(half.id) + ", which is a stream");
                }
                peer.owner.run(() -> peer.owner.takeDatagram(peer, flags, payload));
                return true;
            }
            case Frame.CREDIT -> {
                long bytes = u32(payload, "CREDIT");
                peer.owner.run(() -> peer.owner.takeCredit(peer, bytes, this));
            }
            case Frame.FIN -> {
                if (!half.stream || half.finFromOwner) {
                    throw new ProtocolException("FIN " + (half.stream ? "twice" : "for a datagram flow") + ", flow "
                            + Integer.toUnsignedString(half.id));
                }
                half.finFromOwner = true;
                endIfFinished(half);
                peer.owner.run(() -> peer.owner.takeFin(peer));
            }
            case Frame.RESET -> {
                end(half);
                toPeer(half, payload.isReadable() ? Reason.of(payload.readUnsignedByte()) : Reason.UNSPECIFIED);
            }
            case Frame.OPENED -> answeredOpened(half, peer, payload);
            case Frame.REFUSED -> {
                end(half);
                payload.retain();
                peer.owner.run(() -> peer.owner.takeRefused(peer, payload));
            }
            default -> registry.counters.unknownFrame.increment();
        }
        return false;
    }

    private void answeredOpened(FlowHalf half, FlowHalf peer, ByteBuf payload) throws ProtocolException {
        long credit = u32(payload, "OPENED");
        if (credit > MAX_FLOW_CREDIT) {
            throw new ProtocolException("OPENED grants " + credit + " bytes, most is " + MAX_FLOW_CREDIT);
        }
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
        half.attach(id, link().writer().outlet(id, null));
        halves.put(id, half);
        flowCount = halves.size();
    }

    final boolean has(int id) {
        return halves.containsKey(id);
    }

    /** Forgets the flow at once: what waits for the owner is dropped. */
    final void end(FlowHalf half) {
        half.outlet().close();
        remove(half);
    }

    private void remove(FlowHalf half) {
        if (!half.closed) {
            half.closed = true;
            halves.remove(half.id);
            flowCount = halves.size();
        }
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

    /** Runs on this link's loop: now, when that is the caller's. */
    final void run(Runnable task) {
        EventLoop loop = loop();
        if (loop.inEventLoop()) {
            task.run();
        } else {
            loop.execute(task);
        }
    }

    // ---- from the peer half, on this link's loop ----

    private void takeData(FlowHalf half, int flags, ByteBuf payload) {
        if (half.closed) {
            payload.release();
            return;
        }
        registry.counters.bytes.add(payload.readableBytes());
        if (link().writer().queuedBytes() > MAX_BACKLOG) {
            payload.release();
            resetBoth(half, Reason.OVERLOADED);
            return;
        }
        half.outlet().add(Frame.DATA, flags, payload, true);
    }

    private void takeDatagram(FlowHalf half, int flags, ByteBuf payload) {
        if (half.closed) {
            payload.release();
            return;
        }
        registry.counters.bytes.add(payload.readableBytes());
        if (!half.outlet().addDatagram(flags, payload, true)) {
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
        link().writer().controlInt(Frame.CREDIT, half.id, bytes);
    }

    private void takeFin(FlowHalf half) {
        if (half.closed) {
            return;
        }
        half.outlet().add(Frame.FIN, 0, Unpooled.EMPTY_BUFFER, false);
        half.finToOwner = true;
        endIfFinished(half);
    }

    private void takeOpened(FlowHalf half, long credit, long rttMicros) {
        if (half.closed) {
            return;
        }
        half.credit += credit;
        ByteBuf b = link().channel().alloc().directBuffer(8);
        b.writeInt((int) credit).writeInt((int) Math.min(rttMicros, 0xffff_ffffL));
        link().writer().control(Frame.OPENED, 0, half.id, b);
    }

    private void takeRefused(FlowHalf half, ByteBuf payload) {
        if (half.closed) {
            payload.release();
            return;
        }
        end(half);
        link().writer().control(Frame.REFUSED, 0, half.id, payload);
    }

    final void takeReset(FlowHalf half, Reason reason) {
        if (half.closed) {
            return;
        }
        end(half);
        if (isUp()) {
            link().writer().control(Frame.RESET, half.id, reason);
        }
    }

    private void resetBoth(FlowHalf half, Reason reason) {
        takeReset(half, reason);
        toPeer(half, reason);
    }
}
