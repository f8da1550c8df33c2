package dev.culvert.tunnel.outgoing;

import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.loop.EventLoops;
import dev.culvert.tunnel.websocket.WebSocketEncoder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import java.util.ArrayDeque;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Shares one link among its flows. Control frames go first; then flows in the order of a {@link FairQueue}. It writes only
 * while the socket is writable and the link's {@link Bandwidth} allows, so what waits, waits here where it can still be
 * overtaken.
 *
 * <p>A large frame that was received with room for headers before it is passed on in place; others are gathered, up to
 * one TLS record, into one buffer: each buffer written becomes one record.
 *
 * <p>Used on the link's event loop only.
 */
public final class FairWriter implements FrameWriter {
    /** Most bytes written before other work on the loop gets its turn: as many as one turn of reading brings. */
    static final int MAX_PER_TURN = 256 << 10;

    /**
     * Most bytes of control frames waiting: a peer that makes us queue more (PONG, REFUSED, RESET) without reading is cut
     * off. Twice what it takes to reset all flows that a link can carry.
     */
    public static final int MAX_CONTROL = 4 << 20;

    /** From so many bytes on we start nothing that would make more control frames wait: an eighth of what ends the link. */
    static final int CONTROL_HOLD_BACK = MAX_CONTROL / 8;

    /** How often in between the {@link Holder} is asked. */
    private static final int CONTROL_STEP = 64 << 10;

    /** What a buffer costs beside its bytes. */
    private static final int BUFFER_OVERHEAD = 256;

    /** A few control frames, or what is usual in one turn. */
    private static final int CONTROL_BUFFER = 256;

    /** Frames smaller than this are gathered even when they could be passed on in place: a record costs more than a copy. */
    private static final int IN_PLACE = 2_048;

    private final ChannelHandlerContext ctx;
    private final Channel channel;
    private final WebSocketEncoder encoder;
    private final Holder holder;

    /** Control frames, ready to be written, one behind another in buffers of about a record. */
    private final ArrayDeque<ByteBuf> control = new ArrayDeque<>(2);

    private @Nullable ByteBuf controlTail;
    private int controlBytes;
    private int controlAllowed = CONTROL_STEP;
    private boolean overrun;

    private final ArrayDeque<Runnable> late = new ArrayDeque<>(2);

    private final FairQueue queue;
    private @Nullable Pacer pacer;
    private boolean pumpScheduled;
    private boolean pumping;

    private final SocketDepth depth;
    private long framesOut;

    private final Runnable pump = this::scheduledPump;
    private final Runnable drained = this::drained;
    private final KernelQueue kernel;
    private boolean draining;

    /** Whose memory it is that control frames wait in. */
    public interface Holder {
        /** Whether so many bytes of them may wait; asked now and then while they become more. */
        boolean mayHold(int controlBytes);

        /** They may not: what waits, and all that would be added, is of no use any more. In a turn of its own. */
        void overrun();
    }

    @SuppressWarnings("exports") // a link alone makes one
    public FairWriter(ChannelHandlerContext ctx, WebSocketEncoder encoder, Holder holder) {
        this(ctx, encoder, holder, KernelQueue.of(ctx.channel()), new SocketDepth());
    }

    FairWriter(
            ChannelHandlerContext ctx, WebSocketEncoder encoder, Holder holder, KernelQueue kernel, SocketDepth depth) {
        this.ctx = ctx;
        this.queue = new FairQueue(ctx.executor(), this::schedule);
        this.channel = ctx.channel();
        this.encoder = encoder;
        this.holder = holder;
        this.kernel = kernel;
        this.depth = depth;
    }

    @Override
    public Outlet outlet(int flowId, Outlet.@Nullable Listener listener) {
        return new Outlet(flowId, queue, listener);
    }

    /**
     * Holds what flows have waiting to a bandwidth, from now on; control frames go as before. The flow whose turn it is when
     * there is bandwidth again is chosen then, not before.
     *
     * @param bandwidth null for no limit
     */
    @Override
    public void limit(@Nullable Bandwidth bandwidth) {
        pacer = Pacer.after(pacer, bandwidth, ctx.executor(), pump);
        schedule();
    }

    private boolean waitsForBandwidth() {
        return pacer != null && pacer.isWaiting();
    }

    @Override
    public long queuedBytes() {
        return queue.queuedBytes();
    }

    /**
     * Memory that waits: payload of all flows and, so that many small frames count as what they are, their overhead, and
     * control frames.
     */
    @Override
    public long heldBytes() {
        return queue.heldBytes() + controlBytes;
    }

    @Override
    public boolean takesControl() {
        return controlBytes < CONTROL_HOLD_BACK;
    }

    public long framesOut() {
        return framesOut;
    }

    /** Queues a control frame with an empty payload. */
    public void control(int type, int flowId) {
        control(type, 0, flowId, Unpooled.EMPTY_BUFFER);
    }

    @Override
    public void control(int type, int flowId, Reason reason) {
        ByteBuf b = begin(type, 0, flowId, 1);
        if (b != null) {
            b.writeByte(reason.code());
            end(b, 1);
        }
    }

    /** Queues a control frame whose payload is one u32. */
    public void controlInt(int type, int flags, int flowId, long value) {
        ByteBuf b = begin(type, flags, flowId, 4);
        if (b != null) {
            b.writeInt((int) value);
            end(b, 4);
        }
    }

    @Override
    public void control(int type, int flags, int flowId, ByteBuf payload) {
        int n = payload.readableBytes();
        ByteBuf b = begin(type, flags, flowId, n);
        if (b != null) {
            b.writeBytes(payload);
            end(b, n);
        }
        payload.release();
    }

    @Override
    public void late(Runnable frame) {
        if (!queue.isClosed()) {
            late.add(frame);
            schedule();
        }
    }

    /** Where to write the payload of a control frame; null when there is no use for it. */
    private @Nullable ByteBuf begin(int type, int flags, int flowId, int payloadBytes) {
        if (queue.isClosed() || overrun) {
            return null;
        }
        int n = Frame.HEADER_LENGTH + payloadBytes;
        int whole = encoder.headerLength(n) + n;
        ByteBuf b = controlTail;
        if (b == null || whole > room(b)) {
            b = ctx.alloc().directBuffer(Math.max(CONTROL_BUFFER, whole), Frame.RECORD + Frame.MAX_PAYLOAD);
            control.add(b);
            controlTail = b;
            controlBytes += BUFFER_OVERHEAD;
        }
        controlBytes += whole;
        encoder.begin(b, n);
        return writeFrameHeader(b, type, flags, flowId);
    }

    /** The payload is written. */
    private void end(ByteBuf b, int payloadBytes) {
        int n = Frame.HEADER_LENGTH + payloadBytes;
        encoder.end(b, b.writerIndex() - n, n);
        framesOut++;
        if (controlBytes > controlAllowed) {
            if (controlBytes > MAX_CONTROL || !holder.mayHold(controlBytes)) {
                overrun = true; // not from here: whoever adds a frame does not expect the link to end meanwhile
                ctx.executor().execute(holder::overrun);
                return;
            }
            controlAllowed = controlBytes + CONTROL_STEP;
        }
        schedule();
    }

    /** Writes at the end of this turn of the event loop, so that frames of one turn share records and system calls. */
    private void schedule() {
        if (!pumpScheduled && !pumping && !queue.isClosed()) {
            pumpScheduled = true;
            ctx.executor().execute(pump);
        }
    }

    private void scheduledPump() {
        pumpScheduled = false;
        pump();
    }

    /** Writes what the socket takes. Also called when the channel has become writable. */
    public void pump() {
        if (pumping || queue.isClosed() || draining) {
            return;
        }
        pumping = true;
        int turn = 0;
        try {
            boolean more = true;
            while (more && channel.isWritable()) {
                while (channel.isWritable()) {
                    ByteBuf record = nextRecord();
                    if (record == null) {
                        more = false;
                        break;
                    }
                    turn += record.readableBytes();
                    ctx.write(record, ctx.voidPromise());
                }
                ctx.flush();
                if (turn >= MAX_PER_TURN || waitsForKernel()) {
                    break;
                }
            }
        } finally {
            pumping = false;
        }
        if (depth.wrote(
                draining || !channel.isWritable(),
                kernel,
                ctx.executor().ticker().nanoTime())) {
            EventLoops.limitDepth(channel, depth.bytes());
        }
        // After a full turn, or when something was added during the last flush, while schedule() was held off.
        if (!draining
                && channel.isWritable()
                && (turn >= MAX_PER_TURN
                        || !control.isEmpty()
                        || !late.isEmpty()
                        || queue.owesCredit()
                        || queue.hasFlows() && !waitsForBandwidth())) {
            schedule();
        }
    }

    /** On a slow link: whether the kernel has enough to go on with. Then we look again when about half of that is gone. */
    private boolean waitsForKernel() {
        if (!depth.isShallow() || queue.isClosed()) {
            return false;
        }
        int waiting = kernel.unsentBytes();
        if (waiting < depth.bytes()) {
            return false;
        }
        draining = true;
        ctx.executor().schedule(drained, depth.nanosFor(waiting - depth.bytes() / 2), TimeUnit.NANOSECONDS);
        return true;
    }

    private void drained() {
        draining = false;
        if (!waitsForKernel()) {
            pump();
        }
    }

    /** Drops everything that waits. */
    public void close() {
        queue.close();
        late.clear();
        for (ByteBuf b = nextControl(); b != null; b = nextControl()) {
            b.release();
        }
        if (pacer != null) {
            pacer.close();
            pacer = null;
        }
    }

    private @Nullable ByteBuf nextRecord() {
        makeControl();
        ByteBuf record = nextControl();
        if (record != null && queue.hasFlows()) {
            record.ensureWritable((int)
                    Math.max(0, Math.min(room(record), queue.queuedBytes() + 4L * WebSocketEncoder.MAX_HEADER)));
        }
        for (Outlet o = queue.next(); o != null; o = queue.next()) {
            if (pacer != null && !pacer.mayTake()) {
                return record;
            }
            int n = Frame.HEADER_LENGTH + o.headBytes();
            if (record == null && n >= IN_PLACE && o.headHasHeadroom()) {
                ByteBuf inPlace = inPlace(o, n);
                if (inPlace != null) {
                    return inPlace;
                }
            }
            if (record == null) {
                record = newRecord(n);
            } else if (encoder.headerLength(n) + n > room(record)) {
                return record;
            }
            int type = o.headType();
            int flags = o.headFlags();
            ByteBuf payload = o.take();
            if (pacer != null) {
                flags = pacer.took(o, type, flags, n);
            }
            encoder.begin(record, n);
            int at = record.writerIndex();
            writeFrameHeader(record, type, flags, o.flowId);
            record.writeBytes(payload);
            encoder.end(record, at, n);
            payload.release();
            taken(o, n);
        }
        return record;
    }

    /** What is said late is said now: until it fills the next record. */
    private void makeControl() {
        while (control.size() < 2) {
            Outlet o;
            Runnable frame;
            if ((frame = late.poll()) != null) {
                frame.run();
            } else if ((o = queue.nextOwing()) != null) {
                credit(o);
            } else {
                return;
            }
        }
    }

    private void credit(Outlet o) {
        if (o.owedReceived() < 0) {
            controlInt(Frame.CREDIT, o.takeOwedFlags(), o.flowId, o.takeOwed());
            return;
        }
        ByteBuf b = begin(Frame.CREDIT, o.takeOwedFlags(), o.flowId, 12);
        if (b != null) {
            b.writeInt(o.takeOwed()).writeLong(o.owedReceived());
            end(b, 12);
        }
    }

    private @Nullable ByteBuf nextControl() {
        ByteBuf b = control.poll();
        if (b != null) {
            controlBytes -= b.readableBytes() + BUFFER_OVERHEAD;
            controlAllowed = Math.max(CONTROL_STEP, controlBytes + CONTROL_STEP);
            if (b == controlTail) {
                controlTail = null;
            }
        }
        return b;
    }

    /** Writes the headers into the bytes before the payload, or returns null when there is no room. */
    private @Nullable ByteBuf inPlace(Outlet o, int n) {
        int headers = encoder.headerLength(n) + Frame.HEADER_LENGTH;
        int type = o.headType();
        int flags = o.headFlags();
        ByteBuf payload = o.peekHead();
        int start = payload.readerIndex() - headers;
        if (start < 0) {
            return null;
        }
        o.take();
        if (pacer != null) {
            flags = pacer.took(o, type, flags, n);
        }
        int end = payload.writerIndex();
        payload.setIndex(start, start);
        encoder.begin(payload, n);
        int at = payload.writerIndex();
        writeFrameHeader(payload, type, flags, o.flowId);
        payload.writerIndex(end);
        encoder.end(payload, at, n);
        taken(o, n);
        return payload;
    }

    private void taken(Outlet o, int n) {
        framesOut++;
        queue.taken(o, n);
    }

    // ---- records ----

    private ByteBuf newRecord(int frameBytes) {
        ByteBufAllocator alloc = ctx.alloc();
        long waiting = frameBytes + queue.queuedBytes() + 64;
        int capacity = (int) Math.min(Frame.RECORD, waiting + 4L * WebSocketEncoder.MAX_HEADER);
        return alloc.directBuffer(
                Math.max(capacity, frameBytes + WebSocketEncoder.MAX_HEADER), Frame.RECORD + Frame.MAX_PAYLOAD);
    }

    private static int room(ByteBuf record) {
        return Frame.RECORD - record.readableBytes();
    }

    private static ByteBuf writeFrameHeader(ByteBuf b, int type, int flags, int flowId) {
        return b.writeInt(type << 24 | flags << 16).writeInt(flowId);
    }
}
