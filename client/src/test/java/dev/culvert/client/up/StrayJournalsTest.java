package dev.culvert.client.up;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tun.undo.UndoFailure;
import dev.culvert.tun.undo.UndoJournal;
import dev.culvert.tun.undo.UndoStep;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Journals of before a boot, of a container that was started anew, and of other namespaces, in one state directory. */
final class StrayJournalsTest {
    private static final UndoStep ROUTE = new UndoStep.DeleteRoute("10.0.0.0/8", "culvert0");

    @TempDir
    Path directory;

    /** What the file of this namespace says. */
    private final Predicate<UndoStep> here = step -> step.equals(conf("00000000000000aa"));

    private final List<UndoStep> undone = new ArrayList<>();
    private List<UndoStep> refused = List.of();

    @BeforeEach
    void closeToOthers() throws Exception {
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx------"));
    }

    private static UndoStep conf(String mark) {
        return new UndoStep.RestoreResolvConf(
                "/etc/resolv.conf", UndoStep.RestoreResolvConf.Kind.FILE, "nameserver 192.0.2.1\n", 0644, 0, 0, mark);
    }

    private UndoJournal open(Path file) throws IOException {
        return UndoJournal.open(file, steps -> {
            undone.addAll(steps);
            return steps.stream()
                    .filter(refused::contains)
                    .map(step -> new UndoFailure(step, "refused"))
                    .toList();
        });
    }

    /** @param owner what is put in the place of this process and boot */
    private Path journal(String number, String owner, UndoStep... steps) throws Exception {
        Path file = directory.resolve("undo-" + number + ".journal");
        try (UndoJournal journal = open(file)) {
            journal.record(List.of(steps));
        }
        Files.writeString(file, Files.readString(file).replaceFirst("\"pid\".*\"boot\":\"[^\"]*\"", owner));
        return file;
    }

    private static String ofAnotherBoot() {
        return "\"pid\":1,\"start\":1,\"boot\":\"another\"";
    }

    private StrayJournals strays() {
        return new StrayJournals(directory, this::open, here);
    }

    private List<UndoStep> pending(Path file) throws IOException {
        try (UndoJournal journal = open(file)) {
            return journal.pending();
        }
    }

    @Test
    void afterABootItsFileIsPutBackWhateverTheNumberIsNow() throws Exception {
        Path file = journal("1", ofAnotherBoot(), ROUTE, conf("00000000000000aa"));
        assertThat(strays().count()).isEqualTo(1);
        assertThat(strays().takeBack()).isEqualTo(new StrayJournals.Outcome(1, List.of()));
        assertThat(undone).as("no route: that went with the boot").containsExactly(conf("00000000000000aa"));
        assertThat(pending(file)).isEmpty();
        assertThat(strays().count()).isZero();
    }

    @Test
    void anotherNamespacesFileIsLeftToIt() throws Exception {
        Path file = journal("1", ofAnotherBoot(), conf("00000000000000bb"));
        assertThat(strays().takeBack()).isEqualTo(new StrayJournals.Outcome(0, List.of()));
        assertThat(undone).isEmpty();
        assertThat(pending(file)).containsExactly(conf("00000000000000bb"));
    }

    /** A container that was killed and started anew, or a namespace beside this one: its routes are not ours to take. */
    @Test
    void inThisBootToo() throws Exception {
        String ended = owner().replaceFirst("\"start\":\\d+", "\"start\":1");
        Path file = journal("1", ended, ROUTE, conf("00000000000000aa"));
        assertThat(strays().takeBack().takenBack()).isEqualTo(1);
        assertThat(undone).containsExactly(conf("00000000000000aa"));
        assertThat(pending(file)).containsExactly(ROUTE);
    }

    @Test
    void whoIsAliveKeepsIts() throws Exception {
        Process other = new ProcessBuilder("sleep", "600").start();
        try {
            String[] stat =
                    Files.readString(Path.of("/proc/" + other.pid() + "/stat")).split(" ");
            String alive = owner().replaceFirst("\"pid\":\\d+", "\"pid\":" + other.pid())
                    .replaceFirst("\"start\":\\d+", "\"start\":" + stat[21]);
            Path file = journal("1", alive, conf("00000000000000aa"));
            assertThat(strays().count()).isZero();
            assertThat(strays().takeBack()).isEqualTo(new StrayJournals.Outcome(0, List.of()));
            assertThat(pending(file)).hasSize(1);
        } finally {
            other.destroyForcibly();
        }
    }

    @Test
    void whatCannotBeIsSaidAndStays() throws Exception {
        Path refusing = journal("1", ofAnotherBoot(), conf("00000000000000aa"));
        Path open = journal("2", ofAnotherBoot(), conf("00000000000000aa"));
        Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rw-rw-rw-"));
        refused = List.of(conf("00000000000000aa"));
        StrayJournals.Outcome outcome = strays().takeBack();
        assertThat(outcome.takenBack()).isZero();
        assertThat(outcome.failures())
                .containsExactlyInAnyOrder(
                        "could not take back /etc/resolv.conf: refused",
                        "use undo journal: " + open
                                + " can be written by others, so it may say anything; move it away");
        assertThat(pending(refusing)).hasSize(1);
    }

    /** Of this namespace: that one is the caller's. */
    @Test
    void theOwnOneIsNoStray() throws Exception {
        String own = ClientJournal.path(directory).getFileName().toString().replaceAll("[^0-9]", "");
        journal(own, ofAnotherBoot(), conf("00000000000000aa"));
        assertThat(strays().count()).isZero();
        assertThat(new StrayJournals(directory.resolve("none")).count()).isZero();
    }

    /** This process, as a journal has it. */
    private String owner() throws Exception {
        Path file = directory.resolve("undo-own.journal");
        try (UndoJournal journal = open(file)) {
            journal.record(ROUTE);
        }
        String line = Files.readString(file).lines().findFirst().orElseThrow();
        Files.delete(file);
        return line.substring(line.indexOf("\"pid\""), line.lastIndexOf('}'));
    }
}
