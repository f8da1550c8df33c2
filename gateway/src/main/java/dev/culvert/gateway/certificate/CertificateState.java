package dev.culvert.gateway.certificate;

import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * How it stands with the certificate of one name, for people and programs. Times are whole seconds.
 *
 * @param name in the compared form
 * @param source who gave the certificate, or is to give it: a file, or an authority's host; null when nobody is
 * @param from when the certificate that there is begins; null without one
 * @param until when it ends
 * @param daysLeft whole days until then, negative behind it
 * @param why what stands against a certificate, or a new one; null when nothing does
 * @param next when it is to be obtained or renewed; null when it is not by this gateway, or at once
 */
public record CertificateState(
        String name,
        @Nullable String source,
        @Nullable Instant from,
        @Nullable Instant until,
        @Nullable Long daysLeft,
        Standing state,
        @Nullable String why,
        @Nullable Instant next) {
    /** A name's present state. */
    public enum Standing {
        /** It has one in force. */
        VALID,
        /** The one that it has is over, and stays until there is another. */
        EXPIRED,
        /** It has none, and one is being obtained, or is next in turn. */
        OBTAINING,
        /** It has none: it could not be proved that the name leads here. */
        UNPROVED,
        /** It has none: no authority gives one now, whatever the name. */
        DELAYED,
        /** It has none, and nobody is to give one. */
        MISSING;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Takes whole seconds of times. */
    public CertificateState {
        from = seconds(from);
        until = seconds(until);
        next = seconds(next);
    }

    private static @Nullable Instant seconds(@Nullable Instant at) {
        return at == null ? null : at.truncatedTo(ChronoUnit.SECONDS);
    }

    /** Of a name that has a certificate. */
    public static CertificateState of(
            String name,
            @Nullable String source,
            Certificate certificate,
            Instant now,
            @Nullable String why,
            @Nullable Instant next) {
        return new CertificateState(
                name,
                source,
                certificate.begins(),
                certificate.ends(),
                Math.floorDiv(
                        Duration.between(now, certificate.ends()).toSeconds(),
                        Duration.ofDays(1).toSeconds()),
                now.isBefore(certificate.ends()) ? Standing.VALID : Standing.EXPIRED,
                why,
                next);
    }

    /** Of a name that has none. */
    public static CertificateState without(
            String name, @Nullable String source, Standing state, @Nullable String why, @Nullable Instant next) {
        return new CertificateState(name, source, null, null, null, state, why, next);
    }
}
