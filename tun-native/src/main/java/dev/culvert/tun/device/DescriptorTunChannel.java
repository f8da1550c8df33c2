package dev.culvert.tun.device;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.CompositeByteBuf;
import io.netty.channel.ChannelPromise;
import io.netty.channel.EventLoop;
import io.netty.channel.IoEventLoop;
import io.netty.channel.unix.Buffer;
import io.netty.channel.unix.Errors.NativeIoException;
import io.netty.channel.unix.FileDescriptor;
import io.netty.channel.unix.IovArray;
import io.netty.channel.unix.Limits;
import java.io.IOException;
import java.nio.channels.NotYetConnectedException;
import org.jspecify.annotations.Nullable;

/**
 * A TUN descriptor on an event loop: each packet is one system call, whatever the system puts before it and however the loop
 * watches ({@link DescriptorWatch}). What an errno means is the subclass's.
 */
public abstract class DescriptorTunChannel extends TunChannel {
    /** Up to here a packet is copied out, so that a 60-byte ACK does not pin 64 KiB; a longer one stays where it was read to. */
    static final int COPY_BREAK = 16 * 1024;

    /** The longest IP packet that a kernel hands over, and the header before it. */
    private static final int READ_BUFFER_BYTES = VirtioNetHeader.LENGTH + 65_546;

    private final UnixTunDevice device;
    private final FileDescriptor fd;
    private final DescriptorWatch watch;
    private final int headerGap;

    private @Nullable ByteBuf readBuffer;
    private @Nullable IovArray iov;
    private int errno;

    /**
     * @param watch of this channel alone
     * @param prefix how many bytes the system puts before each IP packet that is read: at most those of a virtio-net header; if
     *     fewer, they are none, and give way to one
     */
    protected DescriptorTunChannel(UnixTunDevice device, DescriptorWatch watch, int prefix) {
        super(device);
        this.device = device;
        this.fd = device.fd();
        this.watch = watch;
        this.headerGap = VirtioNetHeader.LENGTH - prefix;
    }

    /**
     * What has become of a packet that was refused so.
     *
     * @return null if the device is gone
     */
    protected abstract @Nullable Written refused(int code);

    /** What the system wants before this packet; null for nothing. Its readable bytes are taken, it stays the subclass's. */
    protected @Nullable ByteBuf before(ByteBuf message, int index) {
        return null;
    }

    /** The errno with which the last packet was refused. */
    protected final int errno() {
        return errno;
    }

    @Override
    protected boolean isCompatible(EventLoop loop) {
        return super.isCompatible(loop) && loop instanceof IoEventLoop io && watch.isCompatible(io);
    }

    @Override
    protected void startWatching(ChannelPromise promise) {
        watch.start((IoEventLoop) eventLoop(), fd, new Told(), promise);
    }

    @Override
    protected void stopWatching() {
        watch.stop();
    }

    @Override
    protected void watchPackets(boolean on) {
        watch.packets(on);
    }

    @Override
    protected void watchRoom(boolean on) {
        watch.room(on);
    }

    private final class Told implements DescriptorWatch.Told {
        @Override
        public void packetsWait() {
            // What a batch leaves brings us back, after the other channels of the loop: level-triggered.
            if (device.isOpen()) {
                DescriptorTunChannel.this.packetsWait();
            }
        }

        @Override
        public void roomAgain() {
            DescriptorTunChannel.this.roomAgain();
        }

        @Override
        public void loopEnds() {
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
            buffer.setZero(0, VirtioNetHeader.LENGTH);
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
            return send(before(message, index), message, index, length) == 0 ? Written.NO_ROOM : Written.TAKEN;
        } catch (NativeIoException e) {
            errno = -e.expectedErr();
            Written written = refused(errno);
            if (written == null) {
                throw e;
            }
            return written;
        } catch (NotYetConnectedException e) {
            throw new IOException("it is not connected any more", e); // Netty's word for ENOTCONN
        }
    }

    /** 0 when the kernel has no room. */
    private long send(@Nullable ByteBuf head, ByteBuf message, int index, int length) throws IOException {
        if (head == null && message.hasMemoryAddress()) {
            return sendAddress(message.memoryAddress() + index, length);
        }
        IovArray pieces = iov;
        if (pieces == null) {
            pieces = new IovArray(Limits.IOV_MAX);
            iov = pieces;
        }
        pieces.clear();
        if ((head == null || pieces.add(head, head.readerIndex(), head.readableBytes()))
                && gather(pieces, message, index, length)) {
            return sendVector(pieces.memoryAddress(0), pieces.count());
        }
        // More pieces than one system call takes: rather a copy than a torn packet.
        int whole = length + (head == null ? 0 : head.readableBytes());
        ByteBuf copy = alloc().directBuffer(whole, whole);
        try {
            if (head != null) {
                copy.writeBytes(head, head.readerIndex(), head.readableBytes());
            }
            copy.writeBytes(message, index, length);
            return sendAddress(addressOf(copy), whole);
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
    protected long sendAddress(long address, int length) throws IOException {
        return fd.writeAddress(address, 0, length);
    }

    /** As {@link #sendAddress}, for several pieces of one packet. */
    protected long sendVector(long address, int count) throws IOException {
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
