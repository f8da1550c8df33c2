package dev.culvert.gateway.certificate.acme;

import dev.culvert.gateway.certificate.Certificate;
import dev.culvert.gateway.certificate.CertificateState;
import dev.culvert.gateway.certificate.CertificateState.Standing;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** When what is due, by the records, the ledger and the clock. Never blocks; from any thread. */
final class Schedule {
    /** An order that is older is not taken up again: authorities forget them in a week, or a day. */
    private static final Duration ORDER_KEPT = Duration.ofHours(12);

    /** No limit of an authority is counted over more; one that wants to be left alone for longer is asked again then. */
    static final Duration LONGEST_REST = Duration.ofDays(7);

    /** More than a name ever waits by {@link BackOff}. */
    private static final Duration NAME_REST = Duration.ofHours(15);

    private final List<Authority> authorities;
    private final NameRecords records;
    private final Clock clock;

    /** @param authorities in the order in which they are asked */
    Schedule(List<Authority> authorities, NameRecords records, Clock clock) {
        this.authorities = List.copyOf(authorities);
        this.records = records;
        this.clock = clock;
    }

    /** From when on a certificate is to be obtained, as if nothing had failed. */
    private static Instant dueAt(NameRecord record) {
        return record.certificate() == null ? Instant.EPOCH : Renewal.dueAt(record.certificate(), record.renewal());
    }

    /** The same with all that it must wait for. */
    Instant nextAt(NameRecord record) {
        Instant at = latest(dueAt(record), credible(record.notBefore(), NAME_REST));
        Instant soonest = authorities.stream()
                .map(a -> askableAt(a, record))
                .min(Comparator.naturalOrder())
                .orElse(Instant.MAX);
        return latest(at, soonest);
    }

    /** From when on an authority may be asked to go on with this name. */
    Instant askableAt(Authority authority, NameRecord record) {
        Instant rested = restsUntil(authority);
        if (isOf(record.pending(), authority)) {
            return rested;
        }
        Instant may = records.ledger().mayOrderAt(authority.directory(), record.name(), record.certificate() != null);
        return latest(rested, credible(latest(may, record.withinLimits()), LONGEST_REST));
    }

    /** From when on an authority may be asked anything. */
    Instant restsUntil(Authority authority) {
        return credible(records.ledger().restsUntil(authority.directory()), LONGEST_REST);
    }

    /** Whoever waits for longer than there is to wait has begun to when the clock was ahead, and need not. */
    Instant credible(Instant until, Duration longest) {
        return until.isAfter(clock.instant().plus(longest)) ? Instant.EPOCH : until;
    }

    /** Whether an order is that authority's, and may be gone on with. */
    boolean isOf(NameRecord.@Nullable Pending pending, Authority authority) {
        return pending != null
                && pending.authority().equals(authority.directory())
                && clock.instant().isBefore(pending.since().plus(ORDER_KEPT));
    }

    /** Who made a record's certificate; null when that is none of ours. */
    @Nullable
    Authority maker(NameRecord record) {
        return authorities.stream()
                .filter(a -> record.certificate() != null && a.directory().equals(record.authority()))
                .findFirst()
                .orElse(null);
    }

    private static Instant latest(Instant a, Instant b) {
        return a.isAfter(b) ? a : b;
    }

    /** How an authority is called in messages. */
    static String host(String directory) {
        return Objects.requireNonNullElse(URI.create(directory).getHost(), directory);
    }

    /** How it stands with a name, in the compared form; null when nothing is known of it. */
    @Nullable
    CertificateState state(String name) {
        Certificate certificate = records.find(name);
        NameRecord record = records.find(name, true);
        if (record != null && record.certificate() == null && certificate != null) {
            record = records.find(Objects.requireNonNull(Certificate.wildcardOf(name)), false);
        }
        if (record == null) {
            return null;
        }
        Instant now = clock.instant();
        Instant next = nextAt(record);
        boolean due = !dueAt(record).isAfter(now);
        String delay = due && record.complaint().isEmpty() ? delay(record, now) : null;
        String why = record.complaint().isEmpty() ? delay : record.complaint();
        if (certificate != null && record.certificate() != null) {
            String by = record.authority() == null ? null : host(record.authority());
            return CertificateState.of(name, by, certificate, now, why, next);
        }
        Standing standing = !record.complaint().isEmpty()
                ? Standing.UNPROVED
                : delay != null ? Standing.DELAYED : Standing.OBTAINING;
        String from = authorities.isEmpty() ? null : host(authorities.get(0).directory());
        return CertificateState.without(name, from, standing, why, next.isAfter(now) ? next : null);
    }

    /** Why no authority may be asked now; null when one may. */
    private @Nullable String delay(NameRecord record, Instant now) {
        Authority soonest = authorities.stream()
                .min(Comparator.comparing(a -> askableAt(a, record)))
                .orElse(null);
        if (soonest == null || !askableAt(soonest, record).isAfter(now)) {
            return null;
        }
        return restsUntil(soonest).isAfter(now)
                ? records.ledger().complaint(soonest.directory())
                : host(soonest.directory()) + ": as many were asked for as its limits allow";
    }
}
