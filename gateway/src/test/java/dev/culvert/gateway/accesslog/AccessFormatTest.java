package dev.culvert.gateway.accesslog;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.json.JsonMapper;

@NullUnmarked
final class AccessFormatTest {
    private static final TypeReference<Map<String, Object>> FIELDS = new TypeReference<>() {};
    private static final Instant NOW = Instant.parse("2026-11-22T12:00:00.123Z");

    /** What a visitor would write to end a line, or a field of it, and begin one of its own. */
    private static final String EVIL = "a\" 200 1\r\n\\x22\u001b[2J\u0085\u202e\u00e9";

    static AccessRecord record(String user, String target, String agent) {
        return new AccessRecord(
                NOW,
                "192.0.2.1",
                null,
                user,
                "GET",
                "app.test",
                target,
                "HTTP/2.0",
                200,
                3,
                1234,
                Duration.ofMillis(1_500),
                Duration.ofMillis(20),
                true,
                "app.test/api",
                "office",
                null,
                agent,
                "id1",
                7L,
                42L);
    }

    private static AccessRecord evil() {
        return new AccessRecord(
                NOW,
                "192.0.2.1",
                null,
                EVIL + " x",
                EVIL,
                EVIL,
                EVIL,
                "HTTP/1.1",
                0,
                0,
                0,
                Duration.ZERO,
                null,
                false,
                "app.test",
                "office",
                EVIL,
                EVIL,
                EVIL,
                null,
                null);
    }

    @Test
    void combinedIsWhatApacheAndNginxWrite() {
        assertThat(AccessFormat.COMBINED.line(record("ann", "/x?y=1", "curl/8.5")))
                .isEqualTo(
                        "192.0.2.1 - ann [22/Nov/2026:12:00:00 +0000] \"GET /x?y=1 HTTP/2.0\" 200 1234 \"-\" \"curl/8.5\"");
    }

    @Test
    void jsonSaysAllThatIsKnown() {
        assertThat(JsonMapper.shared().readValue(AccessFormat.JSON.line(record("", "/x", "c")), FIELDS))
                .containsEntry("time", "2026-11-22T12:00:00.123Z")
                .containsEntry("seconds", 1.5)
                .containsEntry("firstByteSeconds", 0.02)
                .containsEntry("bytesIn", 3)
                .containsEntry("publication", "app.test/api")
                .containsEntry("clientLink", 7)
                .containsEntry("flow", 42)
                .doesNotContainKeys("user", "referer", "source");
    }

    @Test
    void noTextEndsItsFieldOrItsLine() {
        String combined = AccessFormat.COMBINED.line(evil());
        assertThat(combined)
                .matches("192\\.0\\.2\\.1 - [!-~]+ \\[[^]]+] \"[!-~&&[^\"]]+ [!-~&&[^\"]]+ HTTP/1\\.1\" - 0"
                        + " \"[ -~&&[^\"]]+\" \"[ -~&&[^\"]]+\"")
                .contains("a\\x22 200 1\\x0D\\x0A\\x5Cx22\\x1B[2J");
        String json = AccessFormat.JSON.line(evil());
        assertThat(json).doesNotContainPattern("[\\p{C}\\p{Zl}]");
        assertThat(JsonMapper.shared().readValue(json, FIELDS))
                .hasEntrySatisfying(
                        "userAgent", text -> assertThat(text.toString()).startsWith("a\" 200 1\\u000d\\u000a"));
    }

    /** As servers write what has come, also where it is no UTF-8. */
    @Test
    void bytesAreWrittenAsTheyCame() {
        assertThat(AccessFormat.COMBINED.line(record("", "/", "caf\u00c3\u00a9")))
                .endsWith("\"caf\\xC3\\xA9\"");
        assertThat(AccessFormat.COMBINED.line(record("\u0151", "/", null))).contains("- \\xC5\\x91 [");
    }

    @Test
    void whatIsTooLongIsCut() {
        String line = AccessFormat.JSON.line(record("u".repeat(9_000), "/" + "x".repeat(9_000), "a".repeat(9_000)));
        assertThat(line).hasSizeLessThan(4_096).contains("xxx...");
    }
}
