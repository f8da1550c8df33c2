package dev.culvert.tun.macos;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tun.Platform;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** On a system that is no Mac the classes of one are read without harm. */
@NullUnmarked
final class MacosClassesTest {
    /** In a JVM of its own: what this one has loaded is another's doing. */
    @Test
    void loadingThemTouchesNoNativeLibrary() throws Exception {
        List<String> command = List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xshare:auto",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                Loading.class.getName());
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
        assertThat(said.lines().filter(l -> l.startsWith("loaded "))).hasSizeGreaterThan(8);
        assertThat(said.lines().filter(l -> l.startsWith("library "))).as(said).isEmpty();
        assertThat(process.exitValue()).as(said).isZero();
    }

    /** Loads and links all that there is, and runs what runs when a class is first named. */
    static final class Loading {
        public static void main(String[] args) throws Exception {
            Path classes = Path.of(Utun.class.getResource("Utun.class").toURI()).getParent();
            ClassLoader loader = Loading.class.getClassLoader();
            try (Stream<Path> files = Files.list(classes)) {
                for (Path file : files.sorted().toList()) {
                    String name = file.getFileName().toString().replaceFirst("\\.class$", "");
                    // JNA's own base classes load what is JNA's; naming one does not.
                    boolean structure = name.startsWith("Xnu$") || name.equals("DarwinC$Holder");
                    Class.forName(Utun.class.getPackageName() + "." + name, !structure, loader);
                    System.out.println("loaded " + name);
                }
            }
            Class.forName(Platform.class.getName(), true, loader);
            libraries();
        }

        /** Those that came from a jar lie in the directory for temporary files. */
        private static void libraries() throws IOException {
            try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
                maps.filter(l -> l.contains("jna") || l.contains("netty"))
                        .filter(l -> l.contains(".so") || l.contains(".tmp"))
                        .map(l -> "library " + l.substring(l.indexOf('/')))
                        .distinct()
                        .forEach(System.out::println);
            }
        }
    }
}
