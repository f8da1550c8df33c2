package dev.culvert.tun.device;

import io.netty.buffer.ByteBuf;
import io.netty.channel.AbstractChannel;
import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelMetadata;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.ChannelPromise;
import io.netty.channel.DefaultChannelConfig;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.SingleThreadEventExecutor;
import io.netty.util.internal.StringUtil;
import java.io.IOException;
import java.net.SocketAddress;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A TUN device as a Netty channel of packets. Register it on an event loop of a kind that it is compatible with, as a descriptor
 * is with epoll's; it is active from then on.
 *
 * <h2>Messages</h2>
 * Both ways each message is one {@link ByteBuf}: a {@link VirtioNetHeader} and an IP packet, or, where its
 * {@code gso_type} says so, a super-packet of up to 65,535 bytes. This holds for every device: what it
 * cannot do is done in software. Who receives a message releases it; who writes one gives it away. A
 * written message may be a composite, which is not copied; heap buffers are.
 *
 * <h2>Reading</h2>
 * {@code channelReadComplete} follows each batch of at most {@value #MAX_PACKETS_PER_READ} packets or
 * {@value #MAX_BYTES_PER_READ} bytes. With auto-read off, {@code read()} asks for one batch. A short packet never pins a
 * long buffer.
 *
 * <h2>Writing</h2>
 * When the system has no room messages wait in the channel, whose writability tells. A message that is no
 * packet, or meets an interface that is down, is dropped and counted ({@link #stats()}), and its promise
 * succeeds: IP promises no more. When the interface is deleted, the channel closes: at once while it
 * reads, else with the next read or write, as not every system tells those who do not ask.
 *
 * <p>The channel closes with its event loop. But close it before a group that is shut down with a quiet period of 0: such a loop of
 * Netty 4.2 may end without having closed what is registered on it.
 *
 * <h2>What an operating system adds</h2>
 * A subclass has {@code packetsWait} and {@code roomAgain} called on the event loop, as long as it is to watch for those
 * ({@link #watchPackets}, {@link #watchRoom}), and moves one packet at a time ({@link #readPacket}, {@link #writePacket}): a device
 * without offload is offered ordinary packets only, with their checksums. All of these are called on the event loop, but for
 * {@link #stopWatching} and {@link #releaseBuffers} where there has been none.
 */
public abstract class TunChannel extends AbstractChannel {
    /** Bounds the time that one turn takes from other channels on the loop. */
    public static final int MAX_PACKETS_PER_READ = 64;

    /**
     * As above for super-packets: about four of them. With sixteen, turns of over a millisecond kept other packets waiting;
     * and four are still in the processor's cache when they are encrypted.
     */
    public static final int MAX_BYTES_PER_READ = 256 << 10;

    /** Bounds the time that one flush takes: a kernel delivers a written packet within the call. */
    private static final int MAX_PACKETS_PER_FLUSH = 256;

    /** No system says when memory is back, and a millisecond is little beside a lost packet. */
    private static final long RETRY_MILLIS = 1;

    private static final int MIN_PACKET = 20;

    private static final ChannelMetadata METADATA = new ChannelMetadata(false);

    private final TunDevice device;
    private final TunCounters counters = new TunCounters();
    private final ChannelConfig config = new TunChannelConfig();
    private final Runnable flushTask = this::resumeFlush;
    private final Runnable clearReadTask = this::clearReadIfUnwanted;
    private final Runnable closeTask = () -> unsafe().close(unsafe().voidPromise());

    private @Nullable SingleThreadEventExecutor registered;
    private @Nullable PacketWriter writer;
    private boolean readPending;
    private boolean roomAwaited;
    private boolean flushScheduled;

    /** What became of a packet that was offered to the device. */
    public enum Written {
        TAKEN,
        /** There is no room: offer it again after {@link #roomAgain}. */
        NO_ROOM,
        /** There is no room or memory, and of its end there is no notice: offer it again later. */
        NO_MEMORY,
        /** The interface is down. */
        LINK_DOWN,
        /** A super-packet of a kind that the device may not take at all, whatever it said when it was opened. */
        UNSUPPORTED,
        /** Refused for another reason, as it would be again. */
        REFUSED
    }

    /** Takes over the device, and closes it when it is closed itself. */
    protected TunChannel(TunDevice device) {
        super(null);
        this.device = device;
    }

    /** Begins to watch the device with the channel's event loop, not for anything yet; completes the promise. */
    protected abstract void startWatching(ChannelPromise promise);

    /** Ends that, whatever was watched for; harmless when there is nothing to end. The device is open still. */
    protected abstract void stopWatching();

    /** Whether {@link #packetsWait} is to be called, now and while there are packets. */
    protected abstract void watchPackets(boolean on);

    /** Whether {@link #roomAgain} is to be called once there is room; asked for only after {@link Written#NO_ROOM}. */
    protected abstract void watchRoom(boolean on);

    /**
     * The next packet as a message, which has a virtio-net header also where the device has none; null if none waits.
     *
     * @throws IOException when the device is gone
     */
    protected abstract @Nullable ByteBuf readPacket() throws IOException;

    /**
     * Offers the device one packet, with a virtio-net header before it if that is the device's way ({@link TunOffloads}).
     *
     * @param message direct, or a composite of such; its indices stay as they are, and it is the caller's
     * @throws IOException when the device is gone
     */
    protected abstract Written writePacket(ByteBuf message, int index, int length) throws IOException;

    /** Why the last packet that was not taken was not, in the system's words. */
    protected abstract String refusal();

    /** Gives back what reading and writing took; the device is closed. */
    protected abstract void releaseBuffers();

    /** The device that this channel reads and writes. */
    public final TunDevice device() {
        return device;
    }

    /** What this channel has done so far; from any thread. */
    public final TunStats stats() {
        return counters.snapshot();
    }

    @Override
    public ChannelConfig config() {
        return config;
    }

    @Override
    public ChannelMetadata metadata() {
        return METADATA;
    }

    @Override
    public boolean isOpen() {
        return device.isOpen();
    }

    @Override
    public boolean isActive() {
        return device.isOpen() && isRegistered();
    }

    @Override
    protected @Nullable SocketAddress localAddress0() {
        return null;
    }

    @Override
    protected @Nullable SocketAddress remoteAddress0() {
        return null;
    }

    @Override
    protected AbstractUnsafe newUnsafe() {
        return new TunUnsafe();
    }

    /** {@inheritDoc} A subclass asks for more, if its way of watching does. */
    @Override
    protected boolean isCompatible(EventLoop loop) {
        return loop instanceof SingleThreadEventExecutor;
    }

    @Override
    protected void doRegister(ChannelPromise promise) {
        registered = (SingleThreadEventExecutor) eventLoop();
        registered.addShutdownHook(closeTask);
        startWatching(promise);
    }

    @Override
    protected void doDeregister() {
        SingleThreadEventExecutor loop = registered;
        registered = null;
        roomAwaited = false;
        if (loop != null) {
            loop.removeShutdownHook(closeTask);
        }
        stopWatching();
    }

    @Override
    protected void doBind(SocketAddress localAddress) {
        throw new UnsupportedOperationException("bind of tun " + device.name() + ": give the interface addresses");
    }

    @Override
    protected void doDisconnect() throws IOException {
        doClose();
    }

    @Override
    protected void doClose() throws IOException {
        // While a descriptor still names the device: its number may be another's next.
        doDeregister();
        try {
            device.close();
        } finally {
            PacketWriter current = writer;
            writer = null;
            if (current != null) {
                current.release();
            }
            releaseBuffers();
        }
    }

    @Override
    protected void doBeginRead() {
        readPending = true;
        watchPackets(true);
    }

    private void clearReadIfUnwanted() {
        if (!readPending && !config.isAutoRead()) {
            watchPackets(false);
        }
    }

    /** Reads a batch; event loop. What it leaves is read when it is called again, in a later turn. */
    protected final void packetsWait() {
        ChannelPipeline pipeline = pipeline();
        boolean autoRead = config.isAutoRead();
        int packets = 0;
        int bytes = 0;
        Throwable failure = null;
        try {
            while (packets < MAX_PACKETS_PER_READ && bytes < MAX_BYTES_PER_READ) {
                ByteBuf message = readPacket();
                if (message == null) {
                    break;
                }
                if (packets++ == 0) {
                    readPending = false;
                }
                bytes += message.readableBytes();
                if (message.readableBytes() < VirtioNetHeader.LENGTH + MIN_PACKET) {
                    message.release();
                    counters.add(TunCounters.MALFORMED_IN, 1);
                    continue;
                }
                countRead(message);
                pipeline.fireChannelRead(message);
                if (!device.isOpen() || (autoRead && !config.isAutoRead())) {
                    break;
                }
            }
        } catch (IOException e) {
            failure = gone(e);
        }
        if (packets > 0) {
            pipeline.fireChannelReadComplete();
        }
        if (failure != null) {
            pipeline.fireExceptionCaught(failure);
            unsafe().close(unsafe().voidPromise());
        } else {
            clearReadIfUnwanted();
        }
    }

    private void countRead(ByteBuf message) {
        counters.add(TunCounters.PACKETS_IN, 1);
        counters.add(TunCounters.BYTES_IN, message.readableBytes() - VirtioNetHeader.LENGTH);
        if (VirtioNetHeader.gsoType(message, 0) != VirtioNetHeader.GSO_NONE) {
            counters.add(TunCounters.SUPER_PACKETS_IN, 1);
        }
    }

    private IOException gone(IOException cause) {
        if (cause instanceof TunException) {
            return cause;
        }
        TunException failure = new TunException(
                "use tun " + device.name() + ": " + cause.getMessage() + "; was the interface deleted? start again");
        failure.initCause(cause);
        return failure;
    }

    @Override
    protected Object filterOutboundMessage(Object msg) {
        if (!(msg instanceof ByteBuf)) {
            throw new UnsupportedOperationException(
                    "write " + StringUtil.simpleClassName(msg) + " to tun " + device.name() + ": expected ByteBuf");
        }
        ByteBuf message = (ByteBuf) msg;
        if (message.isDirect()) {
            return message;
        }
        ByteBuf copy = config.getAllocator().directBuffer(Math.max(1, message.readableBytes()));
        copy.writeBytes(message, message.readerIndex(), message.readableBytes());
        message.release();
        return copy;
    }

    @Override
    protected void doWrite(ChannelOutboundBuffer in) throws Exception {
        PacketWriter packets = writer;
        if (packets == null) {
            packets = new PacketWriter(this, config.getAllocator(), counters);
            writer = packets;
        }
        for (int written = 0; written < MAX_PACKETS_PER_FLUSH; written++) {
            Object message = in.current();
            if (message == null) {
                roomFound();
                return;
            }
            PacketWriter.Result result;
            try {
                result = packets.write((ByteBuf) message);
            } catch (IOException e) {
                throw gone(e);
            }
            switch (result) {
                case DONE:
                    in.remove();
                    break;
                case AWAIT_ROOM:
                    counters.add(TunCounters.WRITE_STALLS, 1);
                    roomAwaited = true;
                    watchRoom(true);
                    return;
                case RETRY:
                    counters.add(TunCounters.WRITE_STALLS, 1);
                    roomFound();
                    scheduleFlush(RETRY_MILLIS);
                    return;
            }
        }
        roomFound();
        if (!in.isEmpty()) {
            scheduleFlush(0);
        }
    }

    private void roomFound() {
        if (roomAwaited) {
            roomAwaited = false;
            watchRoom(false);
        }
    }

    /** Goes on writing; event loop. */
    protected final void roomAgain() {
        ((TunUnsafe) unsafe()).resume();
    }

    private void scheduleFlush(long millis) {
        if (flushScheduled) {
            return;
        }
        flushScheduled = true;
        if (millis == 0) {
            eventLoop().execute(flushTask);
        } else {
            eventLoop().schedule(flushTask, millis, TimeUnit.MILLISECONDS);
        }
    }

    private void resumeFlush() {
        flushScheduled = false;
        roomAgain();
    }

    private final class TunUnsafe extends AbstractUnsafe {
        @Override
        public void connect(SocketAddress remote, @Nullable SocketAddress local, ChannelPromise promise) {
            promise.tryFailure(new UnsupportedOperationException(
                    "connect of tun " + device.name() + ": it has no peer address; write packets to it"));
        }

        @Override
        protected void flush0() {
            // While stalled, new packets wait their turn; to ask the system again would be a wasted call.
            if (!roomAwaited && !flushScheduled) {
                super.flush0();
            }
        }

        void resume() {
            super.flush0();
        }
    }

    private final class TunChannelConfig extends DefaultChannelConfig {
        TunChannelConfig() {
            super(TunChannel.this);
        }

        @Override
        protected void autoReadCleared() {
            if (!isRegistered()) {
                return;
            }
            if (eventLoop().inEventLoop()) {
                clearReadTask.run();
            } else {
                eventLoop().execute(clearReadTask);
            }
        }
    }
}
