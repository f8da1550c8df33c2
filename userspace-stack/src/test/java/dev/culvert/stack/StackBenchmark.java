package dev.culvert.stack;

import dev.culvert.stack.tcp.TcpFlow;
import dev.culvert.stack.tcp.TcpRequest;
import dev.culvert.stack.wire.Checksum;
import dev.culvert.stack.wire.IpProtocol;
import dev.culvert.stack.wire.Ipv4;
import dev.culvert.stack.wire.Tcp;
import dev.culvert.stack.wire.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/**
 * The data path through a whole stack, without a device: time and allocation of a packet. Run {@link #main}; with {@code
 * gc.alloc.rate.norm} it shows the bytes of heap that each operation takes.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 1,
        jvmArgsAppend = {
            // Its samples would be most of what is allocated.
            "-Dio.netty.leakDetection.level=disabled",
            "-Djmh.executor=CUSTOM",
            "-Djmh.executor.class=dev.culvert.stack.StackBenchmark$EventLoopLikeExecutor"
        })
public class StackBenchmark {
    /** Enough that the table does not fit in a core's first cache. */
    private static final int FLOWS = 10_000;

    private static final int CLIENT = 0x0a09_0002;
    private static final int HOST = 0xc0a8_0714;
    private static final int ISN = 1000;
    private static final int HEADERS = VirtioNetHeader.LENGTH + Ipv4.HEADER_LENGTH + Tcp.HEADER_LENGTH;
    private static final int TCP = VirtioNetHeader.LENGTH + Ipv4.HEADER_LENGTH;
    private static final int SUPER_SEGMENT = 44 * 1460;
    private static final int SMALL = 64;

    private final EmbeddedChannel channel = new EmbeddedChannel();
    private final int[] iss = new int[FLOWS];
    private final int[] next = new int[FLOWS];
    private final TcpFlow[] flows = new TcpFlow[FLOWS];
    private int accepted;
    private int sequence;
    private int flow;
    private int sent;

    private final ByteBuf pure = packet(0);
    private final ByteBuf small = packet(SMALL);
    private final ByteBuf large = packet(SUPER_SEGMENT);
    private final ByteBuf bulk =
            PooledByteBufAllocator.DEFAULT.directBuffer(SUPER_SEGMENT).writeZero(SUPER_SEGMENT);

    private final class Device extends ChannelOutboundHandlerAdapter {
        @Override
        public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
            ByteBuf packet = (ByteBuf) message;
            sequence = Tcp.sequence(packet, TCP);
            packet.release();
        }

        @Override
        public void flush(ChannelHandlerContext context) {
            // Nothing is kept here.
        }
    }

    private final class Accepting implements StackListener {
        @Override
        public void onTcp(TcpRequest request) {
            flows[accepted++] = request.accept(new ChannelInboundHandlerAdapter() {
                @Override
                public void channelRead(ChannelHandlerContext context, Object message) {
                    ReferenceCountUtil.release(message);
                }
            });
        }

        @Override
        public void onUdp(UdpFlow flow) {
            throw new AssertionError("no UDP here");
        }

        @Override
        public void onEcho(EchoFlow flow) {
            throw new AssertionError("no echo here");
        }
    }

    /** Runs benchmarks on a thread like an event loop's: others have neither allocator caches nor recyclers. */
    public static final class EventLoopLikeExecutor extends ThreadPoolExecutor {
        /** As the harness calls it. */
        public EventLoopLikeExecutor(int threads, String prefix) {
            super(
                    threads,
                    threads,
                    0,
                    TimeUnit.MILLISECONDS,
                    new LinkedBlockingQueue<>(),
                    new DefaultThreadFactory(prefix, true));
        }
    }

    /** Opens the flows. */
    @Setup
    public void open() {
        channel.config().setOption(ChannelOption.ALLOCATOR, PooledByteBufAllocator.DEFAULT);
        channel.pipeline()
                .addLast(new Device(), new IpStack(StackConfig.builder().build(), new Accepting()));
        ByteBuf handshake = packet(0);
        for (int i = 0; i < FLOWS; i++) {
            in(handshake, i, Tcp.SYN, ISN, 0);
            iss[i] = sequence;
            in(handshake, i, Tcp.ACK, ISN + 1, sequence + 1);
            next[i] = ISN + 1;
        }
        handshake.release();
    }

    /** Closes everything. */
    @TearDown
    public void close() {
        channel.finishAndReleaseAll();
        pure.release();
        small.release();
        large.release();
        bulk.release();
    }

    private static ByteBuf packet(int payload) {
        ByteBuf packet = PooledByteBufAllocator.DEFAULT.directBuffer(HEADERS + payload);
        packet.writeByte(VirtioNetHeader.DATA_VALID).writeZero(VirtioNetHeader.LENGTH - 1);
        Ipv4.write(
                packet,
                0,
                Ipv4.HEADER_LENGTH + Tcp.HEADER_LENGTH + payload,
                0,
                Ipv4.DONT_FRAGMENT,
                64,
                IpProtocol.TCP,
                CLIENT,
                HOST);
        Tcp.write(packet, 1, 443, 0, 0, Tcp.HEADER_LENGTH, Tcp.ACK, 65_535, 0);
        return packet.writeZero(payload);
    }

    private void in(ByteBuf packet, int index, int flags, int seq, int ack) {
        packet.setIndex(0, packet.capacity());
        packet.setShort(TCP, 1 + index)
                .setInt(TCP + 4, seq)
                .setInt(TCP + 8, ack)
                .setByte(TCP + 13, flags);
        channel.pipeline().fireChannelRead(packet.retain());
        channel.pipeline().fireChannelReadComplete();
    }

    /** Parsing, look-up and processing of an ACK that says nothing new, of one flow of many. */
    @Benchmark
    public void pureAck() {
        flow = (flow + 1) % FLOWS;
        in(pure, flow, Tcp.ACK, next[flow], iss[flow] + 1);
    }

    /** A small segment in order, delivered and acknowledged at once. */
    @Benchmark
    public void receiveSmallAndAcknowledge() {
        flow = (flow + 1) % FLOWS;
        in(small, flow, Tcp.ACK, next[flow], iss[flow] + 1);
        next[flow] += SMALL;
    }

    /** A super-segment in order, delivered and acknowledged. */
    @Benchmark
    public void receiveSuperSegment() {
        in(large, 0, Tcp.ACK, next[0], iss[0] + 1);
        next[0] += SUPER_SEGMENT;
    }

    /** 64 kB written by the application, sent as one super-segment, acknowledged. */
    @Benchmark
    public void sendSuperSegment() {
        flows[1].writeAndFlush(bulk.retainedDuplicate(), flows[1].voidPromise());
        sent += SUPER_SEGMENT;
        in(pure, 1, Tcp.ACK, next[1], iss[1] + 1 + sent);
    }

    /** Sum of a full segment. */
    @Benchmark
    public long checksumSegment() {
        return Checksum.sum(large, HEADERS, 1460);
    }

    /** Sum of a super-segment. */
    @Benchmark
    public long checksumSuperSegment() {
        return Checksum.sum(large, HEADERS, SUPER_SEGMENT);
    }

    /** Runs all of it. */
    public static void main(String[] arguments) throws RunnerException {
        new Runner(new OptionsBuilder()
                        .include(StackBenchmark.class.getName() + (arguments.length > 0 ? "." + arguments[0] : ""))
                        .addProfiler(GCProfiler.class)
                        .build())
                .run();
    }
}
