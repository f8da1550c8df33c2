package dev.culvert.tunnel.flow;

import dev.culvert.tunnel.frame.DatagramCodec;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.ProtocolException;
import dev.culvert.tunnel.outgoing.Outlet;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufHolder;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelOutboundBuffer;
import org.jspecify.annotations.Nullable;

/**
 * The sending half of a {@link LinkFlow}: what its peer lets it send, and, of a stream that can be resumed, what has been sent and
 * may not have been received. What is sent again goes before what is new, and FIN goes last, once over each path. Event loop only.
 */
final class FlowOutput {
    /** From so much on that waits for the link, 256 flows' worth, a flow adds only what its memory allows. */
    private static final int CROWDED = 16 << 20;

    private final LinkFlow flow;
    private final boolean stream;
    private @Nullable Kept kept;
    private long credit;
    private boolean asked;
    private boolean finSent; // over this path
    private boolean finReceived; // by the other end

    FlowOutput(LinkFlow flow, boolean stream) {
        this.flow = flow;
        this.stream = stream;
    }

    /** What the peer lets us send at first. */
    void begin(long first) {
        credit = first;
    }

    /** From now on what is sent is kept until it has been received; before anything was. */
    void keep(KeptBudget budget, String holder) {
        kept = new Kept(budget, holder);
    }

    /** Bytes that the peer still lets us send. */
    long credit() {
        return credit;
    }

    /** Bytes that are kept until they have been received. */
    long keptBytes() {
        return kept == null ? 0 : kept.bytes();
    }

    /** Whether the other end has received all, FIN included. */
    boolean isReceived() {
        return kept == null || finReceived;
    }

    /** Whether all has been sent, FIN included: the other end may have received it. */
    boolean isSaid() {
        return finReceived || finSent;
    }

    /** @throws ProtocolException when it adds up to more than there is */
    void granted(long bytes) throws ProtocolException {
        credit += bytes;
        if (credit > 0x7fff_ffffL) {
            throw new ProtocolException("CREDIT adds up to " + credit + " bytes for flow "
                    + Integer.toUnsignedString(flow.flowId()) + ", most is 2147483647");
        }
    }

    /**
     * The other end has received all before an offset, at which a FIN counts one.
     *
     * @return false when that was not sent
     */
    boolean received(long upTo) {
        Kept k = kept;
        if (k == null) {
            return true;
        }
        boolean fin = upTo == k.end() + 1 && finSent;
        asked = false;
        finReceived |= fin;
        return k.received(fin ? k.end() : upTo);
    }

    /**
     * Another path: goes on from where the other end has received.
     *
     * @param finished whether we have no more to send than what was sent
     * @return false when the other end says what cannot be
     */
    boolean goOn(long received, long granted, boolean finished) {
        Kept k = kept;
        asked = false;
        finSent = false;
        if (k == null) {
            return true;
        }
        boolean fin = finished && received == k.end() + 1;
        if (!k.goBack(fin ? k.end() : received)) {
            return false;
        }
        finReceived |= fin;
        credit = granted;
        return true;
    }

    // ---- writing ----

    void write(ChannelOutboundBuffer in) {
        if (!stream) {
            for (Object msg = in.current(); msg != null; msg = in.current()) {
                writeDatagram(msg);
                in.remove();
            }
            return;
        }
        if (!sendAgain(in.size() > 0)) {
            return; // CREDIT, the outlet or another path brings us back
        }
        for (Object msg = in.current(); msg != null; msg = in.current()) {
            ByteBuf buf = (ByteBuf) msg;
            int readable = buf.readableBytes();
            if (readable == 0) {
                in.remove();
                continue;
            }
            long room = newRoom();
            if (room <= 0) {
                return;
            }
            int n = (int) Math.min(Math.min(readable, room), Frame.MAX_DATA);
            credit -= n;
            if (n == readable) {
                send(buf.retain(), flags(in.size() > 1));
                in.remove();
            } else {
                send(buf.readRetainedSlice(n), flags(true));
                in.progress(n);
            }
        }
    }

    private void send(ByteBuf data, int flags) {
        if (kept != null) {
            kept.add(FlowMemory.sized(data.retainedDuplicate(), FlowMemory.PINNED_FRACTION));
            if (!asked && kept.room() <= 0) {
                asked = true;
                flags |= Frame.FLAG_ASK;
            }
        }
        flow.outlet().add(Frame.DATA, flags, data, false);
    }

    /** Sends what a lost path may have lost, as far as there is room; whether all of it is on its way. */
    private boolean sendAgain(boolean more) {
        Kept k = kept;
        if (k == null) {
            return true;
        }
        while (k.unsent() > 0) {
            long room = room();
            if (room <= 0) {
                return false;
            }
            ByteBuf piece = k.take((int) Math.min(room, Frame.MAX_DATA));
            credit -= piece.readableBytes();
            flow.outlet().add(Frame.DATA, flags(more || k.unsent() > 0), piece, false);
        }
        return flow.isAttached();
    }

    private long room() {
        return flow.isAttached()
                ? Math.min(credit, mostInOutlet() - flow.outlet().queuedBytes())
                : 0;
    }

    private long newRoom() {
        return kept == null ? room() : Math.min(room(), kept.room());
    }

    /** Four frames, so that the writer never starves; of which there is no danger when much waits for the link. */
    private long mostInOutlet() {
        return flow.writer().queuedBytes() < CROWDED ? 2L * Outlet.LOW_WATER : flow.firstCredit();
    }

    private int flags(boolean more) {
        return credit == 0 && more ? Frame.FLAG_BLOCKED : 0;
    }

    private void writeDatagram(Object msg) {
        ByteBuf payload = msg instanceof ByteBufHolder holder
                ? DatagramCodec.encode(flow.alloc(), holder)
                : ((ByteBuf) msg).retain();
        if (!flow.outlet().addDatagram(DatagramCodec.flags(msg), payload, false)) {
            flow.datagramDropped();
        }
    }

    /** Goes on with what is to be sent again; FIN follows when all is on its way and no more comes. */
    void goOn(boolean shutdown) {
        if (stream && sendAgain(!shutdown) && shutdown && !finSent && flow.isAttached()) {
            finSent = true;
            flow.outlet().add(Frame.FIN, 0, Unpooled.EMPTY_BUFFER, false);
        }
    }

    void close() {
        if (kept != null) {
            kept.close(flow.eventLoop());
        }
    }
}
