package dev.culvert.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.store.contract.StoreContract;
import java.io.BufferedReader;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The contract by files, and what only files have: their names, their form, their rights, and processes that are killed. */
@NullUnmarked
final class FileStoreTest extends StoreContract {
    private static final Document OPEN = Document.open("notes.txt");
    private static final Document SECRET = Document.secret("secret.key");
    private static final Instant EXPIRES = Instant.parse("2027-01-01T00:00:00Z");
    private static final int KEYS = 100;

    @TempDir
    Path dir;

    @Override
    protected FileStore open() throws StateException {
        FileStore store = new FileStore(dir.resolve("state"));
        store.createDirectory();
        return store;
    }

    private Path file(String name) {
        return dir.resolve("state").resolve(name);
    }

    private static Register register(Store store) throws StateException {
        return store.register("bindings", Instant.EPOCH, (key, value) -> {});
    }

    private static String mode(Path file) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
    }

    @Test
    void documentsAreFilesOfTheirNamesAndRights() throws Exception {
        FileStore store = open();
        store.put(OPEN, "o\n");
        store.put(SECRET, "s\n");
        register(store).bind("key", "value", EXPIRES);
        store.claim("gateway").close();
        assertThat(file("notes.txt")).hasContent("o\n");
        assertThat(mode(file("notes.txt"))).isEqualTo("rw-r--r--");
        assertThat(mode(file("secret.key"))).isEqualTo("rw-------");
        assertThat(mode(file("bindings"))).isEqualTo("rw-------");
        assertThat(mode(dir.resolve("state"))).isEqualTo("rwx------");
        assertThat(file("bindings")).hasContent("key value " + EXPIRES.getEpochSecond() + "\n");
        try (Stream<Path> files = Files.list(dir.resolve("state"))) {
            assertThat(files.map(f -> f.getFileName().toString()))
                    .containsExactlyInAnyOrder("notes.txt", "secret.key", "bindings", ".lock", ".gateway.lock");
        }
    }

    @Test
    void namesLeadNowhereElse() {
        for (String name : List.of("", ".", "..", ".lock", "a/b", "../a", "a\nb", "a b", "x".repeat(200))) {
            assertThatThrownBy(() -> Document.open(name)).isInstanceOf(IllegalArgumentException.class);
        }
    }

    /** Same size, same inode, and somebody sets the time back, as backups and rsync do. */
    @Test
    void whatPeopleWriteIsSeenUnderTheOldTimeToo() throws Exception {
        FileStore store = open();
        FileTime time = FileTime.from(Instant.parse("2026-01-01T00:00:00Z"));
        Files.writeString(file("notes.txt"), "a");
        Files.setLastModifiedTime(file("notes.txt"), time);
        Watch<String> watch = new Watch<>(store, OPEN, () -> store.require(OPEN));
        Files.writeString(file("notes.txt"), "b");
        Files.setLastModifiedTime(file("notes.txt"), time);
        assertThat(watch.refresh()).isTrue();
        assertThat(watch.current()).isEqualTo("b");
    }

    @Test
    void aFileThatIsGoneIsToldEachTime() throws Exception {
        FileStore store = open();
        store.put(OPEN, "a");
        Watch<String> watch = new Watch<>(store, OPEN, () -> store.require(OPEN));
        Files.delete(file("notes.txt"));
        for (int i = 0; i < 2; i++) {
            assertThatThrownBy(watch::refresh)
                    .isInstanceOf(StateException.class)
                    .hasMessage(file("notes.txt") + " is gone; what it said stays in force: put it back");
        }
        assertThat(watch.current()).isEqualTo("a");
        store.put(OPEN, "b");
        assertThat(watch.refresh()).isTrue();
    }

    /** The system's own exception says only the path, or the JDK's words. */
    @Test
    void whatCannotBeLookedAtIsToldWithItsReason() throws Exception {
        FileStore store = open();
        store.put(OPEN, "a");
        Watch<String> watch = new Watch<>(store, OPEN, () -> store.require(OPEN));
        Path file = file("notes.txt");
        Files.delete(file);
        Files.createSymbolicLink(file, file.getFileName());
        assertThatThrownBy(watch::refresh)
                .isInstanceOf(StateException.class)
                .hasMessage(file + ": cannot be read (Too many levels of symbolic links); "
                        + "mend the symbolic link, which leads to itself");
        assertThat(watch.current()).isEqualTo("a");
    }

    /** Nobody sees half of a text: a file is put in the place of the other, which whoever reads it goes on with. */
    @Test
    void whoIsReadingReadsToTheEndWhatWasThere() throws Exception {
        FileStore store = open();
        store.put(OPEN, text(1));
        try (InputStream reader = Files.newInputStream(file("notes.txt"))) {
            String begin = new String(reader.readNBytes(1_000), StandardCharsets.UTF_8);
            store.put(OPEN, text(2));
            store.update(OPEN, before -> before + "more");
            assertThat(begin + new String(reader.readAllBytes(), StandardCharsets.UTF_8))
                    .isEqualTo(text(1));
        }
        assertThat(store.get(OPEN)).isEqualTo(text(2) + "more");
    }

    /** What lies there after a crash in the middle of a writing. */
    @Test
    void halfOfAWritingCountsForNothing() throws Exception {
        FileStore store = open();
        store.put(OPEN, "whole");
        Files.writeString(file(".notes.txt.123.tmp"), "who");
        assertThat(open().get(OPEN)).isEqualTo("whole");
        Register register = register(store);
        register.bind("k1", "v1", EXPIRES);
        String whole = Files.readString(file("bindings"));
        String cut = "k2 v-longer-than-the-line-that-takes-its-place 17";
        Files.writeString(file("bindings"), cut, StandardCharsets.US_ASCII, StandardOpenOption.APPEND);
        assertThat(register.get("k2")).isNull();
        assertThat(register(open()).get("k2")).isNull();
        assertThat(register(open()).bind("k2", "v3", EXPIRES)).isEqualTo("v3");
        assertThat(register.bind("k2", "v4", EXPIRES)).isEqualTo("v3");
        assertThat(file("bindings")).hasContent(whole + "k2 v3 " + EXPIRES.getEpochSecond() + "\n");
    }

    /** Another process left out what had expired and more was bound, all under a number that the old file had had. */
    @Test
    void aRegisterThatBecameAnotherIsReadFromTheBeginning() throws Exception {
        Register register = register(open());
        register.bind("k1", "v1", EXPIRES);
        register.bind("k2", "v2", EXPIRES);
        String end = " " + EXPIRES.getEpochSecond() + "\n";
        Files.writeString(file("bindings"), "k2 v2" + end + "k3 v3" + end + "k4 v4" + end);
        assertThat(register.get("k4")).isEqualTo("v4");
        assertThat(register.bind("k3", "v5", EXPIRES)).isEqualTo("v3");
        Files.writeString(file("bindings"), "k6 v6" + end);
        assertThat(register.bind("k6", "v7", EXPIRES)).isEqualTo("v6");
        assertThat(register.bind("k8", "v8", EXPIRES)).isEqualTo("v8");
        assertThat(file("bindings")).hasContent("k6 v6" + end + "k8 v8" + end);
    }

    @Test
    void aRegisterThatHoldsSomethingElseIsNotRead() throws Exception {
        FileStore store = open();
        Register register = register(store);
        for (String wrong : List.of("what is this\n", "one\n", "k \n", "k v x\n", "k\tv 1 2\n")) {
            Files.writeString(file("bindings"), wrong);
            assertThatThrownBy(() -> register(store))
                    .as(wrong)
                    .isInstanceOf(StateException.class)
                    .hasMessageContaining(file("bindings").toString())
                    .hasMessageContaining("backup");
        }
        Files.writeString(file("bindings"), "one\n");
        assertThatThrownBy(() -> register.bind("k", "v", EXPIRES))
                .isInstanceOf(StateException.class)
                .hasMessageContaining("holds something else than bindings");
    }

    /** Run by the tests in processes of their own: what to do, in which directory, and a word of its own. */
    public static final class OtherProcess {
        /** Else the garbage collector would give it back. */
        private static Closeable held;

        public static void main(String[] args) throws Exception {
            FileStore store = new FileStore(Path.of(args[1]));
            System.out.println("ready");
            System.in.read();
            switch (args[0]) {
                case "bind" -> bind(register(store), args[2], KEYS);
                case "bind-on" -> bind(register(store), args[2], Integer.MAX_VALUE);
                case "put-on" -> {
                    for (int i = 0; ; i++) {
                        store.put(OPEN, text(i));
                        System.out.println(i);
                    }
                }
                case "claim" -> {
                    held = store.claim("gateway");
                    System.out.println(held != null);
                    System.in.read();
                }
                case "hold" ->
                    store.locked(() -> {
                        System.out.println("locked");
                        try {
                            return System.in.read();
                        } catch (IOException e) {
                            throw new StateException("no input", e);
                        }
                    });
                default -> throw new IllegalArgumentException(args[0]);
            }
        }

        private static void bind(Register register, String value, int keys) throws StateException {
            for (int i = 0; i < keys; i++) {
                System.out.println("k" + i + " " + register.bind("k" + i, value, EXPIRES));
            }
        }
    }

    /** Some hundred KiB, of which each part tells the whole. */
    private static String text(int i) {
        return (i + "\n").repeat(30_000);
    }

    private Process other(String what, String word) throws IOException {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        OtherProcess.class.getName(),
                        what,
                        dir.resolve("state").toString(),
                        word)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    private static void go(Process process) throws IOException {
        process.getOutputStream().write('\n');
        process.getOutputStream().flush();
    }

    /** Two gateways, the same tokens: for each both hear of the same key. */
    @Test
    @Timeout(120)
    void ofTwoProcessesThatBindOneWins() throws Exception {
        open();
        List<Process> both = List.of(other("bind", "v1"), other("bind", "v2"));
        try {
            List<BufferedReader> readers =
                    both.stream().map(Process::inputReader).toList();
            for (BufferedReader reader : readers) {
                assertThat(reader.readLine()).isEqualTo("ready");
            }
            for (Process process : both) {
                go(process);
            }
            List<List<String>> heard = new ArrayList<>();
            for (BufferedReader reader : readers) {
                heard.add(reader.lines().toList());
            }
            assertThat(heard.get(0)).hasSize(KEYS).isEqualTo(heard.get(1));
            assertThat(Files.readAllLines(file("bindings")))
                    .containsExactlyElementsOf(heard.get(0).stream()
                            .map(line -> line + " " + EXPIRES.getEpochSecond())
                            .toList());
        } finally {
            both.forEach(Process::destroyForcibly);
        }
    }

    /** Killed in the middle of it: what it said was bound is bound, and the file can be gone on with. */
    @Test
    @Timeout(120)
    void whatAKilledProcessHadBoundStaysBound() throws Exception {
        open();
        Process process = other("bind-on", "v1");
        List<String> said = new ArrayList<>();
        try (BufferedReader reader = process.inputReader()) {
            assertThat(reader.readLine()).isEqualTo("ready");
            go(process);
            for (int i = 0; i < 50; i++) {
                said.add(reader.readLine());
            }
            process.toHandle().destroyForcibly(); // what it had said by then can still be read
            reader.lines().filter(line -> line.endsWith(" v1")).forEach(said::add);
        }
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        Register register = register(open());
        for (String line : said) {
            assertThat(register.bind(line.split(" ")[0], "v2", EXPIRES)).isEqualTo("v1");
        }
        assertThat(register.bind("another", "v2", EXPIRES)).isEqualTo("v2");
        assertThat(register(open()).get("another")).isEqualTo("v2");
    }

    /** Killed in the middle of it: what is there is what it wrote last or was about to write, whole. */
    @Test
    @Timeout(120)
    void whatAKilledProcessHadWrittenIsWhole() throws Exception {
        open();
        Process process = other("put-on", "");
        int last = -1;
        try (BufferedReader reader = process.inputReader()) {
            assertThat(reader.readLine()).isEqualTo("ready");
            go(process);
            for (int i = 0; i < 20; i++) {
                String now = open().get(OPEN); // and whoever reads meanwhile
                if (now != null) {
                    assertThat(now).isEqualTo(text(Integer.parseInt(now.substring(0, now.indexOf('\n')))));
                }
                last = Integer.parseInt(reader.readLine());
            }
            process.destroyForcibly();
        }
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        String after = open().require(OPEN);
        int number = Integer.parseInt(after.substring(0, after.indexOf('\n')));
        assertThat(number).isGreaterThanOrEqualTo(last);
        assertThat(after).isEqualTo(text(number));
        open().put(OPEN, "and on");
        assertThat(open().get(OPEN)).isEqualTo("and on");
    }

    /** A process that is killed gives back what it had: its claim, and the lock. */
    @Test
    @Timeout(120)
    void whatAKilledProcessHeldIsFree() throws Exception {
        FileStore store = open();
        Process claimer = other("claim", "");
        Process holder = other("hold", "");
        try {
            BufferedReader claims = claimer.inputReader();
            assertThat(claims.readLine()).isEqualTo("ready");
            go(claimer);
            assertThat(claims.readLine()).isEqualTo("true");
            assertThat(store.claim("gateway")).isNull();
            BufferedReader holds = holder.inputReader();
            assertThat(holds.readLine()).isEqualTo("ready");
            go(holder);
            assertThat(holds.readLine()).isEqualTo("locked");
        } finally {
            for (Process process : List.of(claimer, holder)) {
                process.destroyForcibly();
                assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
            }
        }
        store.claim("gateway").close();
        assertThat(store.<String>locked(() -> "free")).isEqualTo("free");
    }
}
