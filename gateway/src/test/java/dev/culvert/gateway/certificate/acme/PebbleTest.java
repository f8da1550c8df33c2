package dev.culvert.gateway.certificate.acme;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.SetClock;
import dev.culvert.gateway.certificate.Certificate;
import dev.culvert.gateway.certificate.CertificateState;
import dev.culvert.gateway.certificate.Challenges;
import dev.culvert.gateway.certificate.TrustedCertificates;
import dev.culvert.gateway.certificate.acme.AcmeSettings.Proof;
import dev.culvert.gateway.certificate.acme.AcmeSettings.Server;
import dev.culvert.store.FileStore;
import dev.culvert.store.StateException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.http.HttpClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.bouncycastle.asn1.x509.AuthorityKeyIdentifier;
import org.bouncycastle.cert.X509CertificateHolder;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.shredzone.acme4j.RevocationReason;
import org.shredzone.acme4j.Session;
import org.shredzone.acme4j.connector.NetworkSettings;
import org.shredzone.acme4j.provider.GenericAcmeProvider;

/** Against a real ACME server. Tagged with the tests that need Debian's programs: this one needs pebble, and no root. */
@NullUnmarked
@Tag("netns")
@Timeout(180)
final class PebbleTest {
    private static final String MAC = "YSBrZXkgb2YgYW4gYWNjb3VudCB0aGF0IHdhcyBtYWRlIGVsc2V3aGVyZQ";

    @TempDir
    Path dir;

    private final SetClock clock = new SetClock(Instant.now());
    private final Set<String> wanted = ConcurrentHashMap.newKeySet();
    private FileStore store;
    private Pebble pebble;
    private Answerer answerer;

    /** A third of its nonces are refused although they are good. */
    @BeforeEach
    void begin() throws Exception {
        pebble = new Pebble(Files.createDirectory(dir.resolve("pebble")), "", Map.of("PEBBLE_WFE_NONCEREJECT", "30"));
        answerer = new Answerer(pebble.httpPort, pebble.tlsPort);
        store = new FileStore(dir.resolve("state"));
        store.createDirectory();
    }

    @AfterEach
    void end() throws Exception {
        answerer.close();
        pebble.close();
    }

    private AcmeSettings settings() {
        return AcmeSettings.of(List.of(new Server(pebble.directory(), null, null, null)), true)
                .trusted(pebble.trusted);
    }

    private AcmeCertificates certificates(AcmeSettings settings) throws Exception {
        AcmeCertificates made = new AcmeCertificates(
                store, settings, Precheck.NONE, () -> wanted, clock, time -> TimeUnit.MILLISECONDS.sleep(20));
        answerer.challenges = made;
        return made;
    }

    @Test
    void obtainsByAPageKeepsAndRenews() throws Exception {
        wanted.addAll(List.of("app.example", "Wiki.Example."));
        Certificate first;
        try (AcmeCertificates certificates = certificates(settings())) {
            assertThat(certificates.find("app.example")).isNull();
            certificates.tick();
            first = certificates.find("app.example");
            assertThat(first.isFor("app.example")).isTrue();
            assertThat(first.chain()).hasSizeGreaterThan(1);
            assertThat(certificates.find("wiki.example").isFor("wiki.example")).isTrue();
            assertThat(certificates.find("other.example")).isNull();
            assertThat(answerer.http.get()).isPositive();
            certificates.tick();
            assertThat(certificates.find("app.example")).isEqualTo(first);
        }
        try (AcmeCertificates again = certificates(settings())) {
            assertThat(again.find("app.example")).isEqualTo(first);
            again.tick();
            assertThat(again.find("app.example")).isEqualTo(first);
            long life = Duration.between(first.begins(), first.ends()).toSeconds();
            clock.now = first.begins().plusSeconds(life * 3 / 4);
            again.tick();
            assertThat(again.find("app.example")).isNotEqualTo(first);
            assertThat(again.find("app.example").isFor("app.example")).isTrue();
        }
        assertThat(pebble.count("There are now \\d+ accounts in memory"))
                .as(pebble.log())
                .isEqualTo(1);
    }

    @Test
    void obtainsByACertificateOnPort443() throws Exception {
        wanted.add("app.example");
        try (AcmeCertificates certificates = certificates(settings().challenges(List.of(Proof.TLS_ALPN_01)))) {
            certificates.tick();
            assertThat(certificates.find("app.example")).isNotNull();
            assertThat(answerer.tls.get()).isPositive();
            assertThat(answerer.http.get()).isZero();
            assertThat(certificates.tlsAlpn("app.example"))
                    .as("shown no longer")
                    .isNull();
        }
    }

    @Test
    void whatCannotBeProvedOneWayIsProvedTheOther() throws Exception {
        wanted.add("app.example");
        try (AcmeCertificates certificates = certificates(settings())) {
            Challenges right = answerer.challenges;
            answerer.challenges = Challenges.NONE;
            certificates.tick();
            assertThat(certificates.find("app.example")).isNull();
            assertThat(certificates.state("app.example", clock.now).why())
                    .startsWith("127.0.0.1: http-01: ")
                    .contains("404");
            answerer.challenges = right;
            certificates.tick();
            assertThat(certificates.find("app.example")).as("it waits").isNull();
            clock.now = clock.now.plus(Duration.ofMinutes(3));
            certificates.tick();
            assertThat(certificates.find("app.example")).isNotNull();
            assertThat(certificates.state("app.example", clock.now).why()).isNull();
            assertThat(answerer.tls.get()).isPositive();
        }
    }

    @Test
    void anAuthorityThatHasForgottenEverythingIsToldAnew() throws Exception {
        wanted.add("app.example");
        try (AcmeCertificates certificates = certificates(settings())) {
            certificates.tick();
            Certificate first = certificates.find("app.example");
            pebble.stop();
            wanted.add("wiki.example");
            certificates.tick();
            assertThat(certificates.find("wiki.example")).isNull();
            assertThat(certificates.find("app.example")).isEqualTo(first);
            pebble.start();
            clock.now = clock.now.plus(Duration.ofHours(2));
            certificates.tick();
            assertThat(certificates.find("wiki.example")).isNotNull();
        }
    }

    @Test
    void anAccountIsBoundToAnotherWhereTheAuthorityWantsThat() throws Exception {
        pebble.close();
        answerer.close();
        pebble = new Pebble(
                Files.createDirectory(dir.resolve("bound")),
                "\"externalAccountBindingRequired\": true, \"externalAccountMACKeys\": {\"kid-1\": \"" + MAC + "\"},",
                Map.of());
        answerer = new Answerer(pebble.httpPort, pebble.tlsPort);
        wanted.add("app.example");
        try (AcmeCertificates certificates = certificates(settings())) {
            certificates.tick();
            assertThat(certificates.find("app.example")).isNull();
        }
        Path key = Files.writeString(dir.resolve("eab.key"), MAC + "\n");
        clock.now = clock.now.plus(Duration.ofHours(2));
        try (AcmeCertificates certificates =
                certificates(AcmeSettings.of(List.of(new Server(pebble.directory(), "kid-1", key, null)), true)
                        .trusted(pebble.trusted))) {
            certificates.tick();
            assertThat(certificates.find("app.example")).isNotNull();
        }
    }

    private static String identifier(Certificate certificate) throws Exception {
        byte[] key = AuthorityKeyIdentifier.fromExtensions(
                        new X509CertificateHolder(certificate.leaf().getEncoded()).getExtensions())
                .getKeyIdentifierOctets();
        Base64.Encoder text = Base64.getUrlEncoder().withoutPadding();
        return text.encodeToString(key) + "."
                + text.encodeToString(certificate.leaf().getSerialNumber().toByteArray());
    }

    /** RFC 9773, which pebble itself does not know. */
    @Test
    void asksForTheWindowAndSaysWhatIsReplaced() throws Exception {
        try (PebbleFront front = new PebbleFront(pebble, dir.resolve("pebble"))) {
            wanted.add("app.example");
            front.start = clock.now.plus(Duration.ofDays(40)).truncatedTo(ChronoUnit.SECONDS);
            front.end = front.start.plus(Duration.ofDays(1));
            front.retryAfter = "21600";
            AcmeSettings settings = AcmeSettings.of(List.of(new Server(front.directory(), null, null, null)), true)
                    .trusted(pebble.trusted);
            try (AcmeCertificates certificates = certificates(settings)) {
                certificates.tick();
                Certificate first = certificates.find("app.example");
                certificates.tick();
                assertThat(front.asked).containsExactly(identifier(first));
                assertThat(certificates.state("app.example", clock.now).next()).isBetween(front.start, front.end);
                certificates.tick();
                clock.now = clock.now.plus(Duration.ofHours(5));
                certificates.tick();
                assertThat(front.asked).as("not before it said").hasSize(1);

                Instant window = front.start;
                front.start = null; // an error changes nothing
                clock.now = clock.now.plus(Duration.ofHours(2));
                certificates.tick();
                certificates.tick();
                assertThat(front.asked).hasSizeGreaterThanOrEqualTo(2);
                assertThat(certificates.state("app.example", clock.now).next())
                        .isBetween(window, window.plus(Duration.ofDays(1)));
                int errors = front.asked.size();
                clock.now = clock.now.plus(Duration.ofHours(3));
                certificates.tick();
                assertThat(front.asked).hasSize(errors);

                front.start = clock.now.minus(Duration.ofDays(2)); // as after a revocation: now
                front.end = clock.now.minus(Duration.ofDays(1));
                clock.now = clock.now.plus(Duration.ofHours(4));
                certificates.tick();
                Certificate second = certificates.find("app.example");
                assertThat(second).isNotEqualTo(first);
                assertThat(front.replaces).containsExactly("", identifier(first));

                front.replaced = true;
                clock.now = clock.now.plus(Duration.ofHours(7));
                certificates.tick();
                assertThat(certificates.find("app.example")).isNotEqualTo(second);
                assertThat(front.replaces).containsExactly("", identifier(first), identifier(second), "");
            }
        }
    }

    /** Another pebble, with other settings. */
    private void beginAnew(String extra, Map<String, String> environment) throws Exception {
        pebble.close();
        answerer.close();
        pebble = new Pebble(Files.createDirectory(dir.resolve("other")), extra, environment);
        answerer = new Answerer(pebble.httpPort, pebble.tlsPort);
    }

    @Test
    void ordersSayOfWhichKindTheyAreAndAShortLivedOneIsRenewedAtItsHalf() throws Exception {
        beginAnew("\"certificateValidityPeriod\": 518400,", Map.of());
        wanted.add("app.example");
        try (PebbleFront front = new PebbleFront(pebble, dir.resolve("other"))) {
            Server wrong = new Server(front.directory(), null, null, "shortlife");
            try (AcmeCertificates certificates =
                    certificates(AcmeSettings.of(List.of(wrong), true).trusted(pebble.trusted))) {
                certificates.tick();
                assertThat(certificates.state("app.example", clock.now).why())
                        .isEqualTo(
                                "127.0.0.1: it has no profile 'shortlife'; it has none at all: leave ,profile= away");
            }
            front.profiles = List.of("shortlived", "classic");
            clock.now = clock.now.plus(Duration.ofHours(2));
            try (AcmeCertificates certificates =
                    certificates(AcmeSettings.of(List.of(wrong), true).trusted(pebble.trusted))) {
                certificates.tick();
                assertThat(certificates.state("app.example", clock.now).why())
                        .isEqualTo(
                                "127.0.0.1: it has no profile 'shortlife'; write one of its own: classic, shortlived");
            }
            assertThat(front.profilesAsked).isEmpty();
            clock.now = clock.now.plus(Duration.ofHours(2));
            Server right = new Server(front.directory(), null, null, "shortlived");
            try (AcmeCertificates certificates =
                    certificates(AcmeSettings.of(List.of(right), true).trusted(pebble.trusted))) {
                certificates.tick();
                Certificate first = certificates.find("app.example");
                assertThat(Duration.between(first.begins(), first.ends()))
                        .isBetween(Duration.ofHours(143), Duration.ofHours(145));
                assertThat(front.profilesAsked).containsExactly("shortlived");
                clock.now = first.begins().plus(Duration.ofHours(68));
                certificates.tick();
                assertThat(certificates.find("app.example")).isEqualTo(first);
                clock.now = first.begins().plus(Duration.ofHours(73));
                certificates.tick();
                assertThat(certificates.find("app.example")).isNotEqualTo(first);
                assertThat(front.profilesAsked).containsExactly("shortlived");
            }
        }
    }

    private void revoke(Certificate certificate) throws Exception {
        Session session = new Session(pebble.directory(), new GenericAcmeProvider() {
            @Override
            public HttpClient createHttpClient(NetworkSettings network) {
                try {
                    return HttpClient.newBuilder()
                            .sslContext(TrustedCertificates.context(pebble.trusted))
                            .build();
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }
        });
        org.shredzone.acme4j.Certificate.revoke(
                session,
                new KeyPair(certificate.leaf().getPublicKey(), certificate.key()),
                certificate.leaf(),
                RevocationReason.KEY_COMPROMISE);
        assertThat(pebble.status(certificate.leaf().getSerialNumber())).contains("Revoked");
    }

    @Test
    void whatWasRevokedOrIsOverIsShownUntilItIsRenewedWithTheNextStart() throws Exception {
        beginAnew("\"certificateValidityPeriod\": 2592000,", Map.of());
        wanted.addAll(List.of("revoked.example", "other.example"));
        try (PebbleFront front = new PebbleFront(pebble, dir.resolve("other"))) {
            AcmeSettings settings = AcmeSettings.of(List.of(new Server(front.directory(), null, null, null)), true)
                    .trusted(pebble.trusted);
            Certificate revoked;
            Certificate other;
            try (AcmeCertificates certificates = certificates(settings)) {
                certificates.tick();
                revoked = certificates.find("revoked.example");
                other = certificates.find("other.example");
            }
            revoke(revoked);
            front.revoked.add(identifier(revoked));
            clock.now = clock.now.plus(Duration.ofDays(2));
            Certificate renewed;
            try (AcmeCertificates certificates = certificates(settings)) {
                assertThat(certificates.find("revoked.example")).isEqualTo(revoked);
                certificates.tick();
                renewed = certificates.find("revoked.example");
                assertThat(renewed).isNotEqualTo(revoked);
                assertThat(certificates.find("other.example")).isEqualTo(other);
                assertThat(front.replaces).containsExactly("", identifier(revoked));
            }
            clock.now = clock.now.plus(Duration.ofDays(60));
            try (AcmeCertificates certificates = certificates(settings)) {
                for (Certificate over : List.of(renewed, other)) {
                    String name = over.names().iterator().next();
                    assertThat(certificates.find(name)).isEqualTo(over);
                    assertThat(certificates.state(name, clock.now).state())
                            .isEqualTo(CertificateState.Standing.EXPIRED);
                }
                certificates.tick();
                assertThat(certificates.find("revoked.example")).isNotEqualTo(renewed);
                assertThat(certificates.find("other.example")).isNotEqualTo(other);
            }
        }
    }

    /** What was proved a while ago need not be again: an order is ready when it is made. */
    @Test
    void anAuthorityThatRemembersAProofIsNotShownAnother() throws Exception {
        beginAnew("", Map.of("PEBBLE_AUTHZREUSE", "100"));
        wanted.add("app.example");
        try (AcmeCertificates certificates = certificates(settings())) {
            certificates.tick();
            Certificate first = certificates.find("app.example");
            int asked = answerer.http.get();
            clock.now = first.ends();
            certificates.tick();
            assertThat(certificates.find("app.example")).isNotEqualTo(first);
            assertThat(answerer.http.get()).isEqualTo(asked);
        }
    }

    /** The authority reaches the one that does not make the order. */
    @Test
    void ofTwoGatewaysWithOneStoreOneMakesAnOrderAndTheOtherAnswers() throws Exception {
        wanted.add("app.example");
        try (AcmeCertificates other = new AcmeCertificates(
                new FileStore(dir.resolve("state")), settings(), Precheck.NONE, () -> wanted, clock, time -> {
                    throw new AssertionError("it is the first one's turn");
                })) {
            int[] ticks = {0};
            try (AcmeCertificates first =
                    new AcmeCertificates(store, settings(), Precheck.NONE, () -> wanted, clock, time -> {
                        other.tick();
                        other.refresh();
                        ticks[0]++;
                        TimeUnit.MILLISECONDS.sleep(20);
                    })) {
                answerer.challenges = other;
                first.tick();
                assertThat(first.find("app.example")).isNotNull();
                assertThat(ticks[0]).isPositive();
                assertThat(answerer.http.get()).isPositive();
                clock.now = clock.now.plus(CertificateWork.LOOK);
                other.tick();
                assertThat(other.find("app.example")).isEqualTo(first.find("app.example"));
            }
        }
        assertThat(pebble.count("There are now \\d+ orders")).isEqualTo(1);
        assertThat(pebble.count("There are now \\d+ accounts")).isEqualTo(1);
    }

    /** What it shows stays for the authority, which may be about to look. */
    @Test
    void whoIsClosedInTheMiddleOfAnOrderIsGoneOnWithAfterTheNextStart() throws Exception {
        wanted.add("app.example");
        try (AcmeCertificates closing =
                new AcmeCertificates(store, settings(), Precheck.NONE, () -> wanted, clock, time -> {
                    throw new InterruptedException();
                })) {
            closing.tick();
            assertThat(Thread.interrupted()).isTrue();
            assertThat(closing.find("app.example")).isNull();
        }
        assertThat(Files.readString(dir.resolve("state").resolve("acme-challenges.json")))
                .contains("app.example");
        try (AcmeCertificates certificates = certificates(settings())) {
            certificates.tick();
            assertThat(certificates.find("app.example")).isNotNull();
        }
        assertThat(pebble.count("There are now \\d+ orders")).isEqualTo(1);
        assertThat(Files.readString(dir.resolve("state").resolve("acme-challenges.json")))
                .isEqualTo("[]\n");
    }

    /** The page is served by another gateway that shares the store: this one. */
    @Test
    void whoeverIsKilledAtAWaitForTheAuthorityIsGoneOnWithByTheNext() throws Exception {
        PublishedChallenges shared = new PublishedChallenges(store, clock);
        Challenges fromStore = new Challenges() {
            @Override
            public String keyAuthorization(String token) {
                try {
                    shared.refresh();
                } catch (StateException e) {
                    throw new IllegalStateException(e);
                }
                return shared.keyAuthorization(token);
            }

            @Override
            public Certificate tlsAlpn(String serverName) {
                return null;
            }
        };
        for (int at = 0; at < 2; at++) {
            int orders = pebble.count("There are now \\d+ orders");
            String name = "app" + at + ".example";
            answerer.challenges = fromStore;
            Process process = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-cp",
                            System.getProperty("java.class.path"),
                            KilledGateway.class.getName(),
                            dir.resolve("state").toString(),
                            pebble.directory().toString(),
                            pebble.trusted.toString(),
                            name,
                            Integer.toString(at))
                    .redirectErrorStream(true)
                    .redirectOutput(dir.resolve("killed.out").toFile())
                    .start();
            int code = process.waitFor();
            assertThat(code).as(Files.readString(dir.resolve("killed.out"))).isIn(137, 0); // 0: it was done before
            wanted.clear();
            wanted.add(name);
            try (AcmeCertificates certificates = certificates(settings())) {
                certificates.tick();
                if (certificates.find(name) == null) { // where the machine froze, the authority gave up
                    clock.now = clock.now.plus(Duration.ofHours(1));
                    certificates.tick();
                } else {
                    assertThat(pebble.count("There are now \\d+ orders"))
                            .as("the one that was begun")
                            .isEqualTo(orders + 1);
                }
                assertThat(certificates.find(name).isFor(name)).isTrue();
            }
        }
    }

    @Test
    void anAddressHasACertificateToo() throws Exception {
        wanted.add("127.0.0.1");
        try (AcmeCertificates certificates = certificates(settings())) {
            certificates.tick();
            assertThat(certificates.state("127.0.0.1", clock.now).why()).isNull();
            assertThat(certificates.find("127.0.0.1").names()).containsExactly("127.0.0.1");
            assertThat(answerer.tls.get()).isZero();
        }
    }

    @Test
    void termsThatNobodyAcceptedAreNotAcceptedAndAServerThatNobodyTrustsIsNotTold() throws Exception {
        wanted.add("app.example");
        Server server = new Server(pebble.directory(), null, null, null);
        try (AcmeCertificates certificates =
                certificates(AcmeSettings.of(List.of(server), false).trusted(pebble.trusted))) {
            certificates.tick();
            assertThat(certificates.find("app.example")).isNull();
        }
        clock.now = clock.now.plus(Duration.ofHours(2));
        try (AcmeCertificates certificates = certificates(AcmeSettings.of(List.of(server), true))) {
            certificates.tick();
            assertThat(certificates.find("app.example")).isNull();
        }
        assertThat(pebble.count("There are now \\d+ accounts in memory")).isZero();
    }
}
