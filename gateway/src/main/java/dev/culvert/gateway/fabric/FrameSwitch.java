package dev.culvert.gateway.fabric;

import dev.culvert.gateway.limit.Counters;
import dev.culvert.gateway.presence.Links;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.ProtocolException;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.Carrier;
import dev.culvert.tunnel.link.FrameReceiver;
import dev.culvert.tunnel.link.Link;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * What an authenticated link's frames do: looks up the flow, checks that the frame is due, counts its credit, and hands the
 * payload to the flow's other half under the other id, without reading or copying it. What else a link does is its {@link
 * Role}'s. Runs on the link's event loop; what concerns the other half is handed to its side's loop.
 *
 * <p>Whatever the peer at the other end would take for a violation is caught here: a peer that breaks the protocol, or
 * floods, ends its own link and no other.
 */
final class FrameSwitch implements FrameReceiver {
    /** How soon it goes on ending flows when the other loops have enough to do with what it has told them. */
    private static final long END_PAUSE_MILLIS = 1;

    /** Of an agent's explanation of a refusal, what is passed on. */
    private static final int MAX_REFUSED = 1 + 512;

    private final Links links;
    private final Counters counters;
    private final LinkLife life;
    private final Function<Carrier, LinkSide> makeSide;
    private final Function<LinkSide, Role> makeRole;
    private @Nullable LinkSide side;
    private @Nullable Role role;

    FrameSwitch(
            Links links,
            Counters counters,
            LinkLife life,
            Function<Carrier, LinkSide> makeSide,
            Function<LinkSide, Role> makeRole) {
        this.links = links;
        this.counters = counters;
        this.life = life;
        this.makeSide = makeSide;
        this.makeRole = makeRole;
    }

    /** The link as its flows' owner. */
    LinkSide side() {
        LinkSide s = side;
        if (s == null) {
            throw new IllegalStateException("link is not up yet");
        }
        return s;
    }

    private Role role() {
        Role r = role;
        if (r == null) {
            throw new IllegalStateException("link is not up yet");
        }
        return r;
    }

    @Override
    public void linkUp(Link link) {
        LinkSide up = makeSide.apply(link);
        Role its = makeRole.apply(up);
        side = up;
        role = its;
        links.up(up);
        if (up.token() != null) { // else it is the gateway's own
            (up.accepts() ? counters.agentLinks : counters.clientLinks).increment();
        }
        life.begins(up);
        its.up();
        life.endIfRevoked(up);
    }

    @Override
    public void roundTrip(Link link, long nanos) {
        (side().accepts() ? counters.agentRoundTrips : counters.clientRoundTrips).add(nanos);
    }

    @Override
    public void linkDown(Link link, String why) {
        life.ends(side(), why);
        role().down();
        endFlows(why);
    }

    private void endFlows(String why) {
        LinkSide own = side();
        if (!own.endFlows()) {
            // Scheduled, not executed: what is executed has its turn before sockets have theirs.
            long pause = own.crossings().isFull() ? END_PAUSE_MILLIS : 0;
            own.loop().schedule(() -> endFlows(why), pause, TimeUnit.MILLISECONDS);
            return;
        }
        life.over(own, why);
        role().gone();
        links.down(own);
    }

    /** Asked when many control frames wait for the peer. */
    @Override
    public boolean mayHold(Link link) {
        return side().hasRoom();
    }

    @Override
    public void batchComplete(Link link) {}

    @Override
    public void frame(Link link, int type, int flags, int flowId, ByteBuf payload) throws ProtocolException {
        boolean passedOn = false;
        try {
            switch (type) {
                case Frame.OPEN -> role().opened(flags, flowId, payload);
                case Frame.ANNOUNCE -> role().announced(payload);
                case Frame.DRAIN -> role().draining();
                case Frame.SESSION, Frame.SESSION_ENDED, Frame.HELD, Frame.RENEWED -> {
                    if (link.version() < 2) {
                        counters.unknownFrame.increment();
                    } else if (type == Frame.SESSION) {
                        role().session(payload);
                    } else if (type == Frame.RENEWED) {
                        side().hasRenewed(payload);
                    } else if (type == Frame.SESSION_ENDED) {
                        role().sessionsEnded(payload);
                    } else {
                        role().held(payload);
                    }
                }
                default -> {
                    LinkSide own = side();
                    FlowHalf half = own.half(flowId);
                    if (half == null || half.openWaits) {
                        counters.unknownFlow.increment(); // usual just after a reset
                    } else {
                        passedOn = switchFrame(own, half, type, flags, payload);
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
    private boolean switchFrame(LinkSide own, FlowHalf half, int type, int flags, ByteBuf payload)
            throws ProtocolException {
        FlowHalf peer = half.peer;
        if (peer == null) {
            return false;
        }
        Side other = peer.owner;
        switch (type) {
            case Frame.DATA -> {
                FrameRules.data(half, payload);
                return payload.isReadable() // else it says nothing, and no credit would bound how many of them wait
                        && own.pass(half, peer, Frame.DATA, flags, payload);
            }
            case Frame.DATAGRAM -> {
                FrameRules.datagram(half, flags, payload);
                if ((flags & Frame.FLAG_PORT) != 0
                        && !role().mayUsePort(half, payload.getUnsignedShort(payload.readerIndex()))) {
                    counters.denied.increment();
                    return false;
                }
                half.bytes += payload.readableBytes();
                return own.pass(half, peer, Frame.DATAGRAM, flags, payload);
            }
            case Frame.CREDIT -> {
                long bytes = FrameRules.credit(half, payload);
                int told = flags & (Frame.FLAG_PROBE | Frame.FLAG_ALIVE | (half.resumable ? Frame.FLAG_ENDED : 0));
                long received = half.resumable ? FrameRules.offset(payload, "CREDIT") : -1;
                if (bytes > 0 || told != 0 || received >= 0) {
                    own.tell(other, () -> other.takeCredit(peer, bytes, told, received, own));
                }
                if ((told & Frame.FLAG_ENDED) != 0) {
                    half.finReceivedByOwner = true;
                    own.endIfFinished(half);
                }
            }
            case Frame.FIN -> {
                FrameRules.fin(half);
                half.finFromOwner = true;
                own.endIfFinished(half);
                own.pass(half, peer, Frame.FIN, 0, Unpooled.EMPTY_BUFFER);
            }
            case Frame.RESET -> {
                Reason reason = FrameRules.reason(payload);
                half.record.endedBy(own.kind(), reason);
                own.end(half);
                own.toPeer(half, reason);
            }
            case Frame.PATH_LOST -> {
                if (half.resumable) {
                    Reason reason = FrameRules.reason(payload);
                    half.record.endedBy(own.kind(), reason);
                    own.end(half);
                    own.pathLostToPeer(half, reason);
                } else {
                    counters.unknownFrame.increment();
                }
            }
            case Frame.OPENED -> answeredOpened(own, half, peer, flags, payload);
            case Frame.REFUSED -> {
                FrameRules.answer("REFUSED", half);
                Reason reason = FrameRules.reason(payload);
                if (half.dials) {
                    role().dialled(half.destination, reason);
                }
                half.record.endedBy(own.kind(), reason);
                own.end(half);
                payload.writerIndex(payload.readerIndex() + Math.min(payload.readableBytes(), MAX_REFUSED));
                return own.tell(other, () -> other.takeRefused(peer, payload), payload);
            }
            default -> counters.unknownFrame.increment();
        }
        return false;
    }

    private void answeredOpened(LinkSide own, FlowHalf half, FlowHalf peer, int flags, ByteBuf payload)
            throws ProtocolException {
        FrameRules.answer("OPENED", half);
        long credit = FrameRules.u32(payload, "OPENED");
        if (credit > FlowHalf.MAX_CREDIT) {
            throw new ProtocolException("OPENED grants " + credit + " bytes, most is " + FlowHalf.MAX_CREDIT);
        }
        long received = -1;
        if (half.resumable) {
            FrameRules.u32(payload, "OPENED"); // the agent's own round trip, which is measured here
            received = FrameRules.offset(payload, "OPENED");
        }
        half.answered();
        half.record.opened(half.dials);
        if (half.dials) {
            role().dialled(half.destination, null);
        }
        Side.Opened opened =
                new Side.Opened(flags & Frame.FLAG_PROBES, credit, own.carrier().minRttMicros(), received);
        String answerer = role().answerer();
        own.tell(peer.owner, () -> peer.owner.takeOpened(peer, opened, answerer));
    }
}
