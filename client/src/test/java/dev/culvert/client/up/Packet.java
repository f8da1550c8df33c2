package dev.culvert.client.up;

import dev.culvert.stack.wire.Checksum;
import dev.culvert.stack.wire.IpProtocol;
import dev.culvert.stack.wire.Ipv4;
import dev.culvert.stack.wire.Ipv6;
import dev.culvert.stack.wire.Tcp;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A packet of an application's kernel, or for it: of the one client and hosts beside one another, whose numbers are {@code to}. */
record Packet(byte[] ip) {
    static final String NETWORK4 = "10.99.0.0/16";
    static final String NETWORK6 = "fd63:99::/32";
    private static final int CLIENT4 = 0x0a09_0002;
    private static final int HOST4 = 0x0a63_0000;
    private static final long CLIENT6 = 0xfd09L << 48;
    private static final long HOST6 = 0xfd63_0099L << 32;

    /** Without options, or with those of a SYN. */
    static byte[] tcp(boolean ipv6, int port, int to, int flags, int sequence, int acknowledgement, String payload) {
        byte[] data = payload.getBytes(StandardCharsets.ISO_8859_1);
        int header = Tcp.HEADER_LENGTH + ((flags & Tcp.SYN) != 0 ? 4 : 0);
        ByteBuf b = ip(ipv6, to, IpProtocol.TCP, 64, header + data.length);
        Tcp.write(b, port, 80, sequence, acknowledgement, header, flags, 65_535, 0);
        if ((flags & Tcp.SYN) != 0) {
            b.writeInt(0x0204_05b4);
        }
        return ByteBufUtil.getBytes(b.writeBytes(data));
    }

    static byte[] udp(boolean ipv6, int port, int to, int toPort, int hopLimit, String payload) {
        byte[] data = payload.getBytes(StandardCharsets.ISO_8859_1);
        ByteBuf b = ip(ipv6, to, IpProtocol.UDP, hopLimit, 8 + data.length);
        b.writeShort(port).writeShort(toPort).writeShort(8 + data.length).writeShort(ipv6 ? 1 : 0);
        return ByteBufUtil.getBytes(b.writeBytes(data));
    }

    static byte[] echo(boolean ipv6, int to, int identifier, int sequence, int hopLimit, String payload) {
        byte[] data = payload.getBytes(StandardCharsets.ISO_8859_1);
        ByteBuf b = ip(ipv6, to, ipv6 ? IpProtocol.ICMPV6 : IpProtocol.ICMP, hopLimit, 8 + data.length);
        int at = b.writerIndex();
        b.writeByte(ipv6 ? 128 : 8)
                .writeByte(0)
                .writeShort(0)
                .writeShort(identifier)
                .writeShort(sequence);
        return checked(b.writeBytes(data), at);
    }

    /** The kernel's "port unreachable" about a datagram that came from a host. */
    static byte[] portUnreachable(Packet about) {
        boolean ipv6 = about.isIpv6();
        int quoted = Math.min(about.ip.length, 60);
        ByteBuf b = ip(ipv6, about.from(), ipv6 ? IpProtocol.ICMPV6 : IpProtocol.ICMP, 64, 8 + quoted);
        int at = b.writerIndex();
        b.writeByte(ipv6 ? 1 : 3).writeByte(ipv6 ? 4 : 3).writeShort(0).writeInt(0);
        return checked(b.writeBytes(about.ip, 0, quoted), at);
    }

    /** No device completes ICMP's checksum. */
    private static byte[] checked(ByteBuf b, int at) {
        int length = b.writerIndex() - at;
        long sum = Checksum.sum(b, at, length);
        if (at == 40) {
            sum = Checksum.add(Checksum.pseudoHeaderOfIpv6(b, 0, IpProtocol.ICMPV6, length), sum);
        }
        b.setShort(at + 2, Checksum.finish(sum));
        return ByteBufUtil.getBytes(b);
    }

    private static ByteBuf ip(boolean ipv6, int to, int protocol, int hopLimit, int length) {
        ByteBuf b = Unpooled.buffer();
        if (ipv6) {
            Ipv6.write(b, 0, 0, length, protocol, hopLimit, CLIENT6, 2, HOST6, to);
        } else {
            Ipv4.write(b, 0, 20 + length, 0, 0, hopLimit, protocol, CLIENT4, HOST4 + to);
        }
        return b;
    }

    boolean isIpv6() {
        return ip[0] >>> 4 == 6;
    }

    /** Where the IP header ends. */
    private int at() {
        return isIpv6() ? 40 : 20;
    }

    int protocol() {
        return ip[isIpv6() ? 6 : 9];
    }

    /** Who sent it, last byte. */
    int from() {
        return ip[at() - (isIpv6() ? 17 : 5)] & 0xff;
    }

    /** To whom it goes, last byte. */
    int to() {
        return ip[at() - 1] & 0xff;
    }

    private int u16(int offset) {
        return (ip[at() + offset] & 0xff) << 8 | ip[at() + offset + 1] & 0xff;
    }

    private int int32(int offset) {
        return u16(offset) << 16 | u16(offset + 2);
    }

    int sourcePort() {
        return u16(0);
    }

    int destinationPort() {
        return u16(2);
    }

    int sequence() {
        return int32(4);
    }

    int acknowledgement() {
        return int32(8);
    }

    int flags() {
        return ip[at() + 13] & 0x3f;
    }

    int window() {
        return u16(14);
    }

    /** Of TCP. */
    String data() {
        return text(at() + (ip[at() + 12] >>> 4 & 15) * 4);
    }

    /** Of UDP, or of a ping behind its identifier and number. */
    String payload() {
        return text(at() + 8);
    }

    private String text(int from) {
        return new String(ip, from, ip.length - from, StandardCharsets.ISO_8859_1);
    }

    /** "type/code", of ICMP in either version. */
    String icmp() {
        if (protocol() != IpProtocol.ICMP && protocol() != IpProtocol.ICMPV6) {
            return "no ICMP but protocol " + protocol();
        }
        return (ip[at()] & 0xff) + "/" + (ip[at() + 1] & 0xff);
    }

    int identifier() {
        return u16(4);
    }

    int echoSequence() {
        return u16(6);
    }

    /** What an ICMP error is about. */
    Packet quoted() {
        return new Packet(Arrays.copyOfRange(ip, at() + 8, ip.length));
    }

    @Override
    public String toString() {
        return ByteBufUtil.hexDump(ip);
    }
}
