package dev.culvert.gateway.audit;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What each may cause of the audit log, in frozen time. */
final class AuditSharesTest {
    private static final Instant NOON = Instant.parse("2026-11-29T12:00:00Z");
    private static final AuditRecord REFUSED =
            new AuditRecord.TokenRefused(NOON, "192.0.2.1", "it is revoked", null, null, null, 0);

    private long now = Long.MAX_VALUE - 1; // nanoTime may overflow
    private final AuditShares shares = new AuditShares(Clock.fixed(NOON, ZoneOffset.UTC), () -> now);

    private void pass(Duration time) {
        now += time.toNanos();
    }

    private int takenOf(int offered) {
        int taken = 0;
        for (int i = 0; i < offered; i++) {
            taken += shares.takes(REFUSED) ? 1 : 0;
        }
        return taken;
    }

    private List<AuditRecord> told() {
        List<AuditRecord> told = new ArrayList<>();
        shares.tell(told::add);
        return told;
    }

    @Test
    void soManyAtOnceThenSomeASecond() {
        assertThat(takenOf(5_000)).isEqualTo(4_096);
        pass(Duration.ofSeconds(30));
        assertThat(takenOf(5_000)).isEqualTo(60);
        pass(Duration.ofHours(1));
        assertThat(takenOf(5_000)).as("no more than at first").isEqualTo(4_096);
    }

    @Test
    void whatIsLeftOutIsToldEachTenSeconds() {
        takenOf(4_100);
        pass(Duration.ofMillis(9_999));
        assertThat(told()).isEmpty();
        pass(Duration.ofMillis(1));
        assertThat(told()).containsExactly(new AuditRecord.Unreported(NOON, "network", "all", "refused tokens", 4));
        pass(Duration.ofSeconds(10));
        assertThat(told()).isEmpty();
    }

    @Test
    void theLastIsToldAtOnce() {
        takenOf(4_097);
        assertThat(told()).isEmpty();
        shares.hurry();
        assertThat(told()).hasSize(1);
    }
}
