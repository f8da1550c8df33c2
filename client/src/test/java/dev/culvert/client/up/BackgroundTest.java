package dev.culvert.client.up;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.command.LineFile;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What {@code client up --detach} is made of; the whole of it is LoginIT's. */
@NullUnmarked
@Timeout(120)
final class BackgroundTest {
    private final ByteArrayOutputStream shown = new ByteArrayOutputStream();

    @TempDir
    Path dir;

    private int follow(String script) throws Exception {
        Process process = new ProcessBuilder("sh", "-c", script).start();
        try {
            return Background.follow(process, shown);
        } finally {
            process.destroyForcibly();
        }
    }

    private String shown() {
        return shown.toString(StandardCharsets.UTF_8);
    }

    @Test
    void whatItSaysIsShownUntilItIsUp() throws Exception {
        assertThat(follow("echo connecting; printf 'up\\n\\000not shown'; exec sleep 100"))
                .isZero();
        assertThat(shown()).isEqualTo("connecting\nup\n");
    }

    @Test
    void itsFailureIsOurs() throws Exception {
        assertThat(follow("echo connecting; exit 7")).isEqualTo(7);
        assertThat(shown()).isEqualTo("connecting\n");
        assertThat(follow("exit 0")).as("it ended, and was not up").isEqualTo(1);
    }

    @Test
    void itIsStartedAsThisOneWas() throws Exception {
        assertThat(Background.again(List.of("java", "-Xmx1m", "-cp", "a:b", "Main", "up", "--detach", "Main"), "Main"))
                .containsExactly(
                        "java",
                        "-Xmx1m",
                        "-cp",
                        "a:b",
                        "-Dculvert.background=true",
                        "-Dculvert.terminal=false",
                        "Main",
                        "up",
                        "--detach",
                        "Main");
        assertThatThrownBy(() -> Background.again(List.of("client", "up"), "Main"))
                .hasMessage("--detach: it cannot be told how this program was started; use your shell's &");
    }

    @Test
    void linesGoToTheLogWithTheirTimeAndToTheTerminalWhileThereIsOne() throws Exception {
        Path file = dir.resolve("client.log");
        Instant now = Instant.parse("2026-11-30T12:00:00.123Z");
        try (LineFile log = new LineFile(file, 1 << 20, 1);
                LoggedOutput out = new LoggedOutput(shown, log, Clock.fixed(now, ZoneOffset.UTC))) {
            out.write("one\ntw".getBytes(StandardCharsets.UTF_8));
            out.write('o');
            out.write("\nthree".getBytes(StandardCharsets.UTF_8));
            assertThat(shown()).isEqualTo("one\ntwo\nthree");
            out.leaveTerminal();
            out.write(" and more\n".getBytes(StandardCharsets.UTF_8));
            assertThat(shown()).isEqualTo("one\ntwo\nthree");
            out.write("x".repeat(LoggedOutput.MAX_LINE + 1).getBytes(StandardCharsets.UTF_8));
        }
        assertThat(Files.readAllLines(file))
                .containsExactly(
                        "2026-11-30T12:00:00Z one",
                        "2026-11-30T12:00:00Z two",
                        "2026-11-30T12:00:00Z three and more",
                        "2026-11-30T12:00:00Z " + "x".repeat(LoggedOutput.MAX_LINE));
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
    }

    @Test
    void theLogIsBounded() throws Exception {
        Path file = dir.resolve("client.log");
        try (LineFile log = new LineFile(file, 10_000, 1);
                LoggedOutput out = new LoggedOutput(shown, log, Clock.systemUTC())) {
            for (int i = 0; i < 1_000; i++) {
                out.write(("line " + i + " " + "x".repeat(50) + "\n").getBytes(StandardCharsets.UTF_8));
            }
        }
        assertThat(Files.size(file)).isPositive().isLessThanOrEqualTo(10_000);
        assertThat(Files.readString(file)).contains("line 999 ");
        assertThat(Files.size(dir.resolve("client.log.1"))).isLessThanOrEqualTo(10_000);
        assertThat(dir.resolve("client.log.2")).doesNotExist();
    }
}
