package dev.culvert.tunnel.limit;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class LineLimitTest {
    private long now = Long.MAX_VALUE - 1; // nanoTime may overflow
    private final LineLimit<String> lines = new LineLimit<>(() -> now);

    @Test
    void whatIsLeftOutIsCountedForEach() {
        int written = 0;
        for (int i = 0; i < 10_000; i++) {
            written += lines.takes("evil", 3, 1) ? 1 : 0;
        }
        assertThat(written).isEqualTo(3);
        assertThat(lines.takes("good", 3, 1)).isTrue();

        Map<String, Long> told = new HashMap<>();
        lines.tell(told::put);
        assertThat(told).containsExactly(Map.entry("evil", 9_997L));
        told.clear();
        lines.tell(told::put);
        assertThat(told).isEmpty();
        assertThat(lines.takes("evil", 3, 1)).as("its share is still used up").isFalse();
    }

    @Test
    void linesComeBackWithTime() {
        assertThat(lines.takes("one", 1, 0.1)).isTrue();
        now += TimeUnit.SECONDS.toNanos(10) - 1;
        assertThat(lines.takes("one", 1, 0.1)).isFalse();
        now += 1;
        assertThat(lines.takes("one", 1, 0.1)).isTrue();
        assertThat(lines.takes("one", 1, 0.1)).isFalse();
    }

    /** What was left out is told also of whom nothing was heard since. */
    @Test
    void whoIsIdleIsForgottenOnceAllIsTold() {
        lines.takes("one", 1, 0.1);
        lines.takes("one", 1, 0.1);
        now += TimeUnit.HOURS.toNanos(1);
        Map<String, Long> told = new HashMap<>();
        lines.tell(told::put);
        assertThat(told).containsExactly(Map.entry("one", 1L));
        lines.tell((who, more) -> {
            throw new AssertionError("told twice");
        });
        assertThat(lines.takes("one", 5, 1)).as("by a new measure: it is new").isTrue();
        assertThat(lines.takes("one", 5, 1)).isTrue();
    }
}
