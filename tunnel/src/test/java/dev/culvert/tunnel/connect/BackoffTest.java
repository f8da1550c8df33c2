package dev.culvert.tunnel.connect;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How long the waits are; and what ten thousand that wait do to a gateway, in modelled time. */
@NullUnmarked
class BackoffTest {
    private static final long HOUR = TimeUnit.HOURS.toNanos(1);

    private static long nanos(long millis) {
        return TimeUnit.MILLISECONDS.toNanos(millis);
    }

    @Test
    void failuresAreRetriedLaterAndLater() {
        for (Backoff.Outcome outcome :
                List.of(Backoff.Outcome.UNREACHED, Backoff.Outcome.TURNED_AWAY, Backoff.Outcome.STRANGE)) {
            Backoff backoff = new Backoff(new Random(1));
            long most = outcome == Backoff.Outcome.STRANGE ? 60_000 : 15_000;
            for (int i = 0; i < 12; i++) {
                long cap = Math.min(500L << i, most);
                assertThat(backoff.failed(outcome, 0)).as("%s %d", outcome, i).isBetween(cap / 4, cap);
            }
        }
    }

    @Test
    void aRefusalIsNotAskedAgainSoon() {
        Backoff backoff = new Backoff(new Random(1));
        for (int i = 0; i < 5; i++) {
            assertThat(backoff.failed(Backoff.Outcome.REFUSED, 0)).isBetween(30_000L, 60_000L);
        }
    }

    /** Five of them within half an hour lock many an account. */
    @Test
    void aPasswordThatIsNotTakenIsHardlySaidAgain() {
        Backoff backoff = new Backoff(new Random(1));
        for (int i = 0; i < 8; i++) {
            long cap = Math.min(TimeUnit.MINUTES.toMillis(2) << i, TimeUnit.MINUTES.toMillis(30));
            assertThat(backoff.failed(Backoff.Outcome.LOGIN, 0)).isBetween(cap / 2, cap);
        }
    }

    @Test
    void aGatewayThatEndedAGoodLinkIsLookedForSteadily() {
        Backoff backoff = new Backoff(new Random(1));
        long now = 0;
        now += nanos(backoff.linkEnded(HOUR, true, now));
        assertThat(now).isBetween(nanos(125), nanos(1_000));
        while (now < Backoff.RESTART.toNanos()) {
            long wait = backoff.failed(Backoff.Outcome.UNREACHED, now);
            assertThat(wait).isBetween(500L, 2_500L);
            now += nanos(wait);
        }
        assertThat(backoff.failed(Backoff.Outcome.UNREACHED, now)).isBetween(1_000L, 4_000L);
        assertThat(backoff.failed(Backoff.Outcome.UNREACHED, now)).isBetween(2_000L, 8_000L);
    }

    @Test
    void aLinkThatHardlyLivedIsNoGoodLink() {
        Backoff backoff = new Backoff(new Random(1));
        for (int i = 0; i < 4; i++) {
            assertThat(backoff.linkEnded(nanos(9_999), true, 0)).isBetween(125L << i, 500L << i);
        }
    }

    @Test
    void silenceIsNotTakenForARestart() {
        Backoff backoff = new Backoff(new Random(1));
        assertThat(backoff.linkEnded(HOUR, false, 0)).isBetween(125L, 500L);
        assertThat(backoff.failed(Backoff.Outcome.UNREACHED, 0)).isBetween(250L, 1_000L);
    }

    @Test
    void whoIsSentAwayComesBackAnywhereWithinTheTimeThatWasNamed() {
        List<Long> waits = new ArrayList<>();
        for (int i = 0; i < 1_000; i++) {
            waits.add(new Backoff(new Random(i)).sentAway(HOUR, Duration.ofSeconds(20), 0));
        }
        assertThat(waits).allMatch(ms -> ms >= 0 && ms <= 20_000);
        for (int second = 0; second < 20; second++) {
            long from = 1_000L * second;
            assertThat(waits)
                    .as("in second %d", second)
                    .filteredOn(ms -> ms >= from && ms < from + 1_000)
                    .hasSizeBetween(25, 85);
        }
    }

    @Test
    void theOnlyOneIsBackAtOnceAndThenLooksOften() {
        Backoff backoff = new Backoff(new Random(1));
        long now = nanos(backoff.sentAway(HOUR, Duration.ofMillis(2), 0));
        assertThat(now).isLessThanOrEqualTo(nanos(2));
        while (now < Backoff.RESTART.toNanos()) {
            long wait = backoff.failed(Backoff.Outcome.UNREACHED, now);
            assertThat(wait).isBetween(100L, 500L);
            now += nanos(wait);
        }
        now += nanos(2); // the time that it looks begins when it first does
        assertThat(backoff.failed(Backoff.Outcome.UNREACHED, now)).isBetween(1_000L, 4_000L);
        assertThat(backoff.linkEnded(HOUR, true, now)).isBetween(125L, 1_000L);
        assertThat(backoff.failed(Backoff.Outcome.UNREACHED, now)).as("as ever").isBetween(500L, 2_500L);
    }

    @Test
    void aGatewayThatSendsAwayWhomItHasJustLetInIsNotAskedWithoutEnd() {
        Backoff backoff = new Backoff(new Random(1));
        for (int i = 0; i < 8; i++) {
            long cap = Math.min(500L << i, 15_000);
            assertThat(backoff.sentAway(nanos(9_999), Duration.ZERO, 0)).isBetween(cap / 4, cap);
        }
    }

    @Test
    void whateverAGatewayNamesItIsLookedForOnceAMinute() {
        for (int i = 0; i < 100; i++) {
            assertThat(new Backoff(new Random(i)).sentAway(HOUR, Duration.ofDays(9_999), 0))
                    .isLessThanOrEqualTo(60_000);
        }
    }

    /** When each of many is back, and how many came to the gateway in each tenth of a second after it was there again. */
    private record Herd(List<Long> backMillis, int[] perTenth) {}

    /**
     * @param awayMillis from the end of all links until the gateway listens again
     * @param perSecond links that it can make; it turns the others away
     */
    private static Herd model(int peers, long awayMillis, int perSecond) {
        return model(peers, awayMillis, perSecond, null);
    }

    /** @param spread that the gateway named when it went; null when it said nothing */
    private static Herd model(int peers, long awayMillis, int perSecond, Duration spread) {
        record Peer(long atMillis, Backoff backoff) {}
        PriorityQueue<Peer> queue = new PriorityQueue<>(Comparator.comparingLong(Peer::atMillis));
        for (int i = 0; i < peers; i++) {
            Backoff backoff = new Backoff(new Random(i));
            queue.add(new Peer(
                    spread == null ? backoff.linkEnded(HOUR, true, 0) : backoff.sentAway(HOUR, spread, 0), backoff));
        }
        Herd herd = new Herd(new ArrayList<>(), new int[6_000]);
        double credit = 0;
        long last = awayMillis;
        while (!queue.isEmpty()) {
            Peer p = queue.remove();
            long now = p.atMillis();
            Backoff.Outcome outcome = Backoff.Outcome.UNREACHED;
            if (now >= awayMillis) {
                credit = Math.min(perSecond / 10.0, credit + (now - last) * perSecond / 1_000.0);
                last = now;
                herd.perTenth[(int) ((now - awayMillis) / 100)]++;
                if (credit >= 1) {
                    credit--;
                    herd.backMillis.add(now - awayMillis);
                    continue;
                }
                outcome = Backoff.Outcome.TURNED_AWAY;
            }
            queue.add(new Peer(now + p.backoff().failed(outcome, nanos(now)), p.backoff()));
        }
        return herd;
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 300, 1_000, 2_000, 5_000, 10_000, 25_000})
    void afterARestartTenThousandAreBackSoonAndNotAtOnce(long away) {
        Herd herd = model(10_000, away, Integer.MAX_VALUE);
        assertThat(herd.backMillis).hasSize(10_000).allMatch(ms -> ms <= 2_500);
        assertThat(herd.perTenth[0]).as("in the first tenth of a second").isLessThan(1_300);
        for (int tenth : herd.perTenth) {
            assertThat(tenth).as("in any tenth of a second").isLessThan(1_500);
        }
        long median = herd.backMillis.stream().sorted().skip(5_000).findFirst().orElseThrow();
        assertThat(median).isLessThan(1_250);
    }

    @Test
    void aGatewayThatMakesFiveHundredLinksASecondHasThemAllInHalfAMinute() {
        Herd herd = model(10_000, 2_000, 500);
        assertThat(herd.backMillis).hasSize(10_000).allMatch(ms -> ms <= 30_000);
    }

    /** A restart in order: the gateway is away for as long as a JVM needs to start. */
    @Test
    void tenThousandThatWereSentAwayAreBackWithinHalfAMinuteAndNoneIsTurnedAway() {
        Herd herd = model(10_000, 2_000, 1_000, Duration.ofSeconds(20));
        assertThat(herd.backMillis).hasSize(10_000).allMatch(ms -> ms <= 28_000);
        for (int tenth : herd.perTenth) {
            assertThat(tenth).as("in any tenth of a second").isLessThan(150);
        }
    }

    @Test
    void afterALongAbsenceTheyAreSpreadOverTheLongestWait() {
        Herd herd = model(10_000, 600_000, Integer.MAX_VALUE);
        assertThat(herd.backMillis).allMatch(ms -> ms <= 15_000);
        for (int tenth : herd.perTenth) {
            assertThat(tenth).isLessThan(200);
        }
    }
}
