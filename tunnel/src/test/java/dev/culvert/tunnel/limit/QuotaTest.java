package dev.culvert.tunnel.limit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class QuotaTest {
    private final Quota<String> quota = new Quota<>(10, 6);

    @Test
    void boundsEachAndAll() {
        assertThat(quota.take("a", 6)).isTrue();
        assertThat(quota.take("a", 1)).isFalse();
        assertThat(quota.take("b", 5)).isFalse();
        assertThat(quota.take("b", 4)).isTrue();
        assertThat(quota.take("c", 1)).isFalse();
        assertThat(quota.total()).isEqualTo(10);
        assertThat(quota.largest()).isEqualTo("a");
        quota.give("a", 5);
        assertThat(quota.largest()).isEqualTo("b");
        assertThat(quota.take("c", 5)).isTrue();
    }

    @Test
    void amountsBeyondAllNumbersAreRefused() {
        assertThat(quota.take("a", 1)).isTrue();
        assertThat(quota.take("a", Long.MAX_VALUE)).isFalse();
        assertThat(quota.of("a")).isEqualTo(1);
    }

    @Test
    void forgetsWhoHasNothing() {
        assertThat(quota.take("a", 0)).isTrue();
        assertThat(quota.take("b", 3)).isTrue();
        quota.give("b", 3);
        assertThat(quota.holders()).isZero();
        assertThat(quota.largest()).isNull();
        assertThat(quota.total()).isZero();
    }

    @Test
    void nothingIsGivenBackTwice() {
        assertThat(quota.take("a", 2)).isTrue();
        quota.give("a", 2);
        assertThatThrownBy(() -> quota.give("a", 2)).isInstanceOf(IllegalStateException.class);
    }

    /** Whoever comes later finds as much as the largest has; nobody can take all. */
    @Test
    void noShareIsLargerThanWhatIsLeft() {
        Quota<String> shared = new Quota<>(1_200, 400);
        int taken = 0;
        while (shared.takeShare("a", 1)) {
            taken++;
        }
        assertThat(taken).isEqualTo(400); // each
        for (String holder : new String[] {"b", "c", "d"}) {
            while (shared.takeShare(holder, 1)) {
                taken++;
            }
        }
        assertThat(shared.of("b")).isEqualTo(400);
        assertThat(shared.of("c")).isEqualTo(200);
        assertThat(shared.of("d")).isEqualTo(100);
        assertThat(shared.takeShare("b", 1)).isFalse();
        assertThat(shared.takeShare("e", 50)).isTrue();
        assertThat(shared.takeShare("f", 51)).isFalse();
        assertThat(shared.takeShare("f", Long.MAX_VALUE)).isFalse();
    }

    @Test
    void oneHolderMayHaveLess() {
        Quota<String> quota = new Quota<>(1_000, 100);
        for (int i = 0; i < 10; i++) {
            assertThat(quota.takeShare("limited", 1, 10)).isTrue();
        }
        assertThat(quota.takeShare("limited", 1, 10)).isFalse();
        assertThat(quota.takeShare("other", 100, 500))
                .as("its own bound holds still")
                .isTrue();
        assertThat(quota.takeShare("other", 1, 500)).isFalse();
        assertThat(quota.takeShare("limited", 1, 5)).as("it has more already").isFalse();
        quota.give("limited", 6);
        assertThat(quota.takeShare("limited", 1, 5)).isTrue();
    }
}
