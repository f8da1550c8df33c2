package dev.culvert.tun.undo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

final class UndoJournalTest {
    @TempDir
    Path directory;

    private Path file;
    private final List<UndoStep> undone = new ArrayList<>();
    private final Set<UndoStep> stubborn = new HashSet<>();

    @BeforeEach
    void name() {
        file = directory.resolve("a/b/undo.journal");
    }

    private UndoJournal open() throws Exception {
        return UndoJournal.open(file, steps -> {
            List<UndoFailure> failures = new ArrayList<>();
            for (UndoStep step : steps) {
                if (stubborn.contains(step)) {
                    failures.add(new UndoFailure(step, "stubborn"));
                } else {
                    undone.add(step);
                }
            }
            return failures;
        });
    }

    private static UndoStep route(int n) {
        return new UndoStep.DeleteRoute("10." + n / 256 + "." + n % 256 + ".0/24", "tun0");
    }

    private static UndoStep step(int n) {
        switch (n % 3) {
            case 0:
                return route(n);
            case 1:
                return new UndoStep.DeleteAddress("tun\"" + n, "10.0.0." + n, 24);
            default:
                return new UndoStep.RestoreLink("tun" + n, 1500 + n, 500, n % 2 == 0);
        }
    }

    /** The system says why, and neither of what nor where. */
    @Test
    void whatCannotBeWrittenIsToldWithItsPath() throws Exception {
        UndoJournal journal = open();
        journal.record(step(0));
        journal.close();
        assertThatThrownBy(() -> journal.record(step(1)))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith("write undo journal " + file + ": ");
        assertThatThrownBy(journal::replay)
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith("write undo journal " + file + ": ");
    }

    /** One that another program wrote, or a bad disk: a line of the log, not one for each of its own. */
    @Test
    void aFileThatIsNoJournalIsToldOfInOneLine() throws Exception {
        open().close();
        Files.writeString(file, "{}\n".repeat(1_000));
        Logger logger = (Logger) LoggerFactory.getLogger(UndoJournal.class);
        ListAppender<ILoggingEvent> said = new ListAppender<>();
        said.start();
        logger.addAppender(said);
        Level before = logger.getLevel();
        logger.setLevel(Level.WARN);
        try (UndoJournal journal = open()) {
            assertThat(journal.pending()).isEmpty();
        } finally {
            logger.detachAppender(said);
            logger.setLevel(before);
        }
        assertThat(said.list)
                .singleElement()
                .extracting(ILoggingEvent::getFormattedMessage)
                .isEqualTo(
                        "undo journal " + file + ": 1000 of its lines are unreadable, left out; the first is line 1");
    }

    @Test
    void undoesInReverseAndOnce() throws Exception {
        try (UndoJournal journal = open()) {
            for (int i = 0; i < 6; i++) {
                journal.record(step(i));
            }
        }
        try (UndoJournal journal = open()) {
            assertThat(journal.pending()).containsExactly(step(0), step(1), step(2), step(3), step(4), step(5));
            assertThat(journal.replay()).isEmpty();
            assertThat(undone).containsExactly(step(5), step(4), step(3), step(2), step(1), step(0));
            journal.replay();
        }
        try (UndoJournal journal = open()) {
            journal.replay();
        }
        assertThat(undone).hasSize(6);
    }

    @Test
    void keepsWhatFailsAndGoesOn() throws Exception {
        stubborn.add(step(1));
        try (UndoJournal journal = open()) {
            journal.record(List.of(step(0), step(1), step(2)));
            assertThat(journal.replay()).containsExactly(new UndoFailure(step(1), "stubborn"));
            assertThat(undone).containsExactly(step(2), step(0));
        }
        stubborn.clear();
        try (UndoJournal journal = open()) {
            assertThat(journal.pending()).containsExactly(step(1));
            assertThat(journal.replay()).isEmpty();
        }
        assertThat(file).isEmptyFile();
    }

    @Test
    void isPrivate() throws Exception {
        Files.createDirectories(directory.resolve("a/b"));
        Files.writeString(file, "");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
        open().close();
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
    }

    /** Whatever byte a crash stops at: all steps whose line is whole are there, none is made up. */
    @Test
    void survivesTruncationAtEveryByte() throws Exception {
        long seed = System.nanoTime();
        List<UndoStep> model = new ArrayList<>();
        List<List<UndoStep>> states = new ArrayList<>();
        List<Long> sizes = new ArrayList<>();
        Random random = new Random(seed);
        try (UndoJournal journal = open()) {
            journal.record(step(0));
            model.add(step(0));
            for (int i = 1; i < 25; i++) {
                if (random.nextInt(3) == 0 && model.size() > 1) {
                    UndoStep gone = model.remove(random.nextInt(model.size()));
                    journal.forget(List.of(gone));
                } else {
                    journal.record(step(i));
                    model.add(step(i));
                }
                sizes.add(Files.size(file));
                states.add(List.copyOf(model));
            }
        }
        byte[] all = Files.readAllBytes(file);
        for (int cut = all.length; cut >= 0; cut--) {
            Files.write(file, Arrays.copyOf(all, cut));
            List<UndoStep> pending;
            try (UndoJournal journal = open()) {
                pending = journal.pending();
                // A new change after the crash is read back whole behind the torn line.
                journal.record(route(999));
            }
            int at = -1;
            while (at + 1 < sizes.size() && sizes.get(at + 1) <= cut) {
                at++;
            }
            if (at >= 0) {
                List<List<UndoStep>> allowed = new ArrayList<>(List.of(states.get(at)));
                if (at + 1 < states.size() && cut == sizes.get(at + 1) - 1) {
                    // Only the line end is missing: the line means what it says.
                    allowed.add(states.get(at + 1));
                }
                assertThat(allowed).as("cut at " + cut + ", seed " + seed).contains(pending);
            }
            List<UndoStep> after = new ArrayList<>(pending);
            after.add(route(999));
            try (UndoJournal journal = open()) {
                assertThat(journal.pending()).as("after cut at " + cut).isEqualTo(after);
            }
        }
    }

    @Test
    void agreesWithASimpleListUnderRandomUse() throws Exception {
        for (int round = 0; round < 30; round++) {
            long seed = System.nanoTime();
            Random random = new Random(seed);
            Files.deleteIfExists(file);
            undone.clear();
            stubborn.clear();
            List<UndoStep> model = new ArrayList<>();
            UndoJournal journal = open();
            for (int op = 0; op < 60; op++) {
                switch (random.nextInt(6)) {
                    case 0, 1:
                        List<UndoStep> added = new ArrayList<>();
                        for (int i = random.nextInt(4); i >= 0; i--) {
                            added.add(step(random.nextInt(40)));
                        }
                        journal.record(added);
                        model.addAll(added);
                        break;
                    case 2:
                        UndoStep gone = step(random.nextInt(40));
                        journal.forget(List.of(gone));
                        int last = model.lastIndexOf(gone);
                        if (last >= 0) {
                            model.remove(last);
                        }
                        break;
                    case 3:
                        stubborn.clear();
                        stubborn.add(step(random.nextInt(40)));
                        undone.clear();
                        int failures = journal.replay().size();
                        List<UndoStep> expected = new ArrayList<>(model);
                        expected.removeIf(stubborn::contains);
                        Collections.reverse(expected);
                        assertThat(undone).as("seed " + seed).isEqualTo(expected);
                        model.removeIf(s -> !stubborn.contains(s));
                        assertThat(failures).isEqualTo(model.size());
                        break;
                    default:
                        journal.close();
                        journal = open();
                        break;
                }
                assertThat(journal.pending()).as("seed " + seed + " op " + op).isEqualTo(model);
            }
            journal.close();
        }
    }

    @Test
    void leavesAnotherLiveProcessAlone() throws Exception {
        Process other = new ProcessBuilder("sleep", "60").start();
        try {
            try (UndoJournal journal = open()) {
                journal.record(step(1));
            }
            String owned = Files.readString(file);
            long pid = other.pid();
            String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
            String start = stat.substring(stat.lastIndexOf(')') + 2).split(" ")[19];
            Files.writeString(
                    file,
                    owned.replaceFirst("\"pid\":\\d+", "\"pid\":" + pid)
                            .replaceFirst("\"start\":\\d+", "\"start\":" + start));
            try (UndoJournal journal = open()) {
                assertThat(journal.ownerAlive()).isTrue();
                assertThatThrownBy(journal::replay).hasMessageContaining(pid + " that wrote it still runs");
                assertThatThrownBy(() -> journal.record(step(2))).hasMessageContaining("stop that one first");
                other.destroyForcibly().waitFor();
                assertThat(journal.ownerAlive()).isFalse();
                assertThat(journal.replay()).isEmpty();
            }
            assertThat(undone).containsExactly(step(1));
        } finally {
            other.destroyForcibly();
        }
    }

    @Test
    void knowsAReusedProcessId() throws Exception {
        try (UndoJournal journal = open()) {
            journal.record(step(1));
        }
        // Process 1 runs, but did not start then.
        Files.writeString(file, Files.readString(file).replaceFirst("\"pid\":\\d+", "\"pid\":1"));
        try (UndoJournal journal = open()) {
            assertThat(journal.ownerAlive()).isFalse();
        }
    }

    @Test
    void readsTheWholeBootId() {
        // A UUID: a first character of it would be the same after one reboot in sixteen.
        assertThat(ProcessIdentity.bootId()).matches("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");
    }

    @Test
    void dropsWhatARebootHasUndone() throws Exception {
        try (UndoJournal journal = open()) {
            journal.record(step(1));
        }
        Files.writeString(file, Files.readString(file).replaceFirst("\"boot\":\"[^\"]*\"", "\"boot\":\"another\""));
        try (UndoJournal journal = open()) {
            assertThat(journal.pending()).isEmpty();
            journal.record(step(2));
        }
        try (UndoJournal journal = open()) {
            assertThat(journal.pending()).containsExactly(step(2));
        }
    }

    /** Holds a file locked until its input ends, as a process does that is on its way out. */
    static final class Holder {
        private Holder() {}

        public static void main(String[] arguments) throws Exception {
            try (FileChannel file = FileChannel.open(Path.of(arguments[0]), StandardOpenOption.WRITE);
                    FileLock lock = file.lock()) {
                System.out.println("held " + lock.isValid());
                System.in.read();
            }
        }
    }

    /** It said that somebody used it: "client down", of a client that had just ended. */
    @Test
    @Timeout(180)
    void aProcessThatHasEndedMayHoldTheFileForAMoment() throws Exception {
        try (UndoJournal journal = open()) {
            journal.record(step(1));
        }
        Process holder = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Holder.class.getName(),
                        file.toString())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        try (UndoJournal journal = open()) {
            assertThat(holder.inputReader().readLine()).isEqualTo("held true");
            FutureTask<Void> use = new FutureTask<>(() -> {
                journal.record(step(2));
                return null;
            });
            Thread user = new Thread(use);
            user.start();
            while (user.getState() != Thread.State.TIMED_WAITING && !use.isDone()) {
                Thread.onSpinWait();
            }
            holder.getOutputStream().close();
            use.get();
            assertThat(journal.pending()).containsExactly(step(1), step(2));
        } finally {
            holder.destroyForcibly();
        }
    }

    @Test
    void givesOneUserAtATimeTheFile() throws Exception {
        try (UndoJournal first = open();
                UndoJournal second = open()) {
            first.record(step(1));
            assertThatThrownBy(() -> second.record(step(2))).hasMessageContaining("in use");
        }
    }

    @Test
    void leavesOutGarbage() throws Exception {
        try (UndoJournal journal = open()) {
            journal.record(step(1));
        }
        String garbage = "garbage\n{}\n[]\n{\"record\":\"delete-route\"}\n{\"record\":7}\n\u0000\u0001\n"
                + "{\"record\":\"delete-route\",\"id\":\"x\",\"network\":1,\"if\":[]}\n";
        Files.write(file, (garbage + Files.readString(file) + garbage).getBytes(StandardCharsets.UTF_8));
        try (UndoJournal journal = open()) {
            assertThat(new TreeSet<>(List.of(journal.pending().toString())))
                    .containsExactly(List.of(step(1)).toString());
        }
    }

    /** What root would do at the word of whoever could write here. */
    @Test
    void believesNoField() throws Exception {
        try (UndoJournal journal = open()) {
            journal.record(step(1));
        }
        String injection = "x\\nlink set lo down\\n";
        String lines = "{\"record\":\"restore-link\",\"id\":7,\"if\":\"" + injection
                + "\",\"mtu\":1500,\"txQueueLength\":1,\"up\":true}\n"
                + "{\"record\":\"delete-address\",\"id\":8,\"if\":\"lo\",\"address\":\"127.0.0.1 dev lo\",\"prefixLength\":8}\n"
                + "{\"record\":\"delete-address\",\"id\":9,\"if\":\"lo\",\"address\":\"127.0.0.1\",\"prefixLength\":99}\n"
                + "{\"record\":\"delete-address\",\"id\":9,\"if\":\"a b\",\"address\":\"127.0.0.1\",\"prefixLength\":8}\n"
                + "{\"record\":\"delete-route\",\"id\":10,\"network\":\"10.0.0.0/8\\nroute del default\",\"if\":\"lo\"}\n"
                + "{\"record\":\"delete-route\",\"id\":11,\"network\":\"10.0.0.1/8\",\"if\":\"lo\"}\n"
                + "{\"record\":\"delete-route\",\"id\":-1,\"network\":\"10.0.0.0/8\",\"if\":\"lo\"}\n"
                + "{\"record\":\"delete-unreachable\",\"id\":12,\"network\":\"default\"}\n"
                + "{\"record\":\"owner\",\"pid\":-1,\"start\":1,\"boot\":\"x\"}\n"
                + "{\"record\":\"owner\",\"pid\":1,\"start\":-1,\"boot\":\"x\"}\n"
                + "{\"record\":\"owner\",\"pid\":1,\"start\":1,\"boot\":\"x\\n\"}\n";
        Files.writeString(file, Files.readString(file) + lines);
        try (UndoJournal journal = open()) {
            assertThat(journal.pending()).containsExactly(step(1));
            assertThat(journal.ownerAlive()).isFalse();
        }
    }

    @Test
    void refusesWhatOthersCouldHaveWritten() throws Exception {
        open().close();
        Path own = directory.resolve("a/b");
        for (String mode : List.of("rwxrwxrwx", "rwx----w-")) {
            Files.setPosixFilePermissions(own, PosixFilePermissions.fromString(mode));
            assertThatThrownBy(this::open)
                    .hasMessageContaining("written by others")
                    .hasMessageContaining("chmod");
        }
        Files.setPosixFilePermissions(own, PosixFilePermissions.fromString("rwx------"));
        Files.setPosixFilePermissions(directory.resolve("a"), PosixFilePermissions.fromString("rwxrwxrwx"));
        assertThatThrownBy(this::open).hasMessageContaining("could replace");
        Files.setPosixFilePermissions(directory.resolve("a"), PosixFilePermissions.fromString("rwxr-xr-x"));
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-----w-"));
        assertThatThrownBy(this::open).hasMessageContaining("it may say anything");
        Files.delete(file);
        Path elsewhere = Files.writeString(directory.resolve("elsewhere"), "");
        Files.createSymbolicLink(file, elsewhere);
        assertThatThrownBy(this::open).hasMessageContaining("is a link");
        Files.delete(file);
        Files.createLink(file, elsewhere);
        assertThatThrownBy(this::open).hasMessageContaining("is a link");
        Files.delete(file);
        open().close();
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(own)))
                .isEqualTo("rwx------");
        if ((int) Files.getAttribute(own, "unix:uid") == 0) {
            Files.setAttribute(own, "unix:uid", 65534);
            assertThatThrownBy(this::open).hasMessageContaining("belongs to user 65534");
            Files.setAttribute(own, "unix:uid", 0);
            Files.setAttribute(file, "unix:uid", 65534);
            assertThatThrownBy(this::open).hasMessageContaining("belongs to user 65534");
        }
    }
}
