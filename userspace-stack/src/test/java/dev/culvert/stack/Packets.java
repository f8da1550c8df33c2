package dev.culvert.stack;

import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.pcap4j.packet.AbstractPacket.AbstractBuilder;
import org.pcap4j.packet.IcmpV4CommonPacket;
import org.pcap4j.packet.IcmpV4EchoPacket;
import org.pcap4j.packet.IcmpV6CommonPacket;
import org.pcap4j.packet.IcmpV6EchoRequestPacket;
import org.pcap4j.packet.IpV4Packet;
import org.pcap4j.packet.IpV4Rfc791Tos;
import org.pcap4j.packet.IpV6Packet;
import org.pcap4j.packet.IpV6SimpleFlowLabel;
import org.pcap4j.packet.IpV6SimpleTrafficClass;
import org.pcap4j.packet.TcpPacket;
import org.pcap4j.packet.UdpPacket;
import org.pcap4j.packet.UnknownPacket;
import org.pcap4j.packet.namednumber.IcmpV4Code;
import org.pcap4j.packet.namednumber.IcmpV4Type;
import org.pcap4j.packet.namednumber.IcmpV6Code;
import org.pcap4j.packet.namednumber.IcmpV6Type;
import org.pcap4j.packet.namednumber.IpNumber;
import org.pcap4j.packet.namednumber.IpVersion;
import org.pcap4j.packet.namednumber.TcpPort;
import org.pcap4j.packet.namednumber.UdpPort;

/** Packets as an application's kernel sends them, made by Pcap4J and not by the code under test. */
final class Packets {
    static final String CLIENT4 = "10.9.0.2";
    static final String HOST4 = "192.168.7.20";
    static final String CLIENT6 = "fd00:9::2";
    static final String HOST6 = "2001:db8::20";

    private Packets() {}

    static InetAddress address(String text) {
        try {
            return InetAddress.getByName(text);
        } catch (UnknownHostException e) {
            throw new AssertionError(e);
        }
    }

    static byte[] bytes(int length) {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            bytes[i] = (byte) (i * 31 + (i >> 8));
        }
        return bytes;
    }

    static byte[] udp(String source, String destination, int sourcePort, int destinationPort, byte[] payload) {
        return ip(
                source,
                destination,
                IpNumber.UDP,
                new UdpPacket.Builder()
                        .srcAddr(address(source))
                        .dstAddr(address(destination))
                        .srcPort(UdpPort.getInstance((short) sourcePort))
                        .dstPort(UdpPort.getInstance((short) destinationPort))
                        .payloadBuilder(new UnknownPacket.Builder().rawData(payload))
                        .correctChecksumAtBuild(true)
                        .correctLengthAtBuild(true));
    }

    static byte[] syn(String source, String destination, int sourcePort, int destinationPort) {
        return ip(
                source,
                destination,
                IpNumber.TCP,
                new TcpPacket.Builder()
                        .srcAddr(address(source))
                        .dstAddr(address(destination))
                        .srcPort(TcpPort.getInstance((short) sourcePort))
                        .dstPort(TcpPort.getInstance((short) destinationPort))
                        .sequenceNumber(1000)
                        .syn(true)
                        .window((short) 65535)
                        .correctChecksumAtBuild(true)
                        .correctLengthAtBuild(true));
    }

    static byte[] echo(String source, String destination, int identifier, int sequence, byte[] data) {
        if (address(source) instanceof Inet4Address) {
            return ip(
                    source,
                    destination,
                    IpNumber.ICMPV4,
                    new IcmpV4CommonPacket.Builder()
                            .type(IcmpV4Type.ECHO)
                            .code(IcmpV4Code.NO_CODE)
                            .payloadBuilder(new IcmpV4EchoPacket.Builder()
                                    .identifier((short) identifier)
                                    .sequenceNumber((short) sequence)
                                    .payloadBuilder(new UnknownPacket.Builder().rawData(data)))
                            .correctChecksumAtBuild(true));
        }
        return ip(
                source,
                destination,
                IpNumber.ICMPV6,
                new IcmpV6CommonPacket.Builder()
                        .type(IcmpV6Type.ECHO_REQUEST)
                        .code(IcmpV6Code.NO_CODE)
                        .srcAddr((Inet6Address) address(source))
                        .dstAddr((Inet6Address) address(destination))
                        .payloadBuilder(new IcmpV6EchoRequestPacket.Builder()
                                .identifier((short) identifier)
                                .sequenceNumber((short) sequence)
                                .payloadBuilder(new UnknownPacket.Builder().rawData(data)))
                        .correctChecksumAtBuild(true));
    }

    static byte[] ip(String source, String destination, int protocol, byte[] payload) {
        return ip(
                source,
                destination,
                IpNumber.getInstance((byte) protocol),
                new UnknownPacket.Builder().rawData(payload));
    }

    private static byte[] ip(String source, String destination, IpNumber protocol, AbstractBuilder payload) {
        InetAddress from = address(source);
        if (from instanceof Inet4Address) {
            return new IpV4Packet.Builder()
                    .version(IpVersion.IPV4)
                    .tos(IpV4Rfc791Tos.newInstance((byte) 0))
                    .ttl((byte) 64)
                    .identification((short) 77)
                    .protocol(protocol)
                    .srcAddr((Inet4Address) from)
                    .dstAddr((Inet4Address) address(destination))
                    .payloadBuilder(payload)
                    .correctChecksumAtBuild(true)
                    .correctLengthAtBuild(true)
                    .build()
                    .getRawData();
        }
        return new IpV6Packet.Builder()
                .version(IpVersion.IPV6)
                .trafficClass(IpV6SimpleTrafficClass.newInstance((byte) 0))
                .flowLabel(IpV6SimpleFlowLabel.newInstance(0))
                .nextHeader(protocol)
                .hopLimit((byte) 64)
                .srcAddr((Inet6Address) from)
                .dstAddr((Inet6Address) address(destination))
                .payloadBuilder(payload)
                .correctLengthAtBuild(true)
                .build()
                .getRawData();
    }

    /** Cuts a packet into fragments whose data is at most {@code step} bytes, a multiple of 8, in order. */
    static List<byte[]> fragments(byte[] packet, int step, int identification) {
        boolean ipv4 = packet[0] >>> 4 == 4;
        int header = ipv4 ? 20 : 40;
        int total = packet.length - header;
        List<byte[]> fragments = new ArrayList<>();
        for (int offset = 0; offset < total; offset += step) {
            int length = Math.min(step, total - offset);
            byte[] data = java.util.Arrays.copyOfRange(packet, header + offset, header + offset + length);
            fragments.add(fragment(packet, offset, data, offset + length < total, identification));
        }
        return fragments;
    }

    /** One fragment with the addresses and protocol of {@code packet}. */
    static byte[] fragment(byte[] packet, int offset, byte[] data, boolean more, int identification) {
        boolean ipv4 = packet[0] >>> 4 == 4;
        if (ipv4) {
            byte[] fragment = java.util.Arrays.copyOf(packet, 20 + data.length);
            System.arraycopy(data, 0, fragment, 20, data.length);
            put16(fragment, 2, fragment.length);
            put16(fragment, 4, identification);
            put16(fragment, 6, (more ? 0x2000 : 0) | offset >> 3);
            fixChecksum(fragment);
            return fragment;
        }
        byte[] fragment = java.util.Arrays.copyOf(packet, 48 + data.length);
        System.arraycopy(data, 0, fragment, 48, data.length);
        put16(fragment, 4, 8 + data.length);
        fragment[40] = packet[6];
        fragment[6] = 44;
        fragment[41] = 0;
        put16(fragment, 42, offset | (more ? 1 : 0));
        put16(fragment, 44, identification >>> 16);
        put16(fragment, 46, identification);
        return fragment;
    }

    /** Puts the IPv4 header checksum right after a test has changed the header. */
    static byte[] fixChecksum(byte[] packet) {
        put16(packet, 10, 0);
        long sum = 0;
        for (int i = 0; i < (packet[0] & 15) * 4; i += 2) {
            sum += (packet[i] & 0xff) << 8 | packet[i + 1] & 0xff;
        }
        while (sum >>> 16 != 0) {
            sum = (sum >>> 16) + (sum & 0xffff);
        }
        put16(packet, 10, (int) ~sum);
        return packet;
    }

    /** Puts IPv6 extension headers between the fixed header and the payload; the last names the payload's protocol. */
    static byte[] withExtensions(byte[] packet, int firstType, byte[]... headers) {
        int extra = 0;
        for (byte[] header : headers) {
            extra += header.length;
        }
        byte[] out = new byte[packet.length + extra];
        System.arraycopy(packet, 0, out, 0, 40);
        out[6] = (byte) firstType;
        int at = 40;
        for (byte[] header : headers) {
            System.arraycopy(header, 0, out, at, header.length);
            at += header.length;
        }
        System.arraycopy(packet, 40, out, at, packet.length - 40);
        put16(out, 4, out.length - 40);
        return out;
    }

    static void put16(byte[] bytes, int at, int value) {
        bytes[at] = (byte) (value >>> 8);
        bytes[at + 1] = (byte) value;
    }

    static <T> List<T> reversed(List<T> list) {
        List<T> copy = new ArrayList<>(list);
        Collections.reverse(copy);
        return copy;
    }
}
