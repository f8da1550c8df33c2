package dev.culvert.gateway.accesslog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@NullUnmarked
final class AccessLogTest {
    @TempDir
    Path dir;

    private static AccessRecord record(String publication, String target) {
        return new AccessRecord(
                Instant.EPOCH,
                "192.0.2.1",
                null,
                "",
                "GET",
                null,
                target,
                "HTTP/1.1",
                200,
                0,
                0,
                Duration.ZERO,
                null,
                true,
                publication,
                "office",
                null,
                null,
                null,
                null,
                null);
    }

    private AccessLog log() throws IOException {
        return AccessLog.in(dir.resolve("access"), AccessFormat.COMBINED, Clock.systemUTC());
    }

    @Test
    void eachPublicationHasAFileOfItsOwnerOnly() throws Exception {
        try (AccessLog log = log()) {
            log.add(record("a.test", "/1"));
            log.add(record("tcp:22", "tcp:22"));
            log.add(record("a.test", "/2"));
        }
        Path file = dir.resolve("access/a.test.log");
        assertThat(Files.readAllLines(file))
                .satisfiesExactly(
                        l -> assertThat(l).contains("/1 "), l -> assertThat(l).contains("/2 "));
        assertThat(Files.readAllLines(dir.resolve("access/tcp_22.log"))).hasSize(1);
        assertThat(Files.getPosixFilePermissions(file)).isEqualTo(PosixFilePermissions.fromString("rw-------"));
    }

    /** Files that cannot be open at once are opened again when they are written. */
    @Test
    void asManyPublicationsAsThereAre() throws Exception {
        int publications = 2 * AccessLog.MAX_OPEN;
        try (AccessLog log = log()) {
            for (int turn = 0; turn < 2; turn++) {
                for (int i = 0; i < publications; i++) {
                    log.add(record("p" + i + ".test", "/" + turn));
                }
                Path last = dir.resolve("access/p" + (publications - 1) + ".test.log");
                int lines = turn + 1;
                await().atMost(60, TimeUnit.SECONDS)
                        .ignoreExceptions()
                        .until(() -> Files.readAllLines(last).size() == lines);
            }
        }
        for (int i = 0; i < publications; i++) {
            assertThat(Files.readAllLines(dir.resolve("access/p" + i + ".test.log")))
                    .hasSize(2);
        }
    }

    /** One that cannot be written holds up no other, and what it could not take is counted in it. */
    @Test
    void aFileThatCannotBeWrittenHarmsNoOther() throws Exception {
        Path blocked = dir.resolve("access/a.test.log");
        Files.createDirectories(blocked);
        int more = 200;
        try (AccessLog log = log()) {
            log.add(record("a.test", "/"));
            log.add(record("b.test", "/"));
            await().atMost(60, TimeUnit.SECONDS).until(() -> Files.exists(dir.resolve("access/b.test.log")));
            for (int i = 0; i < 3 * AccessLog.QUEUE; i++) {
                log.add(record("a.test", "/" + i));
            }
            Files.delete(blocked);
            await().atMost(60, TimeUnit.SECONDS)
                    .ignoreExceptions()
                    .until(() -> Files.readAllLines(blocked).stream().anyMatch(l -> l.startsWith("# ")));
            for (int i = 0; i < more; i++) {
                log.add(record("b.test", "/"));
            }
        }
        List<String> lines = Files.readAllLines(blocked);
        long lost = lines.stream()
                .filter(l -> l.startsWith("# "))
                .mapToLong(l -> Long.parseLong(l.split(" ")[1]))
                .sum();
        long said = lines.stream().filter(l -> !l.startsWith("# ")).count();
        assertThat(lost).isPositive();
        assertThat(said + lost).isEqualTo(3L * AccessLog.QUEUE + 1);
        assertThat(Files.readAllLines(dir.resolve("access/b.test.log"))).hasSize(more + 1);
    }

    @Test
    void whatIsNoMorePublishedIsStillWritten() throws Exception {
        try (AccessLog log = log()) {
            log.add(record("a.test", "/1"));
            log.follow(List.of("b.test"));
            log.add(record("a.test", "/2"));
        }
        assertThat(Files.readAllLines(dir.resolve("access/a.test.log"))).hasSize(2);
    }

    @Test
    void aDirectoryThatCannotBeIsNamed() {
        assertThatThrownBy(() -> AccessLog.in(dir.resolve("no/such"), AccessFormat.JSON, Clock.systemUTC()))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("no/such")
                .hasMessageContaining("--access-log");
    }
}
