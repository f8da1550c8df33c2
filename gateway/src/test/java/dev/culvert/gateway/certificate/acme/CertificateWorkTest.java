package dev.culvert.gateway.certificate.acme;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.gateway.SetClock;
import dev.culvert.gateway.certificate.Certificate;
import dev.culvert.store.FileStore;
import dev.culvert.store.Store;
import java.io.Closeable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is done when, in frozen time and against authorities that are told how to behave. */
@NullUnmarked
final class CertificateWorkTest {
    private static final Instant NOW = Instant.parse("2026-11-30T12:00:00Z");

    @TempDir
    Path dir;

    private final SetClock clock = new SetClock(NOW);
    private final Set<String> wanted = new LinkedHashSet<>();
    private final FakeAuthority first = new FakeAuthority("https://first.example/dir", clock);
    private final FakeAuthority second = new FakeAuthority("https://second.example/dir", clock);
    private boolean byDns;
    private Precheck precheck = Precheck.NONE;
    private final MemoryStore memory = new MemoryStore();
    private Store store = memory;
    private CertificateWork work;

    @BeforeEach
    void begin() throws Exception {
        work = work(first);
    }

    private CertificateWork work(Authority... authorities) throws Exception {
        CertificateWork made = new CertificateWork(
                new AcmeStore(store),
                List.of(authorities),
                new PublishedChallenges(store, clock),
                name -> precheck.complaint(name),
                name -> byDns,
                () -> wanted,
                clock,
                new Random(1));
        made.load();
        return made;
    }

    private static Refusal refusal(Refusal.Kind kind) {
        return new Refusal(kind, "says no", null);
    }

    /** Time passes, and each step of it there is a tick. */
    private void pass(Duration time, Duration step) throws Exception {
        for (Instant end = clock.now.plus(time); clock.now.isBefore(end); ) {
            clock.now = clock.now.plus(step);
            work.tick();
        }
    }

    @Test
    void obtainsOnceAndFindsItAfterAStart() throws Exception {
        wanted.add("app.example");
        work.tick();
        work.tick();
        Certificate certificate = work.find("APP.example.");
        assertThat(certificate.isFor("app.example")).isTrue();
        assertThat(work(first).find("app.example")).isEqualTo(certificate);
        assertThat(work.find("other.example")).isNull();
        assertThat(first.orders).containsExactly("app.example");
    }

    @Test
    void whatIsKeptIsReadByItsOwnerOnly() throws Exception {
        store = new FileStore(dir);
        work = work(first);
        wanted.add("app.example");
        work.tick();
        new AcmeStore(store).accountKey("https://first.example/dir");
        try (Stream<Path> files = Files.list(dir)) {
            List<Path> all = files.filter(f -> f.getFileName().toString().startsWith("acme"))
                    .toList();
            assertThat(all).hasSize(3);
            for (Path file : all) {
                assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                        .as(file.toString())
                        .isEqualTo("rw-------");
            }
        }
    }

    @Test
    void renewsWithAThirdOfLifeLeftAndSaysWhatItReplaces() throws Exception {
        wanted.add("app.example");
        work.tick();
        Certificate before = work.find("app.example");
        pass(Duration.ofDays(55), Duration.ofHours(12));
        assertThat(work.find("app.example")).isEqualTo(before);
        pass(Duration.ofDays(6), Duration.ofHours(1));
        assertThat(work.find("app.example")).isNotEqualTo(before);
        assertThat(first.replaced).containsExactly(null, before.leaf());
        assertThat(first.made).isEqualTo(2);
    }

    @Test
    void aShortLifeIsRenewedAtItsHalfAndItsWindowAskedForDaily() throws Exception {
        wanted.add("192.0.2.1");
        first.life = Duration.ofDays(6);
        work.tick();
        pass(Duration.ofHours(68), Duration.ofHours(1));
        assertThat(first.made).isEqualTo(1);
        assertThat(first.windows).isBetween(2, 4);
        pass(Duration.ofHours(5), Duration.ofHours(1));
        assertThat(first.made).isEqualTo(2);
    }

    @Test
    void renewsWithinTheWindowThatItsAuthoritySuggests() throws Exception {
        wanted.add("app.example");
        Instant start = NOW.plus(Duration.ofDays(10));
        first.window = new RenewalWindow(start, start.plus(Duration.ofDays(2)), NOW.plus(Duration.ofDays(30)));
        work.tick();
        pass(Duration.ofDays(10), Duration.ofHours(6));
        assertThat(first.made).isEqualTo(1);
        assertThat(first.windows).as("asked daily at least, whatever it says").isBetween(9, 11);
        pass(Duration.ofDays(2), Duration.ofHours(1));
        assertThat(first.made).isEqualTo(2);
    }

    @Test
    void aWindowThatHasPassedMeansNow() throws Exception {
        wanted.add("app.example");
        first.window = new RenewalWindow(
                NOW.plus(Duration.ofDays(60)), NOW.plus(Duration.ofDays(61)), NOW.plus(Duration.ofHours(6)));
        work.tick();
        pass(Duration.ofHours(5), Duration.ofHours(1));
        assertThat(first.made).isEqualTo(1);
        // As after a revocation.
        first.window = new RenewalWindow(
                NOW.minus(Duration.ofDays(2)), NOW.minus(Duration.ofDays(1)), NOW.plus(Duration.ofHours(12)));
        pass(Duration.ofHours(2), Duration.ofHours(1));
        assertThat(first.made).isEqualTo(2);
    }

    @Test
    void aRevokedCertificateIsRenewedBeforeThoseThatAreDue() throws Exception {
        wanted.add("revoked.example");
        work.tick();
        clock.now = NOW.plusSeconds(1); // the window is the first one's
        wanted.add("due.example");
        first.life = Duration.ofDays(20);
        work.tick();
        first.orders.clear();
        first.window = new RenewalWindow(
                NOW.minus(Duration.ofDays(2)), NOW.minus(Duration.ofDays(1)), NOW.plus(Duration.ofDays(30)));
        clock.now = NOW.plus(Duration.ofDays(15));
        work = work(first);
        work.tick();
        assertThat(first.orders).containsExactly("revoked.example", "due.example");
    }

    @Test
    void anAbsurdWindowDoesNotLetItExpire() throws Exception {
        wanted.add("app.example");
        first.window = new RenewalWindow(
                NOW.plus(Duration.ofDays(900)), NOW.plus(Duration.ofDays(901)), NOW.plus(Duration.ofHours(6)));
        work.tick();
        pass(Duration.ofDays(89), Duration.ofHours(12));
        assertThat(first.made).isEqualTo(2);
    }

    @Test
    void anAuthorityThatIsAwayForDaysIsAskedSeldomAndTheOldCertificateStays() throws Exception {
        wanted.addAll(
                IntStream.range(0, 20).mapToObj(i -> "app" + i + ".example").toList());
        work.tick();
        assertThat(first.made).isEqualTo(20);
        Certificate old = work.find("app7.example");
        clock.now = NOW.plus(Duration.ofDays(61));
        first.calls.clear();
        first.refuses = step -> refusal(Refusal.Kind.AWAY);
        pass(Duration.ofDays(4), Duration.ofMinutes(1));
        assertThat(first.calls).as("each hour, for all names together").hasSizeBetween(70, 110);
        assertThat(work.find("app7.example")).isEqualTo(old);
        first.refuses = step -> null;
        pass(Duration.ofHours(2), Duration.ofMinutes(1));
        assertThat(first.made).isEqualTo(40);
        assertThat(work.find("app7.example")).isNotEqualTo(old);
    }

    @Test
    void whatExpiredMeanwhileIsRenewedFirst() throws Exception {
        wanted.add("late.example");
        work.tick();
        clock.now = NOW.plus(Duration.ofDays(20));
        wanted.add("early.example");
        work.tick();
        first.orders.clear();
        clock.now = NOW.plus(Duration.ofDays(100));
        work.tick();
        assertThat(first.orders).containsExactly("late.example", "early.example");
        assertThat(work.find("late.example").ends()).isAfter(clock.now);
    }

    @Test
    void theNextAuthorityIsAskedWhenOneIsAwayOrHasHadEnough() throws Exception {
        work = work(first, second);
        wanted.add("app.example");
        first.refuses = step -> new Refusal(Refusal.Kind.LIMITED, "too many", NOW.plus(Duration.ofHours(30)), null);
        work.tick();
        assertThat(second.orders).containsExactly("app.example");
        assertThat(work.find("app.example")).isNotNull();
        wanted.add("wiki.example");
        first.calls.clear();
        first.refuses = step -> null;
        pass(Duration.ofHours(1), Duration.ofMinutes(10));
        assertThat(first.calls).as("until it said").isEmpty();
        assertThat(second.orders).containsExactly("app.example", "wiki.example");
        clock.now = NOW.plus(Duration.ofHours(31));
        wanted.add("third.example");
        work.tick();
        assertThat(first.orders).containsExactly("third.example");
    }

    @Test
    void aNameThatIsNotOursIsTriedWithinTheLimitsAndTheOthersDoNotWait() throws Exception {
        work = work(first, second);
        wanted.addAll(List.of("wrong.example", "app.example"));
        first.refuses = step -> step.equals("prove wrong.example") ? refusal(Refusal.Kind.UNPROVED) : null;
        work.tick();
        assertThat(work.find("app.example")).isNotNull();
        assertThat(work.state("wrong.example", clock.now).why()).isEqualTo("first.example: says no");
        assertThat(second.orders).as("would see the same").isEmpty();
        pass(Duration.ofDays(7), Duration.ofMinutes(1));
        List<Instant> tries = first.calls;
        assertThat(first.orders.stream().filter("wrong.example"::equals)).hasSizeBetween(14, 24);
        for (Instant at : tries) {
            assertThat(tries.stream().filter(t -> !t.isBefore(at) && t.isBefore(at.plus(Duration.ofHours(1)))))
                    .as("an order and a proof each, and a window")
                    .hasSizeLessThanOrEqualTo(2 * 5 + 3);
        }
        first.refuses = step -> null;
        pass(Duration.ofHours(15), Duration.ofMinutes(10));
        assertThat(work.find("wrong.example")).isNotNull();
        assertThat(work.state("wrong.example", clock.now).why()).isNull();
    }

    @Test
    void aNameThatDoesNotPointHereCostsNoOrder() throws Exception {
        wanted.add("app.example");
        precheck = name -> "it has no address";
        pass(Duration.ofDays(1), Duration.ofMinutes(1));
        assertThat(first.calls).isEmpty();
        assertThat(work.state("app.example", clock.now).why()).isEqualTo("it has no address");
        precheck = Precheck.NONE;
        pass(Duration.ofHours(15), Duration.ofMinutes(10));
        assertThat(work.find("app.example")).isNotNull();
    }

    @Test
    void aNameThatDoesNotPointHereIsProvedInTheDnsWhereThatIsPossible() throws Exception {
        wanted.add("app.example");
        precheck = name -> "it has no address";
        byDns = true;
        work.tick();
        assertThat(work.find("app.example")).isNotNull();
        assertThat(first.provedHere).containsExactly(false);
        precheck = Precheck.NONE;
        wanted.add("wiki.example");
        work.tick();
        assertThat(first.provedHere).containsExactly(false, true);
    }

    @Test
    void whatCannotBePutIntoTheDnsRestsWithoutBeingCountedAsAFailedProof() throws Exception {
        work = work(first, second);
        wanted.add("app.example");
        first.refuses = step -> step.startsWith("prove") ? refusal(Refusal.Kind.OURS) : null;
        work.tick();
        assertThat(second.orders).as("would find no more").isEmpty();
        assertThat(work.state("app.example", clock.now).why()).isEqualTo("first.example: says no");
        assertThat(new AcmeStore(store).read("app.example").unproved()).isEmpty();
        pass(Duration.ofMinutes(3), Duration.ofMinutes(1));
        assertThat(first.orders).hasSize(2);
    }

    @Test
    void neverMoreOrdersThanAnAccountMay() throws Exception {
        IntStream.range(0, 300).forEach(i -> wanted.add("app.d" + i + ".example"));
        // Each name has a domain of its own: what limits is the account.
        Set<String> domains = new LinkedHashSet<>();
        wanted.forEach(n -> domains.add(Ledger.registeredDomain(n)));
        assertThat(domains).hasSize(300);
        work.tick();
        assertThat(first.orders).hasSize(Ledger.MAX_ORDERS);
        work = work(first); // a start does not begin the count anew
        pass(Duration.ofHours(2), Duration.ofMinutes(30));
        assertThat(first.orders).hasSize(Ledger.MAX_ORDERS);
        pass(Duration.ofHours(2), Duration.ofMinutes(30));
        assertThat(first.orders).hasSize(300);
    }

    @Test
    void neverMoreNewNamesOfADomainThanAreMadeInAWeek() throws Exception {
        IntStream.range(0, 60).forEach(i -> wanted.add("app" + i + ".corp.example"));
        wanted.add("app.other.example");
        work.tick();
        assertThat(first.orders).hasSize(Ledger.MAX_OF_DOMAIN + 1).contains("app.other.example");
        pass(Duration.ofDays(6), Duration.ofHours(6));
        assertThat(first.orders).hasSize(Ledger.MAX_OF_DOMAIN + 1);
        pass(Duration.ofDays(2), Duration.ofHours(6));
        assertThat(first.orders).hasSize(61);
    }

    @Test
    void neverMoreOfTheSameNameThanAreMadeInAWeek() throws Exception {
        wanted.add("app.example");
        first.life = Duration.ofMinutes(20); // as if each were revoked at once
        pass(Duration.ofDays(6), Duration.ofMinutes(10));
        assertThat(first.made).isEqualTo(NameRecord.MAX_ISSUED);
    }

    @Test
    void anotherGatewaysTurnIsWaitedForAndWhatItObtainedIsTaken() throws Exception {
        wanted.add("app.example");
        CertificateWork other = work(first);
        try (Closeable turn = new AcmeStore(store).claim()) {
            assertThat(turn).isNotNull();
            work.tick();
            assertThat(first.orders).isEmpty();
        }
        other.tick();
        Certificate certificate = other.find("app.example");
        clock.now = clock.now.plus(CertificateWork.LOOK);
        work.tick();
        assertThat(work.find("app.example")).isEqualTo(certificate);
        assertThat(first.orders).hasSize(1);
    }

    @Test
    void whoeverIsKilledBeforeAWritingHasTheCertificateAfterTheNextStart() throws Exception {
        int died = 0;
        for (int at = 0; at < 10; at++) {
            String name = "app" + at + ".example";
            wanted.clear();
            wanted.add(name);
            first.orders.clear();
            first.made = 0;
            memory.diesAt = memory.writes + at;
            try {
                work.tick();
            } catch (MemoryStore.Killed e) {
                died++;
            }
            memory.diesAt = Integer.MAX_VALUE;
            work = work(first); // all that is known is what was written
            work.tick();
            assertThat(work.find(name).isFor(name)).isTrue();
            // Of an order that was made and not yet written nobody knows; it has been counted.
            assertThat(first.orders).as("killed before writing " + at).hasSizeBetween(1, at == 1 ? 2 : 1);
        }
        assertThat(died).as("an order is counted, noted, and done").isEqualTo(3);
    }

    @Test
    void whoeverIsKilledInAStepGoesOnWithThatOrder() throws Exception {
        for (String at : List.of("prove", "finish")) {
            String name = at + ".example";
            wanted.clear();
            wanted.add(name);
            first.orders.clear();
            boolean[] killed = {false};
            first.refuses = step -> {
                if (!killed[0] && step.startsWith(at)) {
                    killed[0] = true;
                    throw new MemoryStore.Killed();
                }
                return null;
            };
            assertThatThrownBy(work::tick).isInstanceOf(MemoryStore.Killed.class);
            work = work(first);
            work.tick();
            assertThat(work.find(name)).isNotNull();
            assertThat(first.orders).as("killed at " + at).containsExactly(name);
        }
    }

    @Test
    void anOrderThatItsAuthorityHasForgottenIsMadeAnew() throws Exception {
        wanted.add("app.example");
        first.refuses = step -> step.startsWith("prove") ? refusal(Refusal.Kind.AWAY) : null;
        work.tick();
        first.names.clear();
        first.refuses = step -> null;
        pass(Duration.ofMinutes(2), Duration.ofMinutes(1));
        assertThat(work.find("app.example")).isNotNull();
        assertThat(first.orders).hasSize(2);
    }

    @Test
    void whatIsNoLongerWantedIsNotRenewed() throws Exception {
        wanted.add("app.example");
        work.tick();
        wanted.clear();
        pass(Duration.ofDays(100), Duration.ofHours(12));
        assertThat(first.made).isEqualTo(1);
    }

    @Test
    void aWildcardsCertificateIsEnoughForTheNamesBelow() throws Exception {
        wanted.addAll(List.of("*.apps.example", "app.apps.example", "deep.app.apps.example"));
        work.tick();
        clock.now = clock.now.plusSeconds(1);
        work.tick();
        assertThat(work.find("app.apps.example").names()).containsAnyOf("*.apps.example", "app.apps.example");
        assertThat(work.find("any.apps.example").names()).containsExactly("*.apps.example");
        assertThat(work.find("deep.app.apps.example").names()).containsExactly("deep.app.apps.example");
        assertThat(work.find("other.app.apps.example")).isNull();
        assertThat(work.find("apps.example")).isNull();
    }

    @Test
    void aBrokenRecordConcernsItsNameOnly() throws Exception {
        store = new FileStore(dir);
        work = work(first);
        wanted.addAll(List.of("app.example", "wiki.example"));
        work.tick();
        Files.writeString(dir.resolve("acme-app.example.json"), "{");
        CertificateWork next = work(first);
        assertThat(next.find("wiki.example")).isNotNull();
        wanted.add("third.example");
        next.tick();
        assertThat(next.find("third.example")).isNotNull();
        assertThat(next.find("app.example")).isNull();
        Files.delete(dir.resolve("acme-app.example.json"));
        next.tick();
        assertThat(next.find("app.example")).isNotNull();
    }

    @Test
    void waitsThatBeganWithTheClockAheadAreOver() throws Exception {
        wanted.addAll(List.of("app.example", "wrong.example"));
        clock.now = NOW.plus(Duration.ofDays(2_000));
        first.refuses = step -> step.contains("wrong") ? refusal(Refusal.Kind.UNPROVED) : refusal(Refusal.Kind.AWAY);
        work.tick();
        pass(Duration.ofMinutes(3), Duration.ofMinutes(1));
        clock.now = NOW;
        first.refuses = step -> null;
        work.tick();
        assertThat(work.find("app.example")).isNotNull();
        assertThat(work.find("wrong.example")).isNotNull();
    }

    @Test
    void registeredDomainsAreToldRoughly() {
        assertThat(Ledger.registeredDomain("a.b.example.com")).isEqualTo("example.com");
        assertThat(Ledger.registeredDomain("a.example.co.uk")).isEqualTo("example.co.uk");
        assertThat(Ledger.registeredDomain("example.com")).isEqualTo("example.com");
    }
}
