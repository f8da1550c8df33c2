package dev.culvert.tunnel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.LinkPair.Flows;
import io.netty.buffer.Unpooled;
import java.util.Random;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** Credit: what is granted, how it grows, and that none is lost. */
@NullUnmarked
class ReceiveWindowTest {
    private static final long MS = 1_000_000;

    private final CreditBudget budget = new CreditBudget(CreditBudget.DEFAULT);

    private long left() {
        long n = budget.take(Long.MAX_VALUE);
        budget.giveBack(n);
        return n;
    }

    @Test
    void creditReturnsAQuarterAtATime() {
        ReceiveWindow w = new ReceiveWindow(budget);
        assertThat(w.received(16_383, false)).isTrue();
        assertThat(w.consumed(16_383, true, 1, 0)).isZero();
        assertThat(w.received(1, false)).isTrue();
        assertThat(w.consumed(1, true, 2, 0)).isEqualTo(16_384);
        assertThat(w.window()).isEqualTo(ReceiveWindow.INITIAL);
    }

    @Test
    void moreThanWasGrantedIsRefused() {
        ReceiveWindow w = new ReceiveWindow(budget);
        assertThat(w.received(ReceiveWindow.INITIAL, false)).isTrue();
        assertThat(w.received(1, false)).isFalse();
    }

    @Test
    void aBlockedFlowGrowsToTheEagerSizeWithoutProof() {
        ReceiveWindow w = new ReceiveWindow(budget);
        long now = 1;
        for (int i = 0; i < 10; i++) {
            long n = w.window();
            assertThat(w.received((int) n, true)).isTrue();
            assertThat(w.consumed((int) n, true, now += MS, 0)).isPositive();
        }
        assertThat(w.window()).isEqualTo(ReceiveWindow.EAGER);
        assertThat(left()).isEqualTo(CreditBudget.DEFAULT - ReceiveWindow.EAGER + ReceiveWindow.INITIAL);
        w.close();
        assertThat(left()).isEqualTo(CreditBudget.DEFAULT);
    }

    @Test
    void aFastFlowOverALongPathGrowsToTwiceItsBandwidthDelayProduct() {
        ReceiveWindow w = new ReceiveWindow(budget);
        long now = 1;
        long rtt = 40 * MS; // and a link of 100 MB/s: 4 MB in flight
        for (int i = 0; i < 400; i++) {
            int n = (int) Math.min(w.window(), 1_000_000);
            assertThat(w.received(n, true)).isTrue();
            w.consumed(n, true, now += n * 10L, rtt);
        }
        assertThat(w.window()).isBetween(7_500_000L, 8_500_000L);
    }

    @Test
    void neitherAnUnblockedNorASlowReaderGrows() {
        ReceiveWindow unblocked = new ReceiveWindow(budget);
        ReceiveWindow slow = new ReceiveWindow(budget);
        for (int i = 0; i < 50; i++) {
            unblocked.received(ReceiveWindow.INITIAL, false);
            unblocked.consumed(ReceiveWindow.INITIAL, true, i * MS, 100 * MS);
            slow.received(ReceiveWindow.INITIAL, true);
            slow.consumed(ReceiveWindow.INITIAL, false, i * MS, 100 * MS);
        }
        assertThat(unblocked.window()).isEqualTo(ReceiveWindow.INITIAL);
        assertThat(slow.window()).isEqualTo(ReceiveWindow.INITIAL);
    }

    @Test
    void growthStopsAtTheCapAndAtTheBudget() {
        ReceiveWindow w = new ReceiveWindow(budget);
        for (int i = 0; i < 100; i++) {
            w.received((int) w.window(), true);
            w.consumed((int) w.window(), true, i, 1_000_000 * MS);
        }
        assertThat(w.window()).isEqualTo(ReceiveWindow.MAX);
        CreditBudget small = new CreditBudget(100_000);
        ReceiveWindow x = new ReceiveWindow(small);
        ReceiveWindow y = new ReceiveWindow(small);
        for (int i = 0; i < 10; i++) {
            x.received((int) x.window(), true);
            x.consumed((int) x.window(), true, i, MS);
            y.received((int) y.window(), true);
            y.consumed((int) y.window(), true, i, MS);
        }
        assertThat(x.window() + y.window()).isEqualTo(2 * ReceiveWindow.INITIAL + 100_000);
        x.close();
        y.close();
        assertThat(small.take(Long.MAX_VALUE)).isEqualTo(100_000);
    }

    @Test
    void outstandingPlusHeldNeverExceedsTheWindowAndTheSenderIsNeverStuck() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int run = 0; run < 50; run++) {
            ReceiveWindow w = new ReceiveWindow(budget);
            long credit = ReceiveWindow.INITIAL;
            long held = 0;
            long now = 0;
            for (int step = 0; step < 500; step++) {
                now += random.nextInt(5_000_000);
                if (random.nextBoolean() && credit > 0) {
                    int n = (int) Math.min(credit, 1 + random.nextInt(100_000));
                    credit -= n;
                    assertThat(w.received(n, credit == 0)).as("seed %d", seed).isTrue();
                    held += n;
                } else if (held > 0) {
                    int n = (int) Math.min(held, 1 + random.nextInt(60_000));
                    held -= n;
                    credit += w.consumed(n, held == 0, now, 20 * MS);
                }
                assertThat(credit + held).as("seed %d", seed).isLessThanOrEqualTo(w.window());
                assertThat(credit + held).as("stuck, seed %d", seed).isPositive();
            }
            w.close();
        }
        assertThat(left()).isEqualTo(CreditBudget.DEFAULT);
    }

    @Test
    void aBulkFlowOverTheLinkGrowsAndGivesBackAtClose() {
        try (LinkPair pair = new LinkPair()) {
            FlowRecorder a = new FlowRecorder();
            FlowRecorder b = new FlowRecorder();
            Flows f = pair.open(a, b);
            f.a().writeAndFlush(Unpooled.wrappedBuffer(new byte[8_000_000]));
            pair.pump();
            assertThat(b.bytes.size()).isEqualTo(8_000_000);
            long taken = CreditBudget.DEFAULT - pair.server.mux.budget().take(Long.MAX_VALUE);
            pair.server.mux.budget().giveBack(CreditBudget.DEFAULT - taken);
            assertThat(taken)
                    .as("the sender's blocked flag was heard")
                    .isEqualTo(ReceiveWindow.EAGER - ReceiveWindow.INITIAL);
            assertThat(f.a().sendCredit()).isBetween(ReceiveWindow.EAGER * 3L / 4, (long) ReceiveWindow.EAGER);
            f.b().close();
            pair.pump();
            assertThat(pair.server.mux.budget().take(Long.MAX_VALUE)).isEqualTo(CreditBudget.DEFAULT);
        }
    }

    @Test
    void aFlowClosedWhileItReadsTakesNothingFromTheBudget() {
        try (LinkPair pair = new LinkPair()) {
            FlowRecorder a = new FlowRecorder();
            FlowRecorder b = new FlowRecorder();
            Flows f = pair.open(a, b);
            b.onRead = () -> {
                if (b.bytes.size() == ReceiveWindow.INITIAL) {
                    b.channel.close();
                }
            };
            f.a().writeAndFlush(Unpooled.wrappedBuffer(new byte[200_000]));
            pair.pump();
            assertThat(b.events).contains("inactive");
            assertThat(pair.server.mux.budget().take(Long.MAX_VALUE)).isEqualTo(CreditBudget.DEFAULT);
        }
    }
}
