package dev.culvert.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class FileErrorTest {
    @TempDir
    Path dir;

    /** The JDK says "... or unable to access attributes of symbolic link" behind what the system says. */
    @Test
    void aLinkThatLeadsToItselfIsNamedInTheSystemsWords() throws Exception {
        Path link = dir.resolve("link");
        Files.createSymbolicLink(link, link);
        IOException e = catchThrowableOfType(IOException.class, () -> Files.readString(link));
        assertThat(FileError.reason(e)).isEqualTo("Too many levels of symbolic links");
        assertThat(FileError.cure(e, "")).contains("mend the symbolic link");
    }

    @Test
    void aReasonIsNeverNullAndNeverAPath() {
        assertThat(FileError.reason(new AccessDeniedException("/x"))).isEqualTo("permission denied");
        assertThat(FileError.reason(new FileSystemException("/x"))).isEqualTo("the system does not say why");
        assertThat(FileError.reason(new IOException())).isEqualTo("IOException");
    }
}
