package dev.culvert.tun.macos;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tun.device.PacketCollector;
import dev.culvert.tun.device.Packets;
import dev.culvert.tun.device.TunChannel;
import dev.culvert.tun.device.TunChannelContract;
import dev.culvert.tun.device.VirtioNetHeader;
import dev.culvert.tun.fixture.FarEnd;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.channel.ChannelFuture;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** The channel of a utun as on a Mac, but for the loop that watches its descriptor. */
@NullUnmarked
final class UtunChannelTest {
    @Nested
    final class AsEveryChannel extends TunChannelContract {
        @Override
        protected FarEnd open() {
            return new FakeUtun();
        }

        @Override
        protected EventLoopGroup newLoop() {
            return UtunChannelTest.newLoop();
        }
    }

    private static EventLoopGroup newLoop() {
        return new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
    }

    private interface Body {
        void run(TunChannel channel, PacketCollector collector) throws Exception;
    }

    /** With a device of its own. */
    private static void with(FakeUtun device, Body body) throws Exception {
        EventLoopGroup group = newLoop();
        try {
            TunChannel channel = device.newChannel();
            body.run(channel, PacketCollector.on(group, channel));
        } finally {
            group.shutdownGracefully(20, 5_000, TimeUnit.MILLISECONDS).syncUninterruptibly();
            device.end();
        }
    }

    private static ByteBuf packet(boolean ipv6, int payload) {
        return Packets.tcp(ipv6, payload, 65_000, 16, 1, new Random(payload));
    }

    /** An IP packet without its TCP checksum, which is finished on the way. */
    private static byte[] open(byte[] packet) {
        byte[] copy = packet.clone();
        int checksum = (copy[0] >> 4 == 4 ? 20 : 40) + 16;
        copy[checksum] = 0;
        copy[checksum + 1] = 0;
        return copy;
    }

    private static byte[] from(int start, byte[] bytes) {
        return Arrays.copyOfRange(bytes, start, bytes.length);
    }

    @Test
    void bothFamiliesHaveTheirNumberInNetworkOrder() throws Exception {
        FakeUtun device = new FakeUtun();
        with(device, (channel, collector) -> {
            for (boolean ipv6 : new boolean[] {false, true, false}) {
                ByteBuf message = packet(ipv6, 50);
                byte[] bytes = ByteBufUtil.getBytes(message);
                channel.writeAndFlush(message).sync();
                byte[] framed = device.read();
                assertThat(framed).startsWith(0, 0, 0, ipv6 ? 30 : 2);
                assertThat(open(from(4, framed))).isEqualTo(open(from(VirtioNetHeader.LENGTH, bytes)));
                assertThat(device.send(from(4, framed))).isTrue();
                byte[] read = collector.next(m -> true);
                // Of the family nothing is left in the header that the stack reads.
                assertThat(Arrays.copyOf(read, VirtioNetHeader.LENGTH)).containsOnly(0);
                assertThat(from(VirtioNetHeader.LENGTH, read)).isEqualTo(from(4, framed));
            }
        });
    }

    @Test
    void aFullInputQueueIsWaitedForAndLosesNothing() throws Exception {
        FakeUtun device = new FakeUtun();
        device.refuse(28);
        with(device, (channel, collector) -> {
            ByteBuf message = packet(false, 100);
            byte[] bytes = ByteBufUtil.getBytes(message);
            ChannelFuture write = channel.writeAndFlush(message);
            Awaitility.await()
                    .atMost(1, TimeUnit.MINUTES)
                    .until(() -> channel.stats().writeStalls() > 1);
            assertThat(write.isDone()).isFalse();
            device.refuse(55);
            long before = channel.stats().writeStalls();
            Awaitility.await()
                    .atMost(1, TimeUnit.MINUTES)
                    .until(() -> channel.stats().writeStalls() > before);
            device.refuse(0);
            write.sync();
            assertThat(open(device.receive())).isEqualTo(open(from(VirtioNetHeader.LENGTH, bytes)));
        });
    }

    @Test
    void dropsWhileTheInterfaceIsDownAndWhatItRefuses() throws Exception {
        FakeUtun device = new FakeUtun();
        device.refuse(50);
        with(device, (channel, collector) -> {
            channel.writeAndFlush(packet(false, 1)).sync();
            assertThat(channel.stats().linkDownOut()).isEqualTo(1);
            device.refuse(40); // EMSGSIZE
            channel.writeAndFlush(packet(true, 1)).sync();
            assertThat(channel.stats().refusedOut()).isEqualTo(1);
            assertThat(channel.isActive()).isTrue();
            assertThat(collector.failures).isEmpty();
        });
    }
}
