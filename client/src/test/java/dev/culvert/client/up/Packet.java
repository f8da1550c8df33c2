package dev.culvert.client.up;

import dev.culvert.stack.fixture.Packets;
import dev.culvert.stack.wire.IpProtocol;
import io.netty.buffer.ByteBufUtil;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A packet of an application's kernel, or for it: of the one client and hosts beside one another, whose numbers are {@code to}. */
record Packet(byte[] ip) {
    static final String NETWORK4 = "10.99.0.0/16";
    static final String NETWORK6 = "fd63:99::/32";

    private static String client(boolean ipv6) {
        return ipv6 ? "fd09::2" : "10.9.0.2";
    }

    private static String host(boolean ipv6, int number) {
        return ipv6 ? "fd63:99::" + Integer.toHexString(number) : "10.99." + (number >> 8) + "." + (number & 0xff);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    static byte[] tcp(boolean ipv6, int port, int to, int flags, int sequence, int acknowledgement, String payload) {
        return Packets.tcp(client(ipv6), host(ipv6, to), port, 80, flags, sequence, acknowledgement, bytes(payload));
    }

    static byte[] udp(boolean ipv6, int port, int to, int toPort, int hopLimit, String payload) {
        return Packets.limited(Packets.udp(client(ipv6), host(ipv6, to), port, toPort, bytes(payload)), hopLimit);
    }

    static byte[] echo(boolean ipv6, int to, int identifier, int sequence, int hopLimit, String payload) {
        return Packets.limited(
                Packets.echo(client(ipv6), host(ipv6, to), identifier, sequence, bytes(payload)), hopLimit);
    }

    /** The kernel's "port unreachable" about a datagram that came from a host. */
    static byte[] portUnreachable(Packet about) {
        boolean ipv6 = about.isIpv6();
        byte[] body = new byte[4 + Math.min(about.ip.length, 60)];
        System.arraycopy(about.ip, 0, body, 4, body.length - 4);
        return Packets.icmp(client(ipv6), host(ipv6, about.from()), ipv6 ? 1 : 3, ipv6 ? 4 : 3, body);
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
