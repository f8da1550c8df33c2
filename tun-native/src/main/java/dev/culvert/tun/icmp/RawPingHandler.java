package dev.culvert.tun.icmp;

import dev.culvert.tun.device.InternetChecksum;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.channel.socket.DatagramPacket;

/**
 * Makes a raw ICMP socket behave as an ICMP datagram socket does: puts in identifier and checksum, takes
 * off the IPv4 header (raw(7); IPv6 has none, RFC 3542 section 3), and lets only replies to its
 * identifier pass.
 */
final class RawPingHandler extends ChannelDuplexHandler {
    static final int ECHO_REPLY_V4 = 0;
    static final int ECHO_REPLY_V6 = 129;

    static final int ICMP_HEADER = 8;
    private static final int IPV4_MIN_HEADER = 20;
    private static final int CHECKSUM = 2;
    static final int IDENTIFIER = 4;
    static final int SEQUENCE = 6;

    private final boolean ipv6;
    private final int identifier;

    RawPingHandler(boolean ipv6, int identifier) {
        this.ipv6 = ipv6;
        this.identifier = identifier;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        DatagramPacket packet = (DatagramPacket) msg;
        ByteBuf content = packet.content();
        if (strip(content) && isOurs(content)) {
            ctx.fireChannelRead(packet);
        } else {
            packet.release();
        }
    }

    private boolean strip(ByteBuf content) {
        if (ipv6) {
            return true;
        }
        if (content.readableBytes() < IPV4_MIN_HEADER) {
            return false;
        }
        int header = (content.getUnsignedByte(content.readerIndex()) & 0x0f) * 4;
        if (header < IPV4_MIN_HEADER || header > content.readableBytes()) {
            return false;
        }
        content.skipBytes(header);
        return true;
    }

    private boolean isOurs(ByteBuf content) {
        int start = content.readerIndex();
        return content.readableBytes() >= ICMP_HEADER
                && content.getUnsignedByte(start) == (ipv6 ? ECHO_REPLY_V6 : ECHO_REPLY_V4)
                && content.getUnsignedShort(start + IDENTIFIER) == identifier;
    }

    @Override
    public void write(ChannelHandlerContext ctx, Object msg, ChannelPromise promise) {
        if (msg instanceof DatagramPacket packet) {
            address(packet.content());
        }
        ctx.write(msg, promise);
    }

    /** Puts identifier and checksum into an echo request. */
    void address(ByteBuf content) {
        if (content.readableBytes() >= ICMP_HEADER) {
            int start = content.readerIndex();
            content.setShort(start + IDENTIFIER, identifier);
            if (!ipv6) {
                // For ICMPv6 the kernel does this itself: RFC 3542 section 3.1.
                content.setShort(start + CHECKSUM, 0);
                long sum = InternetChecksum.add(0, content, start, content.readableBytes());
                content.setShort(start + CHECKSUM, InternetChecksum.finish(sum));
            }
        }
    }

    int identifier() {
        return identifier;
    }
}
