package dev.culvert.gateway.command;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.store.FileStore;
import dev.culvert.token.state.SharedStore;
import dev.culvert.token.store.StoreOptions;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** A cluster that is founded on a Redis, where its engine is among the libraries. */
final class FoundingTest {
    @TempDir
    Path dir;

    @Command
    private static final class Some implements Runnable {
        @Mixin
        StoreOptions store = new StoreOptions();

        @Override
        public void run() {}
    }

    /** The mark may be there, closed by this key, and only the answer have been lost. */
    @Test
    void theKeyOfOneWhoseEndIsUnknownStays() throws Exception {
        int closed;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            closed = free.getLocalPort();
        }
        Some some = new Some();
        new CommandLine(some).parseArgs("--store", "redis://127.0.0.1:" + closed + "/0");
        SharedStore choice = some.store.choice(dir, Map.of(), true);
        assertThatThrownBy(() -> choice.open(new FileStore(dir))).hasMessageContaining("is away");
        assertThat(dir.resolve("cluster.key")).exists();
    }
}
