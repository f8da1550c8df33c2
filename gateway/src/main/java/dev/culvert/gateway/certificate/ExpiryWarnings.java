package dev.culvert.gateway.certificate;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Says in the log which certificates end soon and have not been renewed: each once a day. On one thread. */
public final class ExpiryWarnings {
    private static final Logger log = LoggerFactory.getLogger(ExpiryWarnings.class);

    /** Time for a person to come back from a holiday. */
    static final Duration BEFORE = Duration.ofDays(14);

    /** Of a short life so much is left when renewal has been tried for a while. */
    static final int LIFE_SHARE = 4;

    private static final Duration LOOK = Duration.ofHours(1);
    private static final Duration SAY = Duration.ofDays(1);

    private final Supplier<? extends Collection<CertificateState>> certificates;
    private final Clock clock;
    private final Map<String, Instant> said = new HashMap<>();
    private Instant looked = Instant.MIN;

    /** @param certificates those that are shown now; never blocks */
    public ExpiryWarnings(Supplier<? extends Collection<CertificateState>> certificates, Clock clock) {
        this.certificates = certificates;
        this.clock = clock;
    }

    /** Looks, if it is time to: may be called as often as one likes. */
    public void look() {
        Instant now = clock.instant();
        if (!looked.isAfter(now) && now.isBefore(later(looked, LOOK))) {
            return;
        }
        looked = now;
        Set<String> ending = new HashSet<>();
        for (CertificateState state : certificates.get()) {
            if (!isEnding(state, now)) {
                continue;
            }
            ending.add(state.name());
            Instant before = said.get(state.name());
            if (before == null || before.isAfter(now) || !now.isBefore(later(before, SAY))) {
                said.put(state.name(), now);
                log.warn("{}", text(state, now));
            }
        }
        said.keySet().retainAll(ending);
    }

    private static Instant later(Instant at, Duration time) {
        return at.equals(Instant.MIN) ? at : at.plus(time);
    }

    static boolean isEnding(CertificateState state, Instant now) {
        Instant from = state.from();
        Instant until = state.until();
        if (from == null || until == null) {
            return false;
        }
        Duration share = Duration.between(from, until).dividedBy(LIFE_SHARE);
        return now.isAfter(until.minus(share.compareTo(BEFORE) < 0 ? share : BEFORE));
    }

    static String text(CertificateState state, Instant now) {
        Instant until = state.until();
        StringBuilder out = new StringBuilder("the certificate of ").append(state.name());
        if (until != null && until.isAfter(now)) {
            long hours = Duration.between(now, until).toHours();
            out.append(" ends in ").append(hours >= 48 ? hours / 24 + " days" : hours + " hours");
        } else {
            out.append(" is over");
        }
        out.append(" (").append(until).append(") and has not been renewed");
        if (state.why() != null) {
            out.append(": ").append(state.why());
        } else if (state.next() == null) {
            out.append(": put a new one into ").append(state.source());
        }
        if (state.next() != null) {
            out.append("; next attempt at ").append(state.next());
        }
        return out.toString();
    }
}
