package dev.culvert.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import org.junit.jupiter.api.Test;

final class LogLineTest {
    private static final Instant AT = Instant.parse("2026-11-30T01:02:03.000456Z");

    @Test
    void isOneObjectOnALine() {
        assertThat(new LogLine(AT, "INFO", "Agent", "connected")
                        .with("link", 3L)
                        .with("flow", "3fa9c1d2e0-17")
                        .with("nothing", null)
                        .with("up", true)
                        .withLines("error", "a: b\n\tat c\n")
                        .withLines("none", "")
                        .toString())
                .isEqualTo(
                        "{\"time\":\"2026-11-30T01:02:03.000Z\",\"level\":\"INFO\",\"name\":\"Agent\",\"message\":\"connected\","
                                + "\"link\":3,\"flow\":\"3fa9c1d2e0-17\",\"up\":true,\"error\":\"a: b\\n\\tat c\"}");
    }

    /** Whoever chose it: it ends neither the text nor the line, and shows as what it is when it is read again. */
    @Test
    void whatOthersChoseStaysText() {
        assertThat(new LogLine(AT, "WARN", "x", "a\"b\\c\nd\u001b[31m\u202e").toString())
                .endsWith("\"message\":\"a\\\"b\\\\c\\\\u000ad\\\\u001b[31m\\\\u202e\"}");
    }
}
