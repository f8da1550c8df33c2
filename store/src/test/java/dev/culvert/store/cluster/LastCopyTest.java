package dev.culvert.store.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The file of a gateway's copy: what a crash, another key and a damaged disk make of it. */
@NullUnmarked
final class LastCopyTest {
    private static final String A = "culvert/document/a";
    private static final String BOUND = "culvert/register/r/t";
    private static final Instant NOW = Instant.parse("2026-11-30T12:00:00Z");

    @TempDir
    Path dir;

    private final Seal seal = new Seal(ClusterKey.generate());

    private LastCopy open() {
        return LastCopy.in(dir, seal);
    }

    private Path file() {
        return dir.resolve(LastCopy.FILE);
    }

    private String text(LastCopy copy, String key) {
        byte[] closed = copy.get(key);
        return closed == null ? null : seal.open(key, closed).text();
    }

    private LastCopy filled() {
        LastCopy copy = open();
        copy.keep(A, seal.close(A, 1, "one"));
        copy.keep(BOUND, seal.close(BOUND, 1_000, "v 4102444800"));
        copy.confirm(NOW, seal.close(ClusterStore.MARK, 1, "mark"));
        return copy;
    }

    @Test
    void whatWasConfirmedIsThereAgain() throws Exception {
        LastCopy copy = open();
        assertThat(copy.isComplete()).isFalse();
        assertThat(copy.confirmed()).isNull();
        copy = filled();
        copy.keep(A, seal.close(A, 3, "three"));
        copy.keep(A, seal.close(A, 2, "two")); // late
        copy.keep(BOUND, seal.close(BOUND, 2_000, "w 4102444800")); // was not the first
        copy.flush();
        LastCopy again = open();
        assertThat(again.isComplete()).isTrue();
        assertThat(text(again, A)).isEqualTo("three");
        assertThat(text(again, BOUND)).startsWith("v");
        assertThat(again.keys("culvert/register/")).containsExactly(BOUND);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file())))
                .isEqualTo("rw-------");
        assertThat(Files.readString(file())).doesNotContain("three").doesNotContain("4102444800");
    }

    @Test
    void itIsNotServedByBeforeItWasWhole() {
        LastCopy copy = open();
        copy.keep(A, seal.close(A, 1, "one"));
        copy.flush();
        assertThat(open().isComplete()).isFalse();
        assertThat(text(open(), A)).isEqualTo("one"); // it may be all that there is of it
    }

    @Test
    void aLineThatACrashHasCutIsNone() throws Exception {
        filled();
        int before = Files.readString(file()).length();
        LastCopy copy = open();
        copy.keep(A, seal.close(A, 2, "two"));
        copy.flush();
        byte[] whole = Files.readAllBytes(file());
        // The last three are padding and the end of the line.
        for (int length = before; length < whole.length - 3; length++) {
            Files.write(file(), java.util.Arrays.copyOf(whole, length));
            LastCopy cut = open();
            assertThat(cut.isComplete()).isTrue();
            assertThat(text(cut, A)).isEqualTo("one");
            cut.keep(A, seal.close(A, 5, "five"));
            cut.flush();
            assertThat(text(open(), A)).isEqualTo("five");
            assertThat(open().isComplete()).isTrue();
        }
        // All but the end of the line: it counts, and the next is none with it.
        Files.write(file(), java.util.Arrays.copyOf(whole, whole.length - 1));
        LastCopy cut = open();
        assertThat(text(cut, A)).isEqualTo("two");
        cut.keep(A, seal.close(A, 3, "three"));
        cut.flush();
        assertThat(text(open(), A)).isEqualTo("three");
    }

    @Test
    void whatIsDamagedOrOfAnotherKeyIsNotServedBy() throws Exception {
        filled();
        String text = Files.readString(file());
        List<String> lines = text.lines().toList();
        for (String line : lines) {
            char[] changed = line.toCharArray();
            changed[line.length() / 2] = changed[line.length() / 2] == 'A' ? 'B' : 'A';
            Files.writeString(file(), text.replace(line, new String(changed)));
            assertThat(open().isComplete()).as(line).isFalse();
        }
        Files.writeString(file(), text);
        LastCopy other = LastCopy.in(dir, new Seal(ClusterKey.generate()));
        assertThat(other.isComplete()).isFalse();
        assertThat(other.keys("")).isEmpty();
        // It is made anew from the store.
        assertThat(Files.readString(file())).isEqualTo(text);
        other.confirm(NOW, seal.close(ClusterStore.MARK, 1, "mark"));
        assertThat(Files.readString(file()).lines()).hasSize(2);
    }

    @Test
    void itDoesNotGrowWithoutEnd() throws Exception {
        LastCopy copy = filled();
        String large = "x".repeat(100_000);
        for (int i = 2; i < 60; i++) {
            copy.keep(A, seal.close(A, i, large + i));
            copy.flush();
        }
        assertThat(Files.size(file())).isLessThan(2_000_000);
        assertThat(text(open(), A)).isEqualTo(large + 59);
        assertThat(open().isComplete()).isTrue();
    }

    @Test
    void beyondItsBoundNothingIsKept() {
        LastCopy copy = LastCopy.inMemory();
        byte[] large = new byte[8 << 20];
        large[0] = 1;
        for (int i = 0; i < 10; i++) {
            byte[] closed = large.clone();
            closed[8] = 1;
            copy.keep("culvert/document/" + i, closed);
        }
        assertThat(copy.keys("")).hasSize(7);
        copy.forget("culvert/document/0");
        copy.keep("culvert/document/9", large);
        assertThat(copy.keys("")).hasSize(7);
    }

    @Test
    void whatSomebodyElseWroteMeanwhileDoesNotSpoilIt() throws Exception {
        LastCopy copy = filled();
        Files.writeString(file(), "culvert/document/b xxxx\n", StandardOpenOption.APPEND);
        copy.keep(A, seal.close(A, 2, "two"));
        copy.flush();
        copy.keep(A, seal.close(A, 3, "three"));
        copy.flush();
        assertThat(text(open(), A)).isEqualTo("three");
        assertThat(open().isComplete()).isTrue();
    }

    @Test
    void whatCannotBeWrittenIsHeldInMemory() throws Exception {
        LastCopy copy = filled();
        Files.delete(file());
        Files.createDirectory(file()); // as good as a full disk
        Files.writeString(file().resolve("x"), "");
        copy.keep(A, seal.close(A, 2, "two"));
        copy.flush();
        assertThat(text(copy, A)).isEqualTo("two");
        Files.delete(file().resolve("x"));
        Files.delete(file());
        copy.flush();
        assertThat(text(open(), A)).isEqualTo("two");
    }
}
