package dev.culvert.tunnel.outgoing;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.frame.Frame;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import java.util.Arrays;
import java.util.Random;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Eight flows that always have something waiting, and one that has not. */
@NullUnmarked
class FairQueueTest {
    private static final int BUSY = 8;

    /** Which of the flows {@link #serve} knows is not one of the busy ones. */
    private static final int OTHER = BUSY;

    private final EmbeddedChannel channel = new EmbeddedChannel();
    private final FairQueue queue = new FairQueue(channel.eventLoop(), () -> {});
    private final Outlet[] outlets = new Outlet[BUSY + 1];
    private final long[] sent = new long[BUSY + 1];

    @BeforeEach
    void fill() {
        for (int flow = 0; flow <= BUSY; flow++) {
            outlets[flow] = new Outlet(flow, queue, null);
        }
        for (int flow = 0; flow < BUSY; flow++) {
            add(flow, Frame.MAX_DATA);
            add(flow, Frame.MAX_DATA);
        }
    }

    @AfterEach
    void drain() {
        queue.close();
        turns();
        assertThat(queue.heldBytes()).isZero();
        assertThat(queue.hasFlows()).isFalse();
    }

    private void add(int flow, int bytes) {
        outlets[flow].add(Frame.DATA, 0, Unpooled.wrappedBuffer(new byte[bytes]), false);
    }

    /** Lets one frame go, and fills up what a busy flow has waiting. */
    private int serve() {
        Outlet o = queue.next();
        ByteBuf frame = o.take();
        int bytes = frame.readableBytes();
        frame.release();
        queue.taken(o, bytes);
        sent[o.flowId()] += bytes;
        if (o.flowId() != OTHER) {
            add(o.flowId(), Frame.MAX_DATA);
        }
        return o.flowId();
    }

    /** A ping every 20 ms beside eight transfers, of which one frame takes 6 ms: three frames lie between. */
    @Test
    void aKeystrokeGoesFirstMoreThanOnceInARound() {
        for (int i = 0; i < 2 * BUSY; i++) { // until none of them is new
            serve();
        }
        for (int i = 0; i < 100; i++) {
            add(OTHER, 100);
            assertThat(serve()).as("keystroke %d", i).isEqualTo(OTHER);
            for (int j = 0; j < 3; j++) {
                assertThat(serve()).isNotEqualTo(OTHER);
            }
        }
    }

    /** One that always sends a little, whenever it has nothing waiting, is no better off than who has much waiting. */
    @Test
    void goingFirstIsPaidForOutOfTheShare() {
        for (int size : new int[] {1_024, 1_500, 5_000, 9_000, Frame.MAX_DATA}) {
            Arrays.fill(sent, 0);
            for (int i = 0; i < 20_000; i++) {
                if (outlets[OTHER].isEmpty()) {
                    add(OTHER, size);
                }
                serve();
            }
            long busy = Arrays.stream(sent, 0, BUSY).max().getAsLong();
            assertThat(sent[OTHER]).as("frames of %d bytes", size).isBetween(busy / 2, busy + 2 * Frame.MAX_DATA);
        }
    }

    @Test
    void noMixOfSizesAndPausesTakesMoreThanAShare() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int round = 0; round < 50; round++) {
            Arrays.fill(sent, 0);
            int most = 1 + random.nextInt(Frame.MAX_DATA);
            int pause = 1 + random.nextInt(12);
            int burst = 1 + random.nextInt(6);
            for (int i = 0; i < 3_000; i++) {
                if (random.nextInt(pause) == 0) {
                    for (int j = random.nextInt(burst); j >= 0 && outlets[OTHER].queuedBytes() < 100_000; j--) {
                        add(OTHER, 1 + random.nextInt(most));
                    }
                }
                serve();
            }
            long[] busy = Arrays.stream(sent, 0, BUSY).sorted().toArray();
            assertThat(busy[BUSY - 1] - busy[0]).as("seed %d", seed).isLessThanOrEqualTo(Frame.MAX_DATA);
            assertThat(sent[OTHER]).as("seed %d", seed).isLessThanOrEqualTo(busy[0] * 11 / 10 + 200_000);
        }
    }

    @Test
    void aFlowThatIsClearedLeavesTheLine() {
        serve();
        add(OTHER, 100);
        serve();
        add(OTHER, 100);
        outlets[OTHER].close();
        for (int i = 0; i < 3 * BUSY; i++) {
            assertThat(serve()).isNotEqualTo(OTHER);
        }
    }

    /** What one peer has waiting must not keep the loop from the others when that peer goes. */
    @Test
    void dropsAStepAtATime() {
        for (int flow = 0; flow < 3 * FairQueue.DROP_STEP; flow++) {
            Outlet o = new Outlet(flow, queue, null);
            o.add(Frame.DATAGRAM, 0, Unpooled.EMPTY_BUFFER, false);
            o.grant(1);
        }
        long frames = queue.heldBytes();
        queue.close();
        assertThat(queue.heldBytes()).isPositive().isGreaterThan(frames / 2);
        outlets[0].add(Frame.DATAGRAM, 0, Unpooled.EMPTY_BUFFER, false);
        assertThat(outlets[0].isEmpty()).isTrue();
        assertThat(turns()).isBetween(3, 8);
        assertThat(queue.heldBytes()).isZero();
    }

    /** Nor what one flow of it has. */
    @Test
    void dropsOneLongFlowAStepAtATime() {
        for (int frame = 0; frame < 5 * FairQueue.DROP_STEP; frame++) {
            add(OTHER, Outlet.SMALL);
        }
        outlets[OTHER].close();
        assertThat(outlets[OTHER].frames()).isEqualTo(4 * FairQueue.DROP_STEP);
        add(OTHER, Outlet.SMALL);
        for (int i = 0; i < 3 * BUSY; i++) {
            assertThat(serve()).isNotEqualTo(OTHER);
        }
        channel.runScheduledPendingTasks();
        assertThat(outlets[OTHER].frames()).isLessThan(4 * FairQueue.DROP_STEP);
        turns();
        assertThat(outlets[OTHER].isEmpty()).isTrue();
        assertThat(outlets[0].isEmpty()).isFalse();
    }

    /** Of the loop, until nothing is to be done; how many. */
    private int turns() {
        int turns = 0;
        while (channel.runScheduledPendingTasks() >= 0) {
            turns++;
        }
        return turns;
    }
}
