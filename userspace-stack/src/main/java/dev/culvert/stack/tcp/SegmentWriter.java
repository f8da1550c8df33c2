package dev.culvert.stack.tcp;

import dev.culvert.stack.wire.Checksum;
import dev.culvert.stack.wire.IpProtocol;
import dev.culvert.stack.wire.Ipv4;
import dev.culvert.stack.wire.Ipv6;
import dev.culvert.stack.wire.Tcp;
import dev.culvert.stack.wire.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.CompositeByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * Builds packets: a header buffer and slices of payload behind it. Set the option fields, then {@link #write}, which
 * clears them again. No payload byte is summed here: the checksum field holds the pseudo-header's sum and the device does
 * the rest, as it cuts super-segments into {@code gso_size} pieces.
 */
final class SegmentWriter {
    /** Up to this many payload bytes are copied behind the header: cheaper than an object per slice. */
    private static final int COPY_LIMIT = 512;
    /** Most parts of a packet; with more of them it is copied, well before writev's limit of 1,024. */
    private static final int MAX_PARTS = 64;

    private static final int NOP = 1;

    private final PacketOutput output;
    private final TcpCounters counters;

    /** MSS option, SYN only; 0 is none. */
    int mss;
    /** Window scale option, SYN only; -1 is none. */
    int windowScale = -1;

    boolean sackPermitted;
    boolean timestamps;
    int timestampValue;
    int timestampEcho;
    int sackBlocks;
    final int[] sackLeft = new int[OutOfOrderQueue.MAX_BLOCKS];
    final int[] sackRight = new int[OutOfOrderQueue.MAX_BLOCKS];

    SegmentWriter(PacketOutput output, TcpCounters counters) {
        this.output = output;
        this.counters = counters;
    }

    /** The bytes that the option fields take. */
    int optionLength() {
        int length = 0;
        if (mss != 0) {
            length += 4;
        }
        if (windowScale >= 0) {
            length += 4;
        }
        if (timestamps) {
            length += 12;
        } else if (sackPermitted) {
            length += 4;
        }
        return sackBlocks > 0 ? length + 4 + 8 * sackBlocks : length;
    }

    /** Writes a segment without payload. */
    void write(FlowEntry flow, int flags, int sequence, int acknowledgment, int window) {
        write(flow, flags, sequence, acknowledgment, window, null, 0, 0);
    }

    /**
     * Writes a segment with {@code length} bytes of {@code queue} from {@code sequence} on.
     *
     * @param gsoSize payload bytes of each segment on the wire, options already subtracted
     */
    void write(
            FlowEntry flow,
            int flags,
            int sequence,
            int acknowledgment,
            int window,
            @Nullable SendQueue queue,
            int length,
            int gsoSize) {
        int options = optionLength();
        int tcpHeader = Tcp.HEADER_LENGTH + options;
        int ipHeader = flow.isIpv4() ? Ipv4.HEADER_LENGTH : Ipv6.HEADER_LENGTH;
        ByteBufAllocator alloc = output.alloc();
        int pieces = queue == null || length <= COPY_LIMIT ? 0 : queue.pieces(sequence, length);
        boolean flat = pieces == 0 || pieces >= MAX_PARTS;
        ByteBuf packet = alloc.directBuffer(VirtioNetHeader.LENGTH + ipHeader + tcpHeader + (flat ? length : 0));
        if (length > gsoSize) {
            VirtioNetHeader.writeSegmented(
                    packet,
                    flow.isIpv4() ? VirtioNetHeader.GSO_TCPV4 : VirtioNetHeader.GSO_TCPV6,
                    ipHeader + tcpHeader,
                    gsoSize,
                    ipHeader,
                    Tcp.CHECKSUM);
        } else {
            VirtioNetHeader.writePartialChecksum(packet, ipHeader, Tcp.CHECKSUM);
        }
        long sum = writeIp(packet, flow, tcpHeader + length);
        Tcp.write(
                packet,
                flow.localPort(),
                flow.remotePort(),
                sequence,
                acknowledgment,
                tcpHeader,
                flags,
                window,
                Checksum.fold(sum));
        if (options > 0) {
            writeOptions(packet);
        }
        counters.segmentSent(length);
        if (queue != null && length > 0) {
            if (flat) {
                queue.copy(sequence, length, packet);
            } else {
                // The parts may be composites themselves, so leave room.
                CompositeByteBuf composite = alloc.compositeDirectBuffer(Math.max(16, 2 * pieces + 1));
                composite.addComponent(true, packet);
                queue.gather(sequence, length, composite);
                packet = composite;
            }
        }
        output.write(packet);
    }

    /** Writes the IP header and returns the pseudo-header's sum. */
    private static long writeIp(ByteBuf packet, FlowEntry flow, int tcpLength) {
        if (flow.isIpv4()) {
            int source = (int) flow.localLow;
            int destination = (int) flow.remoteLow;
            // RFC 6864: an atomic datagram's identification means nothing.
            Ipv4.write(
                    packet,
                    0,
                    Ipv4.HEADER_LENGTH + tcpLength,
                    0,
                    Ipv4.DONT_FRAGMENT,
                    Ipv4.DEFAULT_TTL,
                    IpProtocol.TCP,
                    source,
                    destination);
            return Checksum.pseudoHeader(source, destination, IpProtocol.TCP, tcpLength);
        }
        Ipv6.write(
                packet,
                0,
                0,
                tcpLength,
                IpProtocol.TCP,
                Ipv6.DEFAULT_HOP_LIMIT,
                flow.localHigh,
                flow.localLow,
                flow.remoteHigh,
                flow.remoteLow);
        return Checksum.pseudoHeader(
                flow.localHigh, flow.localLow, flow.remoteHigh, flow.remoteLow, IpProtocol.TCP, tcpLength);
    }

    private void writeOptions(ByteBuf packet) {
        if (mss != 0) {
            packet.writeByte(Segment.OPTION_MSS).writeByte(4).writeShort(mss);
        }
        if (windowScale >= 0) {
            packet.writeByte(NOP)
                    .writeByte(Segment.OPTION_WINDOW_SCALE)
                    .writeByte(3)
                    .writeByte(windowScale);
        }
        if (timestamps) {
            if (sackPermitted) {
                packet.writeByte(Segment.OPTION_SACK_PERMITTED).writeByte(2);
            } else {
                packet.writeByte(NOP).writeByte(NOP);
            }
            packet.writeByte(Segment.OPTION_TIMESTAMPS)
                    .writeByte(10)
                    .writeInt(timestampValue)
                    .writeInt(timestampEcho);
        } else if (sackPermitted) {
            packet.writeByte(NOP)
                    .writeByte(NOP)
                    .writeByte(Segment.OPTION_SACK_PERMITTED)
                    .writeByte(2);
        }
        if (sackBlocks > 0) {
            packet.writeByte(NOP).writeByte(NOP).writeByte(Segment.OPTION_SACK).writeByte(2 + 8 * sackBlocks);
            for (int i = 0; i < sackBlocks; i++) {
                packet.writeInt(sackLeft[i]).writeInt(sackRight[i]);
            }
        }
        mss = 0;
        windowScale = -1;
        sackPermitted = false;
        timestamps = false;
        sackBlocks = 0;
    }
}
