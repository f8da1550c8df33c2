package dev.culvert.gateway.certificate.acme;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.FreePort;
import dev.culvert.gateway.SetClock;
import dev.culvert.gateway.certificate.acme.AcmeSettings.Server;
import dev.culvert.gateway.certificate.dns.Bind;
import dev.culvert.gateway.certificate.dns.DnsSettings;
import dev.culvert.store.Document;
import dev.culvert.store.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A real ACME server that looks into a real name server. Tagged with the tests that need Debian's programs. */
@NullUnmarked
@Tag("netns")
@Timeout(180)
final class PebbleDnsTest {
    @TempDir
    Path dir;

    private final SetClock clock = new SetClock(Instant.now());
    private final Set<String> wanted = ConcurrentHashMap.newKeySet();
    private FileStore store;
    private Bind bind;
    private Pebble pebble;

    @BeforeEach
    void begin() throws Exception {
        bind = new Bind(dir.resolve("bind"), "127.0.0.1", FreePort.next(), List.of("""
                        apps.test
                        @ NS ns1
                        ns1 A 127.0.0.1
                        * A 127.0.0.1
                        _acme-challenge.given CNAME given.proofs.test.""", """
                        proofs.test
                        @ NS ns1.apps.test."""));
        pebble = new Pebble(Files.createDirectory(dir.resolve("pebble")), "", Map.of(), bind.at());
        store = new FileStore(dir.resolve("state"));
        store.createDirectory();
    }

    @AfterEach
    void end() {
        pebble.close();
        bind.close();
    }

    private AcmeCertificates certificates(String how) throws Exception {
        return new AcmeCertificates(
                store,
                AcmeSettings.of(List.of(new Server(pebble.directory(), null, null, null)), true)
                        .trusted(pebble.trusted)
                        .dns(List.of(DnsSettings.parse(how + ",wait=5,resolver=" + bind.at()))),
                name -> name.startsWith("inner") ? "its address is none of ours" : null,
                () -> wanted,
                clock,
                time -> TimeUnit.MILLISECONDS.sleep(20));
    }

    private String updates() {
        return "rfc2136:" + bind.at() + ",key=" + Bind.KEY + ":" + bind.key();
    }

    @Test
    void aWildcardItsBaseNameAndANameThatIsGivenToAnotherZoneAreProvedByUpdates() throws Exception {
        wanted.addAll(Set.of("*.apps.test", "apps.test", "*.given.apps.test"));
        try (AcmeCertificates certificates = certificates(updates())) {
            certificates.tick();
            assertThat(certificates.state("*.apps.test", clock.now).why()).isNull();
            assertThat(certificates.state("*.given.apps.test", clock.now).why()).isNull();
            assertThat(certificates.find("any.apps.test").names()).containsExactly("*.apps.test");
            assertThat(certificates.find("*.given.apps.test").names()).containsExactly("*.given.apps.test");
        }
        assertThat(bind.texts("_acme-challenge.apps.test.")).isEmpty();
        assertThat(bind.texts("given.proofs.test.")).isEmpty();
    }

    @Test
    void whatTheOthersCannotProveTheDnsDoes() throws Exception {
        wanted.add("app.apps.test");
        try (AcmeCertificates certificates = certificates(updates())) {
            certificates.tick();
            assertThat(certificates.state("app.apps.test", clock.now).why()).contains("http-01");
            clock.now = clock.now.plus(Duration.ofMinutes(3));
            certificates.tick();
            assertThat(certificates.state("app.apps.test", clock.now).why()).contains("tls-alpn-01");
            clock.now = clock.now.plus(Duration.ofMinutes(13));
            certificates.tick();
            assertThat(certificates.find("app.apps.test").names()).containsExactly("app.apps.test");
        }
        wanted.add("inner.apps.test");
        try (AcmeCertificates certificates = certificates(updates())) {
            certificates.tick();
            assertThat(certificates.find("inner.apps.test"))
                    .as("does not point here: by the DNS at once")
                    .isNotNull();
        }
    }

    @Test
    void aProgramPutsTheRecordsThere() throws Exception {
        Path program =
                Files.writeString(dir.resolve("hook"), """
                #!/bin/sh
                case $1 in present) what=add;; cleanup) what=delete;; *) exit 2;; esac
                [ $what = add ] && ttl=60
                printf 'server %%s\\nupdate %%s %%s %%s TXT "%%s"\\nsend\\n' "%s" $what "$2" "$ttl" "$3" | nsupdate -v -k %s
                """.formatted(bind.at().replace(":", " "), bind.key()));
        Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
        wanted.add("*.apps.test");
        try (AcmeCertificates certificates = certificates("exec:" + program)) {
            certificates.tick();
            assertThat(certificates.state("*.apps.test", clock.now).why()).isNull();
            assertThat(certificates.find("x.apps.test").names()).containsExactly("*.apps.test");
        }
        assertThat(bind.texts("_acme-challenge.apps.test.")).isEmpty();
    }

    @Test
    void whatAKilledProcessHasLeftIsTakenAway() throws Exception {
        store.put(
                Document.secret("acme-dns.json"),
                "[{\"domain\":\"apps.test\",\"name\":\"_acme-challenge.old.apps.test.\",\"zone\":\"apps.test.\",\"value\":\"left\"}]");
        Path program = Files.writeString(
                dir.resolve("nsupdate"),
                "server " + bind.at().replace(":", " ")
                        + "\nupdate add _acme-challenge.old.apps.test. 60 TXT left\nsend\n");
        Process update = new ProcessBuilder("nsupdate", "-k", bind.key().toString(), program.toString())
                .inheritIO()
                .start();
        assertThat(update.waitFor()).isZero();
        assertThat(bind.texts("_acme-challenge.old.apps.test.")).containsExactly("left");
        wanted.add("*.apps.test");
        try (AcmeCertificates certificates = certificates(updates())) {
            certificates.tick();
            assertThat(certificates.find("x.apps.test")).isNotNull();
        }
        assertThat(bind.texts("_acme-challenge.old.apps.test.")).isEmpty();
        assertThat(Files.readString(dir.resolve("state").resolve("acme-dns.json"))
                        .strip())
                .isEqualTo("[]");
    }

    @Test
    void aWildcardWithoutTheDnsSaysWhatIsMissing() throws Exception {
        wanted.add("*.apps.test");
        try (AcmeCertificates certificates = new AcmeCertificates(
                store,
                AcmeSettings.of(List.of(new Server(pebble.directory(), null, null, null)), true)
                        .trusted(pebble.trusted),
                Precheck.NONE,
                () -> wanted,
                clock,
                time -> {})) {
            certificates.tick();
            assertThat(certificates.state("*.apps.test", clock.now).why()).contains("--acme-dns");
            assertThat(pebble.count("There are now \\d+ orders")).isZero();
        }
    }
}
