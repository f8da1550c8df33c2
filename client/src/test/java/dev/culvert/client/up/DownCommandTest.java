package dev.culvert.client.up;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.client.ClientCommand;
import dev.culvert.command.Program;
import dev.culvert.tun.undo.UndoJournal;
import dev.culvert.tun.undo.UndoStep;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

final class DownCommandTest {
    /** A client that ends at once when it is told to, and takes nothing back. */
    static final class Unclean {
        private Unclean() {}

        static Process start(Path directory) throws IOException {
            return new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-cp",
                            System.getProperty("java.class.path"),
                            Unclean.class.getName(),
                            directory.toString(),
                            ClientCommand.class.getName())
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
        }

        /** When it has returned, the client is up. */
        static void await(BufferedReader out) {
            assertThat(out.lines().anyMatch("ready"::equals)).isTrue(); // between lines of a log
        }

        public static void main(String[] args) throws Exception {
            UndoJournal journal = ClientJournal.open(Path.of(args[0]));
            journal.record(new UndoStep.DeleteAddress("cv-none0", "198.51.100.1", 32));
            System.out.println("ready");
            System.in.read(); // until it is told to end, or the test has ended
            journal.close();
        }
    }

    /** It said "down", and what the client had changed stayed. */
    @Test
    @Timeout(180)
    void whatAClientLeavesThatDiesWhileItEndsIsTakenBack(@TempDir Path directory) throws Exception {
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx------"));
        Process client = Unclean.start(directory);
        try (BufferedReader out = client.inputReader()) {
            Unclean.await(out);
            assertThat(Program.commandLine(new ClientCommand()).execute("down", "--state", directory.toString()))
                    .isZero();
            assertThat(client.waitFor(60, TimeUnit.SECONDS)).isTrue();
            try (UndoJournal journal = ClientJournal.open(directory)) {
                assertThat(journal.pending()).isEmpty();
            }
        } finally {
            client.destroyForcibly();
        }
    }
}
