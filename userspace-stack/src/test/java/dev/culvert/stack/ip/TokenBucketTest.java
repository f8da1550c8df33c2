package dev.culvert.stack.ip;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class TokenBucketTest {
    @Test
    void givesABurstAndThenTheRate() {
        TokenBucket bucket = new TokenBucket(10, 3, 0);
        assertThat(taken(bucket, 0, 10)).isEqualTo(3);
        assertThat(taken(bucket, 99_999_999L, 10)).isZero();
        assertThat(taken(bucket, 100_000_000L, 10)).isEqualTo(1);
        assertThat(taken(bucket, 10_000_000_000L, 10)).isEqualTo(3);
    }

    @Test
    void anIdleSpellOfAnyLengthFillsItOnceOnly() {
        TokenBucket bucket = new TokenBucket(1_000_000, 5, Long.MIN_VALUE);
        assertThat(taken(bucket, -2, 10)).isEqualTo(5);
        assertThat(taken(bucket, Long.MAX_VALUE - 10, 10)).isEqualTo(5);
    }

    private static int taken(TokenBucket bucket, long now, int tries) {
        int taken = 0;
        for (int i = 0; i < tries; i++) {
            if (bucket.take(now)) {
                taken++;
            }
        }
        return taken;
    }
}
