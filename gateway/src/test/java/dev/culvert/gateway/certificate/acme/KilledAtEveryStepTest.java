package dev.culvert.gateway.certificate.acme;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.culvert.gateway.FreePort;
import dev.culvert.gateway.SetClock;
import dev.culvert.gateway.certificate.Certificate;
import dev.culvert.gateway.certificate.Challenges;
import dev.culvert.gateway.certificate.acme.AcmeSettings.Proof;
import dev.culvert.gateway.certificate.acme.AcmeSettings.Server;
import dev.culvert.gateway.certificate.dns.Bind;
import dev.culvert.gateway.certificate.dns.DnsSettings;
import dev.culvert.store.FileStore;
import dev.culvert.store.Store;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;

/**
 * A process is killed behind each step of an order in turn, until one comes through untouched; the next process on the same store goes
 * on. Against a real ACME server. Tagged with the tests that need Debian's programs.
 */
@NullUnmarked
@Tag("netns")
@Timeout(600)
final class KilledAtEveryStepTest {
    private static final int MORE_STEPS_THAN_THERE_ARE = 100;

    private static final int MAX_FREEZES = 3;

    /** However long a process would wait; of that there must be enough for the authority to look before it is given up. */
    private static final long MOST_PAUSE_MILLIS = 50;

    /** Has the authority look. */
    private static final String TRIGGER = "POST /chalZ";

    private static final Duration PATIENCE = Duration.ofMinutes(2);

    @TempDir
    Path dir;

    private final SetClock clock = new SetClock(Instant.now());
    private Bind bind;
    private Pebble pebble;
    private PebbleFront front;
    private Answerer answerer;
    private Lifeline lifeline;
    private Store store;
    private Path state;

    @BeforeEach
    void begin() throws Exception {
        bind = new Bind(dir.resolve("bind"), "127.0.0.1", FreePort.next(), List.of("""
                        apps.test
                        @ NS ns1
                        ns1 A 127.0.0.1
                        * A 127.0.0.1"""));
        Path at = Files.createDirectory(dir.resolve("pebble"));
        // No good nonce is refused: a request that counted for nothing would be no step.
        pebble = new Pebble(at, "", Map.of("PEBBLE_WFE_NONCEREJECT", "0"), bind.at());
        front = new PebbleFront(pebble, at);
        answerer = new Answerer(pebble.httpPort, pebble.tlsPort);
    }

    @AfterEach
    void end() {
        answerer.close();
        front.close();
        pebble.close();
        bind.close();
    }

    /** Reaches no name server any more when its gateway is dead. */
    private Path hook() throws IOException {
        Path program = Files.writeString(dir.resolve("hook"), """
                #!/bin/sh
                [ ! -e %s ] || exit 9
                case $1 in present) what=add;; cleanup) what=delete;; *) exit 2;; esac
                [ $what = add ] && ttl=60
                printf 'server %%s\nupdate %%s %%s %%s TXT "%%s"\nsend\n' "%s" $what "$2" "$ttl" "$3" | nsupdate -v -k %s
                """.formatted(
                        dir.resolve("dead"), bind.at().replace(":", " "), bind.key()));
        return Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
    }

    private AcmeSettings settings(Proof by) throws IOException {
        AcmeSettings plain = AcmeSettings.of(List.of(new Server(front.directory(), null, null, null)), true)
                .trusted(pebble.trusted);
        return by == Proof.DNS_01
                ? plain.dns(List.of(DnsSettings.parse("exec:" + hook() + ",wait=5,resolver=" + bind.at())))
                : plain.challenges(List.of(by));
    }

    /**
     * A process from its start to its end, by {@link Lifeline} or of itself.
     *
     * @param answers whether the authority hears its answers
     */
    private AcmeCertificates run(AcmeSettings settings, String name, String from, int killedAt, boolean answers)
            throws Exception {
        Files.deleteIfExists(dir.resolve("dead"));
        Lifeline mine = new Lifeline(from, killedAt, () -> {
            try {
                Files.createFile(dir.resolve("dead"));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        lifeline = mine;
        front.lifeline = mine;
        AcmeCertificates process =
                new AcmeCertificates(mine.of(store), settings, Precheck.NONE, () -> Set.of(name), clock, time -> {
                    mine.live();
                    TimeUnit.MILLISECONDS.sleep(Math.min(MOST_PAUSE_MILLIS, time.toMillis()));
                });
        answerer.challenges = new Challenges() {
            @Override
            public String keyAuthorization(String token) {
                return mine.isDead() || !answers ? null : process.keyAuthorization(token);
            }

            @Override
            public Certificate tlsAlpn(String serverName) {
                return mine.isDead() || !answers ? null : process.tlsAlpn(serverName);
            }
        };
        process.tick();
        return process;
    }

    private int accounts() throws IOException {
        return pebble.count("There are now \\d+ accounts");
    }

    private int orders() throws IOException {
        return pebble.count("There are now \\d+ orders");
    }

    private int made() throws IOException {
        return pebble.count("Issued certificate serial");
    }

    private int failedProofs() throws IOException {
        return pebble.count("set INVALID by completed challenge");
    }

    private int decided() throws IOException {
        return pebble.count("set (IN)?VALID by completed challenge");
    }

    private int countedOrders() throws IOException {
        return Files.exists(state.resolve("acme.json"))
                ? JsonMapper.shared()
                        .readTree(Files.readString(state.resolve("acme.json")))
                        .required("authorities")
                        .path(front.directory().toString())
                        .path("orders")
                        .size()
                : 0;
    }

    private NameRecord record(String name) throws IOException {
        return new AcmeStore(store).read(name);
    }

    /** The machine froze for longer than the authority may take to answer, or to look. */
    private boolean wasNotAnswered(AcmeCertificates process, String name) {
        String why = process.state(name, clock.now).why();
        return process.find(name) == null && (why.contains("timed out") || why.contains("has not decided"));
    }

    /**
     * Kills behind each step.
     *
     * @param wildcard the order is for one; else for a name of one host
     * @param answers whether the authority hears answers of the process that is killed
     * @param expected some of its steps in their order; behind the first of them it is killed first
     */
    private void killAtEachStep(Proof by, boolean wildcard, boolean answers, String... expected) throws Exception {
        AcmeSettings settings = settings(by);
        for (int at = 0; ; at++) {
            assertThat(at).isLessThan(MORE_STEPS_THAN_THERE_ARE);
            String base = "app" + at + ".apps.test";
            String name = wildcard ? "*." + base : base;
            state = dir.resolve("state" + at);
            FileStore files = new FileStore(state);
            files.createDirectory();
            store = files;
            int accounts = accounts();
            int orders = orders();
            int made = made();
            int failed = failedProofs();
            int decided = decided();
            run(settings, name, expected[0], at, answers).close();
            boolean untouched = !lifeline.isDead();
            List<String> steps = lifeline.steps();
            if (steps.contains(TRIGGER)) { // it has found what it found before anybody goes on
                await().atMost(PATIENCE).until(() -> decided() > decided);
            }
            String killed = by + (untouched ? " untouched: " + steps : " killed behind " + steps.get(steps.size() - 1));
            NameRecord left = record(name);
            // Of an order that was made and not written yet nobody knows.
            int lost = orders() > orders && left.equals(NameRecord.of(name)) ? 1 : 0;

            AcmeCertificates next = run(settings, name, expected[0], Integer.MAX_VALUE, true);
            for (int froze = 0; froze < MAX_FREEZES && wasNotAnswered(next, name); froze++) {
                clock.now = clock.now.plus(Duration.ofMinutes(3));
                next.tick();
            }
            int failures = failedProofs() - failed; // the authority looked while nobody was there to answer
            assertThat(record(name).unproved()).as(killed).hasSize(failures);
            if (next.find(name) == null) {
                assertThat(failures)
                        .as(killed + ": " + next.state(name, clock.now))
                        .isPositive();
                clock.now = clock.now.plus(Duration.ofMinutes(3));
                next.tick();
            }
            assertThat(next.find(name)).as(killed).isNotNull();
            assertThat(next.find(name).names()).containsExactly(name);
            NameRecord record = record(name);
            assertThat(record.pending()).as(killed).isNull();
            assertThat(record.issued()).as(killed).hasSize(1);
            assertThat(made() - made).as(killed).isEqualTo(1);
            assertThat(accounts() - accounts).as(killed).isEqualTo(1);
            assertThat(orders() - orders).as(killed).isEqualTo(1 + lost + failures);
            assertThat(countedOrders()).as(killed).isBetween(orders() - orders, orders() - orders + 1);
            Path challenges = state.resolve("acme-challenges.json");
            if (Files.exists(challenges)) {
                assertThat(Files.readString(challenges)).as(killed).isEqualTo("[]\n");
            }
            assertThat(next.tlsAlpn(name)).as(killed).isNull();
            assertThat(bind.texts("_acme-challenge." + base + ".")).as(killed).isEmpty();
            Path records = state.resolve("acme-dns.json");
            if (Files.exists(records)) {
                assertThat(Files.readString(records)).as(killed).isEqualTo("[]\n");
            }
            next.close();
            if (untouched) {
                assertThat(steps).containsSubsequence(expected);
                assertThat(at).isGreaterThanOrEqualTo(expected.length);
                return;
            }
        }
    }

    @Test
    void whoProvesANameByAPage() throws Exception {
        killAtEachStep(
                Proof.HTTP_01,
                false,
                true,
                "write acme.json",
                "write acme-account-X.json",
                "POST /sign-me-up",
                "POST /order-plz",
                "write acme-challenges.json",
                TRIGGER,
                "POST /finalize-order",
                "POST /certZ");
    }

    @Test
    void whoseNameIsNotProved() throws Exception {
        killAtEachStep(
                Proof.TLS_ALPN_01,
                false,
                false,
                TRIGGER,
                "POST /authZ",
                "write acme-challenges.json",
                "write acme-X.json");
    }

    @Test
    void whoProvesAWildcardByARecord() throws Exception {
        killAtEachStep(Proof.DNS_01, true, true, "write acme-dns.json", TRIGGER, "POST /finalize-order");
    }
}
