package dev.culvert.stack.ip;

import dev.culvert.stack.wire.Checksum;
import dev.culvert.stack.wire.IpProtocol;
import dev.culvert.stack.wire.Ipv4;
import dev.culvert.stack.wire.Ipv6;
import dev.culvert.stack.wire.Udp;
import dev.culvert.stack.wire.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.CompositeByteBuf;
import java.util.SplittableRandom;

/**
 * Sends UDP and ICMP: both have an 8-byte header, which travels here as one long. A message that fits the MTU leaves as one
 * packet; a longer one is cut into fragments (RFC 791 section 3.2, RFC 8200 section 4.5).
 */
public final class IpOutput {
    /** Bytes of the UDP header, and of the ICMP header. */
    private static final int TRANSPORT_HEADER = 8;

    /**
     * Payloads up to this many bytes are copied behind their header: that costs less than a composite buffer and a second
     * vector entry in the device's write. Larger ones are referred to.
     */
    private static final int COPY_LIMIT = 2048;

    private final PacketSink sink;
    private final IpCounters counters;
    private final int mtu;
    private int identification;

    /**
     * Sends into {@code sink}.
     *
     * @param mtu bytes of the largest IP packet, at least 1,280
     */
    public IpOutput(PacketSink sink, IpCounters counters, int mtu) {
        this.sink = sink;
        this.counters = counters;
        this.mtu = mtu;
        // A random start, so that fragments of a stack that was restarted do not meet those of its past life.
        this.identification = new SplittableRandom().nextInt();
    }

    /** Payload bytes that one UDP or ICMP message can carry between these hosts. */
    public static int maxPayload(boolean ipv4) {
        return Ipv4.MAX_LENGTH - TRANSPORT_HEADER - (ipv4 ? Ipv4.HEADER_LENGTH : 0);
    }

    /**
     * Sends a datagram. Takes no ownership of {@code payload}, whose readable bytes are at most {@link #maxPayload}; its
     * indices stay as they are.
     */
    public void udp(
            long sourceHigh,
            long sourceLow,
            int sourcePort,
            long destinationHigh,
            long destinationLow,
            int destinationPort,
            ByteBuf payload) {
        int length = TRANSPORT_HEADER + payload.readableBytes();
        long header = (long) sourcePort << 48 | (long) destinationPort << 32 | (long) length << 16;
        long pseudo = pseudoHeader(sourceHigh, sourceLow, destinationHigh, destinationLow, IpProtocol.UDP, length);
        if (fits(sourceHigh, sourceLow, length)) {
            // The device completes the sum; RFC 768's rule that 0 is sent as all ones is its duty then.
            send(
                    sourceHigh,
                    sourceLow,
                    destinationHigh,
                    destinationLow,
                    IpProtocol.UDP,
                    header | Checksum.fold(pseudo),
                    payload,
                    true);
        } else {
            // No device sums over several packets.
            int checksum = Checksum.finish(Checksum.add(Checksum.add(pseudo, header), sum(payload)));
            sendFragmented(
                    sourceHigh,
                    sourceLow,
                    destinationHigh,
                    destinationLow,
                    IpProtocol.UDP,
                    header | (checksum == 0 ? 0xffff : checksum),
                    payload);
        }
        counters.increment(IpCounter.UDP_OUT);
    }

    /** Sends an ICMP message of the family that the addresses are of. Ownership as with {@link #udp}. */
    public void icmp(
            long sourceHigh,
            long sourceLow,
            long destinationHigh,
            long destinationLow,
            int type,
            int code,
            int rest,
            ByteBuf payload) {
        int length = TRANSPORT_HEADER + payload.readableBytes();
        long header = (long) type << 56 | (long) code << 48 | rest & 0xffff_ffffL;
        long sum = Checksum.add(header, sum(payload));
        int protocol = IpProtocol.ICMP;
        if (!IpAddresses.isIpv4(sourceHigh, sourceLow)) {
            protocol = IpProtocol.ICMPV6;
            sum = Checksum.add(
                    sum, pseudoHeader(sourceHigh, sourceLow, destinationHigh, destinationLow, protocol, length));
        }
        header |= (long) Checksum.finish(sum) << 32;
        if (fits(sourceHigh, sourceLow, length)) {
            send(sourceHigh, sourceLow, destinationHigh, destinationLow, protocol, header, payload, false);
        } else {
            sendFragmented(sourceHigh, sourceLow, destinationHigh, destinationLow, protocol, header, payload);
        }
    }

    /**
     * The beginning of a packet that some other host sent, for an ICMP error to quote: an IP header, with room for {@code
     * length} more bytes and no device header. The caller writes those and releases the buffer.
     */
    public ByteBuf quote(
            long sourceHigh, long sourceLow, long destinationHigh, long destinationLow, int protocol, int length) {
        boolean ipv4 = IpAddresses.isIpv4(sourceHigh, sourceLow);
        ByteBuf quote = sink.alloc().directBuffer(headerLength(ipv4) + length);
        if (ipv4) {
            writeIpv4(quote, Ipv4.HEADER_LENGTH + length, 0, Ipv4.DONT_FRAGMENT, protocol, sourceLow, destinationLow);
        } else {
            writeIpv6(quote, length, protocol, sourceHigh, sourceLow, destinationHigh, destinationLow);
        }
        return quote;
    }

    private boolean fits(long sourceHigh, long sourceLow, int length) {
        return headerLength(IpAddresses.isIpv4(sourceHigh, sourceLow)) + length <= mtu;
    }

    private void send(
            long sourceHigh,
            long sourceLow,
            long destinationHigh,
            long destinationLow,
            int protocol,
            long transportHeader,
            ByteBuf payload,
            boolean partialChecksum) {
        boolean ipv4 = IpAddresses.isIpv4(sourceHigh, sourceLow);
        int ipHeader = headerLength(ipv4);
        int payloadLength = payload.readableBytes();
        ByteBuf packet = allocate(ipHeader + TRANSPORT_HEADER, payloadLength);
        if (partialChecksum) {
            VirtioNetHeader.writePartialChecksum(packet, ipHeader, Udp.CHECKSUM);
        } else {
            VirtioNetHeader.writeComplete(packet);
        }
        int length = TRANSPORT_HEADER + payloadLength;
        if (ipv4) {
            // RFC 6864 section 4.1: an atomic datagram's identification means nothing; DF says that it is one.
            writeIpv4(packet, ipHeader + length, 0, Ipv4.DONT_FRAGMENT, protocol, sourceLow, destinationLow);
        } else {
            writeIpv6(packet, length, protocol, sourceHigh, sourceLow, destinationHigh, destinationLow);
        }
        packet.writeLong(transportHeader);
        emit(packet, payload, payload.readerIndex(), payloadLength);
    }

    private void sendFragmented(
            long sourceHigh,
            long sourceLow,
            long destinationHigh,
            long destinationLow,
            int protocol,
            long transportHeader,
            ByteBuf payload) {
        boolean ipv4 = IpAddresses.isIpv4(sourceHigh, sourceLow);
        int headers = headerLength(ipv4) + (ipv4 ? 0 : Ipv6.FRAGMENT_HEADER_LENGTH);
        int step = mtu - headers & ~7;
        int total = TRANSPORT_HEADER + payload.readableBytes();
        int id = identification++;
        for (int offset = 0; offset < total; offset += step) {
            int length = Math.min(step, total - offset);
            boolean more = offset + length < total;
            int transport = offset == 0 ? TRANSPORT_HEADER : 0;
            ByteBuf packet = allocate(headers + transport, length - transport);
            VirtioNetHeader.writeComplete(packet);
            if (ipv4) {
                int flagsAndOffset = (more ? Ipv4.MORE_FRAGMENTS : 0) | offset >>> 3;
                writeIpv4(packet, headers + length, id, flagsAndOffset, protocol, sourceLow, destinationLow);
            } else {
                writeIpv6(
                        packet,
                        Ipv6.FRAGMENT_HEADER_LENGTH + length,
                        IpProtocol.FRAGMENT,
                        sourceHigh,
                        sourceLow,
                        destinationHigh,
                        destinationLow);
                Ipv6.writeFragmentHeader(packet, protocol, offset, more, id);
            }
            int from = payload.readerIndex() + offset - TRANSPORT_HEADER;
            if (offset == 0) {
                packet.writeLong(transportHeader);
                from = payload.readerIndex();
            }
            emit(packet, payload, from, length - transport);
            counters.increment(IpCounter.FRAGMENTS_OUT);
        }
        counters.increment(IpCounter.FRAGMENTED_OUT);
    }

    private ByteBuf allocate(int headers, int payloadLength) {
        int copied = payloadLength <= COPY_LIMIT ? payloadLength : 0;
        return sink.alloc().directBuffer(VirtioNetHeader.LENGTH + headers + copied);
    }

    private void emit(ByteBuf packet, ByteBuf payload, int from, int length) {
        if (length <= COPY_LIMIT) {
            packet.writeBytes(payload, from, length);
            sink.write(packet);
            return;
        }
        CompositeByteBuf composite = sink.alloc().compositeDirectBuffer(2);
        composite.addComponent(true, packet);
        composite.addComponent(true, payload.retainedSlice(from, length));
        sink.write(composite);
    }

    private static int headerLength(boolean ipv4) {
        return ipv4 ? Ipv4.HEADER_LENGTH : Ipv6.HEADER_LENGTH;
    }

    private static void writeIpv4(
            ByteBuf out, int totalLength, int id, int flagsAndOffset, int protocol, long source, long destination) {
        Ipv4.write(out, 0, totalLength, id & 0xffff, flagsAndOffset, Ipv4.DEFAULT_TTL, protocol, (int) source, (int)
                destination);
    }

    private static void writeIpv6(
            ByteBuf out,
            int payloadLength,
            int nextHeader,
            long sourceHigh,
            long sourceLow,
            long destinationHigh,
            long destinationLow) {
        Ipv6.write(
                out,
                0,
                0,
                payloadLength,
                nextHeader,
                Ipv6.DEFAULT_HOP_LIMIT,
                sourceHigh,
                sourceLow,
                destinationHigh,
                destinationLow);
    }

    private static long sum(ByteBuf payload) {
        return Checksum.sum(payload, payload.readerIndex(), payload.readableBytes());
    }

    /** The pseudo-header's sum for two addresses of one family. */
    public static long pseudoHeader(
            long sourceHigh, long sourceLow, long destinationHigh, long destinationLow, int protocol, int length) {
        if (IpAddresses.isIpv4(sourceHigh, sourceLow)) {
            return Checksum.pseudoHeader((int) sourceLow, (int) destinationLow, protocol, length);
        }
        return Checksum.pseudoHeader(sourceHigh, sourceLow, destinationHigh, destinationLow, protocol, length);
    }
}
