package dev.culvert.gateway.fabric;

import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.outgoing.Bandwidth;
import dev.culvert.tunnel.outgoing.Outlet;
import dev.culvert.tunnel.outgoing.Shaper;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * What a client with a bandwidth sends, until that lets it go on to the agents. It waits on the client's side of the
 * gateway, so that it takes nothing of what an agent's link has for others. On the client's event loop.
 */
final class HeldUploads {
    private final LinkSide link;
    private final Shaper shaper;

    HeldUploads(LinkSide link) {
        this.link = link;
        this.shaper = new Shaper(link.loop());
    }

    /** @param bandwidth null for no limit: then what waits goes on soon */
    void limit(@Nullable Bandwidth bandwidth) {
        shaper.limit(bandwidth);
    }

    /** Whether there is no bandwidth to hold to and nothing waits. */
    boolean isIdle() {
        return shaper.isIdle();
    }

    long queuedBytes() {
        return shaper.queuedBytes();
    }

    long heldBytes() {
        return shaper.heldBytes();
    }

    /** Where what the owner of {@code half} sends waits. */
    Outlet of(FlowHalf half, FlowHalf peer) {
        Outlet o = half.upload;
        if (o == null) {
            o = shaper.outlet(half.id, new Upload(half, peer));
            half.upload = o;
        }
        return o;
    }

    /**
     * The link is down. Of flows that were finished but for what waits here nobody else tells the agent.
     *
     * @return whether that is done; else it is to be called again, in another turn of the loop
     */
    boolean close() {
        return shaper.close();
    }

    private final class Upload implements Shaper.Recipient {
        private final FlowHalf half;
        private final FlowHalf peer;

        Upload(FlowHalf half, FlowHalf peer) {
            this.half = half;
            this.peer = peer;
        }

        @Override
        public void take(int type, int flags, ByteBuf payload) {
            if (!link.passOn(peer, type, flags, payload)) {
                payload.release();
            }
        }

        @Override
        public void lost() {
            half.record.endedBy(link.kind(), Reason.LINK_LOST);
            link.toPeer(half, Reason.LINK_LOST);
        }
    }
}
