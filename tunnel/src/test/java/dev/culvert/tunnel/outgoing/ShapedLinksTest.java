package dev.culvert.tunnel.outgoing;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.frame.Frame;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.MockTicker;
import io.netty.util.concurrent.Ticker;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

/** Several links of one client, each with a shaper, that share a bandwidth; on frozen time. */
@NullUnmarked
class ShapedLinksTest {
    private static final int LINKS = 3;

    private final MockTicker ticker = Ticker.newMockTicker();
    private final EmbeddedChannel channel = EmbeddedChannel.builder()
            .ticker(ticker)
            .handlers(new ChannelInboundHandlerAdapter())
            .build();
    private final LongAdder waits = new LongAdder();
    private final Shaper[] shapers = new Shaper[LINKS];
    private final Map<Integer, ArrayDeque<Integer>> expected = new HashMap<>();
    private final List<Integer> lost = new ArrayList<>();
    private final long[] out = new long[LINKS];
    private long outAll;

    ShapedLinksTest() {
        for (int i = 0; i < LINKS; i++) {
            shapers[i] = new Shaper(channel.eventLoop());
        }
    }

    @AfterEach
    void close() {
        for (Shaper shaper : shapers) {
            shaper.close();
        }
        channel.finishAndReleaseAll();
        channel.checkException();
    }

    private final class Flow implements Shaper.Recipient {
        private final int link;
        private final int id;
        private final Outlet outlet;
        private int next;

        Flow(int link, int id) {
            this.link = link;
            this.id = id;
            outlet = shapers[link].outlet(id, this);
            expected.put(id, new ArrayDeque<>());
        }

        /** Frames are numbered; those below 1,024 bytes may be joined, so only the numbers' order is kept. */
        void add(int size) {
            ByteBuf b = channel.alloc().directBuffer(size).writeInt(next).writeZero(size - 4);
            expected.get(id).add(next++);
            outlet.add(Frame.DATA, 0, b, false);
        }

        void finish() {
            outlet.add(Frame.FIN, 0, io.netty.buffer.Unpooled.EMPTY_BUFFER, false);
        }

        @Override
        public void take(int type, int flags, ByteBuf payload) {
            int n = payload.readableBytes();
            out[link] += n;
            outAll += n;
            if (type == Frame.FIN) {
                assertThat(expected.remove(id))
                        .as("frames behind the FIN of flow %d", id)
                        .isEmpty();
            } else {
                assertThat(payload.readInt()).isEqualTo(expected.get(id).poll());
            }
            payload.release();
        }

        @Override
        public void lost() {
            lost.add(id);
        }
    }

    private long now() {
        return channel.eventLoop().ticker().nanoTime();
    }

    private void run() {
        channel.runScheduledPendingTasks();
        channel.runPendingTasks();
    }

    private void pass(long micros) {
        ticker.advance(micros, TimeUnit.MICROSECONDS);
        run();
    }

    private void limit(Bandwidth bandwidth) {
        for (Shaper shaper : shapers) {
            shaper.limit(bandwidth);
        }
    }

    /** Random rates, flows, sizes and reloads: nothing is lost or out of order, and nothing goes faster than it may. */
    @RepeatedTest(10)
    void nothingIsLostAndNothingIsOverTheBound() {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        try {
            Bandwidth bandwidth = null;
            List<Flow> flows = new ArrayList<>();
            int nextId = 1;
            double level = 0; // of a leaky bucket that must never run over
            double capacity = 0;
            for (int step = 0; step < 1_500; step++) {
                int what = random.nextInt(100);
                if (what < 10 || flows.isEmpty()) {
                    flows.add(new Flow(random.nextInt(LINKS), nextId++));
                } else if (what < 50) {
                    Flow flow = flows.get(random.nextInt(flows.size()));
                    int frames = random.nextInt(20);
                    for (int i = 0; i < frames; i++) {
                        flow.add(1_024 + random.nextInt(random.nextInt(10) == 0 ? 64_000 : 15_000));
                    }
                } else if (what < 53) {
                    flows.remove(random.nextInt(flows.size())).finish();
                } else if (what < 56) {
                    long rate = (long) Math.pow(10, 5 + 4 * random.nextDouble());
                    Bandwidth next;
                    if (random.nextInt(5) == 0) {
                        next = null;
                    } else if (bandwidth == null) {
                        next = new Bandwidth(rate, now(), waits);
                        level = 0;
                        capacity = 0;
                    } else {
                        next = bandwidth.at(rate, now());
                    }
                    limit(next);
                    if (next == null) {
                        run();
                        assertThat(shapers).allMatch(Shaper::isIdle);
                    } else {
                        // A turn that each has left, a frame that each may owe, and a turn that has just begun.
                        capacity =
                                Math.max(capacity, next.burst() + (LINKS + 1) * (next.turn() + 8 + Frame.MAX_PAYLOAD));
                    }
                    bandwidth = next;
                } else {
                    long micros = random.nextInt(random.nextInt(20) == 0 ? 1_000_000 : 5_000);
                    long before = outAll;
                    pass(micros);
                    if (bandwidth != null) {
                        level = Math.max(0, level - micros * 1e-6 * bandwidth.bitsPerSecond() / 8) + outAll - before;
                        assertThat(level).isLessThanOrEqualTo(capacity);
                    }
                }
            }
            limit(new Bandwidth(1_000_000_000, now(), waits));
            flows.forEach(Flow::finish);
            for (int i = 0; i < 1_000_000 && !expected.isEmpty(); i++) {
                pass(1_000);
            }
            assertThat(expected).as("flows without their end").isEmpty();
            for (Shaper shaper : shapers) {
                assertThat(shaper.queuedBytes()).isZero();
                assertThat(shaper.heldBytes()).isZero();
            }
        } catch (AssertionError e) {
            throw new AssertionError("seed " + seed, e);
        }
    }

    @Test
    void linksThatShareABandwidthTakeTurns() {
        limit(new Bandwidth(10_000_000, now(), waits));
        for (int link = 0; link < LINKS; link++) {
            Flow flow = new Flow(link, link + 1);
            for (int i = 0; i < 200; i++) {
                flow.add(Frame.MAX_DATA);
            }
        }
        for (int milli = 0; milli < 1_000; milli++) {
            pass(1_000);
        }
        assertThat(outAll).isBetween(1_250_000L - 4 * Frame.MAX_DATA, 1_250_000L + 4 * Frame.MAX_DATA);
        for (int link = 0; link < LINKS; link++) {
            assertThat(Math.abs(out[link] - out[0])).isLessThanOrEqualTo(2 * Frame.MAX_DATA);
        }
        assertThat(waits.sum()).isPositive();
    }

    @Test
    void closingTellsThoseWhoseFramesWait() {
        limit(new Bandwidth(100_000, now(), waits));
        Flow waiting = new Flow(0, 1);
        Flow dropped = new Flow(0, 2);
        Flow elsewhere = new Flow(1, 3);
        for (Flow flow : List.of(waiting, dropped, elsewhere)) {
            for (int i = 0; i < 10; i++) {
                flow.add(Frame.MAX_DATA);
            }
        }
        run();
        dropped.outlet.close();
        shapers[0].close();
        assertThat(lost).containsExactly(1);
        assertThat(shapers[0].heldBytes()).isZero();
        assertThat(shapers[1].heldBytes()).isPositive();
        waiting.add(2_000); // comes too late, and is released
        pass(60_000_000);
        assertThat(shapers[0].heldBytes()).isZero();
    }

    @Test
    void withoutALimitFramesPassInTheNextTurnOfTheLoop() {
        Flow flow = new Flow(0, 1);
        flow.add(5_000);
        assertThat(shapers[0].isIdle()).isFalse();
        run();
        assertThat(out[0]).isEqualTo(5_000);
        assertThat(shapers[0].isIdle()).isTrue();
    }

    /** All that were lost hear of it, some in each turn, and nothing goes on meanwhile. */
    @Test
    void closesAStepAtATime() {
        limit(new Bandwidth(1, now(), waits));
        run();
        int flows = 2 * FairQueue.DROP_STEP;
        for (int id = 0; id < flows; id++) {
            new Flow(0, id).add(4);
        }
        outAll = 0;
        assertThat(shapers[0].close()).isFalse();
        assertThat(lost).hasSizeBetween(1, FairQueue.DROP_STEP);
        pass(1_000_000);
        assertThat(outAll).isZero();
        while (!shapers[0].close()) {}
        assertThat(lost).hasSize(flows).doesNotHaveDuplicates();
    }
}
