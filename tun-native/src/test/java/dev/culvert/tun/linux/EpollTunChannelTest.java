package dev.culvert.tun.linux;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tun.device.PacketCollector;
import dev.culvert.tun.device.Packets;
import dev.culvert.tun.device.TunChannel;
import dev.culvert.tun.device.TunChannelContract;
import dev.culvert.tun.device.TunOffloads;
import dev.culvert.tun.fixture.FarEnd;
import dev.culvert.tun.libc.LibC;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.nio.NioIoHandler;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** The channel over a descriptor whose far end we hold; no privilege. */
final class EpollTunChannelTest {
    private static final TunOffloads ALL = new TunOffloads(true, true, true, true, true);
    private static final int ACK = 16;

    @Nested
    final class WithoutOffload extends Contract {
        WithoutOffload() {
            super(TunOffloads.NONE);
        }
    }

    @Nested
    final class WithOffload extends Contract {
        WithOffload() {
            super(ALL);
        }
    }

    private abstract static class Contract extends TunChannelContract {
        private final TunOffloads offloads;

        Contract(TunOffloads offloads) {
            this.offloads = offloads;
        }

        @Override
        protected FarEnd open() {
            return new FakeDevice(offloads);
        }

        @Override
        protected EventLoopGroup newLoop() {
            return new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
        }
    }

    private final EventLoopGroup group = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
    private final Random random = new Random(7);
    private final FakeDevice device = new FakeDevice(ALL);
    private final TunChannel channel = device.newChannel();

    @AfterEach
    void close() throws Exception {
        group.shutdownGracefully(20, 5_000, TimeUnit.MILLISECONDS).syncUninterruptibly();
        device.end();
    }

    /** Long, as a busy machine is slow. */
    private static ConditionFactory await() {
        return Awaitility.await().atMost(1, TimeUnit.MINUTES);
    }

    private byte[] message(int payload) {
        ByteBuf packet = Packets.tcp(false, payload, 65_000, ACK, 1, random);
        byte[] bytes = new byte[packet.readableBytes()];
        packet.readBytes(bytes).release();
        return bytes;
    }

    @Test
    void isForALoopWithEpoll() {
        EventLoopGroup selector = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
        try {
            assertThat(selector.register(channel).awaitUninterruptibly().cause())
                    .isInstanceOf(IllegalStateException.class);
        } finally {
            selector.shutdownGracefully(0, 5_000, TimeUnit.MILLISECONDS).syncUninterruptibly();
        }
    }

    @Test
    void readsAllThatThereIsInOneBatch() throws Exception {
        channel.config().setAutoRead(false);
        PacketCollector collector = PacketCollector.on(group, channel);
        List<byte[]> sent = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            sent.add(message(i == 3 ? 60_000 : i == 5 ? 16_384 : 10 + i));
            assertThat(device.write(sent.get(i))).isTrue();
        }
        channel.read();
        for (byte[] wanted : sent) {
            assertThat(collector.next(m -> true)).isEqualTo(wanted);
        }
        await().until(() -> !collector.batches().isEmpty());
        assertThat(collector.batches()).containsExactly(8);
    }

    @Test
    void readsShortPacketsIntoBuffersOfTheirSizeAndLongOnesInPlace() throws Exception {
        List<Integer> capacities = new ArrayList<>();
        channel.pipeline().addLast(new ChannelInboundHandlerAdapter() {
            @Override
            public void channelRead(ChannelHandlerContext ctx, Object msg) {
                synchronized (capacities) {
                    capacities.add(((ByteBuf) msg).capacity());
                }
                ((ByteBuf) msg).release();
            }
        });
        group.register(channel).sync();
        device.write(message(1));
        device.write(message(30_000));
        await().until(() -> channel.stats().packetsIn() == 2);
        synchronized (capacities) {
            assertThat(capacities.get(0)).isLessThan(1024);
            assertThat(capacities.get(1)).isGreaterThan(65_000);
        }
    }

    @Test
    void segmentsForAKernelThatRefusesSuperPackets() throws Exception {
        device.refuse(LibC.EINVAL, true);
        PacketCollector.on(group, channel);
        for (int i = 0; i < 2; i++) {
            channel.writeAndFlush(Packets.tcp(true, 3000, 1428, ACK, 1, random)).sync();
            assertThat(device.read()).hasSize(10 + 40 + 32 + 1428).startsWith(new byte[10]);
            assertThat(device.read()).hasSize(10 + 40 + 32 + 1428);
            assertThat(device.read()).hasSize(10 + 40 + 32 + 144);
        }
        assertThat(channel.stats().gsoFallbacks()).isEqualTo(1);
        assertThat(channel.stats().softwareOut()).isEqualTo(2);
        assertThat(channel.stats().packetsOut()).isEqualTo(2);
    }

    @Test
    void doesNotBlameSuperPacketsWhenNothingPasses() throws Exception {
        device.refuse(LibC.EINVAL, false);
        PacketCollector.on(group, channel);
        channel.writeAndFlush(Packets.tcp(true, 3000, 1428, ACK, 1, random)).sync();
        assertThat(channel.stats().gsoFallbacks()).isZero();
        assertThat(channel.stats().refusedOut()).isEqualTo(1);
    }

    @Test
    void dropsQuietlyWhileTheInterfaceIsDown() throws Exception {
        device.refuse(LibC.EIO, false);
        PacketCollector collector = PacketCollector.on(group, channel);
        for (int i = 0; i < 300; i++) {
            channel.write(Unpooled.directBuffer().writeBytes(message(10)));
        }
        channel.writeAndFlush(Unpooled.directBuffer().writeBytes(message(10))).sync();
        assertThat(channel.stats().linkDownOut()).isEqualTo(301);
        assertThat(collector.failures).isEmpty();
        assertThat(channel.isActive()).isTrue();
    }

    @Test
    void triesAgainWhenTheKernelIsShortOfMemory() throws Exception {
        device.refuse(LibC.ENOBUFS, false);
        PacketCollector.on(group, channel);
        byte[] message = message(10);
        ChannelFuture write = channel.writeAndFlush(Unpooled.directBuffer().writeBytes(message));
        await().until(() -> channel.stats().writeStalls() > 1);
        assertThat(write.isDone()).isFalse();
        device.refuse(0, false);
        write.sync();
        assertThat(device.read()).isEqualTo(message);
    }

    @Test
    void saysWhatIsGone() throws Exception {
        device.refuse(LibC.EBADFD, false);
        PacketCollector.on(group, channel);
        ChannelFuture write = channel.writeAndFlush(Unpooled.directBuffer().writeBytes(message(10)));
        channel.closeFuture().sync();
        await().until(write::isDone);
        assertThat(write.cause()).hasMessageContaining("was the interface deleted?");
    }
}
