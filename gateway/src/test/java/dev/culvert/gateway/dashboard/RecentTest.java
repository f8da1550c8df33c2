package dev.culvert.gateway.dashboard;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.gateway.audit.AuditRecord;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

@NullUnmarked
final class RecentTest {
    private static final Instant AT = Instant.parse("2026-12-01T04:00:00.123Z");

    private final Recent recent = new Recent();

    private static AuditRecord flow(boolean allowed, int port) {
        return new AuditRecord.Flow(
                AT,
                "laptop",
                1,
                null,
                null,
                null,
                "tcp",
                "10.0.0.9",
                port,
                "office",
                null,
                null,
                allowed,
                allowed ? "token" : null,
                allowed ? "finished" : "prohibited",
                null,
                0,
                0,
                Duration.ZERO);
    }

    private Scene shown() {
        Scene.Builder scene = new Scene.Builder();
        recent.show(scene);
        return scene.make(0);
    }

    @Test
    void keepsDeniedFlowsAndEventsApart() {
        recent.accept(flow(true, 80));
        recent.accept(flow(false, 81));
        recent.accept(new AuditRecord.Keys(AT, List.of("k1"), 2));
        assertThat(shown().row("denials", "0"))
                .contains("\"port\":81", "\"decision\":\"deny\"", "\"client\":\"laptop\"");
        assertThat(shown().row("audit", "1"))
                .isEqualTo(
                        "{\"time\":\"2026-12-01T04:00:00.123Z\",\"event\":\"keys\",\"text\":\"accepted=[k1] links=2\"}");
        assertThat(shown().whole()).doesNotContain("\"port\":80");
    }

    @Test
    void keepsTheNewest() {
        for (int i = 0; i <= Recent.MAX; i++) {
            recent.accept(flow(false, i));
        }
        assertThat(shown().row("denials", "0")).isNull();
        assertThat(shown().row("denials", "1")).isNotNull();
        assertThat(shown().row("denials", "" + Recent.MAX)).contains("\"port\":" + Recent.MAX);
    }

    @Test
    void hearsOfWhatALogThatKeepsNothingIsTold() {
        AuditLog log = AuditLog.none();
        assertThat(log.isOn()).isFalse();
        log.listen(recent);
        assertThat(log.isOn()).isTrue();
        log.add(flow(false, 7));
        assertThat(shown().row("denials", "0")).isNotNull();
    }
}
