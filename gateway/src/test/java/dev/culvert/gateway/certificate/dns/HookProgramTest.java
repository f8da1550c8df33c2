package dev.culvert.gateway.certificate.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import org.awaitility.Awaitility;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;
import org.xbill.DNS.Name;

@NullUnmarked
@Timeout(60)
final class HookProgramTest {
    @TempDir
    Path dir;

    private final ListAppender<ILoggingEvent> log = new ListAppender<>();
    private final Logger logger = (Logger) LoggerFactory.getLogger(HookProgram.class);
    private Name name;
    private Name zone;

    @BeforeEach
    void begin() throws Exception {
        name = Name.fromString("_acme-challenge.app.example.");
        zone = Name.fromString("example.");
        logger.setLevel(Level.INFO);
        log.start();
        logger.addAppender(log);
    }

    @AfterEach
    void end() {
        logger.detachAppender(log);
        logger.setLevel(null);
    }

    private HookProgram program(Duration timeout, String script) throws IOException {
        Path file = Files.writeString(dir.resolve("hook"), "#!/bin/sh\ncd " + dir + "\n" + script + "\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
        return new HookProgram(new DnsSettings.Program(file, timeout));
    }

    private Path file(String named) {
        return dir.resolve(named);
    }

    @Test
    void isToldWhatToDoAsLegoTellsIt() throws Exception {
        HookProgram program =
                program(Duration.ofSeconds(30), "printf '%s|' \"$@\" >> told; cat >> told; echo done; echo >&2 well");
        program.present(name, zone, "-v a'l\"ue$x");
        program.cleanUp(name, zone, "value");
        assertThat(Files.readString(file("told")))
                .isEqualTo(
                        "present|_acme-challenge.app.example.|-v a'l\"ue$x|cleanup|_acme-challenge.app.example.|value|");
        assertThat(log.list.stream().map(ILoggingEvent::getFormattedMessage))
                .contains(
                        "hook present _acme-challenge.app.example.: done",
                        "hook present _acme-challenge.app.example.: well");
    }

    @Test
    void anExitCodeIsAFailureWithItsLastWords() throws Exception {
        HookProgram program = program(Duration.ofSeconds(30), "echo first; echo 'no such\u001b[31m zone'; exit 3");
        assertThatThrownBy(() -> program.present(name, zone, "value"))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith(dir.resolve("hook") + " present ended with exit code 3: no such")
                .hasMessageNotContaining("\u001b");
    }

    @Test
    void whatDoesNotEndIsKilledWithAllThatItStarted() throws Exception {
        HookProgram program = program(
                Duration.ofMillis(1_500),
                "echo begun; sleep 600 & echo $! > child; sh -c 'sleep 600 & echo $! > orphan'; sleep 600");
        assertThatThrownBy(() -> program.present(name, zone, "value"))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("was killed");
        for (String each : new String[] {"child", "orphan"}) {
            if (Files.exists(file(each))) { // else the machine froze before it came so far
                long pid = Long.parseLong(Files.readString(file(each)).strip());
                Awaitility.await()
                        .until(() ->
                                ProcessHandle.of(pid).map(p -> !p.isAlive()).orElse(true));
            }
        }
    }

    @Test
    void muchOutputIsReadAndNotKept() throws Exception {
        HookProgram program =
                program(Duration.ofSeconds(50), "head -c 3000000 /dev/zero | tr '\\0' 'x'; seq 1 5000; exit 0");
        program.present(name, zone, "value");
        assertThat(log.list).hasSizeBetween(1, 20);
        assertThat(log.list).allSatisfy(e -> assertThat(e.getFormattedMessage()).hasSizeLessThan(500));
    }

    @Test
    void aChildThatLivesOnIsNotWaitedFor() throws Exception {
        HookProgram program = program(Duration.ofSeconds(30), "sleep 20 & echo $! > child; exit 0");
        program.present(name, zone, "value");
        ProcessHandle.of(Long.parseLong(Files.readString(file("child")).strip()))
                .ifPresent(ProcessHandle::destroyForcibly);
    }

    @Test
    void aProgramThatCannotBeRunIsSaid() throws Exception {
        HookProgram program = program(Duration.ofSeconds(5), "");
        Files.delete(file("hook"));
        assertThatThrownBy(() -> program.present(name, zone, "value")).isInstanceOf(IOException.class);
    }
}
