package dev.culvert.tunnel.limit;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class LineLimitTest {
    /** So slow that no second line comes while the test runs. */
    private static final double NEVER = 1e-6;

    @Test
    void whatIsLeftOutIsCountedForEach() {
        LineLimit<String> lines = new LineLimit<>();
        int written = 0;
        for (int i = 0; i < 10_000; i++) {
            written += lines.takes("evil", 3, NEVER) ? 1 : 0;
        }
        assertThat(written).isEqualTo(3);
        assertThat(lines.takes("good", 3, NEVER)).isTrue();

        Map<String, Long> told = new HashMap<>();
        lines.tell(told::put);
        assertThat(told).containsExactly(Map.entry("evil", 9_997L));
        told.clear();
        lines.tell(told::put);
        assertThat(told).isEmpty();
        assertThat(lines.takes("evil", 3, NEVER))
                .as("its share is still used up")
                .isFalse();
    }
}
