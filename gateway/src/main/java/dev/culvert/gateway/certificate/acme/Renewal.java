package dev.culvert.gateway.certificate.acme;

import dev.culvert.gateway.certificate.Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * When a certificate is renewed: in the window that its authority suggests, at a moment that was chosen once for the window
 * (RFC 9773 section 4.2).
 *
 * @param window what the authority said
 * @param chosen a moment in it
 */
record Renewal(RenewalWindow window, Instant chosen) {
    /** Asked for more often an authority has too much to do, more seldom a revocation is seen late: RFC 9773 section 4.3. */
    static final Duration ASK_AT_MOST_EACH = Duration.ofMinutes(5);

    static final Duration ASK_AT_LEAST_EACH = Duration.ofDays(1);

    /** When there is no answer: RFC 9773 section 4.3.3. */
    static final Duration ASK_AFTER_ERROR = Duration.ofHours(6);

    /** Such a short life is renewed at its half: of six days two are too few for a person to mend what fails. */
    static final Duration SHORT_LIFE = Duration.ofDays(10);

    /** Without a window it is renewed with a third of its life left, and up to so much of its life sooner. */
    private static final int JITTER_SHARE = 50;

    /** Whatever its authority says, with so much of its life left it is renewed: something may yet fail. */
    private static final int LAST_SHARE = 6;

    /** The window as it is said now; who said the same before keeps the chosen moment. */
    static Renewal of(RenewalWindow window, @Nullable Renewal before, RandomGenerator random) {
        if (before != null
                && before.window.start().equals(window.start())
                && before.window.end().equals(window.end())) {
            return new Renewal(window, before.chosen);
        }
        long millis = Duration.between(window.start(), window.end()).toMillis();
        return new Renewal(window, window.start().plusMillis(millis <= 0 ? 0 : random.nextLong(millis)));
    }

    /** From when on a certificate is to be renewed. */
    static Instant dueAt(Certificate certificate, @Nullable Renewal renewal) {
        Instant end = certificate.ends();
        long life = Duration.between(certificate.begins(), end).toMillis();
        if (renewal != null) {
            Instant last = end.minusMillis(life / LAST_SHARE);
            return renewal.chosen.isBefore(last) ? renewal.chosen : last;
        }
        // The same for one certificate each time, also after a start and at another gateway, and different from one to
        // the next.
        double share = Integer.parseInt(certificate.fingerprint().substring(0, 4), 16) / 65536.0;
        long left = life <= SHORT_LIFE.toMillis() ? life / 2 : life / 3;
        return end.minusMillis(left).minusMillis((long) (life / JITTER_SHARE * share));
    }

    /** Within what an authority may wish. */
    static Instant askAgain(Instant wish, Instant now) {
        Instant soonest = now.plus(ASK_AT_MOST_EACH);
        Instant latest = now.plus(ASK_AT_LEAST_EACH);
        return wish.isBefore(soonest) ? soonest : wish.isAfter(latest) ? latest : wish;
    }
}
