package dev.culvert.tun.device;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.io.ByteArrayOutputStream;
import java.util.concurrent.CountDownLatch;

/**
 * Just enough TCP to face the kernel's over a link that loses nothing: accepts one connection, sends one
 * block as a single message (a super-packet), and keeps what it gets.
 */
final class TinyTcpServer extends ChannelInboundHandlerAdapter {
    private static final int SYN = 2;
    private static final int ACK = 16;
    private static final int MSS = 1440;
    private static final int TCP = 20;

    private final byte[] block;
    private final int wanted;
    final CountDownLatch complete = new CountDownLatch(1);
    final ByteArrayOutputStream received = new ByteArrayOutputStream();
    int largest;
    int gsoType;
    int gsoSize;
    private long receiveNext;
    private long sendNext = 1_000;
    private boolean sent;

    TinyTcpServer(byte[] block, int wanted) {
        this.block = block;
        this.wanted = wanted;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        ByteBuf m = (ByteBuf) msg;
        try {
            boolean ipv6 = m.getUnsignedByte(10) >>> 4 == 6;
            int ip = ipv6 ? 40 : 20;
            if (m.getUnsignedByte(10 + (ipv6 ? 6 : 9)) != 6) {
                return;
            }
            int tcp = 10 + ip;
            int flags = m.getUnsignedByte(tcp + 13);
            int data = tcp + (m.getUnsignedByte(tcp + 12) >>> 4) * 4;
            if ((flags & SYN) != 0) {
                receiveNext = m.getUnsignedInt(tcp + 4) + 1;
                answer(ctx, m, ipv6, SYN | ACK, new byte[0]);
                sendNext++;
                return;
            }
            int length = m.readableBytes() - data;
            if (length > 0) {
                byte[] bytes = new byte[length];
                m.getBytes(data, bytes);
                received.writeBytes(bytes);
                receiveNext += length;
                if (length > largest) {
                    largest = length;
                    gsoType = VirtioNetHeader.gsoType(m, 0);
                    gsoSize = VirtioNetHeader.gsoSize(m, 0);
                }
                answer(ctx, m, ipv6, ACK, new byte[0]);
                if (received.size() == wanted) {
                    complete.countDown();
                }
            }
            if (!sent) {
                sent = true;
                answer(ctx, m, ipv6, ACK, block);
                sendNext += block.length;
            }
        } finally {
            m.release();
        }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        ctx.flush();
    }

    private void answer(ChannelHandlerContext ctx, ByteBuf request, boolean ipv6, int flags, byte[] data) {
        int ip = ipv6 ? 40 : 20;
        int options = (flags & SYN) != 0 ? 4 : 0;
        int length = TCP + options + data.length;
        ByteBuf m = ctx.alloc().directBuffer();
        boolean gso = data.length > MSS;
        int type = !gso ? 0 : ipv6 ? VirtioNetHeader.GSO_TCPV6 : VirtioNetHeader.GSO_TCPV4;
        VirtioNetHeader.write(m, VirtioNetHeader.NEEDS_CSUM, type, ip + TCP, gso ? MSS : 0, ip, 16);
        m.writeBytes(request, 10, ip);
        if (ipv6) {
            m.setShort(10 + 4, length);
            m.setBytes(10 + 8, request, 10 + 24, 16);
            m.setBytes(10 + 24, request, 10 + 8, 16);
        } else {
            m.setShort(10 + 2, 20 + length);
            m.setBytes(10 + 12, request, 10 + 16, 4);
            m.setBytes(10 + 16, request, 10 + 12, 4);
            m.setShort(10 + 10, 0);
            m.setShort(10 + 10, ~Packets.sum(m, 10, 20) & 0xffff);
        }
        int tcp = 10 + ip;
        m.writeShort(request.getUnsignedShort(tcp + 2)).writeShort(request.getUnsignedShort(tcp));
        m.writeInt((int) sendNext).writeInt((int) receiveNext);
        m.writeShort((TCP + options) / 4 << 12 | flags).writeShort(0xffff);
        long pseudo = 6 + length + (ipv6 ? Packets.sum(m, 10 + 8, 32) : Packets.sum(m, 10 + 12, 8));
        m.writeShort((int) ((pseudo & 0xffff) + (pseudo >>> 16))).writeShort(0);
        if (options > 0) {
            m.writeShort(0x0204).writeShort(MSS);
        }
        if (data.length == 0) {
            ctx.write(m);
        } else {
            ctx.write(ctx.alloc()
                    .compositeDirectBuffer()
                    .addComponent(true, m)
                    .addComponent(true, Unpooled.directBuffer().writeBytes(data)));
        }
    }
}
