package dev.culvert.gateway.certificate;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.SetClock;
import dev.culvert.token.state.StateDirectory;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The certificate that is shown follows the clock, whoever sets it. */
@NullUnmarked
final class CertificateKeeperTest {
    private static final List<String> NAMES = List.of("vpn.example");
    private static final Instant NOW = Instant.parse("2026-11-22T12:00:00Z");
    private static final Instant BEHIND = Instant.parse("2020-01-01T00:00:00Z");
    private static final Instant AHEAD = Instant.parse("2031-01-01T00:00:00Z");

    @TempDir
    Path dir;

    private final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 100);
    private final SetClock clock = new SetClock(NOW);

    private CertificateKeeper keeper() throws Exception {
        return new CertificateKeeper(StateDirectory.openOrCreate(dir, clock), NAMES, clock, nanos::get);
    }

    private void pass(Duration time) {
        nanos.addAndGet(time.toNanos());
        clock.now = clock.now.plus(time);
    }

    /** What a peer with a right clock thinks of what is shown. */
    private boolean isGood(CertificateKeeper keeper) {
        Instant begin = keeper.leaf().getNotBefore().toInstant();
        Instant end = keeper.leaf().getNotAfter().toInstant();
        return !begin.isAfter(NOW) && end.isAfter(NOW);
    }

    @Test
    void aClockThatIsSetIsNoticedAtOnce() throws Exception {
        clock.now = BEHIND;
        try (CertificateKeeper first = keeper()) {
            assertThat(isGood(first)).isFalse();
            clock.now = NOW;
            nanos.addAndGet(Duration.ofSeconds(1).toNanos());
            first.tick();
            assertThat(isGood(first)).isTrue();
        }
    }

    @Test
    void aGoodCertificateOutlivesAStartWithTheClockBehind() throws Exception {
        byte[] good;
        try (CertificateKeeper before = keeper()) {
            good = before.served().certificate();
        }
        clock.now = BEHIND;
        try (CertificateKeeper behind = keeper()) {
            assertThat(behind.served().certificate()).isEqualTo(good);
            clock.now = NOW;
            behind.tick();
            assertThat(behind.served().certificate()).isEqualTo(good);
        }
    }

    @Test
    void aStartWithTheClockAheadIsMended() throws Exception {
        keeper().close();
        clock.now = AHEAD;
        try (CertificateKeeper ahead = keeper()) {
            assertThat(isGood(ahead)).isFalse();
            clock.now = NOW;
            ahead.tick();
            assertThat(isGood(ahead)).isTrue();
            byte[] shown = ahead.served().certificate();
            pass(Duration.ofHours(1));
            ahead.tick();
            assertThat(ahead.served().certificate())
                    .as("and not made anew each minute")
                    .isEqualTo(shown);
        }
    }

    @Test
    void itIsLookedAtEachMinuteAndNoMoreOften() throws Exception {
        try (CertificateKeeper keeper = keeper()) {
            byte[] first = keeper.served().certificate();
            pass(Duration.ofDays(300)); // the process was stopped, by no clock of its own
            for (int i = 0; i < 59; i++) {
                pass(Duration.ofSeconds(1));
            }
            keeper.tick();
            assertThat(keeper.served().certificate()).isNotEqualTo(first);
            byte[] second = keeper.served().certificate();
            java.nio.file.Files.delete(dir.resolve("server.crt"));
            pass(Duration.ofSeconds(59));
            keeper.tick();
            assertThat(keeper.served().certificate()).isEqualTo(second);
            pass(Duration.ofSeconds(1));
            keeper.tick();
            assertThat(keeper.served().certificate()).isNotEqualTo(second);
        }
    }
}
