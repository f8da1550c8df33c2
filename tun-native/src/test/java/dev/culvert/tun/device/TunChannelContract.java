package dev.culvert.tun.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.tun.fixture.FarEnd;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.CompositeByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.EventLoopGroup;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What every TUN channel does, however its operating system moves packets. */
public abstract class TunChannelContract {
    private static final int ACK = 16;
    private static final int HEADERS = 20 + Packets.TCP_HEADER;

    private final Random random = new Random(7);
    private final List<EventLoopGroup> groups = new ArrayList<>();
    private FarEnd far;
    private TunChannel channel;

    /** A device, not used yet. */
    protected abstract FarEnd open();

    /** One loop, of the kind that the channel is for. */
    protected abstract EventLoopGroup newLoop();

    @BeforeEach
    final void prepare() {
        far = open();
        channel = far.device().newChannel();
    }

    @AfterEach
    final void end() throws Exception {
        for (EventLoopGroup group : groups) {
            stop(group);
        }
        channel.close();
        far.end();
    }

    private EventLoopGroup loop() {
        EventLoopGroup group = newLoop();
        groups.add(group);
        return group;
    }

    private static void stop(EventLoopGroup group) {
        group.shutdownGracefully(20, 5_000, TimeUnit.MILLISECONDS).syncUninterruptibly();
    }

    private PacketCollector start() {
        return PacketCollector.on(loop(), channel);
    }

    /** Long, as a busy machine is slow. */
    private static ConditionFactory await() {
        return Awaitility.await().atMost(1, TimeUnit.MINUTES).pollInterval(1, TimeUnit.MILLISECONDS);
    }

    private byte[] message(int payload) {
        ByteBuf packet = Packets.tcp(false, payload, 65_000, ACK, 1, random);
        byte[] bytes = new byte[packet.readableBytes()];
        packet.readBytes(bytes);
        packet.release();
        Arrays.fill(bytes, 0, VirtioNetHeader.LENGTH, (byte) 0);
        return bytes;
    }

    private static byte[] packet(byte[] message) {
        return Arrays.copyOfRange(message, VirtioNetHeader.LENGTH, message.length);
    }

    private void send(byte[] packet) {
        await().until(() -> far.send(packet));
    }

    private byte[] receive() {
        byte @Nullable [][] got = new byte[1][];
        await().until(() -> (got[0] = far.receive()) != null);
        return got[0];
    }

    private static ByteBuf direct(byte[] bytes) {
        return Unpooled.directBuffer().writeBytes(bytes);
    }

    @ParameterizedTest
    @ValueSource(ints = {100, 60_000})
    void aReadIsOneBoundedBatch(int payload) throws Exception {
        int count = 200;
        channel.config().setAutoRead(false);
        PacketCollector collector = start();
        List<byte[]> sent = new ArrayList<>();
        for (int reads = 1; collector.messages.size() < count; reads++) {
            byte[] next = message(payload);
            while (sent.size() < count && far.send(packet(next))) {
                sent.add(next);
                next = message(payload);
            }
            channel.read();
            int batches = reads;
            await().until(() -> collector.batches().size() >= batches);
            assertThat(collector.batches()).hasSize(batches);
        }
        assertThat(collector.messages).containsExactlyElementsOf(sent);
        int most = Math.min(TunChannel.MAX_PACKETS_PER_READ, 1 + TunChannel.MAX_BYTES_PER_READ / payload);
        assertThat(collector.batches()).allMatch(batch -> batch <= most);
        assertThat(channel.stats().packetsIn()).isEqualTo(count);
        assertThat(channel.stats().bytesIn()).isEqualTo((long) count * (HEADERS + payload));
    }

    @Test
    void aReadWaitsForAPacket() throws Exception {
        channel.config().setAutoRead(false);
        PacketCollector collector = start();
        channel.read();
        channel.eventLoop().submit(() -> {}).sync();
        byte[] message = message(10);
        send(packet(message));
        assertThat(collector.next(m -> true)).isEqualTo(message);
    }

    @Test
    void nothingIsReadUnasked() throws Exception {
        channel.config().setAutoRead(false);
        PacketCollector collector = start();
        byte[] message = message(10);
        send(packet(message));
        assertThat(collector.messages.poll(200, TimeUnit.MILLISECONDS)).isNull();
        channel.config().setAutoRead(true);
        assertThat(collector.next(m -> true)).isEqualTo(message);
        byte[] other = message(11);
        send(packet(other));
        assertThat(collector.next(m -> true)).isEqualTo(other);
    }

    @Test
    void dropsRunts() throws Exception {
        PacketCollector collector = start();
        send(new byte[2]);
        byte[] good = message(5);
        send(packet(good));
        assertThat(collector.next(m -> true)).isEqualTo(good);
        assertThat(channel.stats().malformedIn()).isEqualTo(1);
    }

    @Test
    void writesEveryKindOfBufferWhole() throws Exception {
        start();
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
            assertThat(far.receive()).as(kind.toString()).isEqualTo(packet(bytes));
            assertThat(kind.refCnt()).isZero();
        }
        assertThat(channel.stats().packetsOut()).isEqualTo(kinds.size());
        assertThat(channel.stats().bytesOut()).isEqualTo(kinds.size() * (bytes.length - 10L));
    }

    @Test
    void waitsForRoomAndLosesNothing() throws Exception {
        start();
        List<ChannelFuture> writes = new ArrayList<>();
        for (int i = 0; i < 600; i++) {
            byte[] bytes = message(8000);
            bytes[100] = (byte) i;
            bytes[101] = (byte) (i >> 8);
            writes.add(channel.writeAndFlush(direct(bytes)));
        }
        await().until(() -> channel.stats().writeStalls() > 0);
        assertThat(writes.get(599).isDone()).isFalse();
        assertThat(channel.isWritable()).isFalse();
        for (int i = 0; i < 600; i++) {
            byte[] got = receive();
            assertThat(got[90] & 0xff | (got[91] & 0xff) << 8).isEqualTo(i);
        }
        writes.get(599).sync();
        assertThat(channel.stats().packetsOut()).isEqualTo(600);
        assertThat(far.receive()).isNull();
        assertThat(channel.isWritable()).isTrue();
    }

    @Test
    void superPacketsArriveWholeOrInPiecesWithNothingLost() throws Exception {
        start();
        ChannelFuture last = channel.newSucceededFuture();
        for (int i = 0; i < 20; i++) {
            last = channel.writeAndFlush(Packets.tcp(false, 60_000, 1448, ACK, i * 60_000L, random));
        }
        await().until(() -> channel.stats().writeStalls() > 0);
        long seq = 0;
        while (seq < 20 * 60_000L) {
            byte[] got = receive();
            assertThat(Unpooled.wrappedBuffer(got).getUnsignedInt(24)).isEqualTo(seq);
            seq += got.length - HEADERS;
        }
        last.sync();
        TunStats stats = channel.stats();
        boolean whole = far.device().offloads().vnetHeader();
        assertThat(stats.packetsOut()).isEqualTo(20);
        assertThat(whole ? stats.superPacketsOut() : stats.softwareOut()).isEqualTo(20);
        assertThat(whole ? stats.softwareOut() : stats.superPacketsOut()).isZero();
    }

    @Test
    void dropsWhatIsNoPacket() throws Exception {
        start();
        channel.writeAndFlush(Unpooled.directBuffer().writeZero(29)).sync();
        channel.writeAndFlush(Unpooled.EMPTY_BUFFER).sync();
        channel.writeAndFlush(Unpooled.directBuffer().writeZero(70_000)).sync();
        assertThatThrownBy(() -> channel.writeAndFlush("packet").sync())
                .isInstanceOf(UnsupportedOperationException.class);
        assertThat(channel.stats().malformedOut()).isEqualTo(3);
        assertThat(channel.isActive()).isTrue();
        assertThat(far.receive()).isNull();
    }

    @Test
    void closesWhenItReadsFromAnInterfaceThatIsGone() throws Exception {
        PacketCollector collector = start();
        far.vanish();
        assertThat(channel.closeFuture().await(1, TimeUnit.MINUTES)).isTrue();
        assertThat(collector.failures.poll(1, TimeUnit.MINUTES))
                .isInstanceOf(TunException.class)
                .hasMessageContaining("tun " + far.device().name() + ": ");
    }

    @Test
    void closesWhenItWritesToAnInterfaceThatIsGone() throws Exception {
        channel.config().setAutoRead(false);
        start();
        far.vanish();
        ChannelFuture write = channel.writeAndFlush(direct(message(10)));
        assertThat(channel.closeFuture().await(1, TimeUnit.MINUTES)).isTrue();
        await().until(write::isDone);
        assertThat(write.cause())
                .isInstanceOf(TunException.class)
                .hasMessageContaining("tun " + far.device().name() + ": ");
    }

    @Test
    void closesTheDeviceOnceAndGivesBackWhatWaits() throws Exception {
        start();
        assertThat(channel.isActive()).isTrue();
        List<ByteBuf> buffers = new ArrayList<>();
        for (int i = 0; i < 600; i++) {
            ByteBuf buffer = direct(message(8000));
            buffers.add(buffer);
            channel.writeAndFlush(buffer);
        }
        channel.close().sync();
        channel.close().sync();
        await().until(() -> !channel.isRegistered());
        assertThat(far.closes()).isEqualTo(1);
        assertThat(channel.isOpen()).isFalse();
        assertThat(channel.isActive()).isFalse();
        assertThat(buffers).allMatch(b -> b.refCnt() == 0);
    }

    @Test
    void goesOnWithAnotherEventLoop() throws Exception {
        PacketCollector collector = start();
        byte[] first = message(10);
        send(packet(first));
        assertThat(collector.next(m -> true)).isEqualTo(first);

        EventLoopGroup former = groups.get(0);
        channel.deregister().sync();
        loop().register(channel).sync();
        stop(former);

        byte[] second = message(11);
        send(packet(second));
        assertThat(collector.next(m -> true)).isEqualTo(second);
        channel.writeAndFlush(direct(first)).sync();
        assertThat(receive()).isEqualTo(packet(first));
        assertThat(channel.isOpen()).isTrue();
    }

    @Test
    void closesWithItsEventLoop() throws Exception {
        start();
        stop(groups.get(0));
        assertThat(channel.isOpen()).isFalse();
        assertThat(far.closes()).isEqualTo(1);
    }
}
