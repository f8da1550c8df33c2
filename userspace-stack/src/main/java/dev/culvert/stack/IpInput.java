package dev.culvert.stack;

import dev.culvert.stack.ip.IpCounter;
import dev.culvert.stack.ip.IpPacket;
import dev.culvert.stack.ip.IpParser;
import dev.culvert.stack.ip.Reassembler;
import dev.culvert.stack.tcp.TcpEndpoint;
import dev.culvert.stack.wire.Checksum;
import dev.culvert.stack.wire.Icmp;
import dev.culvert.stack.wire.IpProtocol;
import dev.culvert.stack.wire.VirtioNetHeader;
import io.netty.buffer.ByteBuf;

/** Where packets enter: parsed, made whole, and handed to the protocol that they carry. */
final class IpInput {
    private final FlowPort port;
    private final Reassembler reassembler;
    private final TcpEndpoint tcp;
    private final UdpInput udp;
    private final IcmpInput icmp;
    private final IpPacket packet = new IpPacket();

    IpInput(FlowPort port, Reassembler reassembler, TcpEndpoint tcp, UdpInput udp, IcmpInput icmp) {
        this.port = port;
        this.reassembler = reassembler;
        this.tcp = tcp;
        this.udp = udp;
        this.icmp = icmp;
    }

    /** Handles one packet that begins with its device header; {@code buffer} stays the caller's. */
    void receive(ByteBuf buffer) {
        port.counters().increment(IpCounter.PACKETS_IN);
        int start = buffer.readerIndex();
        int available = buffer.readableBytes() - VirtioNetHeader.LENGTH;
        if (available <= 0) {
            port.counters().increment(IpCounter.DROPPED_NO_HEADER);
            return;
        }
        if (!parse(buffer, start + VirtioNetHeader.LENGTH, available)) {
            return;
        }
        if (port.isOwn(packet.sourceHigh(), packet.sourceLow())) {
            // RFC 1812 section 5.3.8: what claims to come from this router was not sent by it.
            port.counters().increment(IpCounter.DROPPED_MARTIAN);
            return;
        }
        if (packet.hopLimit() <= 1) {
            port.counters().increment(IpCounter.DROPPED_TTL);
            port.errors().hopLimitExceeded(buffer.slice(packet.header(), packet.end() - packet.header()));
            port.scheduleFlush();
            return;
        }
        if (packet.isFragment()) {
            fragment(buffer);
            return;
        }
        dispatch(
                buffer,
                VirtioNetHeader.isChecksumTrusted(buffer, start),
                VirtioNetHeader.gsoType(buffer, start) & ~VirtioNetHeader.GSO_ECN,
                VirtioNetHeader.gsoSize(buffer, start));
    }

    private boolean parse(ByteBuf buffer, int header, int available) {
        IpCounter refused = IpParser.parse(buffer, header, available, packet);
        if (refused == null) {
            return true;
        }
        port.counters().increment(refused);
        if (packet.hasError()) {
            sendError(buffer, packet.errorType(), packet.errorCode(), packet.errorRest());
        }
        return false;
    }

    private void fragment(ByteBuf buffer) {
        boolean idle = reassembler.isEmpty();
        ByteBuf whole = reassembler.add(port.channel().alloc(), buffer, packet, port.nanoTime());
        if (idle && !reassembler.isEmpty()) {
            port.sweepAt(reassembler.deadline());
        }
        if (whole == null) {
            return;
        }
        try {
            if (parse(whole, whole.readerIndex(), whole.readableBytes()) && !packet.isFragment()) {
                // The kernel completes checksums before it fragments: there is nothing to trust here.
                dispatch(whole, false, VirtioNetHeader.GSO_NONE, 0);
            }
        } finally {
            whole.release();
        }
    }

    private void dispatch(ByteBuf buffer, boolean checksumTrusted, int gsoType, int gsoSize) {
        int protocol = packet.protocol();
        boolean ipv4 = packet.version() == 4;
        if (protocol == IpProtocol.TCP) {
            tcp(buffer, checksumTrusted);
        } else if (protocol == IpProtocol.UDP) {
            udp.receive(buffer, packet, checksumTrusted, gsoType, gsoSize);
        } else if (protocol == (ipv4 ? IpProtocol.ICMP : IpProtocol.ICMPV6)) {
            icmp.receive(buffer, packet, checksumTrusted);
        } else {
            port.counters().increment(IpCounter.DROPPED_PROTOCOL);
            if (ipv4) {
                // RFC 1122 section 3.2.2.1.
                sendError(buffer, Icmp.V4_UNREACHABLE, Icmp.V4_CODE_PROTOCOL, 0);
            } else if (protocol != IpProtocol.NO_NEXT_HEADER) {
                // RFC 8200 section 4.
                sendError(buffer, Icmp.V6_PARAMETER_PROBLEM, Icmp.V6_CODE_NEXT_HEADER, packet.nextHeaderFieldOffset());
            }
        }
    }

    private void tcp(ByteBuf buffer, boolean checksumTrusted) {
        int length = packet.payloadLength();
        if (!checksumTrusted) {
            long pseudo = packet.pseudoHeader(IpProtocol.TCP, length);
            if (!Checksum.isValid(Checksum.add(pseudo, Checksum.sum(buffer, packet.payload(), length)))) {
                port.counters().increment(IpCounter.DROPPED_CHECKSUM);
                return;
            }
        }
        // From here on the buffer is exactly the IP packet: no device header, no padding.
        buffer.setIndex(packet.header(), packet.end());
        tcp.receive(buffer, packet);
    }

    private void sendError(ByteBuf buffer, int type, int code, int rest) {
        port.errors().send(buffer.slice(packet.header(), packet.end() - packet.header()), type, code, rest);
        port.scheduleFlush();
    }
}
