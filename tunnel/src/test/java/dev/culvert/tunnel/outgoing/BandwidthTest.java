package dev.culvert.tunnel.outgoing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The bucket alone, on a clock of the test's. */
@NullUnmarked
class BandwidthTest {
    private static final long SECOND = 1_000_000_000L;

    private final LongAdder waits = new LongAdder();

    @ParameterizedTest
    @ValueSource(longs = {1, 100_000, 20_000_000, 1_000_000_000L, 100_000_000_000L, Long.MAX_VALUE / 2})
    void turnsBeginAsTheRateAllows(long bitsPerSecond) {
        Bandwidth b = new Bandwidth(bitsPerSecond, Long.MAX_VALUE - 5, waits); // the clock wraps
        long start = Long.MAX_VALUE - 5;
        assertThat(b.turn()).isBetween(Bandwidth.MIN_TURN, Bandwidth.MAX_TURN);
        assertThat(b.burst()).isGreaterThanOrEqualTo(b.turn() - 1L);
        long given = 0;
        for (int i = 0; i < 50; i++) {
            long from = b.reserve(b.turn(), start);
            double allowed = (double) (from - start) * bitsPerSecond / 8e9;
            assertThat(from - start).isNotNegative();
            assertThat((double) given).isLessThanOrEqualTo(allowed + 1);
            given += b.turn();
        }
    }

    @Test
    void newOnesHaveNoBurstAndIdleOnesHaveNoMoreThanOne() {
        Bandwidth b = new Bandwidth(20_000_000, 0, waits);
        assertThat(b.reserve(2_500, 0)).isZero();
        assertThat(b.reserve(1, 0)).isEqualTo(1_000_000); // 2,500 bytes take a millisecond
        assertThat(waits.sum()).isEqualTo(1);
        long later = 3600 * SECOND;
        assertThat(b.reserve(b.burst(), later)).isEqualTo(later - Bandwidth.BURST_NANOS);
        assertThat(b.reserve(2_500, later)).isEqualTo(later);
        assertThat(b.reserve(1, later)).isEqualTo(later + 1_000_000);
        assertThat(waits.sum()).isEqualTo(2);
    }

    @Test
    void whoIsLateByLessThanTheBurstLosesNothing() {
        Bandwidth b = new Bandwidth(20_000_000, 0, waits);
        b.reserve(25_000, 0);
        assertThat(b.reserve(25_000, 40_000_000)).isEqualTo(10_000_000);
        assertThat(b.reserve(25_000, 40_000_000)).isEqualTo(20_000_000);
    }

    @Test
    void atAnotherRateWhatIsOwedStaysOwed() {
        Bandwidth slow = new Bandwidth(1_000_000, 0, waits);
        slow.reserve(125_000, 0); // a second's worth
        Bandwidth fast = slow.at(100_000_000, SECOND / 2);
        assertThat(fast.reserve(1, SECOND / 2)).isEqualTo(SECOND / 2 + SECOND / 200);
        Bandwidth rested = slow.at(100_000_000, 10 * SECOND);
        assertThat(rested.reserve(1, 10 * SECOND)).as("no burst by reloading").isEqualTo(10 * SECOND);
    }

    @Test
    void nothingIsNoBandwidth() {
        assertThatThrownBy(() -> new Bandwidth(0, 0, waits)).isInstanceOf(IllegalArgumentException.class);
    }
}
