package dev.culvert.stack;

import dev.culvert.stack.ip.IpCounter;
import dev.culvert.stack.ip.IpPacket;
import dev.culvert.stack.wire.Checksum;
import dev.culvert.stack.wire.IpProtocol;
import dev.culvert.stack.wire.Udp;
import dev.culvert.stack.wire.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;

/** Receives UDP (RFC 768): checks a datagram, finds or opens its flow, and cuts super-packets into datagrams. */
final class UdpInput {
    /**
     * Datagrams of one super-packet: what kernels make at most (UDP_MAX_SEGMENTS). A header that says a size of 1 would make
     * 65,527 of one packet.
     */
    private static final int MAX_SEGMENTS = 128;
    /** Payloads up to here are copied out; more than an MTU's worth is cheaper to share. */
    private static final int COPIED_PAYLOAD = 2048;
    /** Buffers from here on are worth freeing early. */
    private static final int LARGE_BUFFER = 8192;

    private final FlowPort port;
    private final PacketFlows<UdpFlow> flows;

    UdpInput(FlowPort port, StackListener listener) {
        this.port = port;
        this.flows = new PacketFlows<>(
                port,
                port.config().maxUdpFlows(),
                port.config().udpIdleNanos(),
                port.config().dnsIdleNanos(),
                listener::onUdp,
                IpCounter.UDP_FLOWS_OPENED,
                IpCounter.UDP_FLOWS_IDLE,
                IpCounter.UDP_FLOWS_EVICTED);
    }

    PacketFlows<UdpFlow> flows() {
        return flows;
    }

    /**
     * Takes a parsed packet in; {@code buffer} stays the caller's.
     *
     * @param gsoSize payload bytes of each datagram of a super-packet, or 0 for a single datagram
     */
    void receive(ByteBuf buffer, IpPacket packet, boolean checksumTrusted, int gsoType, int gsoSize) {
        int header = packet.payload();
        int available = packet.payloadLength();
        if (available < Udp.HEADER_LENGTH) {
            port.counters().increment(IpCounter.DROPPED_UDP_MALFORMED);
            return;
        }
        boolean many = gsoType == VirtioNetHeader.GSO_UDP_L4;
        int length = many ? available : Udp.length(buffer, header);
        int sourcePort = Udp.sourcePort(buffer, header);
        int destinationPort = Udp.destinationPort(buffer, header);
        // Source port 0 would be legal in RFC 768, but nothing could ever be answered to it.
        if (length < Udp.HEADER_LENGTH
                || length > available
                || sourcePort == 0
                || destinationPort == 0
                || many && (available - Udp.HEADER_LENGTH) > gsoSize * MAX_SEGMENTS) {
            port.counters().increment(IpCounter.DROPPED_UDP_MALFORMED);
            return;
        }
        if (!checksumTrusted && !isChecksumValid(buffer, packet, header, length)) {
            port.counters().increment(IpCounter.DROPPED_CHECKSUM);
            return;
        }
        UdpFlow flow = flow(packet, sourcePort);
        int hopLimit = UdpProbe.hopLimit(packet);
        if (hopLimit != 0 && !many) {
            port.probes().remember(buffer, packet);
        }
        int payload = header + Udp.HEADER_LENGTH;
        int end = header + length;
        int step = Math.max(1, many ? gsoSize : end - payload);
        // At least once: an empty datagram is a datagram.
        do {
            int size = Math.min(step, end - payload);
            port.counters().increment(IpCounter.UDP_IN);
            flow.receive(
                    packet.destinationHigh(),
                    packet.destinationLow(),
                    destinationPort,
                    content(port.channel().alloc(), buffer, payload, size),
                    hopLimit);
            payload += size;
        } while (payload < end);
    }

    private UdpFlow flow(IpPacket packet, int sourcePort) {
        UdpFlow flow = flows.find(packet.sourceHigh(), packet.sourceLow(), sourcePort, 0, 0);
        if (flow == null) {
            flow = new UdpFlow(flows, packet.sourceHigh(), packet.sourceLow(), sourcePort);
            flows.open(flow, packet.sourceHigh(), packet.sourceLow(), sourcePort, 0, 0);
        }
        return flow;
    }

    private static boolean isChecksumValid(ByteBuf buffer, IpPacket packet, int header, int length) {
        if (Udp.checksum(buffer, header) == 0) {
            // RFC 8200 section 8.1: a sender of UDP over IPv6 must compute it.
            return packet.version() == 4;
        }
        return Checksum.isValid(
                Checksum.add(packet.pseudoHeader(IpProtocol.UDP, length), Checksum.sum(buffer, header, length)));
    }

    /** A small payload is copied out of a large buffer, lest a queued datagram of 60 bytes keep 64 KiB alive. */
    static ByteBuf content(ByteBufAllocator alloc, ByteBuf buffer, int index, int length) {
        if (length <= COPIED_PAYLOAD && buffer.capacity() >= LARGE_BUFFER) {
            return alloc.directBuffer(length).writeBytes(buffer, index, length);
        }
        return buffer.retainedSlice(index, length);
    }
}
