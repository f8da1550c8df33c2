package dev.culvert.tunnel.limit;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class RateLimitTest {
    private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

    @Test
    void aBurstAndThenSoManyASecond() {
        long start = Long.MAX_VALUE - SECOND; // nanoTime may be anything, and wrap
        RateLimit limit = new RateLimit(5, 2, start);
        assertThat(taken(limit, start, 9)).isEqualTo(5);
        assertThat(limit.takeRefused()).isEqualTo(4);
        assertThat(limit.takeRefused()).isZero();
        assertThat(taken(limit, start + SECOND, 9)).isEqualTo(2);
        assertThat(limit.isFull(start + SECOND)).isFalse();
        assertThat(limit.isFull(start + 60 * SECOND)).isTrue();
        assertThat(taken(limit, start + 60 * SECOND, 9)).isEqualTo(5);
    }

    @Test
    void lessThanOneASecond() {
        RateLimit limit = new RateLimit(1, 0.1, 0);
        assertThat(taken(limit, 0, 3)).isEqualTo(1);
        assertThat(taken(limit, 9 * SECOND, 3)).isZero();
        assertThat(taken(limit, 10 * SECOND, 3)).isEqualTo(1);
    }

    private static int taken(RateLimit limit, long now, int times) {
        int taken = 0;
        for (int i = 0; i < times; i++) {
            taken += limit.takes(now) ? 1 : 0;
        }
        return taken;
    }
}
