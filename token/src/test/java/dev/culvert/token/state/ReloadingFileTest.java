package dev.culvert.token.state;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@NullUnmarked
final class ReloadingFileTest {
    @TempDir
    Path dir;

    /** Same size, same inode, and somebody sets the time back, as backups and rsync do. */
    @Test
    void seesWhatWasWrittenUnderTheOldTime() throws Exception {
        Path file = Files.writeString(dir.resolve("f"), "a");
        FileTime time = FileTime.from(Instant.parse("2026-01-01T00:00:00Z"));
        Files.setLastModifiedTime(file, time);
        ReloadingFile<String> reloading = new ReloadingFile<>(file, () -> Files.readString(file));
        Files.writeString(file, "b");
        Files.setLastModifiedTime(file, time);
        assertThat(reloading.refresh()).isTrue();
        assertThat(reloading.current()).isEqualTo("b");
    }

    @Test
    void whatCannotBeReadOnceIsReadTheNextTime() throws Exception {
        Path file = Files.writeString(dir.resolve("f"), "a");
        boolean[] fails = {false};
        ReloadingFile<String> reloading = new ReloadingFile<>(file, () -> {
            if (fails[0]) {
                throw new IOException("Input/output error");
            }
            return Files.readString(file);
        });
        Files.writeString(file, "bb");
        fails[0] = true;
        assertThatThrownBy(reloading::refresh).isInstanceOf(IOException.class);
        fails[0] = false;
        assertThat(reloading.refresh()).isTrue();
        assertThat(reloading.refresh()).isFalse();
        assertThat(reloading.current()).isEqualTo("bb");
    }

    /** The system's own exception says only the path, or the JDK's words. */
    @Test
    void whatCannotBeLookedAtIsToldWithItsReason() throws Exception {
        Path file = Files.writeString(dir.resolve("f"), "a");
        ReloadingFile<String> reloading = new ReloadingFile<>(file, () -> Files.readString(file));
        Files.delete(file);
        Files.createSymbolicLink(file, file.getFileName());
        assertThatThrownBy(reloading::refresh)
                .isInstanceOf(IOException.class)
                .hasMessage(file + ": cannot be read (Too many levels of symbolic links); "
                        + "mend the symbolic link, which leads to itself");
        assertThat(reloading.current()).isEqualTo("a");
    }

    /** Two writes within one tick of the file system's clock look like one. */
    @Test
    void aYoungFileIsReadOnceMore() {
        Instant written = Instant.parse("2026-11-22T12:00:00Z");
        FileStamp stamp = new FileStamp(FileTime.from(written), null, 1, "inode");
        assertThat(stamp.isSettledSince(written.plusMillis(1), written.plusMillis(900)))
                .isFalse();
        assertThat(stamp.isSettledSince(written.plusMillis(1), written.plusSeconds(2)))
                .isTrue();
        assertThat(stamp.isSettledSince(written.plusSeconds(2), written.plusSeconds(9)))
                .isFalse();
    }
}
