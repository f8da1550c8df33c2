package dev.culvert.tun.icmp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tun.NetNamespace;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.epoll.EpollDatagramChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.socket.DatagramPacket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Echo over loopback of a namespace, by datagram socket and by the raw one that stands in for it. */
@Tag("netns")
final class PingSocketsNetnsTest {
    private NetNamespace ns;
    private EventLoopGroup group;

    @BeforeEach
    void open() throws Exception {
        ns = new NetNamespace();
        group = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
    }

    @AfterEach
    void close() throws Exception {
        group.shutdownGracefully(20, 5_000, TimeUnit.MILLISECONDS).syncUninterruptibly();
        ns.close();
    }

    @ParameterizedTest
    @CsvSource({"false,true", "true,true", "false,false", "true,false"})
    void receivesOnlyTheRepliesToItsOwnRequests(boolean ipv6, boolean datagram) throws Exception {
        ns.exec("sh", "-c", "echo '" + (datagram ? "0 2147483647" : "1 0") + "' > /proc/sys/net/ipv4/ping_group_range");
        EpollDatagramChannel channel = ns.call(() -> PingSockets.open(ipv6));
        EpollDatagramChannel other = ns.call(() -> PingSockets.open(ipv6));
        assertThat(channel.pipeline().get(RawPingHandler.class) == null).isEqualTo(datagram);
        BlockingQueue<byte[]> replies = collect(channel);
        BlockingQueue<byte[]> others = collect(other);

        InetAddress host = InetAddress.getByName(ipv6 ? "::1" : "127.0.0.1");
        for (int sequence = 1; sequence <= 3; sequence++) {
            channel.writeAndFlush(new DatagramPacket(request(ipv6, sequence), new InetSocketAddress(host, 0)))
                    .sync();
        }
        int identifier = -1;
        for (int sequence = 1; sequence <= 3; sequence++) {
            byte[] bytes = replies.poll(60, TimeUnit.SECONDS);
            assertThat(bytes).isNotNull();
            ByteBuf reply = Unpooled.wrappedBuffer(bytes);
            assertThat(reply.readUnsignedByte()).isEqualTo((short) (ipv6 ? 129 : 0));
            assertThat(reply.readUnsignedByte()).isZero();
            reply.skipBytes(2);
            int id = reply.readUnsignedShort();
            assertThat(id).isNotEqualTo(0x7777);
            assertThat(identifier == -1 || identifier == id).isTrue();
            identifier = id;
            assertThat(reply.readUnsignedShort()).isEqualTo(sequence);
            assertThat(reply.readLong()).isEqualTo(0x0123456789abcdefL);
            assertThat(reply.isReadable()).isFalse();
        }
        other.writeAndFlush(new DatagramPacket(request(ipv6, 9), new InetSocketAddress(host, 0)))
                .sync();
        assertThat(others.poll(60, TimeUnit.SECONDS)).isNotNull();
        assertThat(replies.poll(100, TimeUnit.MILLISECONDS)).isNull();
        assertThat(others).isEmpty();
    }

    private static ByteBuf request(boolean ipv6, int sequence) {
        return Unpooled.directBuffer()
                .writeByte(ipv6 ? 128 : 8)
                .writeByte(0)
                .writeShort(0)
                .writeShort(0x7777)
                .writeShort(sequence)
                .writeLong(0x0123456789abcdefL);
    }

    private BlockingQueue<byte[]> collect(EpollDatagramChannel channel) throws Exception {
        BlockingQueue<byte[]> replies = new LinkedBlockingQueue<>();
        channel.pipeline().addLast(new SimpleChannelInboundHandler<DatagramPacket>() {
            @Override
            protected void channelRead0(ChannelHandlerContext ctx, DatagramPacket packet) {
                byte[] bytes = new byte[packet.content().readableBytes()];
                packet.content().readBytes(bytes);
                replies.add(bytes);
            }
        });
        group.register(channel).sync();
        return replies;
    }
}
