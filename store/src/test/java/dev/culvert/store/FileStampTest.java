package dev.culvert.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.attribute.FileTime;
import java.time.Instant;
import org.junit.jupiter.api.Test;

final class FileStampTest {
    /** Two writes within one tick of the file system's clock look like one. */
    @Test
    void aYoungFileIsReadOnceMore() {
        Instant written = Instant.parse("2026-11-22T12:00:00Z");
        FileStamp stamp = new FileStamp(FileTime.from(written), null, 1, "inode");
        String young = stamp.version(written.plusMillis(1));
        assertThat(stamp.version(written.plusMillis(900))).isEqualTo(young);
        String settled = stamp.version(written.plusSeconds(2));
        assertThat(settled).isNotEqualTo(young);
        assertThat(stamp.version(written.plusSeconds(9))).isEqualTo(settled);
    }

    /** Rights that were given count as a change, and nobody can set that time back. */
    @Test
    void whatWasChangedLastIsWhatMakesItYoung() {
        Instant written = Instant.parse("2026-11-22T12:00:00Z");
        FileTime changed = FileTime.from(written.plusSeconds(60));
        FileStamp stamp = new FileStamp(FileTime.from(written), changed, 1, "inode");
        assertThat(stamp.version(written.plusSeconds(61))).isNotEqualTo(stamp.version(written.plusSeconds(62)));
    }
}
