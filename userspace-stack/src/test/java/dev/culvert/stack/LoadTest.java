package dev.culvert.stack;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.stack.ip.IpCounter;
import dev.culvert.stack.ip.Refusal;
import dev.culvert.stack.tcp.TcpConfig;
import dev.culvert.stack.tcp.TcpCounters.Counter;
import dev.culvert.stack.tcp.TcpFlow;
import dev.culvert.stack.tcp.TcpRequest;
import dev.culvert.stack.wire.IpProtocol;
import dev.culvert.stack.wire.Ipv4;
import dev.culvert.stack.wire.Tcp;
import dev.culvert.stack.wire.Udp;
import dev.culvert.stack.wire.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.ReferenceCountUtil;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Tens of thousands of everything, in process: what the stack keeps is bounded, what it keeps is small, others go on being
 * served, and afterwards nothing is left. Sizes are measured after collections and printed.
 */
class LoadTest {
    private static final int MANY = 50_000;
    private static final int CLIENT = 0x0a09_0002;
    private static final int HOST = 0xc0a8_0714;
    private static final int ISN = 1000;
    /** Per idle flow, its channel and an empty handler's place in its pipeline included. */
    private static final int FLOW_BYTES = 4096;

    private static final int PENDING_BYTES = 448;

    /** Shared by all flows: no state, so that what is measured is the stack's. */
    private static final ChannelInboundHandlerAdapter QUIET = new ChannelInboundHandlerAdapter() {
        @Override
        public boolean isSharable() {
            return true;
        }

        @Override
        public void channelRead(ChannelHandlerContext context, Object message) {
            ReferenceCountUtil.release(message);
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
            // Resets, by the thousand.
        }
    };

    /** A device that counts what it is given, and keeps the last segment's sequence number. */
    private static final class Device extends ChannelOutboundHandlerAdapter {
        long packets;
        int sequence;
        int flags;

        @Override
        public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
            ByteBuf packet = (ByteBuf) message;
            packets++;
            if (Ipv4.protocol(packet, VirtioNetHeader.LENGTH) == IpProtocol.TCP) {
                int tcp = VirtioNetHeader.LENGTH + Ipv4.HEADER_LENGTH;
                sequence = Tcp.sequence(packet, tcp);
                flags = Tcp.flags(packet, tcp);
            }
            packet.release();
        }
    }

    /** A stack on a device, whose listener can be told what to do. */
    private static final class Load implements StackListener, AutoCloseable {
        final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(true, true);
        final Device device = new Device();
        final EmbeddedChannel channel = new EmbeddedChannel();
        final IpStack stack;
        Consumer<TcpRequest> onTcp = request -> request.accept(QUIET);

        @Nullable
        TcpFlow witness;

        int witnessIss;
        int witnessNext = ISN + 1;

        Load(StackConfig.Builder config) {
            stack = new IpStack(config.secret(1, 2).build(), this);
            channel.freezeTime();
            channel.config().setOption(ChannelOption.ALLOCATOR, allocator);
            channel.pipeline().addLast(device, stack);
            onTcp = request -> witness = request.accept(QUIET);
            tcp(0x0a09_00ff, 7, 7, Tcp.SYN, ISN, 0, 0);
            witnessIss = device.sequence;
            tcp(0x0a09_00ff, 7, 7, Tcp.ACK, ISN + 1, witnessIss + 1, 0);
        }

        @Override
        public void onTcp(TcpRequest request) {
            onTcp.accept(request);
        }

        @Override
        public void onUdp(UdpFlow flow) {
            flow.pipeline().addLast(QUIET);
        }

        @Override
        public void onEcho(EchoFlow flow) {
            flow.pipeline().addLast(QUIET);
        }

        void in(ByteBuf packet) {
            channel.pipeline().fireChannelRead(packet);
        }

        void endBatch() {
            channel.pipeline().fireChannelReadComplete();
            channel.runPendingTasks();
        }

        ByteBuf packet(int source, int fragment, int identification, int protocol, int length) {
            ByteBuf packet = allocator.directBuffer(VirtioNetHeader.LENGTH + Ipv4.HEADER_LENGTH + length);
            packet.writeByte(VirtioNetHeader.DATA_VALID).writeZero(VirtioNetHeader.LENGTH - 1);
            Ipv4.write(packet, 0, Ipv4.HEADER_LENGTH + length, identification, fragment, 64, protocol, source, HOST);
            return packet;
        }

        void tcp(int source, int sourcePort, int port, int flags, int sequence, int acknowledgment, int payload) {
            tcpQueued(source, sourcePort, port, flags, sequence, acknowledgment, payload);
            endBatch();
        }

        void tcpQueued(int source, int sourcePort, int port, int flags, int sequence, int acknowledgment, int payload) {
            ByteBuf packet = packet(source, 0, 0, IpProtocol.TCP, Tcp.HEADER_LENGTH + payload);
            Tcp.write(packet, sourcePort, port, sequence, acknowledgment, Tcp.HEADER_LENGTH, flags, 65_535, 0);
            in(packet.writeZero(payload));
        }

        void udp(int source, int sourcePort, int port, int payload) {
            ByteBuf packet = packet(source, 0, 0, IpProtocol.UDP, Udp.HEADER_LENGTH + payload);
            Udp.write(packet, sourcePort, port, Udp.HEADER_LENGTH + payload, 0);
            in(packet.writeZero(payload));
        }

        /** A flow that was there before still works. */
        void checkWitness() {
            long before = stack.stats().get(Counter.BYTES_IN);
            long packets = device.packets;
            tcp(0x0a09_00ff, 7, 7, Tcp.ACK, witnessNext, witnessIss + 1, 100);
            witnessNext += 100;
            assertThat(stack.stats().get(Counter.BYTES_IN) - before).isEqualTo(100);
            assertThat(device.packets).isGreaterThan(packets);
            assertThat(witness).isNotNull().matches(TcpFlow::isActive);
        }

        /** In large steps: what is due every 10 ms is due once a step then. */
        void advance(long seconds) {
            for (long i = 0; i < seconds; i++) {
                channel.advanceTimeBy(1, TimeUnit.SECONDS);
                channel.runScheduledPendingTasks();
                channel.runPendingTasks();
            }
        }

        long direct() {
            return allocator.metric().usedDirectMemory();
        }

        @Override
        public void close() {
            channel.finishAndReleaseAll();
            assertThat(direct()).isZero();
            assertThat(allocator.metric().usedHeapMemory()).isZero();
            assertThat(stack.stats().get(Counter.OPEN)).isZero();
            assertThat(stack.stats().get(Counter.PENDING)).isZero();
        }
    }

    /** The serial collector, which a JVM takes where it sees one processor, leaves dead objects in place three times of four. */
    private static long heap() {
        long least = Long.MAX_VALUE;
        for (int i = 0; i < 4; i++) {
            System.gc();
            least = Math.min(
                    least,
                    ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed());
        }
        return least;
    }

    private static void print(String what, long each) {
        System.out.println("[load] " + what + ": " + each + " bytes of heap each");
    }

    @Test
    void idleFlowsAreSmallAndLeaveNothing() {
        try (Load load = new Load(StackConfig.builder())) {
            List<TcpFlow> flows = new ArrayList<>(MANY);
            load.onTcp = request -> flows.add(request.accept(QUIET));
            int[] iss = new int[MANY];
            long before = heap();
            for (int i = 0; i < MANY; i++) {
                load.tcp(CLIENT, 1 + i, 443, Tcp.SYN, ISN, 0, 0);
                iss[i] = load.device.sequence;
                load.tcp(CLIENT, 1 + i, 443, Tcp.ACK, ISN + 1, iss[i] + 1, 0);
            }
            assertThat(load.stack.stats().get(Counter.FLOWS_ESTABLISHED)).isEqualTo(MANY + 1);
            long each = (heap() - before) / MANY;
            print("idle TCP flow with its channel", each);
            assertThat(each).isLessThan(FLOW_BYTES);
            assertThat(load.direct()).as("direct memory of idle flows").isZero();
            load.checkWitness();
            // A request, in two segments that come in the wrong order, and its answer on each: what a flow needs only
            // while
            // it is used goes again.
            for (int i = 0; i < MANY; i++) {
                load.tcp(CLIENT, 1 + i, 443, Tcp.ACK, ISN + 11, iss[i] + 1, 10);
                load.tcp(CLIENT, 1 + i, 443, Tcp.ACK, ISN + 1, iss[i] + 1, 10);
                flows.get(i).writeAndFlush(load.allocator.directBuffer().writeZero(100));
                load.tcp(CLIENT, 1 + i, 443, Tcp.ACK, ISN + 21, iss[i] + 101, 0);
            }
            assertThat(load.direct()).as("direct memory of used flows").isZero();
            each = (heap() - before) / MANY;
            print("used TCP flow with its channel", each);
            assertThat(each).isLessThan(FLOW_BYTES);
            for (int i = 0; i < MANY; i++) {
                load.tcpQueued(CLIENT, 1 + i, 443, Tcp.RST, ISN + 21, 0, 0);
            }
            load.endBatch();
            assertThat(load.stack.stats().get(Counter.OPEN)).isEqualTo(1);
            assertThat(flows).noneMatch(TcpFlow::isOpen);
            flows.clear();
            load.advance(2);
            assertThat((heap() - before) / MANY).as("left of each flow").isLessThan(64);
            load.checkWitness();
        }
    }

    @Test
    void pendingRequestsAreSmallAndLeaveNothing() {
        StackConfig.Builder config =
                StackConfig.builder().tcp(TcpConfig.builder().maxPending(65_535, 65_535));
        try (Load load = new Load(config)) {
            int[] abandoned = {0};
            Runnable task = () -> abandoned[0]++;
            load.onTcp = request -> request.onAbandoned(task);
            long before = heap();
            for (int i = 0; i < MANY; i++) {
                load.tcp(CLIENT + i / 100, 1 + i, 443, Tcp.SYN, ISN, 0, 0);
            }
            assertThat(load.stack.stats().get(Counter.PENDING)).isEqualTo(MANY);
            long each = (heap() - before) / MANY;
            print("pending TCP request", each);
            assertThat(each).isLessThan(PENDING_BYTES);
            assertThat(load.direct()).isZero();
            load.checkWitness();
            load.advance(100);
            assertThat(load.stack.stats().get(Counter.PENDING)).isZero();
            assertThat(abandoned[0]).isEqualTo(MANY);
            assertThat((heap() - before) / MANY).as("left of each request").isLessThan(32);
            load.checkWitness();
        }
    }

    @Test
    void aFullPortScanIsAnsweredPortByPort() {
        try (Load load = new Load(StackConfig.builder())) {
            int[] open = {0};
            load.onTcp = request -> {
                if (request.destination().getPort() % 1000 == 22) {
                    open[0]++;
                    request.accept(QUIET);
                } else {
                    request.refuse(Refusal.CONNECTION_REFUSED);
                }
            };
            long before = heap();
            for (int port = 1; port <= 65_535; port++) {
                load.tcpQueued(CLIENT, 55_000, port, Tcp.SYN, ISN, 0, 0);
                if (port % 64 == 0) {
                    load.endBatch();
                }
            }
            load.endBatch();
            assertThat(load.stack.stats().get(Counter.REQUESTS_REFUSED)).isEqualTo(65_535 - open[0]);
            assertThat(load.stack.stats().get(Counter.OPEN)).isEqualTo(open[0] + 1);
            load.checkWitness();
            // The scanner resets what is open.
            for (int port = 22; port <= 65_535; port += 1000) {
                load.tcp(CLIENT, 55_000, port, Tcp.RST, ISN + 1, 0, 0);
            }
            assertThat(load.stack.stats().get(Counter.OPEN)).isEqualTo(1);
            assertThat(heap() - before).isLessThan(1 << 20);
        }
    }

    @Test
    void aScanOfSilentHostsIsCappedAndOthersAreServed() {
        try (Load load = new Load(StackConfig.builder())) {
            List<TcpRequest> waiting = new ArrayList<>();
            load.onTcp = waiting::add;
            for (int port = 1; port <= 65_535; port++) {
                load.tcp(CLIENT, 55_000, port, Tcp.SYN, ISN, 0, 0);
            }
            assertThat(waiting).as("at most this many of one source").hasSize(4096);
            load.tcp(CLIENT + 1, 1234, 443, Tcp.SYN, ISN, 0, 0);
            assertThat(waiting).as("another source is not kept out").hasSize(4097);
            load.checkWitness();
            for (int i = 0; i < MANY; i++) {
                load.tcp(CLIENT + 2 + i, 1234, 443, Tcp.SYN, ISN, 0, 0);
            }
            assertThat(load.stack.stats().get(Counter.PENDING)).isEqualTo(8192);
            assertThat(load.stack.stats().get(Counter.DROPPED_SYN_LIMIT)).isEqualTo(65_535 - 4096 + MANY - 8192 + 4097);
            load.advance(8);
            assertThat(load.stack.stats().get(Counter.PENDING))
                    .as("nobody asks any more")
                    .isZero();
            load.checkWitness();
        }
    }

    @Test
    void udpFloodsAreBounded() {
        try (Load load = new Load(StackConfig.builder())) {
            long before = heap();
            for (int i = 0; i < 100_000; i++) {
                load.udp(CLIENT, 40_000, 1 + i % 65_535, 100);
                if (i % 64 == 0) {
                    load.endBatch();
                }
            }
            load.endBatch();
            assertThat(load.stack.stats().udpFlows()).as("one client endpoint").isEqualTo(1);
            for (int i = 0; i < 100_000; i++) {
                load.udp(CLIENT + i / 50_000, 1 + i % 50_000, 53, 100);
                if (i % 64 == 0) {
                    load.endBatch();
                }
            }
            load.endBatch();
            assertThat(load.stack.stats().udpFlows()).isEqualTo(16_384);
            print("idle UDP flow with its channel", (heap() - before) / 16_384);
            assertThat(load.direct()).isZero();
            load.checkWitness();
            // They have the same deadline and end 256 in a sweep, of which there is one in each step here.
            load.advance(301 + 16_384 / 256);
            load.endBatch();
            assertThat(load.stack.stats().udpFlows()).isZero();
            assertThat(heap() - before).isLessThan(1 << 20);
            load.checkWitness();
        }
    }

    @Test
    void fragmentFloodsAreBounded() {
        long limit = 4 << 20;
        StackConfig.Builder config = StackConfig.builder().reassembly(limit, 1024, 256, Duration.ofSeconds(30));
        try (Load load = new Load(config)) {
            long most = 0;
            for (int i = 0; i < 100_000; i++) {
                // First fragments, last ones and middles, of many datagrams that never become whole.
                int offset = i % 3 == 0 ? 0x2000 : i % 3 == 1 ? 100 : 0x2000 | 50;
                in(load, CLIENT + i % 64, offset, i);
                if (i % 64 == 0) {
                    load.endBatch();
                    most = Math.max(most, load.direct());
                }
            }
            load.endBatch();
            assertThat(most).as("direct memory").isLessThan(2 * limit);
            assertThat(load.stack.stats().reassembling()).isLessThanOrEqualTo(1024);
            load.checkWitness();
            load.advance(31);
            load.endBatch();
            assertThat(load.stack.stats().reassembling()).isZero();
            assertThat(load.direct()).isZero();
            assertThat(load.stack.stats().get(IpCounter.PACKETS_IN)).isGreaterThan(100_000);
            load.checkWitness();
        }
    }

    private static void in(Load load, int source, int offset, int identification) {
        ByteBuf packet = load.packet(source, offset, identification & 0xffff, IpProtocol.UDP, 400);
        load.in(packet.writeZero(400));
    }
}
