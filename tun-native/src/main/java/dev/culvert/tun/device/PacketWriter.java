package dev.culvert.tun.device;

import dev.culvert.tun.device.TunChannel.Written;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.io.IOException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has a device take one message after another: whole, or in software-made pieces where it does not take it as it is. Belongs to one
 * event loop.
 */
final class PacketWriter {
    /** What became of a message. */
    enum Result {
        /** Written or dropped, and counted; go on with the next. */
        DONE,
        /** Call again with the same message when there is room. */
        AWAIT_ROOM,
        /** Call again with the same message later. */
        RETRY
    }

    private static final Logger log = LoggerFactory.getLogger(PacketWriter.class);

    /** The longest packet made here, behind a virtio header. */
    private static final int SCRATCH_BYTES = VirtioNetHeader.LENGTH + SoftwareOffload.MAX_PACKET;

    private static final int MIN_PACKET = 20;

    private final TunChannel channel;
    private final boolean vnetHeader;
    private final TunCounters counters;
    private final ByteBuf scratch;
    private final SoftwareOffload offload = new SoftwareOffload();

    private boolean tcpGso;
    private boolean udpGso;

    /** Progress within a message that is written in pieces; 0 pieces between messages. */
    private int pieces;

    private int nextPiece;

    /** Why the message was refused whole, or null if it was not offered. */
    private @Nullable String refusal;

    /** Allocates once: up to 64 KiB of scratch, until {@link #release()}. */
    PacketWriter(TunChannel channel, ByteBufAllocator allocator, TunCounters counters) {
        TunOffloads offloads = channel.device().offloads();
        this.channel = channel;
        this.vnetHeader = offloads.vnetHeader();
        this.counters = counters;
        this.tcpGso = vnetHeader;
        this.udpGso = offloads.uso();
        this.scratch = allocator.directBuffer(SCRATCH_BYTES, SCRATCH_BYTES);
    }

    void release() {
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
                return inSoftware(message, null);
            }
        } else if (!vnetHeader && (VirtioNetHeader.flags(message, start) & VirtioNetHeader.NEEDS_CSUM) != 0) {
            return inSoftware(message, null);
        }
        int skip = vnetHeader ? 0 : VirtioNetHeader.LENGTH;
        Written written = channel.writePacket(message, start + skip, packetBytes + VirtioNetHeader.LENGTH - skip);
        if (type != VirtioNetHeader.GSO_NONE) {
            if (written == Written.UNSUPPORTED) {
                return inSoftware(message, channel.refusal());
            }
            if (written == Written.TAKEN) {
                counters.add(TunCounters.SUPER_PACKETS_OUT, 1);
            }
        }
        return written == Written.TAKEN ? done(packetBytes) : notTaken(written);
    }

    private boolean kernelSegments(int type) {
        return (type & ~VirtioNetHeader.GSO_ECN) == VirtioNetHeader.GSO_UDP_L4 ? udpGso : tcpGso;
    }

    private Result inSoftware(ByteBuf message, @Nullable String refused) throws IOException {
        int count = offload.begin(message);
        if (count == SoftwareOffload.MALFORMED) {
            return drop(TunCounters.MALFORMED_OUT);
        }
        pieces = count;
        nextPiece = 0;
        refusal = refused;
        return writePieces(message);
    }

    private Result writePieces(ByteBuf message) throws IOException {
        while (nextPiece < pieces) {
            scratch.clear();
            if (vnetHeader) {
                VirtioNetHeader.writeNone(scratch);
            }
            offload.emit(message, nextPiece, scratch);
            Written written = channel.writePacket(scratch, 0, scratch.readableBytes());
            if (written != Written.TAKEN) {
                Result result = notTaken(written);
                if (result == Result.DONE) {
                    pieces = 0;
                }
                return result;
            }
            if (refusal != null) {
                // The same packet passes in pieces: it is super-packets of its kind that are refused.
                giveUpGso(VirtioNetHeader.gsoType(message, message.readerIndex()), refusal);
                refusal = null;
            }
            nextPiece++;
        }
        pieces = 0;
        counters.add(TunCounters.SOFTWARE_OUT, 1);
        return done(message.readableBytes() - VirtioNetHeader.LENGTH);
    }

    private void giveUpGso(int type, String why) {
        boolean udp = (type & ~VirtioNetHeader.GSO_ECN) == VirtioNetHeader.GSO_UDP_L4;
        if (udp) {
            udpGso = false;
        } else {
            tcpGso = false;
        }
        counters.add(TunCounters.GSO_FALLBACKS, 1);
        log.warn(
                "write to tun {}: kernel refused a {} super-packet: {}; segmenting in software from now on",
                channel.device().name(),
                udp ? "UDP" : "TCP",
                why);
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

    private Result notTaken(Written written) {
        return switch (written) {
            case NO_ROOM -> Result.AWAIT_ROOM;
            case NO_MEMORY -> Result.RETRY;
            case LINK_DOWN -> drop(TunCounters.LINK_DOWN_OUT);
            case TAKEN, UNSUPPORTED, REFUSED -> drop(TunCounters.REFUSED_OUT);
        };
    }
}
