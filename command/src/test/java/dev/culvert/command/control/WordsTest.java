package dev.culvert.command.control;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

final class WordsTest {
    @Test
    void bytes() {
        assertThat(List.of(0L, 999L, 1_000L, 9_949L, 9_951L, 999_499L, 999_500L, 1_500_000_000L, Long.MAX_VALUE))
                .map(Words::bytes)
                .containsExactly("0 B", "999 B", "1.0 kB", "9.9 kB", "10 kB", "999 kB", "1.0 MB", "1.5 GB", "9.2 EB");
    }

    @Test
    void spans() {
        Instant from = Instant.parse("2026-11-30T00:00:00Z");
        assertThat(List.of(-5, 0, 59, 60, 61, 3_600, 3_661, 86_400, 100_000))
                .map(seconds -> Words.span(from, from.plusSeconds(seconds)))
                .containsExactly("0 s", "0 s", "59 s", "1 min", "1 min 1 s", "1 h", "1 h 1 min", "1 d", "1 d 3 h");
    }

    @Test
    void tables() {
        assertThat(Words.table(List.of("A", "B"), List.of(List.of("x\n", "y"), List.of("", "zz"))))
                .containsExactly("A        B", "x\\u000a  y", "         zz");
    }
}
