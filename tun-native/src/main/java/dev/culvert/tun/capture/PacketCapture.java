package dev.culvert.tun.capture;

import dev.culvert.tun.device.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Copies the packets that pass it in a TUN channel's pipeline, both ways, into a queue of {@value #MAX_QUEUED} bytes at most: what
 * has no room there is dropped and counted, for the packets themselves never wait. Put it first into the pipeline, and take it out
 * again; while it is not there it costs nothing.
 *
 * <p>A packet that comes in is copied as the kernel sent it: with offload its checksum may be missing, and it may be a super-packet.
 * One that goes out is copied when it is written, before the device has taken it.
 */
public final class PacketCapture extends ChannelDuplexHandler {
    /** What waits to be written down: a third of a second at 200 Mbit/s. */
    static final int MAX_QUEUED = 8 << 20;

    /** An object's header and a node of the queue, so that small packets are not free. */
    private static final int RECORD_OVERHEAD = 64;

    private final List<PacketFilter> filters;
    private final int snapLength;
    private final Runnable readable;
    private final Clock clock;
    private final CompletableFuture<Void> ended = new CompletableFuture<>();
    private final ConcurrentLinkedQueue<byte[]> queue = new ConcurrentLinkedQueue<>();
    private final AtomicLong queued = new AtomicLong();
    private final AtomicBoolean awaited = new AtomicBoolean(true);
    private volatile long packets;
    private volatile long dropped;

    /**
     * @param filters packets that one of these lets through are taken; all if there is none
     * @param snapLength bytes of a packet that are kept
     * @param clock asked for each packet: a machine sleeps, and its clock is set, while a capture runs
     * @param readable told, by the event loop, when there is something to {@link #poll} after there was nothing, and when it has
     *     {@link #ended}; must not block
     */
    public PacketCapture(List<PacketFilter> filters, int snapLength, Clock clock, Runnable readable) {
        this.filters = filters.isEmpty() ? List.of(PacketFilter.ALL) : List.copyOf(filters);
        this.snapLength = snapLength;
        this.readable = readable;
        this.clock = clock;
    }

    /** How a file of these packets begins. */
    public byte[] header() {
        return Pcap.header(snapLength);
    }

    /** The next packet, as a file has it; null if there is none now: then it is told when there is. One thread at a time. */
    public byte @Nullable [] poll() {
        byte[] next = queue.poll();
        if (next == null) {
            awaited.set(true);
            next = queue.poll(); // one may have come just before
            if (next == null) {
                return null;
            }
            awaited.set(false);
        }
        queued.addAndGet(-next.length - RECORD_OVERHEAD);
        return next;
    }

    /** How many were let through, those that were dropped among them. Any thread. */
    public long packets() {
        return packets;
    }

    /** How many were dropped, because they are not written down as fast as they come. Any thread. */
    public long dropped() {
        return dropped;
    }

    /** Done when it has been taken out of its pipeline, from when on nothing is added to what can be polled. Any thread. */
    public CompletableFuture<Void> ended() {
        return ended;
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext ctx) {
        ended.complete(null);
        readable.run();
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        if (msg instanceof ByteBuf packet) {
            take(packet);
        }
        ctx.fireChannelRead(msg);
    }

    @Override
    public void write(ChannelHandlerContext ctx, Object msg, ChannelPromise promise) {
        if (msg instanceof ByteBuf packet) {
            take(packet);
        }
        ctx.write(msg, promise);
    }

    private void take(ByteBuf message) {
        int index = message.readerIndex() + VirtioNetHeader.LENGTH;
        int length = message.readableBytes() - VirtioNetHeader.LENGTH;
        if (length <= 0 || !isWanted(message, index, length)) {
            return;
        }
        packets++; // the event loop alone changes it
        int bytes = Pcap.RECORD_HEADER + Math.min(length, snapLength) + RECORD_OVERHEAD;
        if (queued.get() + bytes > MAX_QUEUED) {
            dropped++;
            return;
        }
        queued.addAndGet(bytes);
        Instant now = clock.instant();
        long micros = TimeUnit.SECONDS.toMicros(now.getEpochSecond()) + now.getNano() / 1_000;
        queue.add(Pcap.record(micros, message, index, length, snapLength));
        if (awaited.get() && awaited.compareAndSet(true, false)) {
            readable.run();
        }
    }

    private boolean isWanted(ByteBuf message, int index, int length) {
        for (int i = 0; i < filters.size(); i++) {
            if (filters.get(i).matches(message, index, length)) {
                return true;
            }
        }
        return false;
    }
}
