package dev.culvert.tunnel.outgoing;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.loop.EventLoops;
import dev.culvert.tunnel.websocket.WebSocketEncoder;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The writer over a kernel that takes whatever it is given, and a line of 50 Mbit/s behind it. */
@NullUnmarked
class SlowLinkTest {
    private static final int BYTES_PER_MILLI = 50_000_000 / 8_000;

    private final EmbeddedChannel channel = new EmbeddedChannel(new ChannelInboundHandlerAdapter());
    private final SocketDepth depth = new SocketDepth();
    private long acked;
    private int unsent;
    private FairWriter writer;

    private final KernelQueue kernel = new KernelQueue() {
        @Override
        public long leastRoundTripNanos() {
            return -1;
        }

        @Override
        public int unsentBytes() {
            takeOver();
            return unsent;
        }

        @Override
        public long ackedBytes() {
            return acked;
        }
    };

    private int records;
    private final List<Integer> flows = new ArrayList<>();

    private void takeOver() {
        for (ByteBuf record = channel.readOutbound(); record != null; record = channel.readOutbound()) {
            unsent += record.readableBytes();
            records++;
            note(record);
            record.release();
        }
    }

    private void note(ByteBuf record) {
        while (record.isReadable()) {
            record.skipBytes(1);
            int length = record.readUnsignedByte();
            length = length == 126 ? record.readUnsignedShort() : length;
            flows.add(record.getInt(record.readerIndex() + 4));
            record.skipBytes(length);
        }
    }

    @BeforeEach
    void learnTheRate() {
        channel.freezeTime();
        for (int milli = 1; milli <= 200; milli++) {
            acked += BYTES_PER_MILLI;
            depth.wrote(true, kernel, TimeUnit.MILLISECONDS.toNanos(milli));
        }
        assertThat(depth.isShallow()).isTrue();
        EventLoops.limitDepth(channel, depth.bytes());
        writer = new FairWriter(
                channel.pipeline().firstContext(),
                new WebSocketEncoder(false, true),
                new FairWriter.Holder() {
                    @Override
                    public boolean mayHold(int controlBytes) {
                        return true;
                    }

                    @Override
                    public void overrun() {}
                },
                kernel,
                depth);
    }

    @AfterEach
    void close() {
        writer.close();
        channel.finishAndReleaseAll();
    }

    private void add(int flow, int bytes) {
        writer.outlet(flow, null)
                .add(Frame.DATA, 0, channel.alloc().directBuffer(bytes).writeZero(bytes), false);
        channel.runPendingTasks();
    }

    private void pass(int millis) {
        for (int i = 0; i < millis; i++) {
            takeOver();
            int gone = Math.min(unsent, BYTES_PER_MILLI);
            unsent -= gone;
            acked += gone;
            channel.advanceTimeBy(1, TimeUnit.MILLISECONDS);
            channel.runScheduledPendingTasks();
            channel.runPendingTasks();
        }
        takeOver();
    }

    @Test
    void noMoreGoesDownThanTheLineCanUse() {
        for (int flow = 1; flow <= 50; flow++) {
            add(flow, Frame.MAX_DATA);
        }
        takeOver();
        assertThat(records).as("one full record is the depth").isLessThanOrEqualTo(2);
        for (int i = 0; i < 100; i++) {
            pass(1);
            assertThat(unsent).isLessThanOrEqualTo(depth.bytes() + Frame.RECORD);
        }
        pass(100);
        assertThat(writer.queuedBytes()).isZero();
        assertThat(records).isEqualTo(50);
    }

    @Test
    void theLineNeverRunsDry() {
        for (int flow = 1; flow <= 50; flow++) {
            add(flow, Frame.MAX_DATA);
        }
        while (writer.queuedBytes() > 0) {
            pass(1);
            assertThat(unsent).isPositive();
        }
    }

    @Test
    void aKeystrokeOvertakesWhatWaits() {
        Outlet bulk = writer.outlet(1, null);
        for (int i = 0; i < 50; i++) {
            bulk.add(Frame.DATA, 0, channel.alloc().directBuffer(Frame.MAX_DATA).writeZero(Frame.MAX_DATA), false);
        }
        channel.runPendingTasks();
        takeOver();
        int before = flows.size();
        add(99, 1);
        pass(20);
        assertThat(flows.indexOf(99)).isEqualTo(before);
    }

    /** A laptop that slept, a peer that did not read: the rate of that time must not time what comes after. */
    @Test
    void aLineThatStoodStillGoesOnAtOnce() {
        for (int flow = 1; flow <= 50; flow++) {
            add(flow, Frame.MAX_DATA);
        }
        takeOver();
        channel.advanceTimeBy(10, TimeUnit.SECONDS);
        channel.runScheduledPendingTasks();
        depth.wrote(true, kernel, channel.eventLoop().ticker().nanoTime());
        writer.pump();
        pass(250); // 50 records take 131 ms
        assertThat(writer.queuedBytes()).isZero();
        assertThat(records).isEqualTo(50);
    }

    @Test
    void closingWhileItWaitsEndsIt() {
        for (int flow = 1; flow <= 5; flow++) {
            add(flow, Frame.MAX_DATA);
        }
        writer.close();
        takeOver();
        int before = records;
        pass(50);
        assertThat(records).isEqualTo(before);
    }
}
