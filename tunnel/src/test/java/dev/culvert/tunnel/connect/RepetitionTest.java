package dev.culvert.tunnel.connect;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class RepetitionTest {
    private static final long HOUR = TimeUnit.HOURS.toNanos(1);

    private final Repetition repetition = new Repetition();

    @Test
    void theSameIsNewsOnceAnHour() {
        long start = Long.MAX_VALUE - 5; // nanoTime may wrap
        assertThat(repetition.isNews("a", start)).isTrue();
        assertThat(repetition.isNews("a", start + 10)).isFalse();
        assertThat(repetition.isNews("a", start + HOUR - 1)).isFalse();
        assertThat(repetition.isNews("a", start + HOUR)).isTrue();
        assertThat(repetition.isNews("a", start + HOUR + 1)).isFalse();
    }

    @Test
    void textsThatTakeTurnsAreEachSaidOnce() {
        int said = 0;
        for (int i = 0; i < 100; i++) {
            said += repetition.isNews(i % 2 == 0 ? "a" : "b", i) ? 1 : 0;
        }
        assertThat(said).isEqualTo(2);
    }

    @Test
    void afterTheTroubleAllIsNewsAgain() {
        repetition.isNews("a", 0);
        repetition.clear();
        assertThat(repetition.isNews("a", 1)).isTrue();
    }

    @Test
    void manyTextsAreForgottenOldestFirst() {
        for (int i = 0; i <= Repetition.MAX_TEXTS; i++) {
            repetition.isNews("text " + i, 0);
        }
        assertThat(repetition.isNews("text 1", 0)).isFalse();
        assertThat(repetition.isNews("text 0", 0)).isTrue();
    }
}
