package dev.culvert.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

/** Over what time those come back whose links a gateway has ended. */
final class GatewayStopTest {
    @Test
    void aFewComeBackAtOnceAndTenThousandWithinHalfAMinute() {
        assertThat(Gateway.spread(0)).isZero();
        assertThat(Gateway.spread(2)).isLessThan(Duration.ofMillis(10));
        assertThat(Gateway.spread(10_000)).isBetween(Duration.ofSeconds(10), Duration.ofSeconds(28));
        assertThat(Gateway.spread(1_000_000)).isEqualTo(Duration.ofSeconds(30));
    }

    @Test
    void inASecondAsManyComeAsItLetsIn() {
        for (int links = 1; links <= 15_000; links++) {
            assertThat(links / (Gateway.spread(links).toMillis() / 1_000.0))
                    .isLessThanOrEqualTo(Gateway.RETURNS_PER_SECOND + 1);
        }
    }
}
