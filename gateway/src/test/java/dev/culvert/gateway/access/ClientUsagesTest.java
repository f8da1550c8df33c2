package dev.culvert.gateway.access;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.policy.ClientLimits;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

@NullUnmarked
final class ClientUsagesTest {
    private long now = 1_000_000;
    private final ClientUsages usages = new ClientUsages(new LongAdder(), () -> now);

    private String asks(String one) {
        return usages.asks(one, ClientLimits.NONE, now);
    }

    /** Who has no link is not forgotten while what it asked for counts, and takes nothing from others. */
    @Test
    void oneThatAsksWithoutEndTakesNothingFromAnother() {
        String refused = null;
        int asked = 0;
        while (refused == null && asked < 1_000_000) {
            refused = asks("busy");
            asked++;
        }
        assertThat(refused).contains("new flows a second");
        assertThat(asks("busy")).isNotNull();
        assertThat(asks("other")).isNull();
    }

    @Test
    void thoseWhoAskNoMoreAreForgotten() {
        for (int i = 0; i < 10_000; i++) {
            asks("target " + i);
            now += TimeUnit.SECONDS.toNanos(1);
        }
        assertThat(usages.size()).isLessThan(3_000);
    }
}
