package dev.culvert.tun;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A TUN channel on a real interface, in a namespace of its own. */
@Tag("netns")
final class TunChannelNetnsTest {
    private NetNamespace ns;
    private EventLoopGroup group;

    @BeforeEach
    void open() throws Exception {
        ns = new NetNamespace();
        group = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
    }

    @AfterEach
    void close() throws Exception {
        group.shutdownGracefully(0, 5, TimeUnit.SECONDS).syncUninterruptibly();
        ns.close();
    }

    private TunChannel device(TunConfig config) throws Exception {
        TunDevice device = ns.call(() -> TunDevice.open(config));
        ns.exec("ip", "addr", "add", "10.9.0.1/24", "dev", device.name());
        ns.exec("ip", "-6", "addr", "add", "fd09::1/64", "dev", device.name(), "nodad");
        ns.exec("ip", "link", "set", device.name(), "up");
        return new TunChannel(device);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void answersPing(boolean offload) throws Exception {
        TunChannel channel = device(TunConfig.named("cvt%d").withOffload(offload));
        channel.pipeline().addLast(new EchoResponder());
        group.register(channel).sync();
        assertThat(channel.isActive()).isTrue();

        assertThat(ns.exec("ping", "-c", "50", "-i", "0.005", "-w", "10", "10.9.0.2"))
                .contains(" 0% packet loss");
        assertThat(ns.exec("ping", "-c", "5", "-i", "0.01", "-s", "40000", "-w", "10", "10.9.0.2"))
                .contains(" 0% packet loss");

        assertThat(channel.stats().packetsOut()).isGreaterThanOrEqualTo(55);
        channel.close().sync();
        assertThat(channel.isOpen()).isFalse();
        assertThat(ns.exec("ip", "-br", "link")).doesNotContain("cvt");
    }

    /** Turns a request around as it is, which leaves the IP checksum right. Fragments pass through alike. */
    private static final class EchoResponder extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            ByteBuf m = (ByteBuf) msg;
            int ip = VirtioNetHeader.LENGTH;
            if (m.getUnsignedByte(ip) != 0x45 || m.getUnsignedByte(ip + 9) != 1) {
                m.release();
                return;
            }
            int source = m.getInt(ip + 12);
            m.setInt(ip + 12, m.getInt(ip + 16));
            m.setInt(ip + 16, source);
            if ((m.getUnsignedShort(ip + 6) & 0x1fff) == 0) {
                m.setByte(ip + 20, 0);
                int checksum = m.getUnsignedShort(ip + 22) + 0x0800;
                m.setShort(ip + 22, (checksum & 0xffff) + (checksum >>> 16));
            }
            ctx.write(m);
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) {
            ctx.flush();
        }
    }
}
