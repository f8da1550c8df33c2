package dev.culvert.gateway.certificate.acme;

import dev.culvert.gateway.certificate.Certificate;
import dev.culvert.gateway.certificate.CertificateSource;
import dev.culvert.gateway.certificate.CertificateState;
import dev.culvert.store.StateException;
import dev.culvert.text.Printable;
import java.io.Closeable;
import java.io.IOException;
import java.security.KeyPair;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Obtains and renews the certificates of the names that are wanted: {@link #tick} does what is due, one order at a time, and
 * the names without a certificate first. {@link #find} and {@link #state} may be asked from any thread; all else is one thread's,
 * and blocks.
 *
 * <p>Whatever happens the certificates that there are stay, expired ones too: who looks at one is told more by it than by a
 * closed connection.
 */
final class CertificateWork implements CertificateSource {
    private static final Logger log = LoggerFactory.getLogger(CertificateWork.class);

    /** A certificate, a key and an order each in memory; a gateway with more names takes a wildcard. */
    static final int MAX_NAMES = 1_000;

    /** How often the store is asked what other gateways have obtained. */
    static final Duration LOOK = Duration.ofSeconds(30);

    /** An authority that does not take us as we are set up waits for a person. */
    private static final Duration SETUP_REST = Duration.ofHours(1);

    private final AcmeStore store;
    private final List<Authority> authorities;
    private final PublishedChallenges published;
    private final Precheck precheck;
    private final Predicate<String> provedByDns;
    private final Supplier<Set<String>> wanted;
    private final Clock clock;
    private final RandomGenerator random;

    private final NameRecords records;
    private final Schedule schedule;
    private final Map<String, Instant> windowsRestUntil = new HashMap<>();
    private Instant looked = Instant.MIN;
    private Set<String> names = Set.of();
    private Set<String> told = Set.of();
    private final Map<String, String> broken = new ConcurrentHashMap<>();

    /**
     * @param authorities in the order in which they are asked
     * @param provedByDns whether a name can be proved without pointing here
     * @param wanted names that are published by right; asked on each tick
     */
    CertificateWork(
            AcmeStore store,
            List<Authority> authorities,
            PublishedChallenges published,
            Precheck precheck,
            Predicate<String> provedByDns,
            Supplier<Set<String>> wanted,
            Clock clock,
            RandomGenerator random) {
        this.store = store;
        this.authorities = List.copyOf(authorities);
        this.published = published;
        this.precheck = precheck;
        this.provedByDns = provedByDns;
        this.wanted = wanted;
        this.clock = clock;
        this.random = random;
        records = new NameRecords(store);
        schedule = new Schedule(authorities, records, clock);
    }

    /** Reads what was obtained before. */
    void load() throws StateException {
        records.load();
    }

    @Override
    public @Nullable Certificate find(String serverName) {
        return records.find(serverName);
    }

    @Override
    public @Nullable CertificateState state(String serverName, Instant now) {
        String name = Certificate.normalize(serverName);
        if (name == null) {
            return null;
        }
        String unreadable = broken.get(name);
        return unreadable == null
                ? schedule.state(name)
                : CertificateState.without(name, null, CertificateState.Standing.DELAYED, unreadable, null);
    }

    /**
     * Does what is due.
     *
     * @return whether anything was
     */
    boolean tick() throws StateException, InterruptedException {
        Instant now = clock.instant();
        names = names();
        boolean looks = looked.isAfter(now) || !now.isBefore(looked.plus(LOOK));
        if (looks) {
            looked = now;
            records.refreshLedger();
        }
        boolean changed = false;
        for (String name : List.copyOf(names)) {
            try {
                changed |= records.refresh(name, looks);
                broken.remove(name);
            } catch (StateException e) { // the others must not wait for it
                if (Thread.interrupted()) {
                    throw new InterruptedException("closing");
                }
                names.remove(name);
                if (!Objects.equals(broken.put(name, String.valueOf(e.getMessage())), e.getMessage())) {
                    log.error("no certificate for {}: {}", name, e.getMessage());
                }
            }
        }
        if (changed) {
            records.show();
        }
        askForWindows();
        Set<String> done = new LinkedHashSet<>();
        for (String next = mostUrgent(done); next != null; next = mostUrgent(done)) {
            done.add(next);
            obtain(next);
        }
        return !done.isEmpty();
    }

    private Set<String> names() {
        Set<String> out = new LinkedHashSet<>();
        Set<String> refused = new LinkedHashSet<>();
        for (String text : wanted.get()) {
            String name = Certificate.normalize(text);
            if (name == null || out.size() >= MAX_NAMES) {
                refused.add(text);
            } else {
                out.add(name);
            }
        }
        if (!refused.isEmpty() && !refused.equals(told)) {
            log.warn(
                    "no certificates for {} of the published names, {} the first: {} are obtained at most; use a wildcard's",
                    refused.size(),
                    Printable.shorten(refused.iterator().next()),
                    MAX_NAMES);
        }
        told = refused;
        return out;
    }

    /** A certificate for the name is there by another's wildcard. */
    private boolean isCovered(String name) {
        String wildcard = Certificate.wildcardOf(name);
        if (wildcard == null || !names.contains(wildcard)) {
            return false;
        }
        Certificate certificate = records.known(wildcard).certificate();
        return certificate != null && clock.instant().isBefore(certificate.ends());
    }

    private @Nullable String mostUrgent(Set<String> done) {
        Instant now = clock.instant();
        return names.stream()
                .filter(name -> !done.contains(name) && !isCovered(name))
                .map(records::known)
                .filter(record -> !schedule.nextAt(record).isAfter(now))
                .min(Comparator.comparing(CertificateWork::goodUntil))
                .map(NameRecord::name)
                .orElse(null);
    }

    /** Until when its certificate serves: a revoked one, as its authority's window says, no longer than that. */
    private static Instant goodUntil(NameRecord record) {
        Certificate certificate = record.certificate();
        if (certificate == null) {
            return Instant.EPOCH;
        }
        Renewal renewal = record.renewal();
        return renewal != null && renewal.window().end().isBefore(certificate.ends())
                ? renewal.window().end()
                : certificate.ends();
    }

    private void askForWindows() throws StateException, InterruptedException {
        Instant now = clock.instant();
        for (String name : names) {
            NameRecord record = records.known(name);
            Authority authority = schedule.maker(record);
            if (authority == null
                    || now.isBefore(schedule.credible(record.askAgain(), Renewal.ASK_AT_LEAST_EACH))
                    || now.isBefore(schedule.restsUntil(authority))
                    || now.isBefore(windowsRestUntil.getOrDefault(authority.directory(), Instant.MIN))) {
                continue;
            }
            try (Closeable turn = store.claim()) {
                if (turn == null) {
                    return; // another gateway asks
                }
                NameRecord current = records.reload(name);
                if (current.certificate() != null
                        && !now.isBefore(schedule.credible(current.askAgain(), Renewal.ASK_AT_LEAST_EACH))) {
                    askForWindow(current, authority, now);
                }
            } catch (IOException e) {
                throw asState(e);
            }
        }
    }

    private void askForWindow(NameRecord record, Authority authority, Instant now)
            throws StateException, InterruptedException {
        Certificate certificate = Objects.requireNonNull(record.certificate());
        try {
            RenewalWindow window = authority.window(certificate.leaf());
            if (window == null) {
                records.save(record.renewal(null, now.plus(Renewal.ASK_AT_LEAST_EACH)));
                return;
            }
            Renewal renewal = Renewal.of(window, record.renewal(), random);
            records.save(record.renewal(renewal, Renewal.askAgain(window.askAgain(), now)));
            if (!renewal.equals(record.renewal())) {
                log.info("certificate of {}: to be renewed at {}", record.name(), second(renewal.chosen()));
            }
        } catch (Refusal e) {
            log.debug("no renewal window for {}: {}", record.name(), e.getMessage());
            if (e.kind() != Refusal.Kind.ORDER) { // the other names would be told the same
                windowsRestUntil.put(authority.directory(), now.plus(Renewal.ASK_AFTER_ERROR));
            }
            records.save(record.renewal(record.renewal(), now.plus(Renewal.ASK_AFTER_ERROR)));
        }
    }

    /** Makes an attempt for one name, if it is this gateway's turn. */
    private void obtain(String name) throws StateException, InterruptedException {
        try (Closeable turn = store.claim()) {
            if (turn == null) {
                return; // another gateway makes an order, perhaps this one: it is looked at again in the next tick
            }
            records.refreshLedger();
            NameRecord record = records.reload(name);
            Instant now = clock.instant();
            if (schedule.nextAt(record).isAfter(now)) {
                records.show(); // another has done it
                return;
            }
            boolean byDns = provedByDns.test(name);
            String complaint =
                    name.startsWith("*.") || record.pending() != null && !byDns ? null : precheck.complaint(name);
            if (complaint != null && !byDns) {
                fail(record, complaint, false);
            } else {
                ask(record, complaint == null);
            }
        } catch (IOException e) {
            throw asState(e);
        }
    }

    private static StateException asState(IOException e) {
        return e instanceof StateException state ? state : new StateException(String.valueOf(e.getMessage()), e);
    }

    /** Asks the authorities in turn, the one with an order for the name first. */
    private void ask(NameRecord first, boolean pointsHere) throws StateException, InterruptedException {
        String name = first.name();
        List<Authority> inTurn = new ArrayList<>(authorities);
        inTurn.sort(Comparator.comparing(a -> !schedule.isOf(first.pending(), a)));
        List<String> refused = new ArrayList<>();
        for (Authority authority : inTurn) {
            NameRecord record = records.known(name);
            if (schedule.askableAt(authority, record).isAfter(clock.instant())) {
                continue;
            }
            try {
                obtain(authority, record, pointsHere);
                return;
            } catch (Refusal e) {
                String reason = host(authority) + ": " + e.getMessage();
                switch (e.kind()) {
                    case AWAY -> rest(authority, null, reason);
                    case LIMITED -> rest(authority, e.until(), reason);
                    case ACCOUNT -> rest(authority, clock.instant().plus(SETUP_REST), reason);
                    case NAME, ORDER -> refused.add(reason);
                    case UNPROVED, OURS -> {
                        fail(records.known(name), reason, e.kind() == Refusal.Kind.UNPROVED);
                        return;
                    }
                }
            }
        }
        if (!refused.isEmpty()) {
            fail(records.known(name), String.join("; ", refused), false);
        }
    }

    private void obtain(Authority authority, NameRecord before, boolean pointsHere)
            throws StateException, Refusal, InterruptedException {
        NameRecord record = before;
        NameRecord.Pending pending = record.pending();
        if (pending != null && schedule.isOf(pending, authority)) {
            try {
                complete(authority, record, pending, pointsHere);
                return;
            } catch (Refusal e) {
                if (e.kind() != Refusal.Kind.ORDER) {
                    throw e;
                }
                log.info(
                        "the order for {} cannot be taken up again ({}): another is made",
                        record.name(),
                        e.getMessage());
            }
        }
        Instant now = clock.instant();
        boolean renewal = record.certificate() != null;
        // Counted before it is made: who is killed here again and again has still not asked too often.
        records.ledger(l -> {
            l.ordered(authority.directory(), record.name(), renewal, now);
            l.names().add(record.name());
        });
        X509Certificate replaces = schedule.maker(record) == authority
                ? Objects.requireNonNull(record.certificate()).leaf()
                : null;
        String order = authority.order(record.name(), replaces);
        NameRecord.Pending made = new NameRecord.Pending(authority.directory(), order, Keys.generate(), now);
        complete(authority, records.save(record.pending(made)), made, pointsHere);
    }

    private void complete(Authority authority, NameRecord record, NameRecord.Pending pending, boolean pointsHere)
            throws StateException, Refusal, InterruptedException {
        authority.prove(pending.order(), published, record.failed(), pointsHere);
        Certificate certificate =
                certificate(record.name(), authority.finish(pending.order(), pending.key()), pending.key());
        Instant now = clock.instant();
        records.save(record.issued(certificate, authority.directory(), now));
        records.ledger(l -> l.reached(authority.directory()));
        records.show();
        log.info(
                "certificate of {} by {} until {}, obtained in {} s",
                record.name(),
                host(authority),
                certificate.ends(),
                Duration.between(pending.since(), now).toSeconds());
    }

    private static Certificate certificate(String name, List<X509Certificate> chain, KeyPair key) throws Refusal {
        try {
            Certificate certificate = Certificate.of(chain, key.getPrivate());
            if (certificate.names().contains(name)) {
                return certificate;
            }
            throw new Refusal(Refusal.Kind.ORDER, "it made a certificate for another name", null);
        } catch (IllegalArgumentException e) {
            throw new Refusal(Refusal.Kind.ORDER, "it made a certificate of no use: " + e.getMessage(), e);
        }
    }

    private void rest(Authority authority, @Nullable Instant until, String why) throws StateException {
        String directory = authority.directory();
        Instant now = clock.instant();
        Instant longest = now.plus(Schedule.LONGEST_REST);
        Instant next = until != null && until.isAfter(now)
                ? until.isAfter(longest) ? longest : until
                : now.plus(BackOff.OF_AUTHORITY.after(records.ledger().failed(directory) + 1, random));
        boolean said = records.ledger().complaint(directory).equals(why);
        records.ledger(l -> l.rests(directory, next, why));
        if (!said) {
            log.warn("no certificates by {}; it is asked again at {}", why, second(next));
        }
    }

    private void fail(NameRecord record, String why, boolean unproved) throws StateException {
        Instant now = clock.instant();
        Instant next = now.plus(BackOff.OF_NAME.after(record.failed() + 1, random));
        records.save(record.failed(why, next, unproved, now));
        log.warn("no certificate for {}: {}; next attempt at {}", record.name(), why, second(next));
    }

    private static String host(Authority authority) {
        return Schedule.host(authority.directory());
    }

    private static Instant second(Instant time) {
        return time.truncatedTo(ChronoUnit.SECONDS);
    }
}
