package dev.culvert.tun.linux;

import dev.culvert.tun.device.TunChannel;
import dev.culvert.tun.device.TunException;
import dev.culvert.tun.device.UnixTunDevice;
import dev.culvert.tun.device.VirtioNetHeader;
import dev.culvert.tun.libc.LibC;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.CompositeByteBuf;
import io.netty.channel.ChannelPromise;
import io.netty.channel.EventLoop;
import io.netty.channel.IoEvent;
import io.netty.channel.IoEventLoop;
import io.netty.channel.IoRegistration;
import io.netty.channel.epoll.EpollIoEvent;
import io.netty.channel.epoll.EpollIoHandle;
import io.netty.channel.epoll.EpollIoOps;
import io.netty.channel.unix.Buffer;
import io.netty.channel.unix.Errors.NativeIoException;
import io.netty.channel.unix.FileDescriptor;
import io.netty.channel.unix.IovArray;
import io.netty.channel.unix.Limits;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** A TUN descriptor on an event loop with epoll: each packet is one system call. */
class EpollTunChannel extends TunChannel {
    /** Up to here a packet is copied out, so that a 60-byte ACK does not pin 64 KiB; a longer one stays where it was read to. */
    static final int COPY_BREAK = 16 * 1024;

    /** The longest IP packet that the kernel hands over, and the header before it. */
    private static final int READ_BUFFER_BYTES = VirtioNetHeader.LENGTH + 65_546;

    /** Never empty: an empty set would take the descriptor out of epoll, which cannot be undone. */
    private static final EpollIoOps BASE_OPS = EpollIoOps.EPOLLERR;

    private final UnixTunDevice device;
    private final FileDescriptor fd;
    private final int headerGap;

    private @Nullable IoRegistration registration;
    private EpollIoOps ops = BASE_OPS;
    private @Nullable ByteBuf readBuffer;
    private @Nullable IovArray iov;
    private int errno;

    EpollTunChannel(UnixTunDevice device) {
        super(device);
        this.device = device;
        this.fd = device.fd();
        this.headerGap = device.offloads().vnetHeader() ? 0 : VirtioNetHeader.LENGTH;
    }

    @Override
    protected boolean isCompatible(EventLoop loop) {
        return super.isCompatible(loop)
                && loop instanceof IoEventLoop
                && ((IoEventLoop) loop).isCompatible(DeviceHandle.class);
    }

    @Override
    protected void startWatching(ChannelPromise promise) {
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
    protected void stopWatching() {
        IoRegistration current = registration;
        registration = null;
        ops = BASE_OPS;
        if (current != null) {
            current.cancel();
        }
    }

    @Override
    protected void watchPackets(boolean on) {
        watch(EpollIoOps.EPOLLIN, on);
    }

    @Override
    protected void watchRoom(boolean on) {
        watch(EpollIoOps.EPOLLOUT, on);
    }

    private void watch(EpollIoOps what, boolean on) {
        EpollIoOps next = on ? ops.with(what) : ops.without(what);
        IoRegistration current = registration;
        if (current != null && next.value() != ops.value()) {
            ops = next;
            current.submit(next);
        }
    }

    /** Ours among the descriptors of the event loop's epoll. */
    private final class DeviceHandle implements EpollIoHandle {
        @Override
        public FileDescriptor fd() {
            return fd;
        }

        @Override
        public void handle(IoRegistration source, IoEvent event) {
            if (registration == null) {
                // Closed or deregistered earlier in this turn of the loop.
                return;
            }
            EpollIoOps ready = ((EpollIoEvent) event).ops();
            if (ready.contains(EpollIoOps.EPOLLOUT)) {
                roomAgain();
            }
            // An error shows as soon as we read, even if nobody asked to: else it would be reported forever. What a
            // batch
            // leaves brings us back, after the other channels of the loop: level-triggered.
            if (device.isOpen() && (ready.contains(EpollIoOps.EPOLLERR) || ready.contains(EpollIoOps.EPOLLIN))) {
                packetsWait();
            }
        }

        @Override
        public void close() {
            unsafe().close(unsafe().voidPromise());
        }
    }

    @Override
    protected @Nullable ByteBuf readPacket() throws IOException {
        ByteBuf buffer = readBuffer;
        if (buffer == null) {
            buffer = alloc().directBuffer(READ_BUFFER_BYTES, READ_BUFFER_BYTES);
            readBuffer = buffer;
        }
        int read = fd.readAddress(addressOf(buffer), headerGap, READ_BUFFER_BYTES);
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
        ByteBuf copy = alloc().directBuffer(length);
        copy.writeBytes(buffer, 0, length);
        return copy;
    }

    @Override
    protected Written writePacket(ByteBuf message, int index, int length) throws IOException {
        try {
            return send(message, index, length) == 0 ? Written.NO_ROOM : Written.TAKEN;
        } catch (NativeIoException e) {
            errno = -e.expectedErr();
            return switch (errno) {
                case LibC.EIO -> Written.LINK_DOWN;
                case LibC.ENOBUFS, LibC.ENOMEM -> Written.NO_MEMORY;
                // What TUN says to a virtio header that it does not know; the others are those of a lesser device.
                case LibC.EINVAL, LibC.EOPNOTSUPP, LibC.EPROTONOSUPPORT -> Written.UNSUPPORTED;
                case LibC.EBADFD, LibC.ENODEV, LibC.ENXIO -> throw e;
                default -> Written.REFUSED;
            };
        }
    }

    @Override
    protected String refusal() {
        return LibC.text(errno);
    }

    /** 0 when the kernel has no room. */
    private long send(ByteBuf message, int index, int length) throws IOException {
        if (message.hasMemoryAddress()) {
            return sendAddress(message.memoryAddress() + index, length);
        }
        IovArray pieces = iov;
        if (pieces == null) {
            pieces = new IovArray(Limits.IOV_MAX);
            iov = pieces;
        }
        pieces.clear();
        if (gather(pieces, message, index, length)) {
            return sendVector(pieces.memoryAddress(0), pieces.count());
        }
        // More pieces than one system call takes: rather a copy than a torn packet.
        ByteBuf copy = alloc().directBuffer(length, length);
        try {
            copy.writeBytes(message, index, length);
            return sendAddress(addressOf(copy), length);
        } finally {
            copy.release();
        }
    }

    private static boolean gather(IovArray iov, ByteBuf message, int index, int length) {
        if (!(message instanceof CompositeByteBuf)) {
            return iov.add(message, index, length);
        }
        CompositeByteBuf composite = (CompositeByteBuf) message;
        int at = index;
        int left = length;
        int component = composite.toComponentIndex(index);
        while (left > 0) {
            ByteBuf piece = composite.internalComponent(component);
            int offset = at - composite.toByteIndex(component);
            int bytes = Math.min(left, piece.readableBytes() - offset);
            if (bytes > 0 && !iov.add(piece, piece.readerIndex() + offset, bytes)) {
                return false;
            }
            at += bytes;
            left -= bytes;
            component++;
        }
        return true;
    }

    private static long addressOf(ByteBuf buffer) {
        if (buffer.hasMemoryAddress()) {
            return buffer.memoryAddress();
        }
        java.nio.ByteBuffer nio = buffer.internalNioBuffer(0, buffer.capacity());
        return Buffer.memoryAddress(nio) + nio.position();
    }

    /** A seam: what a kernel with other abilities would say. 0 when there is no room. */
    int sendAddress(long address, int length) throws IOException {
        return fd.writeAddress(address, 0, length);
    }

    /** As {@link #sendAddress}, for several pieces of one packet. */
    long sendVector(long address, int count) throws IOException {
        return fd.writevAddresses(address, count);
    }

    @Override
    protected void releaseBuffers() {
        ByteBuf buffer = readBuffer;
        readBuffer = null;
        if (buffer != null) {
            buffer.release();
        }
        IovArray pieces = iov;
        iov = null;
        if (pieces != null) {
            pieces.release();
        }
    }
}
