package dev.culvert.tunnel.flow;

import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.link.FrameReceiver;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.link.LinkSettings;
import dev.culvert.tunnel.outgoing.Outlet;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.channel.embedded.EmbeddedChannel;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/**
 * What one frame costs: encoded by the fair writer, decoded by a link, switched from one link to another as the gateway
 * does it, and accounted for with credit. No socket, no TLS. Run {@link #main}.
 */
@NullUnmarked
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(value = 1, jvmArgsAppend = "-Dio.netty.leakDetection.level=disabled")
public class LinkBenchmark {
    @Param({"64", "1400", "16368"})
    int payload;

    private Link in;
    private EmbeddedChannel inChannel;
    private Link out;
    private EmbeddedChannel outChannel;
    private Outlet outlet;
    private ByteBuf message;
    private ByteBuf data;
    private boolean forward;
    private final ReceiveWindow window =
            new ReceiveWindow(new CreditBudget(CreditBudget.DEFAULT, null), FlowMemory.MOST);
    private long now;

    /** The socket of the benchmark: takes everything. */
    private static final class Sink extends ChannelOutboundHandlerAdapter {
        long bytes;

        @Override
        public void write(ChannelHandlerContext ctx, Object msg, ChannelPromise promise) {
            ByteBuf b = (ByteBuf) msg;
            bytes += b.readableBytes();
            b.release();
        }
    }

    private final class Receiver implements FrameReceiver {
        @Override
        public void linkUp(Link link) {}

        @Override
        public void frame(Link link, int type, int flags, int flowId, ByteBuf payload) {
            if (forward) {
                outlet.add(type, flags, payload, true);
            } else {
                payload.release();
            }
        }

        @Override
        public void batchComplete(Link link) {}

        @Override
        public void linkDown(Link link, String why) {}
    }

    @Setup
    public void setUp() {
        in = new Link(Link.Role.WEBSOCKET_SERVER, true, LinkSettings.DEFAULT, new Receiver());
        inChannel = EmbeddedChannel.builder().handlers(new Sink(), in).build();
        out = new Link(Link.Role.WEBSOCKET_SERVER, true, LinkSettings.DEFAULT, new Receiver());
        outChannel = EmbeddedChannel.builder().handlers(new Sink(), out).build();
        outlet = out.writer().outlet(5, null);
        ByteBuf m = WebSocketMessage.encode(0x82, WebSocketMessage.frame(Frame.DATA, 0, 3, new byte[payload]), 0);
        message = ByteBufAllocator.DEFAULT.directBuffer(m.readableBytes()).writeBytes(m);
        m.release();
        data = ByteBufAllocator.DEFAULT.directBuffer(payload).writeZero(payload);
    }

    @TearDown
    public void tearDown() {
        inChannel.finishAndReleaseAll();
        outChannel.finishAndReleaseAll();
        message.release();
        data.release();
    }

    private ByteBuf read() {
        return inChannel.alloc().directBuffer(message.readableBytes()).writeBytes(message, 0, message.readableBytes());
    }

    /** The cost of making what {@link #decode} and {@link #switchFrame} are given; subtract it. */
    @Benchmark
    public boolean baseline() {
        return read().release();
    }

    @Benchmark
    public long decode() {
        forward = false;
        inChannel.pipeline().fireChannelRead(read());
        return in.framesIn();
    }

    @Benchmark
    public long encode() {
        outlet.add(Frame.DATA, 0, data.retainedDuplicate(), false);
        outChannel.runPendingTasks();
        return out.writer().framesOut();
    }

    @Benchmark
    public long switchFrame() {
        forward = true;
        inChannel.pipeline().fireChannelRead(read());
        outChannel.runPendingTasks();
        return out.writer().framesOut();
    }

    /** Received, taken by the application a millisecond later, and the credit that goes back for it. */
    @Benchmark
    public long credit() {
        window.received(payload, true);
        now += 1_000_000;
        return window.consumed(payload, true, now, 2_000_000);
    }

    public static void main(String[] args) throws Exception {
        new Runner(new OptionsBuilder()
                        .include(LinkBenchmark.class.getSimpleName())
                        .build())
                .run();
    }
}
