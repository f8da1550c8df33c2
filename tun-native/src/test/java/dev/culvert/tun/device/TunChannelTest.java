package dev.culvert.tun.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.tun.libc.LibC;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.CompositeByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.unix.Errors.NativeIoException;
import io.netty.util.concurrent.SingleThreadEventExecutor;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The channel over a device whose far end we hold; no privilege. */
final class TunChannelTest {
    private static final TunOffloads ALL = new TunOffloads(true, true, true, true, true);
    private static final int ACK = 16;

    /** Long, as a busy machine is slow. */
    private static ConditionFactory await() {
        return Awaitility.await().atMost(1, TimeUnit.MINUTES);
    }

    private final EventLoopGroup group = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
    private final Random random = new Random(7);
    private final FakeDevice device = new FakeDevice(ALL);
    private final FakeDevice plain = new FakeDevice(TunOffloads.NONE);

    @AfterEach
    void close() throws Exception {
        group.shutdownGracefully(20, 5_000, TimeUnit.MILLISECONDS).syncUninterruptibly();
        device.peer.close();
        device.close();
        plain.peer.close();
        plain.close();
    }

    private static byte[] bytes(ByteBuf buffer) {
        byte[] bytes = new byte[buffer.readableBytes()];
        buffer.getBytes(buffer.readerIndex(), bytes);
        return bytes;
    }

    private byte[] message(int payload) {
        ByteBuf packet = Packets.tcp(false, payload, 65_000, ACK, 1, random);
        byte[] bytes = bytes(packet);
        packet.release();
        return bytes;
    }

    @Test
    void handsOnWhatItReadsInBoundedBatches() throws Exception {
        TunChannel channel = new TunChannel(device);
        channel.config().setAutoRead(false);
        PacketCollector collector = PacketCollector.on(group, channel);
        List<byte[]> sent = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            sent.add(message(i == 3 ? 60_000 : i == 5 ? 16_384 : 10 + i));
            device.send(sent.get(i));
        }
        assertThat(collector.messages.poll(200, TimeUnit.MILLISECONDS)).isNull();

        channel.read();
        for (byte[] wanted : sent) {
            assertThat(collector.next(m -> true)).isEqualTo(wanted);
        }
        await().until(() -> channel.stats().packetsIn() == 8);
        synchronized (collector.batches) {
            assertThat(collector.batches).containsExactly(8);
        }
        device.send(sent.get(0));
        assertThat(collector.messages.poll(200, TimeUnit.MILLISECONDS)).isNull();
        channel.config().setAutoRead(true);
        assertThat(collector.next(m -> true)).isEqualTo(sent.get(0));
        assertThat(channel.stats().bytesIn())
                .isEqualTo(sent.stream().mapToLong(m -> m.length - 10).sum() + sent.get(0).length - 10);
    }

    @Test
    void readsShortPacketsIntoBuffersOfTheirSizeAndLongOnesInPlace() throws Exception {
        TunChannel channel = new TunChannel(device);
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
        device.send(message(1));
        device.send(message(30_000));
        await().until(() -> channel.stats().packetsIn() == 2);
        synchronized (capacities) {
            assertThat(capacities.get(0)).isLessThan(1024);
            assertThat(capacities.get(1)).isGreaterThan(65_000);
        }
    }

    @Test
    void dropsRunts() throws Exception {
        TunChannel channel = new TunChannel(device);
        PacketCollector collector = PacketCollector.on(group, channel);
        device.send(new byte[12]);
        byte[] good = message(5);
        device.send(good);
        assertThat(collector.next(m -> true)).isEqualTo(good);
        assertThat(channel.stats().malformedIn()).isEqualTo(1);
    }

    @Test
    void prependsAnEmptyHeaderForPlainDevices() throws Exception {
        TunChannel channel = new TunChannel(plain);
        PacketCollector collector = PacketCollector.on(group, channel);
        byte[] packet = Arrays.copyOfRange(message(300), 10, 10 + 20 + 32 + 300);
        plain.send(packet);
        byte[] got = collector.next(m -> true);
        assertThat(got).startsWith(new byte[10]).endsWith(packet).hasSize(packet.length + 10);
    }

    @Test
    void writesEveryKindOfBufferWhole() throws Exception {
        TunChannel channel = new TunChannel(device);
        PacketCollector.on(group, channel);
        byte[] bytes = message(5000);
        ByteBufAllocator alloc = channel.alloc();
        CompositeByteBuf composite = alloc.compositeDirectBuffer();
        composite.addComponent(true, alloc.directBuffer().writeBytes(bytes, 0, 62));
        composite.addComponent(
                true,
                alloc.directBuffer().writeZero(7).writeBytes(bytes, 62, 1000).skipBytes(7));
        composite.addComponent(true, alloc.directBuffer().writeBytes(bytes, 1062, bytes.length - 1062));
        CompositeByteBuf shifted = alloc.compositeDirectBuffer();
        shifted.addComponent(true, alloc.directBuffer().writeZero(30));
        shifted.addComponent(true, alloc.directBuffer().writeZero(9).writeBytes(bytes));
        shifted.readerIndex(39);
        CompositeByteBuf crumbs = alloc.compositeDirectBuffer(8000);
        for (byte b : bytes) {
            crumbs.addComponent(true, alloc.directBuffer(1).writeByte(b));
        }
        List<ByteBuf> kinds = List.of(
                alloc.directBuffer().writeBytes(bytes),
                alloc.heapBuffer().writeBytes(bytes),
                composite,
                shifted,
                crumbs,
                Unpooled.wrappedBuffer(
                        Unpooled.copiedBuffer(bytes, 0, 40), Unpooled.copiedBuffer(bytes, 40, bytes.length - 40)),
                alloc.directBuffer().writeZero(3).writeBytes(bytes).skipBytes(3).slice());
        for (ByteBuf kind : kinds) {
            channel.writeAndFlush(kind).sync();
            assertThat(device.receive()).as(kind.toString()).isEqualTo(bytes);
            assertThat(kind.refCnt()).isZero();
        }
        assertThat(channel.stats().packetsOut()).isEqualTo(kinds.size());
        assertThat(channel.stats().bytesOut()).isEqualTo(kinds.size() * (bytes.length - 10L));
    }

    @Test
    void waitsForRoomAndLosesNothing() throws Exception {
        TunChannel channel = new TunChannel(device);
        PacketCollector.on(group, channel);
        List<ChannelFuture> writes = new ArrayList<>();
        for (int i = 0; i < 600; i++) {
            byte[] bytes = message(8000);
            bytes[100] = (byte) i;
            bytes[101] = (byte) (i >> 8);
            writes.add(channel.writeAndFlush(Unpooled.directBuffer().writeBytes(bytes)));
        }
        await().until(() -> channel.stats().writeStalls() > 0);
        assertThat(writes.get(599).isDone()).isFalse();
        assertThat(channel.isWritable()).isFalse();
        for (int i = 0; i < 600; i++) {
            byte @Nullable [][] got = new byte[1][];
            await().pollInterval(1, TimeUnit.MILLISECONDS).until(() -> (got[0] = device.receive()) != null);
            assertThat(got[0][100] & 0xff | (got[0][101] & 0xff) << 8).isEqualTo(i);
        }
        writes.get(599).sync();
        assertThat(channel.stats().packetsOut()).isEqualTo(600);
        assertThat(device.receive()).isNull();
    }

    @Test
    void resumesWithinASegmentedMessage() throws Exception {
        TunChannel channel = new TunChannel(plain);
        PacketCollector.on(group, channel);
        ChannelFuture last = channel.newSucceededFuture();
        for (int i = 0; i < 20; i++) {
            last = channel.writeAndFlush(Packets.tcp(false, 60_000, 1448, ACK, i * 60_000L, random));
        }
        await().until(() -> channel.stats().writeStalls() > 0);
        long seq = 0;
        while (seq < 20 * 60_000L) {
            byte @Nullable [][] got = new byte[1][];
            await().pollInterval(1, TimeUnit.MILLISECONDS).until(() -> (got[0] = plain.receive()) != null);
            assertThat(Unpooled.wrappedBuffer(got[0]).getUnsignedInt(24)).isEqualTo(seq);
            seq += got[0].length - 52;
        }
        last.sync();
        assertThat(channel.stats().softwareOut()).isEqualTo(20);
    }

    @Test
    void dropsWhatIsNoPacket() throws Exception {
        TunChannel channel = new TunChannel(device);
        PacketCollector.on(group, channel);
        channel.writeAndFlush(Unpooled.directBuffer().writeZero(29)).sync();
        channel.writeAndFlush(Unpooled.EMPTY_BUFFER).sync();
        channel.writeAndFlush(Unpooled.directBuffer().writeZero(70_000)).sync();
        assertThatThrownBy(() -> channel.writeAndFlush("packet").sync())
                .isInstanceOf(UnsupportedOperationException.class);
        assertThat(channel.stats().malformedOut()).isEqualTo(3);
        assertThat(channel.isActive()).isTrue();
        assertThat(device.receive()).isNull();
    }

    /** A kernel that gives the same answer to every super-packet, or to everything. */
    private TunChannel refusing(int errno, boolean onlyGso) {
        return new TunChannel(device, (d, alloc, counters) -> new PacketWriter(d, alloc, counters) {
            @Override
            int sendAddress(long address, int length) throws IOException {
                boolean gso = io.netty.util.internal.PlatformDependent.getByte(address + 1) != 0;
                if (gso || !onlyGso) {
                    throw new NativeIoException("write", -errno, false);
                }
                return super.sendAddress(address, length);
            }
        });
    }

    @Test
    void segmentsForAKernelThatRefusesSuperPackets() throws Exception {
        TunChannel channel = refusing(LibC.EINVAL, true);
        PacketCollector.on(group, channel);
        for (int i = 0; i < 2; i++) {
            channel.writeAndFlush(Packets.tcp(true, 3000, 1428, ACK, 1, random)).sync();
            assertThat(device.receive()).hasSize(10 + 40 + 32 + 1428).startsWith(new byte[10]);
            assertThat(device.receive()).hasSize(10 + 40 + 32 + 1428);
            assertThat(device.receive()).hasSize(10 + 40 + 32 + 144);
        }
        assertThat(channel.stats().gsoFallbacks()).isEqualTo(1);
        assertThat(channel.stats().softwareOut()).isEqualTo(2);
        assertThat(channel.stats().packetsOut()).isEqualTo(2);
    }

    @Test
    void doesNotBlameSuperPacketsWhenNothingPasses() throws Exception {
        TunChannel channel = refusing(LibC.EINVAL, false);
        PacketCollector.on(group, channel);
        channel.writeAndFlush(Packets.tcp(true, 3000, 1428, ACK, 1, random)).sync();
        assertThat(channel.stats().gsoFallbacks()).isZero();
        assertThat(channel.stats().refusedOut()).isEqualTo(1);
    }

    @Test
    void dropsQuietlyWhileTheInterfaceIsDown() throws Exception {
        TunChannel channel = refusing(LibC.EIO, false);
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
    void closesWhenTheInterfaceIsGone() throws Exception {
        TunChannel channel = refusing(LibC.EBADFD, false);
        PacketCollector.on(group, channel);
        ChannelFuture write = channel.writeAndFlush(Unpooled.directBuffer().writeBytes(message(10)));
        channel.closeFuture().sync();
        await().until(write::isDone);
        assertThat(write.cause()).hasMessageContaining("was the interface deleted?");
    }

    @Test
    void closesTheDescriptorOnceAndGivesBackWhatWaits() throws Exception {
        TunChannel channel = new TunChannel(device);
        PacketCollector.on(group, channel);
        List<ByteBuf> buffers = new ArrayList<>();
        for (int i = 0; i < 600; i++) {
            ByteBuf buffer = Unpooled.directBuffer().writeBytes(message(8000));
            buffers.add(buffer);
            channel.writeAndFlush(buffer);
        }
        channel.close().sync();
        channel.close().sync();
        await().until(() -> !channel.isRegistered());
        assertThat(device.closes).isEqualTo(1);
        assertThat(device.isOpen()).isFalse();
        assertThat(channel.isActive()).isFalse();
        assertThat(buffers).allMatch(b -> b.refCnt() == 0);
    }

    @Test
    void closesWithItsEventLoop() throws Exception {
        TunChannel channel = new TunChannel(device);
        PacketCollector.on(group, channel);
        // A hook makes the loop go round once more after it has learnt that it is to end. Without one, a loop that
        // learns
        // it between its look for that (SingleThreadIoEventLoop.run, where it closes its channels) and its look whether
        // the quiet period is over (confirmShutdown), and then stands still for that long, ends without closing them.
        ((SingleThreadEventExecutor) channel.eventLoop()).addShutdownHook(() -> {});
        group.shutdownGracefully(20, 5_000, TimeUnit.MILLISECONDS).syncUninterruptibly();
        assertThat(device.isOpen()).isFalse();
    }
}
