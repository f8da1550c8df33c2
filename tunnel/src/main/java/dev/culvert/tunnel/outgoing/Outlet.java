package dev.culvert.tunnel.outgoing;

import dev.culvert.tunnel.frame.Frame;
import io.netty.buffer.ByteBuf;
import io.netty.util.ReferenceCountUtil;
import org.jspecify.annotations.Nullable;

/**
 * What one flow has waiting for one link: a FIFO of DATA, FIN and DATAGRAM frames, drained by the link's
 * {@link FairWriter} or {@link Shaper}. A stream's backlog is bounded by its credit (whoever adds has checked it), a datagram flow's by
 * {@link #MAX_DATAGRAM_BACKLOG}. Not thread-safe: used on the link's event loop only. Costs one small object while
 * empty.
 */
public final class Outlet {
    /** Told when the backlog has fallen to {@link #LOW_WATER} or less after a frame was taken. */
    public interface Listener {
        void outletReady();
    }

    /** What a datagram flow may have waiting: about 20 ms of 400 Mbit/s; more would only be delay. */
    public static final int MAX_DATAGRAM_BACKLOG = 1 << 20;

    /** Datagrams that may wait, whatever their size: {@link #MAX_DATAGRAM_BACKLOG} does not bound empty ones. */
    public static final int MAX_DATAGRAMS = 4_096;

    /** At or below this many waiting bytes the listener is asked for more: two frames, so that the writer never starves. */
    public static final int LOW_WATER = 2 * Frame.MAX_DATA;

    private static final int INITIAL_SLOTS = 4;
    private static final int HEADROOM = 1 << 16;
    private static final int MERGED = 1 << 17;

    /** DATA smaller than this is gathered while it waits: a frame of one byte would hold its whole record, and a slot. */
    public static final int SMALL = 1_024;

    /** What such bytes are gathered into, at most; it begins with {@link #SMALL}, for a flow may never get more. */
    private static final int MERGE_BUFFER = 8_192;

    final int flowId;
    private final FairQueue queue;
    private final @Nullable Listener listener;

    // A ring: payload and, beside it, type | flags << 8 | HEADROOM or MERGED.
    private @Nullable ByteBuf[] payloads = {};
    private int[] meta = {};
    private int head;
    private int count;
    private int queuedBytes;
    private boolean closed;

    /** Credit that the peer is to be told of: not an event but a state, so one number, however often it is granted. */
    private int owed;

    /** What it is to be told beside that: flags of CREDIT, states too. */
    private int owedFlags;

    /** Up to which offset has been received, which it is to be told too; less than 0 of a flow that ends with its link. */
    private long received = -1;

    // The queue's own: places in its lines, and deficit.
    @Nullable
    Outlet prevNew;

    @Nullable
    Outlet nextNew;

    @Nullable
    Outlet prevOld;

    @Nullable
    Outlet nextOld;

    @Nullable
    Outlet prevOwing;

    @Nullable
    Outlet nextOwing;

    boolean isNew;
    boolean isOld;
    boolean owing;
    int deficit;

    Outlet(int flowId, FairQueue queue, @Nullable Listener listener) {
        this.flowId = flowId;
        this.queue = queue;
        this.listener = listener;
    }

    public int flowId() {
        return flowId;
    }

    /** Payload bytes that wait. */
    public int queuedBytes() {
        return queuedBytes;
    }

    public boolean isEmpty() {
        return count == 0;
    }

    /**
     * Queues a frame and lets the writer know; after {@link #close()}, or when the link is down, the payload is released
     * and nothing happens.
     *
     * @param payload ownership passes
     * @param headroom true when the bytes before {@code payload}'s reader index belong to nobody, so that headers may
     *     be written there (a frame that is passed on)
     */
    public void add(int type, int flags, ByteBuf payload, boolean headroom) {
        if (closed || queue.isClosed()) {
            payload.release();
            return;
        }
        int n = payload.readableBytes();
        int marks = headroom ? HEADROOM : 0;
        if (type == Frame.DATA && n < SMALL && count > 0) {
            if (n == 0 || merge(flags, payload, n)) {
                payload.release();
                return;
            }
            payload = gather(payload, n);
            marks = MERGED;
        }
        if (count == payloads.length) {
            grow();
        }
        int slot = (head + count) & (payloads.length - 1);
        payloads[slot] = payload;
        meta[slot] = type | flags << 8 | marks;
        count++;
        queuedBytes += n;
        if (type == Frame.DATAGRAM) {
            queue.addedDatagram(n);
        }
        queue.added(this, n);
    }

    /** Appends to the last frame if that is being gathered and has room. */
    private boolean merge(int flags, ByteBuf payload, int n) {
        int last = (head + count - 1) & (payloads.length - 1);
        ByteBuf tail = payloads[last];
        if ((meta[last] & MERGED) == 0 || tail == null || tail.maxWritableBytes() < n) {
            return false;
        }
        tail.writeBytes(payload);
        meta[last] |= flags << 8;
        queuedBytes += n;
        queue.grew(n);
        return true;
    }

    /** Begins a buffer that small frames are gathered into. Takes {@code payload}. */
    public static ByteBuf gather(ByteBuf payload, int n) {
        ByteBuf gathered = payload.alloc()
                .directBuffer(Math.max(SMALL, n), Math.max(MERGE_BUFFER, n))
                .writeBytes(payload, n);
        payload.release();
        return gathered;
    }

    /**
     * Queues a datagram, or drops it when the flow has too much waiting: more than is its own, or than is left for the link's
     * other flows.
     *
     * @return false when it was dropped (and released)
     */
    public boolean addDatagram(int flags, ByteBuf payload, boolean headroom) {
        if (closed
                || queue.isClosed()
                || count >= MAX_DATAGRAMS
                || queuedBytes + payload.readableBytes() > Math.min(MAX_DATAGRAM_BACKLOG, queue.datagramBytesLeft())) {
            payload.release();
            return false;
        }
        add(Frame.DATAGRAM, flags, payload, headroom);
        return true;
    }

    /**
     * Tells the link's peer in a CREDIT frame that it may send so many bytes more in this flow, as soon as one can be
     * written, together with what else has been granted until then.
     */
    public void grant(long bytes) {
        if (bytes <= 0 || closed || queue.isClosed()) {
            return;
        }
        owed = (int)
                Math.min(owed + bytes, Integer.MAX_VALUE); // more only of a peer that sends what it was not told of
        owe();
    }

    /** Tells the peer so much by flags of CREDIT: once, however often it is told until one can be written. */
    public void tell(int flags) {
        if (flags != 0 && !closed && !queue.isClosed()) {
            owedFlags |= flags;
            owe();
        }
    }

    /**
     * Tells the peer in the next CREDIT up to which offset has been received: the greatest, however often it is told until one can
     * be written.
     *
     * @param now whether that alone is worth a CREDIT
     */
    public void received(long upTo, boolean now) {
        if (!closed && !queue.isClosed()) {
            received = Math.max(received, upTo);
            if (now) {
                owe();
            }
        }
    }

    private void owe() {
        if (!owing) {
            queue.owes(this);
        }
    }

    int takeOwed() {
        int n = owed;
        owed = 0;
        return n;
    }

    long owedReceived() {
        return received;
    }

    int takeOwedFlags() {
        int flags = owedFlags;
        owedFlags = 0;
        return flags;
    }

    /** Refuses more and drops what waits, if that is much some of it in later turns of the loop. */
    public void close() {
        if (!closed) {
            closed = true;
            queue.closed(this);
        }
    }

    /** Drops up to {@code most} frames; returns how many. */
    int drop(int most) {
        int dropped = 0;
        for (; dropped < most && count > 0; dropped++) {
            ReferenceCountUtil.release(take());
        }
        return dropped;
    }

    private void grow() {
        int slots = payloads.length == 0 ? INITIAL_SLOTS : payloads.length * 2;
        @Nullable ByteBuf[] p = new ByteBuf[slots];
        int[] m = new int[slots];
        for (int i = 0; i < count; i++) {
            int slot = (head + i) & (payloads.length - 1);
            p[i] = payloads[slot];
            m[i] = meta[slot];
        }
        payloads = p;
        meta = m;
        head = 0;
    }

    int headType() {
        return meta[head] & 0xff;
    }

    int headFlags() {
        return meta[head] >>> 8 & 0xff;
    }

    boolean headHasHeadroom() {
        return (meta[head] & HEADROOM) != 0;
    }

    int frames() {
        return count;
    }

    int headBytes() {
        ByteBuf b = payloads[head];
        return b == null ? 0 : b.readableBytes();
    }

    /** The first frame's payload, still the outlet's. */
    ByteBuf peekHead() {
        ByteBuf b = payloads[head];
        if (b == null) {
            throw new IllegalStateException("peekHead() of an empty outlet, flow=" + flowId);
        }
        return b;
    }

    /** Removes the first frame's payload; the caller owns it. */
    ByteBuf take() {
        ByteBuf b = peekHead();
        if (headType() == Frame.DATAGRAM) {
            queue.removedDatagram(b.readableBytes());
        }
        payloads[head] = null;
        head = (head + 1) & (payloads.length - 1);
        count--;
        int n = b.readableBytes();
        queuedBytes -= n;
        queue.removed(n);
        if (count == 0 && payloads.length > INITIAL_SLOTS) {
            payloads = new ByteBuf[] {};
            meta = new int[] {};
            head = 0;
        }
        return b;
    }

    @Nullable
    Listener listener() {
        return listener;
    }

    void ready() {
        if (listener != null && !closed && queuedBytes <= LOW_WATER) {
            listener.outletReady();
        }
    }
}
