package dev.culvert.tun.device;

import dev.culvert.tun.libc.LibC;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.CompositeByteBuf;
import io.netty.channel.unix.Buffer;
import io.netty.channel.unix.Errors.NativeIoException;
import io.netty.channel.unix.FileDescriptor;
import io.netty.channel.unix.IovArray;
import io.netty.channel.unix.Limits;
import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Puts one message after another on a TUN descriptor, each with one system call, or in software-made
 * pieces where the kernel does not take it as it is. Belongs to one event loop.
 */
class PacketWriter {
    /** What became of a message. */
    enum Result {
        /** Written or dropped, and counted; go on with the next. */
        DONE,
        /** The kernel has no room: call again with the same message when it is writable. */
        WAIT_WRITABLE,
        /** The kernel is short of memory, of which it gives no notice when it ends: call again later. */
        WAIT_MEMORY
    }

    private static final Logger log = LoggerFactory.getLogger(PacketWriter.class);

    /** The longest packet made here, behind a virtio header. */
    private static final int SCRATCH_BYTES = VirtioNetHeader.LENGTH + SoftwareOffload.MAX_PACKET;

    private static final int MIN_PACKET = 20;

    private final FileDescriptor fd;
    private final String name;
    private final boolean vnetHeader;
    private final TunCounters counters;
    private final IovArray iov = new IovArray(Limits.IOV_MAX);
    private final ByteBuf scratch;
    private final SoftwareOffload offload = new SoftwareOffload();

    private boolean tcpGso;
    private boolean udpGso;

    /** Progress within a message that is written in pieces; 0 pieces between messages. */
    private int pieces;

    private int nextPiece;

    /** The errno for which the kernel refused the message whole, or 0 if it was not asked. */
    private int refusal;

    /** Allocates once: up to 64 KiB of scratch, until {@link #release()}. */
    PacketWriter(UnixTunDevice device, io.netty.buffer.ByteBufAllocator allocator, TunCounters counters) {
        this.fd = device.fd();
        this.name = device.name();
        this.vnetHeader = device.offloads().vnetHeader();
        this.counters = counters;
        this.tcpGso = vnetHeader;
        this.udpGso = device.offloads().uso();
        this.scratch = allocator.directBuffer(SCRATCH_BYTES, SCRATCH_BYTES);
    }

    void release() {
        iov.release();
        scratch.release();
    }

    /**
     * Writes a message whose components are all direct; its indices stay as they are.
     *
     * @throws IOException when the device is gone; the message is then not counted
     */
    Result write(ByteBuf message) throws IOException {
        if (pieces > 0) {
            return writePieces(message);
        }
        int start = message.readerIndex();
        int packetBytes = message.readableBytes() - VirtioNetHeader.LENGTH;
        if (packetBytes < MIN_PACKET || packetBytes > SoftwareOffload.MAX_PACKET) {
            return drop(TunCounters.MALFORMED_OUT);
        }
        int type = VirtioNetHeader.gsoType(message, start);
        if (type != VirtioNetHeader.GSO_NONE) {
            if (!kernelSegments(type)) {
                return inSoftware(message, 0);
            }
        } else if (!vnetHeader && (VirtioNetHeader.flags(message, start) & VirtioNetHeader.NEEDS_CSUM) != 0) {
            return inSoftware(message, 0);
        }
        int skip = vnetHeader ? 0 : VirtioNetHeader.LENGTH;
        try {
            if (send(message, start + skip, packetBytes + VirtioNetHeader.LENGTH - skip) == 0) {
                return Result.WAIT_WRITABLE;
            }
        } catch (NativeIoException e) {
            int errno = -e.expectedErr();
            if (type != VirtioNetHeader.GSO_NONE && refusesGso(errno)) {
                return inSoftware(message, errno);
            }
            return failed(e, errno);
        }
        if (type != VirtioNetHeader.GSO_NONE) {
            counters.add(TunCounters.SUPER_PACKETS_OUT, 1);
        }
        return done(packetBytes);
    }

    private boolean kernelSegments(int type) {
        return (type & ~VirtioNetHeader.GSO_ECN) == VirtioNetHeader.GSO_UDP_L4 ? udpGso : tcpGso;
    }

    private Result inSoftware(ByteBuf message, int errno) throws IOException {
        int count = offload.begin(message);
        if (count == SoftwareOffload.MALFORMED) {
            return drop(TunCounters.MALFORMED_OUT);
        }
        pieces = count;
        nextPiece = 0;
        refusal = errno;
        return writePieces(message);
    }

    private Result writePieces(ByteBuf message) throws IOException {
        while (nextPiece < pieces) {
            scratch.clear();
            if (vnetHeader) {
                VirtioNetHeader.writeNone(scratch);
            }
            offload.emit(message, nextPiece, scratch);
            try {
                if (sendAddress(addressOf(scratch), scratch.readableBytes()) == 0) {
                    return Result.WAIT_WRITABLE;
                }
            } catch (NativeIoException e) {
                Result result = failed(e, -e.expectedErr());
                if (result == Result.DONE) {
                    pieces = 0;
                }
                return result;
            }
            if (refusal != 0) {
                // The same packet passes in pieces: it is super-packets of its kind that are refused.
                giveUpGso(VirtioNetHeader.gsoType(message, message.readerIndex()));
            }
            nextPiece++;
        }
        pieces = 0;
        counters.add(TunCounters.SOFTWARE_OUT, 1);
        return done(message.readableBytes() - VirtioNetHeader.LENGTH);
    }

    private void giveUpGso(int type) {
        boolean udp = (type & ~VirtioNetHeader.GSO_ECN) == VirtioNetHeader.GSO_UDP_L4;
        if (udp) {
            udpGso = false;
        } else {
            tcpGso = false;
        }
        counters.add(TunCounters.GSO_FALLBACKS, 1);
        log.warn(
                "write to tun {}: kernel refused a {} super-packet: {}; segmenting in software from now on",
                name,
                udp ? "UDP" : "TCP",
                LibC.text(refusal));
        refusal = 0;
    }

    private Result done(int packetBytes) {
        counters.add(TunCounters.PACKETS_OUT, 1);
        counters.add(TunCounters.BYTES_OUT, packetBytes);
        return Result.DONE;
    }

    private Result drop(int counter) {
        counters.add(counter, 1);
        return Result.DONE;
    }

    private Result failed(NativeIoException cause, int errno) throws IOException {
        switch (errno) {
            case LibC.EIO:
                return drop(TunCounters.LINK_DOWN_OUT);
            case LibC.ENOBUFS, LibC.ENOMEM:
                return Result.WAIT_MEMORY;
            case LibC.EBADFD, LibC.ENODEV, LibC.ENXIO:
                throw cause;
            default:
                return drop(TunCounters.REFUSED_OUT);
        }
    }

    /** EINVAL is what TUN says to a virtio header it does not know; the others are those of a lesser device. */
    private static boolean refusesGso(int errno) {
        return errno == LibC.EINVAL || errno == LibC.EOPNOTSUPP || errno == LibC.EPROTONOSUPPORT;
    }

    /** One packet; 0 when the kernel has no room. */
    private long send(ByteBuf message, int index, int length) throws IOException {
        if (message.hasMemoryAddress()) {
            return sendAddress(message.memoryAddress() + index, length);
        }
        iov.clear();
        if (!gather(message, index, length)) {
            // More pieces than one system call takes: rather a copy than a torn packet.
            scratch.clear();
            scratch.writeBytes(message, index, length);
            return sendAddress(addressOf(scratch), length);
        }
        return sendVector(iov.memoryAddress(0), iov.count());
    }

    private boolean gather(ByteBuf message, int index, int length) {
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

    static long addressOf(ByteBuf buffer) {
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
}
