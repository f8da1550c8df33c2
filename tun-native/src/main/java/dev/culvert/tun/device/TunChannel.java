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
import io.netty.channel.IoEvent;
import io.netty.channel.IoEventLoop;
import io.netty.channel.IoRegistration;
import io.netty.channel.epoll.EpollIoEvent;
import io.netty.channel.epoll.EpollIoHandle;
import io.netty.channel.epoll.EpollIoOps;
import io.netty.channel.unix.FileDescriptor;
import io.netty.util.internal.StringUtil;
import java.io.IOException;
import java.net.SocketAddress;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A TUN device as a Netty channel of packets. Register it on an event loop of a group made with {@code
 * EpollIoHandler.newFactory()}; it is active from then on.
 *
 * <h2>Messages</h2>
 * Both ways each message is one {@link ByteBuf}: a {@link VirtioNetHeader} and an IP packet, or, where its
 * {@code gso_type} says so, a super-packet of up to 65,535 bytes. This holds for every device: what it
 * cannot do is done in software. Who receives a message releases it; who writes one gives it away. A
 * written message may be a composite, which is not copied; heap buffers are.
 *
 * <h2>Reading</h2>
 * {@code channelReadComplete} follows each batch of at most {@value #MAX_PACKETS_PER_READ} packets or
 * {@value #MAX_BYTES_PER_READ} bytes. With auto-read off, {@code read()} asks for one batch. Packets up to
 * {@value #COPY_BREAK} bytes come in buffers of their own size, longer ones in the buffer they were read to.
 *
 * <h2>Writing</h2>
 * When the kernel has no room messages wait in the channel, whose writability tells. A message that is no
 * packet, or meets an interface that is down, is dropped and counted ({@link #stats()}), and its promise
 * succeeds: IP promises no more. When the interface is deleted, the channel closes: at once while it
 * reads, else with the next read or write, as epoll does not tell those who do not ask.
 *
 * <p>Close the channel before its group: a loop of Netty 4.2 that is shut down with a quiet period of 0
 * may end without closing what is registered on it.
 */
public final class TunChannel extends AbstractChannel {
    /** Bounds the time that one turn takes from other channels on the loop. */
    public static final int MAX_PACKETS_PER_READ = 64;

    /**
     * As above for super-packets: about four of them. With sixteen, turns of over a millisecond kept other packets waiting;
     * and four are still in the processor's cache when they are encrypted.
     */
    public static final int MAX_BYTES_PER_READ = 256 << 10;

    /** Up to here a packet is copied out, so that a 60-byte ACK does not pin 64 KiB. */
    public static final int COPY_BREAK = 16 * 1024;

    /** The longest IP packet that the kernel hands over, and the header before it. */
    private static final int READ_BUFFER_BYTES = VirtioNetHeader.LENGTH + 65_546;

    /** Bounds the time that one flush takes: the kernel delivers a written packet within the call. */
    private static final int MAX_PACKETS_PER_FLUSH = 256;

    /** The kernel does not say when memory is back, and a millisecond is little beside a lost packet. */
    private static final long MEMORY_RETRY_MILLIS = 1;

    private static final int MIN_PACKET = 20;

    private static final ChannelMetadata METADATA = new ChannelMetadata(false);

    /** Never empty: an empty set would take the descriptor out of epoll, which cannot be undone. */
    private static final EpollIoOps BASE_OPS = EpollIoOps.EPOLLERR;

    private final UnixTunDevice device;
    private final int headerGap;
    private final TunCounters counters = new TunCounters();
    private final PacketWriterFactory writers;
    private final ChannelConfig config = new TunChannelConfig();
    private final Runnable flushTask = this::resumeFlush;
    private final Runnable clearReadTask = this::clearReadIfUnwanted;

    private @Nullable IoRegistration registration;
    private EpollIoOps ops = BASE_OPS;
    private @Nullable PacketWriter writer;
    private @Nullable ByteBuf readBuffer;
    private boolean readPending;
    private boolean flushScheduled;

    /** How a test puts another kernel behind the channel. */
    interface PacketWriterFactory {
        PacketWriter create(UnixTunDevice device, io.netty.buffer.ByteBufAllocator allocator, TunCounters counters);
    }

    /**
     * Takes over the device, and closes it when it is closed itself.
     *
     * @throws IllegalArgumentException if the device is not one with a descriptor ({@link UnixTunDevice})
     */
    public TunChannel(TunDevice device) {
        this(device, PacketWriter::new);
    }

    TunChannel(TunDevice device, PacketWriterFactory writers) {
        super(null);
        if (!(device instanceof UnixTunDevice)) {
            throw new IllegalArgumentException("tun channel over " + device + ": it has no file descriptor");
        }
        this.device = (UnixTunDevice) device;
        this.headerGap = device.offloads().vnetHeader() ? 0 : VirtioNetHeader.LENGTH;
        this.writers = writers;
    }

    /** The device that this channel reads and writes. */
    public TunDevice device() {
        return device;
    }

    /** What this channel has done so far; from any thread. */
    public TunStats stats() {
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

    @Override
    protected boolean isCompatible(EventLoop loop) {
        return loop instanceof IoEventLoop && ((IoEventLoop) loop).isCompatible(DeviceHandle.class);
    }

    @Override
    protected void doRegister(ChannelPromise promise) {
        ((IoEventLoop) eventLoop()).register(new DeviceHandle()).addListener(future -> {
            if (future.isSuccess()) {
                registration = (IoRegistration) future.getNow();
                ops = BASE_OPS;
                registration.submit(ops);
                promise.setSuccess();
            } else {
                promise.setFailure(future.cause());
            }
        });
    }

    @Override
    protected void doDeregister() {
        IoRegistration current = registration;
        registration = null;
        ops = BASE_OPS;
        if (current != null) {
            current.cancel();
        }
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
        // Out of epoll while the descriptor still names the device: its number may be another's next.
        doDeregister();
        try {
            device.close();
        } finally {
            ByteBuf buffer = readBuffer;
            readBuffer = null;
            if (buffer != null) {
                buffer.release();
            }
            PacketWriter current = writer;
            writer = null;
            if (current != null) {
                current.release();
            }
        }
    }

    @Override
    protected void doBeginRead() {
        readPending = true;
        arm(EpollIoOps.EPOLLIN);
    }

    private void arm(EpollIoOps wanted) {
        submit(ops.with(wanted));
    }

    private void disarm(EpollIoOps unwanted) {
        submit(ops.without(unwanted));
    }

    private void submit(EpollIoOps next) {
        IoRegistration current = registration;
        if (current != null && next.value() != ops.value()) {
            ops = next;
            current.submit(next);
        }
    }

    private void clearReadIfUnwanted() {
        if (!readPending && !config.isAutoRead()) {
            disarm(EpollIoOps.EPOLLIN);
        }
    }

    private void readBatch() {
        ChannelPipeline pipeline = pipeline();
        boolean autoRead = config.isAutoRead();
        readPending = false;
        int packets = 0;
        int bytes = 0;
        Throwable failure = null;
        try {
            while (packets < MAX_PACKETS_PER_READ && bytes < MAX_BYTES_PER_READ) {
                ByteBuf message = readPacket();
                if (message == null) {
                    break;
                }
                packets++;
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
            // Level-triggered: what is left brings us back, after the other channels of the loop.
            clearReadIfUnwanted();
        }
    }

    private @Nullable ByteBuf readPacket() throws IOException {
        ByteBuf buffer = readBuffer;
        if (buffer == null) {
            buffer = config.getAllocator().directBuffer(READ_BUFFER_BYTES, READ_BUFFER_BYTES);
            readBuffer = buffer;
        }
        int read = device.fd().readAddress(PacketWriter.addressOf(buffer), headerGap, READ_BUFFER_BYTES);
        if (read == 0) {
            return null;
        }
        if (read < 0) {
            throw new TunException("read tun " + device.name() + ": end of file; open the device again");
        }
        int length = headerGap + read;
        if (headerGap > 0) {
            buffer.setZero(0, headerGap);
        }
        if (length > COPY_BREAK) {
            readBuffer = null;
            return buffer.setIndex(0, length);
        }
        ByteBuf copy = config.getAllocator().directBuffer(length);
        copy.writeBytes(buffer, 0, length);
        return copy;
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
            packets = writers.create(device, config.getAllocator(), counters);
            writer = packets;
        }
        for (int written = 0; written < MAX_PACKETS_PER_FLUSH; written++) {
            Object message = in.current();
            if (message == null) {
                disarm(EpollIoOps.EPOLLOUT);
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
                case WAIT_WRITABLE:
                    counters.add(TunCounters.WRITE_STALLS, 1);
                    arm(EpollIoOps.EPOLLOUT);
                    return;
                case WAIT_MEMORY:
                    counters.add(TunCounters.WRITE_STALLS, 1);
                    scheduleFlush(MEMORY_RETRY_MILLIS);
                    return;
            }
        }
        disarm(EpollIoOps.EPOLLOUT);
        if (!in.isEmpty()) {
            scheduleFlush(0);
        }
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
        ((TunUnsafe) unsafe()).resume();
    }

    private final class TunUnsafe extends AbstractUnsafe {
        @Override
        public void connect(SocketAddress remote, @Nullable SocketAddress local, ChannelPromise promise) {
            promise.tryFailure(new UnsupportedOperationException(
                    "connect of tun " + device.name() + ": it has no peer address; write packets to it"));
        }

        @Override
        protected void flush0() {
            // While stalled, new packets wait their turn; to ask the kernel again would be a wasted call.
            if (!ops.contains(EpollIoOps.EPOLLOUT) && !flushScheduled) {
                super.flush0();
            }
        }

        void resume() {
            super.flush0();
        }
    }

    /** Ours among the descriptors of the event loop's epoll. */
    private final class DeviceHandle implements EpollIoHandle {
        @Override
        public FileDescriptor fd() {
            return device.fd();
        }

        @Override
        public void handle(IoRegistration source, IoEvent event) {
            if (registration == null) {
                // Closed or deregistered earlier in this turn of the loop.
                return;
            }
            EpollIoOps ready = ((EpollIoEvent) event).ops();
            if (ready.contains(EpollIoOps.EPOLLOUT)) {
                ((TunUnsafe) unsafe()).resume();
            }
            // An error shows as soon as we read, even if nobody asked to: else it would be reported forever.
            if (device.isOpen() && (ready.contains(EpollIoOps.EPOLLERR) || (ready.contains(EpollIoOps.EPOLLIN)))) {
                readBatch();
            }
        }

        @Override
        public void close() {
            unsafe().close(unsafe().voidPromise());
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
