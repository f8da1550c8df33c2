package dev.culvert.tunnel.flow;

import dev.culvert.tunnel.frame.DatagramCodec;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.ChannelInputShutdownReadComplete;
import org.jspecify.annotations.Nullable;

/**
 * The receiving half of a {@link LinkFlow}: what has come and is unread, the credit for what was read, and the end. Event
 * loop only, but for {@link #isShutdown()}.
 */
final class FlowInput {
    /** Most datagrams that wait for a flow's reader; datagram flows are read at once unless autoRead was turned off. */
    private static final int MAX_DATAGRAMS_UNREAD = 256;

    /**
     * So much that has come is told, at the end of a read: what its sender keeps goes back to be used again while the processor's
     * cache still has it. With credit's steps of 256 KiB alone an upload is slower by a tenth (docs/decisions/0018).
     */
    private static final int TOLD_EACH = 64 << 10;

    private final LinkFlow flow;
    private final @Nullable ReceiveWindow window;

    private @Nullable Unread unread;
    private boolean readPending;
    private boolean delivered; // since the last channelReadComplete
    private boolean finReceived;
    private boolean finOnPath; // a FIN is said over each
    private boolean asked; // the sender keeps as much as it may
    private long received;
    private long told = -1; // that OPENED has come is news too
    private volatile boolean shutdown;
    private boolean endTold;

    /** @param window of a stream; null for a datagram flow */
    FlowInput(LinkFlow flow, @Nullable ReceiveWindow window) {
        this.flow = flow;
        this.window = window;
    }

    /** Offset up to which has been received; FIN counts one. */
    long received() {
        return received;
    }

    /** Whether the other end knows of less. */
    boolean hasNews() {
        return received != told;
    }

    /** The same as {@link #received()}, for the other end to be told. */
    long tellReceived() {
        told = received;
        return received;
    }

    /** Whether FIN has come over the present path. */
    boolean isFinOnPath() {
        return finOnPath;
    }

    /** Another path: FIN comes over it too. */
    void newPath() {
        finOnPath = false;
        told = received;
    }

    /** Payload bytes that have come and that nobody has read. */
    long unreadBytes() {
        return unread == null ? 0 : unread.bytes();
    }

    boolean finReceived() {
        return finReceived;
    }

    /** Whether nothing more will be read. */
    boolean isShutdown() {
        return shutdown;
    }

    // ---- from the link ----

    /** Takes {@code payload}, except when it throws. */
    void receiveData(ByteBuf payload, int flags) throws ProtocolException {
        ReceiveWindow w = window;
        int n = payload.readableBytes();
        if (w == null || finReceived || !w.received(n, (flags & Frame.FLAG_BLOCKED) != 0)) {
            throw new ProtocolException("DATA for flow " + Integer.toUnsignedString(flow.flowId())
                    + (w == null ? ", which is not a stream" : finReceived ? " after its FIN" : " beyond its credit"));
        }
        received += n;
        asked |= (flags & Frame.FLAG_ASK) != 0;
        if (n == 0 || shutdown || !flow.isOpen()) {
            payload.release();
            consumed(n);
            return;
        }
        ByteBuf data =
                w.first() < FlowMemory.MOST ? FlowMemory.sized(payload, FlowMemory.PINNED_FRACTION_OF_MANY) : payload;
        if (isRead()) {
            deliver(data);
        } else {
            unread().add(data, w.unread() > FlowMemory.MOST);
        }
    }

    /** Takes {@code payload}, except when it throws. */
    void receiveDatagram(ByteBuf payload, int flags) throws ProtocolException {
        if (window != null || payload.readableBytes() < Frame.datagramPrefix(flags)) {
            throw new ProtocolException("DATAGRAM for flow " + Integer.toUnsignedString(flow.flowId())
                    + (window != null ? ", which is a stream" : " is too short"));
        }
        boolean full = shutdown || unread != null && unread.size() >= MAX_DATAGRAMS_UNREAD;
        Object message = full ? null : DatagramCodec.decode(flags, payload);
        if (message == null) {
            payload.release();
            flow.datagramDropped();
            return;
        }
        if (isRead()) {
            deliver(message);
        } else {
            unread().addDatagram(message);
        }
    }

    void receiveFin() throws ProtocolException {
        if (finReceived && !finOnPath && flow.isResumable()) {
            finOnPath = true; // it came before, over another path, and its sender may not know
            flow.tellFin();
            return;
        }
        if (finReceived || window == null) {
            throw new ProtocolException("FIN " + (window == null ? "for a datagram flow" : "twice") + ", flow "
                    + Integer.toUnsignedString(flow.flowId()));
        }
        finReceived = true;
        finOnPath = true;
        received++;
        if (flow.isOpen()) {
            window.ended();
        }
        flow.tellFin();
    }

    /** End of a batch: tell the readers, and the peer's FIN when all before it has been read. */
    void batchComplete() {
        if (asked || received - told >= TOLD_EACH) {
            asked = false;
            flow.tellReceived();
        }
        if (received != told) {
            flow.gotSomething();
        }
        drain();
        if (delivered) {
            delivered = false;
            readPending = false;
            flow.pipeline().fireChannelReadComplete(); // calls read() again when autoRead is on
        }
        tellEnd();
    }

    // ---- from the channel ----

    void beginRead() {
        if (readPending) {
            return;
        }
        readPending = true;
        if (unread != null || !endTold && (finReceived || shutdown)) {
            // Not from here: read() is often called from inside channelRead, and must not recurse into it.
            flow.eventLoop().execute(this::batchComplete);
        }
    }

    /** autoRead was switched off. */
    void stopReading() {
        readPending = false;
    }

    /** What is unread and what still comes is thrown away, its credit returned: the peer is not told. */
    void shutdown() {
        if (shutdown) {
            return;
        }
        shutdown = true;
        Unread q = unread;
        unread = null;
        if (q != null) {
            int n = (int) q.bytes();
            q.drop(flow.eventLoop());
            consumed(n);
        }
        if (readPending) {
            flow.eventLoop().execute(this::batchComplete);
        }
    }

    /** The flow is closed. */
    void close() {
        Unread q = unread;
        unread = null;
        readPending = false; // drain() may be in the middle of it
        if (q != null) {
            q.drop(flow.eventLoop());
        }
    }

    // ---- inside ----

    private boolean isRead() {
        return readPending && isEmpty();
    }

    private boolean isEmpty() {
        return unread == null || unread.isEmpty();
    }

    private Unread unread() {
        if (unread == null) {
            unread = new Unread();
        }
        return unread;
    }

    private void deliver(Object message) {
        delivered = true;
        int n = message instanceof ByteBuf b ? b.readableBytes() : 0;
        flow.pipeline().fireChannelRead(message);
        consumed(n);
    }

    private void consumed(int bytes) {
        ReceiveWindow w = window;
        if (w == null || bytes == 0 || !flow.grants()) {
            return; // a closed flow must not grow: its window has gone back to the budget
        }
        long credit = w.consumed(bytes, isEmpty(), flow.eventLoop().ticker().nanoTime(), flow.pathRttNanos());
        if (credit > 0) {
            flow.grant(credit);
        }
    }

    private void drain() {
        Unread q = unread;
        Object message;
        while (readPending && q != null && (message = q.poll()) != null) {
            deliver(message);
            q = unread; // a reader may have shut the input down
        }
        if (q != null && q.isEmpty()) {
            unread = null;
        }
    }

    private void tellEnd() {
        if (endTold || !readPending || !flow.isActive() || !flow.isRegistered()) {
            return;
        }
        boolean news = !shutdown;
        if (news && !(finReceived && isEmpty())) {
            return;
        }
        endTold = true;
        readPending = false;
        if (news) {
            shutdown = true;
            flow.pipeline().fireUserEventTriggered(ChannelInputShutdownEvent.INSTANCE);
        }
        flow.pipeline().fireUserEventTriggered(ChannelInputShutdownReadComplete.INSTANCE);
    }
}
