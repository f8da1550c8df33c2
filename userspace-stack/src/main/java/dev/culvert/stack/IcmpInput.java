package dev.culvert.stack;

import dev.culvert.stack.ip.IpAddresses;
import dev.culvert.stack.ip.IpCounter;
import dev.culvert.stack.ip.IpPacket;
import dev.culvert.stack.tcp.TcpEndpoint;
import dev.culvert.stack.wire.Checksum;
import dev.culvert.stack.wire.Icmp;
import dev.culvert.stack.wire.IpProtocol;
import dev.culvert.stack.wire.Ipv4;
import dev.culvert.stack.wire.Ipv6;
import dev.culvert.stack.wire.Udp;
import io.netty.buffer.ByteBuf;

/**
 * Receives ICMP of both versions: echo requests open flows; errors about what we have sent reach the flow that they concern;
 * the rest (router solicitations, replies, timestamps) is dropped and counted.
 */
final class IcmpInput {
    /** Bytes of a transport header that an error quotes at least (RFC 792): all that may be relied on. */
    private static final int QUOTED_TRANSPORT = 8;

    private final FlowPort port;
    private final TcpEndpoint tcp;
    private final PacketFlows<UdpFlow> udpFlows;
    private final PacketFlows<EchoFlow> echoFlows;

    IcmpInput(FlowPort port, StackListener listener, TcpEndpoint tcp, PacketFlows<UdpFlow> udpFlows) {
        this.port = port;
        this.tcp = tcp;
        this.udpFlows = udpFlows;
        this.echoFlows = new PacketFlows<>(
                port,
                port.config().maxEchoFlows(),
                port.config().echoIdleNanos(),
                port.config().echoIdleNanos(),
                listener::onEcho,
                IpCounter.ECHO_FLOWS_OPENED,
                IpCounter.ECHO_FLOWS_IDLE,
                IpCounter.ECHO_FLOWS_EVICTED);
    }

    PacketFlows<EchoFlow> flows() {
        return echoFlows;
    }

    /** Takes a parsed packet in; {@code buffer} stays the caller's. */
    void receive(ByteBuf buffer, IpPacket packet, boolean checksumTrusted) {
        int header = packet.payload();
        int length = packet.payloadLength();
        if (length < Icmp.HEADER_LENGTH) {
            port.counters().increment(IpCounter.DROPPED_ICMP);
            return;
        }
        if (!checksumTrusted && !isChecksumValid(buffer, packet, header, length)) {
            port.counters().increment(IpCounter.DROPPED_CHECKSUM);
            return;
        }
        int type = Icmp.type(buffer, header);
        boolean ipv4 = packet.version() == 4;
        if (type == (ipv4 ? Icmp.V4_ECHO_REQUEST : Icmp.V6_ECHO_REQUEST)) {
            echo(buffer, packet, header, length);
        } else if (ipv4 && isV4FlowError(type) || !ipv4 && isV6FlowError(type)) {
            error(buffer, packet, header, type);
        } else {
            port.counters().increment(IpCounter.DROPPED_ICMP);
        }
    }

    private void echo(ByteBuf buffer, IpPacket packet, int header, int length) {
        int identifier = Icmp.identifier(buffer, header);
        EchoFlow flow = echoFlows.find(
                packet.sourceHigh(), packet.sourceLow(), packet.destinationHigh(), packet.destinationLow(), identifier);
        if (flow == null) {
            flow = new EchoFlow(
                    echoFlows,
                    packet.sourceHigh(),
                    packet.sourceLow(),
                    packet.destinationHigh(),
                    packet.destinationLow(),
                    identifier);
            echoFlows.open(
                    flow,
                    packet.sourceHigh(),
                    packet.sourceLow(),
                    packet.destinationHigh(),
                    packet.destinationLow(),
                    identifier);
        }
        port.counters().increment(IpCounter.ECHO_IN);
        int hopLimit = UdpProbe.hopLimit(packet);
        if (hopLimit != 0) {
            port.probes().remember(buffer, packet);
        }
        flow.receive(
                Icmp.sequence(buffer, header),
                UdpInput.content(
                        port.channel().alloc(), buffer, header + Icmp.HEADER_LENGTH, length - Icmp.HEADER_LENGTH),
                hopLimit);
    }

    /** Finds whom an error concerns. The quoted packet is one of ours: its destination is the client. */
    private void error(ByteBuf buffer, IpPacket packet, int header, int type) {
        int quote = header + Icmp.HEADER_LENGTH;
        int end = packet.end();
        boolean ipv4 = packet.version() == 4;
        int transport = ipv4 ? quotedIpv4Transport(buffer, quote, end) : quotedIpv6Transport(buffer, quote, end);
        if (transport < 0) {
            port.counters().increment(IpCounter.DROPPED_ICMP);
            return;
        }
        int protocol;
        long sourceHigh;
        long sourceLow;
        long destinationHigh;
        long destinationLow;
        if (ipv4) {
            protocol = Ipv4.protocol(buffer, quote);
            sourceHigh = 0;
            sourceLow = IpAddresses.ofIpv4(Ipv4.source(buffer, quote));
            destinationHigh = 0;
            destinationLow = IpAddresses.ofIpv4(Ipv4.destination(buffer, quote));
        } else {
            protocol = Ipv6.nextHeader(buffer, quote);
            if (protocol == IpProtocol.FRAGMENT) {
                protocol = Ipv6.fragmentNextHeader(buffer, quote + Ipv6.HEADER_LENGTH);
            }
            sourceHigh = Ipv6.sourceHigh(buffer, quote);
            sourceLow = Ipv6.sourceLow(buffer, quote);
            destinationHigh = Ipv6.destinationHigh(buffer, quote);
            destinationLow = Ipv6.destinationLow(buffer, quote);
        }
        PacketFlow flow = null;
        int remotePort = 0;
        if (protocol == IpProtocol.TCP) {
            port.counters().increment(IpCounter.ICMP_ERRORS_IN);
            tcp.icmpError(
                    buffer.slice(quote, end - quote),
                    packet.version(),
                    transport - quote,
                    type,
                    Icmp.code(buffer, header),
                    nextHopMtu(buffer, header, ipv4, type));
            return;
        } else if (protocol == IpProtocol.UDP) {
            remotePort = Udp.sourcePort(buffer, transport);
            flow = udpFlows.find(destinationHigh, destinationLow, Udp.destinationPort(buffer, transport), 0, 0);
        } else if (protocol == (ipv4 ? IpProtocol.ICMP : IpProtocol.ICMPV6)
                && Icmp.type(buffer, transport) == (ipv4 ? Icmp.V4_ECHO_REPLY : Icmp.V6_ECHO_REPLY)) {
            flow = echoFlows.find(
                    destinationHigh, destinationLow, sourceHigh, sourceLow, Icmp.identifier(buffer, transport));
        }
        if (flow == null) {
            port.counters().increment(IpCounter.DROPPED_ICMP_NO_FLOW);
            return;
        }
        port.counters().increment(IpCounter.ICMP_ERRORS_IN);
        flow.pipeline()
                .fireUserEventTriggered(new IcmpErrorEvent(
                        type, Icmp.code(buffer, header), IpAddresses.socketAddress(sourceHigh, sourceLow, remotePort)));
    }

    private static int quotedIpv4Transport(ByteBuf buffer, int quote, int end) {
        if (end - quote < Ipv4.HEADER_LENGTH || Ipv4.version(buffer, quote) != 4) {
            return -1;
        }
        int headerLength = Ipv4.headerLength(buffer, quote);
        if (headerLength < Ipv4.HEADER_LENGTH
                || end - quote < headerLength + QUOTED_TRANSPORT
                || Ipv4.fragmentOffset(buffer, quote) != 0) {
            return -1;
        }
        return quote + headerLength;
    }

    /** Of extension headers only a fragment header is looked for: we send no other. */
    private static int quotedIpv6Transport(ByteBuf buffer, int quote, int end) {
        if (end - quote < Ipv6.HEADER_LENGTH + QUOTED_TRANSPORT || Ipv6.version(buffer, quote) != 6) {
            return -1;
        }
        int transport = quote + Ipv6.HEADER_LENGTH;
        if (Ipv6.nextHeader(buffer, quote) == IpProtocol.FRAGMENT) {
            if (end - transport < Ipv6.FRAGMENT_HEADER_LENGTH + QUOTED_TRANSPORT
                    || Ipv6.fragmentOffset(buffer, transport) != 0) {
                return -1;
            }
            transport += Ipv6.FRAGMENT_HEADER_LENGTH;
        }
        return transport;
    }

    private static int nextHopMtu(ByteBuf buffer, int header, boolean ipv4, int type) {
        if (ipv4) {
            return type == Icmp.V4_UNREACHABLE && Icmp.code(buffer, header) == Icmp.V4_CODE_FRAGMENTATION_NEEDED
                    ? Icmp.rest(buffer, header) & 0xffff
                    : 0;
        }
        // Unsigned on the wire; more than a packet can be is as good as the most.
        return type == Icmp.V6_PACKET_TOO_BIG
                ? (int) Math.min(Icmp.rest(buffer, header) & 0xffff_ffffL, Ipv4.MAX_LENGTH)
                : 0;
    }

    private static boolean isV4FlowError(int type) {
        return type == Icmp.V4_UNREACHABLE || type == Icmp.V4_TIME_EXCEEDED || type == Icmp.V4_PARAMETER_PROBLEM;
    }

    private static boolean isV6FlowError(int type) {
        return type >= Icmp.V6_UNREACHABLE && type <= Icmp.V6_PARAMETER_PROBLEM;
    }

    private static boolean isChecksumValid(ByteBuf buffer, IpPacket packet, int header, int length) {
        long sum = Checksum.sum(buffer, header, length);
        if (packet.version() == 6) {
            sum = Checksum.add(sum, packet.pseudoHeader(IpProtocol.ICMPV6, length));
        }
        return Checksum.isValid(sum);
    }
}
