package dev.culvert.tunnel.connect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.netty.util.concurrent.GlobalEventExecutor;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A name whose address changes: in a process of its own, whose names are those of a file. */
@NullUnmarked
class OffLoopNamesTest {
    private static final String NAME = "gateway.test";

    /** Far less than the 30 s for which Java would answer by itself; a busy machine's too. */
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    @TempDir
    Path dir;

    @Test
    void aNameThatMovesIsFoundSoon() throws Exception {
        Path hosts = Files.writeString(dir.resolve("hosts"), "192.0.2.9 other.test\n");
        Process process = new ProcessBuilder(
                        ProcessHandle.current().info().command().orElseThrow(),
                        "-Djdk.net.hosts.file=" + hosts,
                        "-cp",
                        System.getProperty("java.class.path"),
                        Moving.class.getName(),
                        hosts.toString())
                .redirectErrorStream(true)
                .start();
        try {
            assertThat(process.getInputStream().readAllBytes()).asString().endsWith("none 192.0.2.1 192.0.2.2");
        } finally {
            process.destroyForcibly();
        }
    }

    /** Changes the file, and says what the name is found to be, if that changes. */
    static final class Moving {
        private Moving() {}

        public static void main(String[] args) throws Exception {
            StringBuilder found = new StringBuilder(look());
            for (String address : List.of("192.0.2.1", "192.0.2.2")) {
                Files.writeString(Path.of(args[0]), address + " " + NAME + "\n");
                await().pollInterval(Duration.ofMillis(100)).atMost(PATIENCE).until(() -> look().equals(address));
                found.append(' ').append(address);
            }
            System.out.print(found);
            System.out.flush();
            System.exit(0);
        }

        private static String look() {
            List<InetAddress> addresses = OffLoopNames.SYSTEM
                    .addresses(NAME, GlobalEventExecutor.INSTANCE)
                    .awaitUninterruptibly()
                    .getNow();
            return addresses == null ? "none" : addresses.get(0).getHostAddress();
        }
    }
}
