package dev.culvert.command.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

@NullUnmarked
@EnabledOnOs(OS.LINUX)
final class SocketFileTest {
    private static final SocketFile.Use USE = new SocketFile.Use("unix", "name another place");

    @TempDir
    Path dir;

    /** To connect to one is refused, as by a socket that a killed program has left. */
    @Test
    void aPipeIsLeftAlone() throws Exception {
        Path pipe = dir.resolve("pipe");
        assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor())
                .isZero();
        assertThatThrownBy(() -> SocketFile.open(USE, pipe, null, SocketFile::listen))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("there is something else at that place; move it away, or name another place");
        assertThat(Files.exists(pipe, LinkOption.NOFOLLOW_LINKS)).isTrue();
    }

    @Test
    void aSocketThatWasLeftMakesRoom() throws Exception {
        Path at = dir.resolve("socket");
        try (ServerSocketChannel left = SocketFile.listen(at)) {
            assertThat(left.isOpen()).isTrue();
        }
        assertThat(at).exists();
        SocketFile.open(USE, at, null, SocketFile::listen).close();
        assertThat(at).doesNotExist();
    }
}
