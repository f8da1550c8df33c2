package dev.culvert.gateway.certificate.acme;

import dev.culvert.gateway.certificate.Certificate;
import java.security.KeyPair;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * All that is known of one name's certificate; one document, so that it is changed whole or not at all. Times are whole
 * seconds in it. Immutable.
 *
 * @param name in the compared form
 * @param certificate the newest that there is
 * @param authority who made it
 * @param renewal when that one wants to see it renewed
 * @param askAgain from when on to ask for that
 * @param pending an order that is not finished
 * @param failed attempts in a row that failed
 * @param notBefore when the next may begin
 * @param complaint why the last failed; empty after a success
 * @param unproved when authorities looked and found another, within {@link #FAILURES_KEPT}
 * @param issued when certificates were made, within {@link #ISSUED_KEPT}
 */
record NameRecord(
        String name,
        @Nullable Certificate certificate,
        @Nullable String authority,
        @Nullable Renewal renewal,
        Instant askAgain,
        @Nullable Pending pending,
        int failed,
        Instant notBefore,
        String complaint,
        List<Instant> unproved,
        List<Instant> issued) {
    /** Let's Encrypt counts failed validations of an account's name over an hour. */
    static final Duration FAILURES_KEPT = Duration.ofHours(1);

    /** Let's Encrypt takes five in that time; one is left for a person. */
    static final int MAX_FAILURES = 4;

    /** Let's Encrypt counts certificates for the same names over a week. */
    static final Duration ISSUED_KEPT = Duration.ofDays(7);

    /** Let's Encrypt makes five in that time; one is left for a person. */
    static final int MAX_ISSUED = 4;

    private static final JsonMapper JSON = JsonMapper.builder().build();

    /**
     * An order that is not finished.
     *
     * @param authority to whom it was given
     * @param order its URL
     * @param key for the certificate; written before that is made, so that none is made that nobody has the key of
     * @param since when
     */
    record Pending(String authority, String order, KeyPair key, Instant since) {}

    /** Of a name of which nothing is known. */
    static NameRecord of(String name) {
        return new NameRecord(name, null, null, null, Instant.EPOCH, null, 0, Instant.EPOCH, "", List.of(), List.of());
    }

    NameRecord pending(@Nullable Pending order) {
        return new NameRecord(
                name, certificate, authority, renewal, askAgain, order, failed, notBefore, complaint, unproved, issued);
    }

    NameRecord renewal(@Nullable Renewal suggested, Instant again) {
        return new NameRecord(
                name,
                certificate,
                authority,
                suggested,
                again,
                pending,
                failed,
                notBefore,
                complaint,
                unproved,
                issued);
    }

    NameRecord failed(String why, Instant next, boolean wasUnproved, Instant now) {
        return new NameRecord(
                name,
                certificate,
                authority,
                renewal,
                askAgain,
                null,
                failed + 1,
                next,
                why,
                wasUnproved ? with(unproved, now, FAILURES_KEPT) : unproved,
                issued);
    }

    NameRecord issued(Certificate made, String by, Instant now) {
        return new NameRecord(
                name,
                made,
                by,
                null,
                Instant.EPOCH,
                null,
                0,
                Instant.EPOCH,
                "",
                unproved,
                with(issued, now, ISSUED_KEPT));
    }

    private static List<Instant> with(List<Instant> times, Instant now, Duration kept) {
        List<Instant> out = new ArrayList<>(times);
        out.removeIf(t -> t.isBefore(now.minus(kept)));
        out.add(now);
        return List.copyOf(out);
    }

    /** When the limits of authorities let the name be tried again: now or before if they do. */
    Instant withinLimits() {
        Instant failures = Times.freeAt(unproved, MAX_FAILURES, FAILURES_KEPT);
        Instant made = Times.freeAt(issued, MAX_ISSUED, ISSUED_KEPT);
        return failures.isAfter(made) ? failures : made;
    }

    String text() {
        ObjectNode out = JSON.createObjectNode().put("name", name);
        if (certificate != null) {
            out.put("certificate", certificate.pem());
        }
        if (authority != null) {
            out.put("authority", authority);
        }
        if (renewal != null) {
            out.putObject("renewal")
                    .put("start", renewal.window().start().getEpochSecond())
                    .put("end", renewal.window().end().getEpochSecond())
                    .put("chosen", renewal.chosen().getEpochSecond());
        }
        out.put("askAgain", askAgain.getEpochSecond());
        if (pending != null) {
            ObjectNode order = out.putObject("pending")
                    .put("authority", pending.authority)
                    .put("order", pending.order)
                    .put("since", pending.since.getEpochSecond());
            Keys.write(pending.key, order);
        }
        out.put("failed", failed).put("notBefore", notBefore.getEpochSecond()).put("complaint", complaint);
        Times.write(unproved, out.putArray("unproved"));
        Times.write(issued, out.putArray("issued"));
        return JSON.writeValueAsString(out) + "\n";
    }

    /**
     * Reads what {@link #text} wrote.
     *
     * @throws RuntimeException if it is something else
     */
    static NameRecord parse(String text) {
        JsonNode in = JSON.readTree(text);
        JsonNode window = in.path("renewal");
        JsonNode order = in.path("pending");
        Instant askAgain = Times.of(in.required("askAgain"));
        return new NameRecord(
                in.required("name").stringValue(),
                in.has("certificate")
                        ? Certificate.parse(in.required("certificate").stringValue())
                        : null,
                in.has("authority") ? in.required("authority").stringValue() : null,
                window.isMissingNode()
                        ? null
                        : new Renewal(
                                new RenewalWindow(
                                        Times.of(window.required("start")), Times.of(window.required("end")), askAgain),
                                Times.of(window.required("chosen"))),
                askAgain,
                order.isMissingNode()
                        ? null
                        : new Pending(
                                order.required("authority").stringValue(),
                                order.required("order").stringValue(),
                                Keys.read(order),
                                Times.of(order.required("since"))),
                in.required("failed").intValue(),
                Times.of(in.required("notBefore")),
                in.required("complaint").stringValue(),
                Times.list((ArrayNode) in.required("unproved")),
                Times.list((ArrayNode) in.required("issued")));
    }
}
