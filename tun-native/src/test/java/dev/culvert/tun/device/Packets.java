package dev.culvert.tun.device;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.Random;

/** Messages as a stack writes them: virtio header, then a TCP or UDP packet with an unfinished checksum. */
public final class Packets {
    static final int TCP_HEADER = 32;

    private Packets() {}

    /** A TCP super-packet (or an ordinary one when it fits) with twelve bytes of options. */
    public static ByteBuf tcp(boolean ipv6, int payload, int mss, int flags, long seq, Random random) {
        int ip = ipv6 ? 40 : 20;
        ByteBuf m = Unpooled.directBuffer();
        boolean gso = payload > mss;
        int type = !gso ? 0 : ipv6 ? VirtioNetHeader.GSO_TCPV6 : VirtioNetHeader.GSO_TCPV4;
        VirtioNetHeader.write(m, VirtioNetHeader.NEEDS_CSUM, type, ip + TCP_HEADER, gso ? mss : 0, ip, 16);
        ip(m, ipv6, 6, TCP_HEADER + payload);
        m.writeShort(443).writeShort(50_000).writeInt((int) seq).writeInt(0x01020304);
        m.writeShort(TCP_HEADER / 4 << 12 | flags).writeShort(0x2000);
        m.writeShort(pseudo(m, ipv6, 6, TCP_HEADER + payload)).writeShort(0);
        m.writeByte(1).writeByte(1).writeByte(8).writeByte(10).writeInt(7).writeInt(9);
        return m.writeBytes(bytes(payload, random));
    }

    /** A UDP super-packet, or an ordinary one when it fits. */
    static ByteBuf udp(boolean ipv6, int payload, int size, Random random) {
        int ip = ipv6 ? 40 : 20;
        ByteBuf m = Unpooled.directBuffer();
        boolean gso = payload > size;
        VirtioNetHeader.write(
                m, VirtioNetHeader.NEEDS_CSUM, gso ? VirtioNetHeader.GSO_UDP_L4 : 0, ip + 8, gso ? size : 0, ip, 6);
        ip(m, ipv6, 17, 8 + payload);
        m.writeShort(53).writeShort(5353).writeShort(8 + payload).writeShort(pseudo(m, ipv6, 17, 8 + payload));
        return m.writeBytes(bytes(payload, random));
    }

    static byte[] bytes(int length, Random random) {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        return bytes;
    }

    private static void ip(ByteBuf m, boolean ipv6, int protocol, int transportBytes) {
        int start = m.writerIndex();
        if (ipv6) {
            m.writeInt(0x60000000)
                    .writeShort(transportBytes)
                    .writeByte(protocol)
                    .writeByte(64);
            m.writeLong(0xfd09000000000000L)
                    .writeLong(2)
                    .writeLong(0xfd09000000000000L)
                    .writeLong(1);
        } else {
            m.writeShort(0x4500)
                    .writeShort(20 + transportBytes)
                    .writeShort(0xfffe)
                    .writeShort(0x4000);
            m.writeByte(64)
                    .writeByte(protocol)
                    .writeShort(0)
                    .writeInt(0x0a090002)
                    .writeInt(0x0a090001);
            m.setShort(start + 10, ~sum(m, start, 20) & 0xffff);
        }
    }

    private static int pseudo(ByteBuf m, boolean ipv6, int protocol, int length) {
        int ip = VirtioNetHeader.LENGTH;
        long sum = protocol + length + (ipv6 ? sum(m, ip + 8, 32) : sum(m, ip + 12, 8));
        return (int) ((sum & 0xffff) + (sum >>> 16));
    }

    /** The plainest sum there is, so as not to test InternetChecksum with itself. */
    public static int sum(ByteBuf m, int index, int length) {
        long sum = 0;
        for (int i = 0; i < length; i++) {
            sum += (long) m.getUnsignedByte(index + i) << (i % 2 == 0 ? 8 : 0);
        }
        while (sum > 0xffff) {
            sum = (sum & 0xffff) + (sum >>> 16);
        }
        return (int) sum;
    }
}
