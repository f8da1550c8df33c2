package dev.culvert.tunnel.flow;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.fixture.FlowRecorder;
import dev.culvert.tunnel.fixture.LinkPair;
import dev.culvert.tunnel.fixture.LinkPair.Flows;
import dev.culvert.tunnel.frame.Frame;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** Credit: what is granted, how it grows, and that none is lost. */
@NullUnmarked
class ReceiveWindowTest {
    private static final long MS = 1_000_000;

    private final CreditBudget budget = new CreditBudget(CreditBudget.DEFAULT, null);

    private long left() {
        return budget.left();
    }

    @Test
    void creditReturnsAQuarterAtATime() {
        ReceiveWindow w = new ReceiveWindow(budget, FlowMemory.MOST);
        assertThat(w.received(16_383, false)).isTrue();
        assertThat(w.consumed(16_383, true, 1, 0)).isZero();
        assertThat(w.received(1, false)).isTrue();
        assertThat(w.consumed(1, true, 2, 0)).isEqualTo(16_384);
        assertThat(w.window()).isEqualTo(FlowMemory.MOST);
    }

    @Test
    void moreThanWasGrantedIsRefused() {
        ReceiveWindow w = new ReceiveWindow(budget, FlowMemory.MOST);
        assertThat(w.received(FlowMemory.MOST, false)).isTrue();
        assertThat(w.received(1, false)).isFalse();
    }

    @Test
    void aBlockedFlowGrowsToTheEagerSizeWithoutProof() {
        ReceiveWindow w = new ReceiveWindow(budget, FlowMemory.MOST);
        long now = 1;
        for (int i = 0; i < 10; i++) {
            long n = w.window();
            assertThat(w.received((int) n, true)).isTrue();
            assertThat(w.consumed((int) n, true, now += 20 * MS, 0)).isPositive();
        }
        assertThat(w.window()).isEqualTo(ReceiveWindow.EAGER);
        assertThat(left()).isEqualTo(CreditBudget.DEFAULT - ReceiveWindow.EAGER + FlowMemory.MOST);
        w.close();
        assertThat(left()).isEqualTo(CreditBudget.DEFAULT);
    }

    @Test
    void aFastFlowOverALongPathGrowsToTwiceItsBandwidthDelayProduct() {
        ReceiveWindow w = new ReceiveWindow(budget, FlowMemory.MOST);
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
        ReceiveWindow unblocked = new ReceiveWindow(budget, FlowMemory.MOST);
        ReceiveWindow slow = new ReceiveWindow(budget, FlowMemory.MOST);
        for (int i = 0; i < 50; i++) {
            unblocked.received(FlowMemory.MOST, false);
            unblocked.consumed(FlowMemory.MOST, true, i * MS, 100 * MS);
            slow.received(FlowMemory.MOST, true);
            slow.consumed(FlowMemory.MOST, false, i * MS, 100 * MS);
        }
        assertThat(unblocked.window()).isEqualTo(FlowMemory.MOST);
        assertThat(slow.window()).isEqualTo(FlowMemory.MOST);
    }

    /** Senders that always have more, over a path of {@code rtt} that carries any amount: a window each round trip. */
    private static void roundTrips(int rounds, long[] now, long rtt, ReceiveWindow... windows) {
        for (int i = 0; i < rounds; i++) {
            now[0] += rtt;
            for (ReceiveWindow w : windows) {
                bulk(w, (int) w.outstanding(), true, now[0], rtt);
            }
        }
    }

    private static void bulk(ReceiveWindow w, int bytes, boolean blocked, long now, long rtt) {
        for (int left = bytes; left > 0; ) {
            int n = Math.min(left, Frame.MAX_DATA);
            left -= n;
            assertThat(w.received(n, blocked && left == 0)).isTrue();
            w.consumed(n, true, now, rtt);
        }
    }

    @Test
    void theMostIsReachedInSevenRoundTrips() {
        ReceiveWindow w = new ReceiveWindow(budget, FlowMemory.MOST);
        roundTrips(7, new long[] {1}, 100 * MS, w);
        assertThat(w.window()).isEqualTo(ReceiveWindow.MAX);
    }

    @Test
    void oneFlowGrowsToHalfOfTheBudgetAndTenShareItEvenly() {
        long[] now = {1};
        ReceiveWindow first = new ReceiveWindow(budget, FlowMemory.MOST);
        roundTrips(20, now, 100 * MS, first);
        assertThat(first.window()).isBetween(ReceiveWindow.MAX - 1L, (long) ReceiveWindow.MAX);

        List<ReceiveWindow> all = new ArrayList<>(List.of(first));
        for (int i = 0; i < 9; i++) {
            all.add(new ReceiveWindow(budget, FlowMemory.MOST));
        }
        for (int i = 0; i < 100; i++) {
            roundTrips(1, now, 100 * MS, all.toArray(ReceiveWindow[]::new));
        }
        long share = CreditBudget.DEFAULT / 11;
        for (ReceiveWindow w : all) {
            assertThat(w.window()).isBetween(share * 9 / 10, share * 11 / 10);
            assertThat(w.owed()).isLessThanOrEqualTo(w.window());
        }
        assertThat(left()).as("for the next").isBetween(share * 9 / 10, share * 11 / 10);
        all.forEach(ReceiveWindow::close);
        assertThat(left()).isEqualTo(CreditBudget.DEFAULT);
    }

    @Test
    void whatIsCutDownStaysAccountedForUntilItHasBeenTaken() {
        long[] now = {1};
        ReceiveWindow slow = new ReceiveWindow(budget, FlowMemory.MOST);
        roundTrips(20, now, 100 * MS, slow);
        slow.received((int) slow.outstanding(), true); // and its application takes none of it
        long held = slow.owed();
        ReceiveWindow[] others = {
            new ReceiveWindow(budget, FlowMemory.MOST),
            new ReceiveWindow(budget, FlowMemory.MOST),
            new ReceiveWindow(budget, FlowMemory.MOST)
        };
        for (int i = 0; i < 50; i++) {
            roundTrips(1, now, 100 * MS, others);
        }
        long sum = 0;
        for (ReceiveWindow w : others) {
            assertThat(w.window()).as("they share what it leaves").isGreaterThan(14 << 20);
            sum += w.owed() - FlowMemory.MOST;
        }
        assertThat(sum + held - FlowMemory.MOST).isLessThanOrEqualTo(CreditBudget.DEFAULT);

        long granted = 0;
        while (slow.owed() > slow.window() || granted == 0) {
            granted = slow.consumed(100_000, false, now[0] += MS, 100 * MS);
            assertThat(granted == 0 || slow.owed() <= slow.window())
                    .as("nothing is granted beyond the smaller window")
                    .isTrue();
        }
        assertThat(slow.window()).isLessThan(held);
    }

    @Test
    void aLinkTakesFromTheWholeProcess() {
        CreditBudget process = new CreditBudget(1 << 20, null);
        CreditBudget one = new CreditBudget(CreditBudget.DEFAULT, process);
        CreditBudget two = new CreditBudget(600_000, process);
        assertThat(two.take(700_000)).isEqualTo(600_000);
        assertThat(one.left()).isEqualTo((1 << 20) - 600_000);
        assertThat(one.take(Long.MAX_VALUE)).isEqualTo((1 << 20) - 600_000);
        assertThat(one.left()).isZero();
        assertThat(two.take(1)).isZero();
        two.giveBack(600_000);
        assertThat(one.left()).isEqualTo(600_000);
        one.giveBack((1 << 20) - 600_000);
        assertThat(one.left()).isEqualTo(1 << 20);
        assertThat(process.left()).isEqualTo(1 << 20);
    }

    @Test
    void aWindowThatIsNotNeededAnyMoreIsHalvedEachTenSeconds() {
        long[] now = {1};
        ReceiveWindow w = new ReceiveWindow(budget, FlowMemory.MOST);
        roundTrips(20, now, 100 * MS, w);
        long before = w.window();
        // From now on the application takes 1 MB a round trip.
        long steps = 0;
        while (w.window() > 3_000_000) {
            now[0] += 100 * MS;
            bulk(w, (int) Math.min(w.outstanding(), 1_000_000), false, now[0], 100 * MS);
            assertThat(++steps).isLessThan(2_000);
            if (steps == 300) {
                assertThat(w.window()).isBetween(before / 2, before / 2 + 1);
            }
        }
        assertThat(steps).isGreaterThan(400);
        for (int i = 0; i < 1_000; i++) {
            bulk(w, (int) Math.min(w.outstanding(), 1_000_000), false, now[0] += 100 * MS, 100 * MS);
        }
        assertThat(w.window()).as("twice what it takes").isBetween(1_900_000L, 2_200_000L);
        assertThat(left()).isEqualTo(CreditBudget.DEFAULT - w.window() + FlowMemory.MOST);
    }

    @Test
    void afterTheEndOnlyWhatIsUnreadIsOwed() {
        long[] now = {1};
        ReceiveWindow w = new ReceiveWindow(budget, FlowMemory.MOST);
        roundTrips(20, now, 100 * MS, w);
        w.received(5_000_000, false);
        w.ended();
        assertThat(w.owed()).isEqualTo(5_000_000);
        assertThat(left()).isEqualTo(CreditBudget.DEFAULT - 5_000_000 + FlowMemory.MOST);
        assertThat(w.consumed(4_000_000, false, now[0], 0)).isZero();
        assertThat(w.consumed(1_000_000, true, now[0], 0)).isZero();
        assertThat(left()).isEqualTo(CreditBudget.DEFAULT);
    }

    @Test
    void whatIsOwedIsWhatTheSenderHasAndWeHoldAndTheSenderIsNeverStuck() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int run = 0; run < 50; run++) {
            CreditBudget few = new CreditBudget(random.nextInt(8 << 20), null);
            ReceiveWindow other = new ReceiveWindow(few, FlowMemory.MOST);
            ReceiveWindow w = new ReceiveWindow(few, FlowMemory.MOST);
            long credit = FlowMemory.MOST;
            long held = 0;
            long[] now = {1};
            for (int step = 0; step < 500; step++) {
                now[0] += random.nextInt(5_000_000);
                if (random.nextInt(20) == 0) {
                    roundTrips(1, now, 20 * MS, other);
                }
                long before = w.owed();
                if (random.nextBoolean() && credit > 0) {
                    int n = (int) Math.min(credit, 1 + random.nextInt(300_000));
                    credit -= n;
                    assertThat(w.received(n, credit == 0)).as("seed %d", seed).isTrue();
                    held += n;
                } else if (held > 0) {
                    int n = (int) Math.min(held, 1 + random.nextInt(200_000));
                    held -= n;
                    credit += w.consumed(n, held == 0, now[0], 20 * MS);
                }
                assertThat(credit + held).as("seed %d", seed).isEqualTo(w.owed());
                assertThat(w.owed()).as("seed %d", seed).isLessThanOrEqualTo(Math.max(before, w.window()));
                assertThat(credit + held).as("stuck, seed %d", seed).isPositive();
                long out = Math.max(w.owed(), FlowMemory.MOST)
                        + Math.max(other.owed(), FlowMemory.MOST)
                        - 2L * FlowMemory.MOST;
                assertThat(few.left()).as("seed %d", seed).isNotNegative();
                assertThat(out + few.left())
                        .as("nothing is out that was not taken from the budget, seed %d", seed)
                        .isLessThanOrEqualTo(total(few, w, other));
            }
            w.close();
            other.close();
        }
    }

    private static long total(CreditBudget budget, ReceiveWindow... windows) {
        long sum = budget.left();
        for (ReceiveWindow w : windows) {
            sum += w.charged();
        }
        return sum;
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
            long taken = CreditBudget.DEFAULT - pair.server.mux.budget().left();
            assertThat(taken)
                    .as("the sender's blocked flag was heard")
                    .isEqualTo(ReceiveWindow.EAGER - FlowMemory.MOST);
            assertThat(f.a().sendCredit()).isBetween(ReceiveWindow.EAGER * 3L / 4, (long) ReceiveWindow.EAGER);
            f.b().close();
            pair.pump();
            assertThat(pair.server.mux.budget().left()).isEqualTo(CreditBudget.DEFAULT);
        }
    }

    @Test
    void aFlowClosedWhileItReadsTakesNothingFromTheBudget() {
        try (LinkPair pair = new LinkPair()) {
            FlowRecorder a = new FlowRecorder();
            FlowRecorder b = new FlowRecorder();
            Flows f = pair.open(a, b);
            b.onRead = () -> {
                if (b.bytes.size() == FlowMemory.MOST) {
                    b.channel.close();
                }
            };
            f.a().writeAndFlush(Unpooled.wrappedBuffer(new byte[200_000]));
            pair.pump();
            assertThat(b.events).contains("inactive");
            assertThat(pair.server.mux.budget().left()).isEqualTo(CreditBudget.DEFAULT);
        }
    }

    /** One client's flows that grow and are not read then must not hold everybody else's to their first credit. */
    @Test
    void oneClientsFlowsLeaveOthersAPartToGrowBy() {
        CreditBudget link = new CreditBudget(CreditBudget.DEFAULT, null);
        List<ReceiveWindow> greedy = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            greedy.add(stalled(link.join("greedy")));
        }
        assertThat(link.left()).isGreaterThanOrEqualTo(CreditBudget.DEFAULT / 4);
        ReceiveWindow other = stalled(link.join("other"));
        assertThat(other.window()).isGreaterThan(8 << 20);
        ReceiveWindow third = stalled(link.join("third"));
        assertThat(third.window()).isGreaterThan(2 << 20);
        assertThat(link.holders()).isEqualTo(3);
        greedy.forEach(w -> {
            w.close();
            link.leave("greedy");
        });
        other.close();
        link.leave("other");
        third.close();
        link.leave("third");
        assertThat(link.holders()).isZero();
        assertThat(link.left()).isEqualTo(CreditBudget.DEFAULT);
    }

    @Test
    void whatIsOnesOwnIsNotShared() {
        CreditBudget link = new CreditBudget(CreditBudget.DEFAULT, null);
        assertThat(link.join("")).isSameAs(link);
        link.leave("");
        assertThat(link.holders()).isZero();
    }

    /** A flow that grew as far as it may, and whose window is then all under way. */
    private static ReceiveWindow stalled(CreditBudget budget) {
        ReceiveWindow w = new ReceiveWindow(budget, FlowMemory.MOST);
        long now = 1;
        for (int round = 0; round < 40; round++) {
            long all = w.outstanding();
            for (long n = all; n > 0; n -= Math.min(n, 16_384)) {
                int some = (int) Math.min(n, 16_384);
                w.received(some, true);
                now += ReceiveWindow.LEAST_ROUND_NANOS / Math.max(1, all / 16_384) + 1;
                w.consumed(some, true, now, ReceiveWindow.LEAST_ROUND_NANOS);
            }
        }
        return w;
    }
}
