package dev.culvert.gateway.limit;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

/** What a holder may cause of the log, in frozen time. */
final class PeerLinesTest {
    private long now = Long.MAX_VALUE - 1; // nanoTime may overflow
    private final PeerLines lines = new PeerLines(() -> now);

    private int takenOf(int offered, String holder) {
        int taken = 0;
        for (int i = 0; i < offered; i++) {
            taken += lines.takes(holder, PeerLines.Kind.LINKS) ? 1 : 0;
        }
        return taken;
    }

    @Test
    void eachHasAShareThatComesBack() {
        assertThat(takenOf(1_000, "client 'one'")).isEqualTo(64);
        assertThat(takenOf(1_000, "client 'other'")).isEqualTo(64);
        now += Duration.ofSeconds(10).toNanos();
        assertThat(takenOf(1_000, "client 'one'")).isEqualTo(2);
        assertThat(lines.takes("client 'one'", PeerLines.Kind.ROUTES))
                .as("of another kind")
                .isTrue();
    }
}
