package dev.culvert.stack.tcp;

import dev.culvert.stack.tcp.TcpCounters.Counter;
import dev.culvert.stack.wire.Tcp;
import io.netty.buffer.ByteBuf;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * The receiving half of a connection: RCV.NXT, the window, what is queued in order for an application that does not read,
 * and what came out of order. Field names are those of RFC 9293 section 3.3.1.
 */
final class Receiver {
    /** Queued payloads smaller than 1/2 of the packet buffer are copied, lest 60 bytes keep 64 KiB alive. */
    private static final int COPY_BREAK_FRACTION = 2;
    /** Copies gather in chunks of this size, so that a million one-byte segments are not a million buffers. */
    private static final int COPY_CHUNK = 4096;

    /**
     * What a buffer costs of the budget besides its bytes: the objects around it, so that many tiny segments cannot hold
     * much more memory than the budget.
     */
    static final int BUFFER_OVERHEAD = 256;

    /** What a connection that has nothing waiting may be sent though the budget is used up: a super-packet. */
    private static final int PASSING_WINDOW = 64 << 10;

    /** Results of {@link #trim}: acceptable as it is. */
    static final int WHOLE = 0;
    /** Acceptable, but part of it lay outside the window. */
    static final int TRIMMED = 1;
    /** All of it came before. */
    static final int DUPLICATE = 2;
    /** Beyond the window. */
    static final int OUTSIDE = 3;
    /** Outside the window, and takes no sequence numbers. */
    static final int EMPTY_OUTSIDE = 4;

    private final TcpEndpoint endpoint;
    private final int bufferMax;

    /** RCV.NXT. */
    int next;
    /** The right edge that the peer knows; it never moves left (RFC 9293 section 3.8.6). */
    int edge;
    /** Last.ACK.sent of RFC 7323 section 4.3. */
    int lastAckSent;
    /** Rcv.Wind.Shift. */
    final int shift;
    /** The maximum segment size: what counts as a substantial window. */
    private final int segment;
    /** The peer's FIN was consumed: RCV.NXT is beyond it. */
    boolean finished;

    private int buffer;
    private int queuedBytes;
    /** What is queued costs this much of the budget of all: whole buffers, and what is around them. */
    private int queuedCost;

    private boolean finKnown;
    private int finSequence;
    private @Nullable ArrayDeque<ByteBuf> queue;
    /** The last queued buffer if it is a copy of ours that has room. */
    private @Nullable ByteBuf chunk;

    private @Nullable OutOfOrderQueue outOfOrder;
    /** Its bytes, as they were counted last. */
    private int earlyBytes;
    /** What of the budget of all is taken by it. */
    private int earlyCost;

    /** A round: from when the peer is told of an edge until it has sent up to that. A round trip, or more. */
    private boolean inRound;

    private int roundEdge;
    private long roundStart;
    private int takenInRound;
    private long leastRound = Long.MAX_VALUE;

    Receiver(TcpEndpoint endpoint, int irs, int shift, int segment) {
        TcpConfig config = endpoint.config;
        this.endpoint = endpoint;
        this.shift = Math.max(shift, 0);
        this.segment = segment;
        // Without the option the window field is all there is.
        this.bufferMax = shift < 0 ? Math.min(0xffff, config.receiveBufferMax()) : config.receiveBufferMax();
        this.buffer = Math.min(config.receiveBufferStart(), bufferMax);
        this.next = irs + 1;
        this.lastAckSent = next;
        this.edge = next;
    }

    int queued() {
        return queuedBytes;
    }

    int buffer() {
        return buffer;
    }

    boolean hasOutOfOrder() {
        return outOfOrder != null && !outOfOrder.isEmpty();
    }

    @Nullable
    OutOfOrderQueue outOfOrder() {
        return outOfOrder;
    }

    /** The window field of a SYN: never scaled (RFC 7323 section 2.2). */
    int synWindow() {
        int window = (int) Math.min(0xffff, free());
        edge = Sequence.max(edge, next + window);
        return window;
    }

    /** The window field of the segment that is about to be sent; moves the edge that the peer knows. */
    int window() {
        long free = free();
        int wanted = next + (int) free;
        if (Sequence.before(wanted, edge) || wanted - edge < Math.min(buffer / 2, segment)) {
            // RFC 9293 section 3.8.6.2.2: the edge stays until it can move by a substantial amount.
            wanted = edge;
        }
        int window = wanted - next;
        int unit = 1 << shift;
        // Rounding down would move the edge left by a little; rounding up may be used only while there is room.
        int field = window + (queuedBytes <= buffer ? unit - 1 : 0) >>> shift;
        field = Math.min(field, 0xffff);
        int told = next + (field << shift);
        if (Sequence.after(told, edge)) {
            edge = told;
            if (!inRound) {
                inRound = true;
                roundEdge = told;
                roundStart = endpoint.now();
                takenInRound = 0;
            }
        }
        return field;
    }

    /**
     * Whether the application has read so much that a peer which was near its limit should be told (RFC 9293 section
     * 3.8.6.2.2).
     */
    boolean windowUpdateDue() {
        int grown = next + (int) free() - edge;
        int open = edge - next;
        return grown >= Math.min(buffer / 2, 2 * segment) && open < Math.max(buffer / 4, 2 * segment);
    }

    private long free() {
        long free = Math.max(0, buffer - queuedBytes);
        long affordable = endpoint.receiveBudgetLeft() - cost();
        if (cost() == 0) {
            // It is read, so what comes passes through; others who do not read must not slow it down.
            affordable = Math.max(affordable, PASSING_WINDOW);
        }
        return Math.max(0, Math.min(free, affordable));
    }

    private int cost() {
        return queuedCost + earlyCost;
    }

    /**
     * Whether so much more may be kept. No connection holds more than it leaves of the budget to others: windows that were
     * promised to all of them cannot be taken back, but what nobody reads need not be taken. It is not acknowledged then,
     * and comes again.
     */
    private boolean isAffordable(int cost) {
        return cost() + cost <= endpoint.receiveBudgetLeft();
    }

    /**
     * The acceptability test of RFC 9293 section 3.10.7.4, first step; what lies outside the window is cut off.
     *
     * @return {@link #WHOLE} or {@link #TRIMMED} if there is something to process, otherwise why not
     */
    int trim(Segment segment) {
        int start = segment.sequence;
        int length = segment.length();
        if (length == 0) {
            // A segment right of a full window carries SND.NXT, which lies just beyond; it is a valid acknowledgement.
            return Sequence.before(start, next) || Sequence.after(start, edge) ? EMPTY_OUTSIDE : WHOLE;
        }
        int end = start + length;
        if (!Sequence.after(end, next)) {
            return DUPLICATE;
        }
        if (Sequence.after(start, edge)) {
            return OUTSIDE;
        }
        int result = WHOLE;
        if (Sequence.before(start, next)) {
            int skip = next - start;
            if (segment.has(Tcp.SYN)) {
                segment.flags &= ~Tcp.SYN;
                segment.sequence++;
                skip--;
            }
            segment.trimFront(skip);
            result = TRIMMED;
        }
        int over = end - edge;
        if (over > 0) {
            if (segment.has(Tcp.FIN)) {
                segment.flags &= ~Tcp.FIN;
                over--;
            }
            segment.payloadLength = Math.max(0, segment.payloadLength - over);
            result = TRIMMED;
        }
        return result;
    }

    /**
     * Whether it asks for a sign of life (RFC 9293 section 3.8.4): nothing new, or a byte that came before. While the window
     * is closed it is a probe of that, which kernels write alike.
     */
    boolean isKeepAlive(Segment segment) {
        return segment.sequence == next - 1
                && segment.length() == segment.payloadLength
                && segment.payloadLength <= 1
                && Sequence.after(edge, next);
    }

    /**
     * Takes payload that was trimmed to the window.
     *
     * @return false if it was out of order, or there was no room for it, so that the peer must hear of it at once
     */
    boolean accept(ByteBuf packet, Segment segment, TcpFlow flow) {
        int length = segment.payloadLength;
        if (segment.sequence != next) {
            keepOutOfOrder(packet, segment);
            return false;
        }
        boolean passesThrough = flow.discardsInput() || queuedBytes == 0 && flow.wantsInput();
        if (!passesThrough && !fitsChunk(length) && !isAffordable(length + BUFFER_OVERHEAD)) {
            endpoint.counters.count(Counter.DROPPED_QUEUE_FULL);
            return false;
        }
        next += length;
        deliver(packet, segment.payload, length, flow);
        if (inRound && !Sequence.before(next, roundEdge)) {
            endRound();
        }
        OutOfOrderQueue early = outOfOrder;
        if (early == null || early.isEmpty()) {
            return true;
        }
        ByteBuf data;
        while ((data = early.poll(next)) != null) {
            next += data.readableBytes();
            deliver(data, flow);
        }
        countEarly();
        // RFC 5681 section 4.2: a segment that fills a gap is acknowledged at once.
        return false;
    }

    private void keepOutOfOrder(ByteBuf packet, Segment segment) {
        OutOfOrderQueue early = outOfOrder;
        if (early == null) {
            early = new OutOfOrderQueue();
            outOfOrder = early;
        }
        if (early.isFull() || !isAffordable(segment.payloadLength + BUFFER_OVERHEAD)) {
            endpoint.counters.count(Counter.DROPPED_QUEUE_FULL);
            return;
        }
        endpoint.counters.count(Counter.OUT_OF_ORDER_SEGMENTS);
        early.insert(segment.sequence, keep(packet, segment.payload, segment.payloadLength));
        countEarly();
    }

    private void countEarly() {
        OutOfOrderQueue early = outOfOrder;
        int bytes = early == null ? 0 : early.bytes();
        int cost = early == null ? 0 : bytes + early.segments() * BUFFER_OVERHEAD;
        endpoint.receiveQueued(bytes - earlyBytes, cost - earlyCost);
        earlyBytes = bytes;
        earlyCost = cost;
    }

    /** The peer's FIN has this sequence number; it counts when everything before it is here. */
    void fin(int sequence) {
        if (!finKnown) {
            finKnown = true;
            finSequence = sequence;
        }
    }

    /** Consumes the FIN if it is next. */
    boolean takeFin() {
        if (finished || !finKnown || finSequence != next) {
            return false;
        }
        next++;
        finished = true;
        // Nothing may come after a FIN; what a confused peer has sent there is never delivered.
        clearOutOfOrder();
        return true;
    }

    private void deliver(ByteBuf packet, int index, int length, @Nullable TcpFlow flow) {
        if (flow == null || flow.discardsInput()) {
            return;
        }
        if (queuedBytes == 0 && flow.wantsInput()) {
            takenInRound += length;
            flow.fireInput(packet.retainedSlice(index, length));
        } else {
            enqueue(packet, index, length);
        }
    }

    private void deliver(ByteBuf data, @Nullable TcpFlow flow) {
        if (flow == null || flow.discardsInput()) {
            data.release();
        } else if (queuedBytes == 0 && flow.wantsInput()) {
            takenInRound += data.readableBytes();
            flow.fireInput(data);
        } else {
            chunk = null;
            add(data);
        }
    }

    private void enqueue(ByteBuf packet, int index, int length) {
        ByteBuf tail = chunk;
        if (tail != null && fitsChunk(length)) {
            tail.writeBytes(packet, index, length);
            count(length, 0);
            return;
        }
        if (isSmall(packet, length)) {
            tail = endpoint.output.alloc().directBuffer(Math.max(COPY_CHUNK, length));
            tail.writeBytes(packet, index, length);
            chunk = tail;
            add(tail);
        } else {
            chunk = null;
            add(packet.retainedSlice(index, length));
        }
    }

    private boolean fitsChunk(int length) {
        return chunk != null && length <= chunk.writableBytes();
    }

    private ByteBuf keep(ByteBuf packet, int index, int length) {
        if (isSmall(packet, length)) {
            return endpoint.output.alloc().directBuffer(length).writeBytes(packet, index, length);
        }
        return packet.retainedSlice(index, length);
    }

    private static boolean isSmall(ByteBuf packet, int length) {
        return length < packet.capacity() / COPY_BREAK_FRACTION;
    }

    private void add(ByteBuf data) {
        ArrayDeque<ByteBuf> waiting = queue;
        if (waiting == null) {
            waiting = new ArrayDeque<>();
            queue = waiting;
        }
        waiting.add(data);
        count(data.readableBytes(), cost(data));
    }

    private static int cost(ByteBuf data) {
        return data.capacity() + BUFFER_OVERHEAD;
    }

    private void count(int bytes, int cost) {
        queuedBytes += bytes;
        queuedCost += cost;
        endpoint.receiveQueued(bytes, cost);
    }

    /** The next queued buffer, which the caller owns from now on. */
    @Nullable
    ByteBuf poll() {
        ArrayDeque<ByteBuf> waiting = queue;
        if (waiting == null) {
            return null;
        }
        ByteBuf data = waiting.poll();
        if (data == null) {
            queue = null;
            return null;
        }
        if (data == chunk) {
            chunk = null;
        }
        count(-data.readableBytes(), -cost(data));
        takenInRound += data.readableBytes();
        return data;
    }

    /**
     * Grows the buffer of an application that keeps up, within the budget of all, to twice what it takes in the least round
     * trip seen. So a near peer does not get more than it can use: what it sent beyond that would only wait, ahead of
     * others' packets.
     */
    private void endRound() {
        inRound = false;
        long elapsed = Math.max(1, endpoint.now() - roundStart);
        leastRound = Math.min(leastRound, elapsed);
        double wanted = 2.0 * takenInRound * leastRound / elapsed;
        if (wanted > buffer && queuedBytes == 0 && endpoint.receiveBudgetIsAmple()) {
            buffer = (int) Math.min(bufferMax, Math.min(wanted, 2.0 * buffer));
        }
    }

    /** Releases everything that is queued. */
    void clear() {
        ArrayDeque<ByteBuf> waiting = queue;
        if (waiting != null) {
            ByteBuf data;
            while ((data = waiting.poll()) != null) {
                data.release();
            }
            queue = null;
        }
        chunk = null;
        count(-queuedBytes, -queuedCost);
        clearOutOfOrder();
    }

    private void clearOutOfOrder() {
        if (outOfOrder != null) {
            outOfOrder.clear();
            outOfOrder = null;
            countEarly();
        }
    }
}
