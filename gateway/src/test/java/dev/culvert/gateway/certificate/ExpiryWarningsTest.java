package dev.culvert.gateway.certificate;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.culvert.gateway.SetClock;
import dev.culvert.gateway.certificate.acme.TestCertificates;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** In frozen time. */
@NullUnmarked
final class ExpiryWarningsTest {
    private static final Instant NOW = Instant.parse("2026-11-30T12:00:00Z");

    private final SetClock clock = new SetClock(NOW);
    private final List<CertificateState> states = new ArrayList<>();
    private final ExpiryWarnings warnings = new ExpiryWarnings(() -> states, clock);
    private final ListAppender<ILoggingEvent> log = new ListAppender<>();
    private final Logger logger = (Logger) LoggerFactory.getLogger(ExpiryWarnings.class);

    @BeforeEach
    void listen() {
        log.start();
        logger.addAppender(log);
    }

    @AfterEach
    void stop() {
        logger.detachAppender(log);
    }

    private List<String> said() {
        List<String> all =
                log.list.stream().map(ILoggingEvent::getFormattedMessage).toList();
        log.list.clear();
        return all;
    }

    private CertificateState state(String name, Duration life, String why, Instant next) {
        return CertificateState.of(
                name, "/etc/" + name + ".pem", TestCertificates.of(name, NOW, life), clock.now, why, next);
    }

    private void pass(Duration time) {
        for (Instant end = clock.now.plus(time); clock.now.isBefore(end); ) {
            clock.now = clock.now.plus(Duration.ofMinutes(30));
            warnings.look();
        }
    }

    @Test
    void saysOnceADayFromTwoWeeksBeforeTheEnd() {
        states.add(state("app.example", Duration.ofDays(90), null, null));
        warnings.look();
        pass(Duration.ofDays(76).minusHours(1));
        assertThat(said()).isEmpty();
        pass(Duration.ofDays(3));
        assertThat(said())
                .hasSize(3)
                .first()
                .isEqualTo(
                        "the certificate of app.example ends in 13 days (2027-02-28T12:00:00Z) and has not been renewed:"
                                + " put a new one into /etc/app.example.pem");
        pass(Duration.ofDays(13));
        assertThat(said()).hasSizeBetween(12, 14).last().asString().contains("is over (2027-02-28T12:00:00Z)");
        states.clear();
        pass(Duration.ofDays(2));
        assertThat(said()).isEmpty();
    }

    @Test
    void ofAShortLifeAQuarter() {
        states.add(state("app.example", Duration.ofDays(6), "no answer", NOW.plus(Duration.ofDays(5))));
        pass(Duration.ofHours(6 * 18));
        assertThat(said()).isEmpty();
        pass(Duration.ofHours(1));
        assertThat(said())
                .containsExactly(
                        "the certificate of app.example ends in 35 hours (2026-12-06T12:00:00Z) and has not been renewed:"
                                + " no answer; next attempt at 2026-12-05T12:00:00Z");
    }

    @Test
    void aClockThatIsSetBackHidesNothing() {
        states.add(state("app.example", Duration.ofDays(10), null, null));
        clock.now = NOW.plus(Duration.ofDays(3_000));
        warnings.look();
        assertThat(said()).hasSize(1);
        clock.now = NOW.plus(Duration.ofDays(9));
        warnings.look();
        assertThat(said()).hasSize(1);
    }
}
