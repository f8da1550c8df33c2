package dev.culvert.tun.libc;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a person reads when a native library does not load. */
@NullUnmarked
final class NativeLibrariesTest {
    @Test
    void loadedHere() {
        assertThat(NativeLibraries.problem()).isNull();
    }

    @Test
    void causeAndCureInOneLine(@TempDir Path dir) {
        Throwable failure = new UnsatisfiedLinkError("failed to load the required native library");
        failure.addSuppressed(new IllegalStateException());
        failure.initCause(new UnsatisfiedLinkError("/x/lib.so: failed to map segment from shared object\nand more"));
        assertThat(NativeLibraries.words("JNA's library", failure, dir))
                .startsWith("JNA's library does not load (/x/lib.so: failed to map segment from shared object); ")
                .contains("into " + dir + ", which may be full or mounted noexec")
                .contains("-Djna.tmpdir=DIR")
                .doesNotContain("\n");
        Path gone = dir.resolve("gone");
        assertThat(NativeLibraries.words("JNA's library", failure, gone)).contains(gone + " is no directory");
    }
}
