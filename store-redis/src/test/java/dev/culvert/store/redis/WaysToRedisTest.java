package dev.culvert.store.redis;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.store.Document;
import dev.culvert.store.StateException;
import dev.culvert.store.cluster.ClusterKey;
import dev.culvert.store.cluster.ClusterStore;
import dev.culvert.store.cluster.StoreAddress;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** By way of a sentinel. */
@NullUnmarked
final class WaysToRedisTest {
    private static final Document OPEN = Document.open("notes.txt");
    private static final ClusterKey KEY = ClusterKey.generate();

    @TempDir
    Path dir;

    private static int freePort() throws Exception {
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return free.getLocalPort();
        }
    }

    private static ClusterStore at(String address, @Nullable Path authority) throws StateException {
        return ClusterStore.open(StoreAddress.parse(address).with(null, authority), KEY);
    }

    @Test
    void aSentinelSaysWhereItIs() throws Exception {
        int port = freePort();
        try (RedisServer server = new RedisServer(dir)) {
            Path settings = Files.writeString(
                    dir.resolve("sentinel.conf"),
                    "port " + port + "\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 " + server.port() + " 1\n");
            Process sentinel = new ProcessBuilder("redis-server", settings.toString(), "--sentinel")
                    .redirectErrorStream(true)
                    .redirectOutput(dir.resolve("sentinel.log").toFile())
                    .start();
            try (ClusterStore store = at("redis-sentinel://127.0.0.1:" + port + "/main", null)) {
                long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(120);
                boolean found = false;
                while (!found) {
                    try {
                        store.found();
                        found = true;
                    } catch (StateException e) { // the sentinel has yet to start
                        assertThat(e.isAway()).isTrue();
                        assertThat(System.nanoTime()).isLessThan(end);
                        Thread.sleep(50);
                    }
                }
                store.put(OPEN, "a");
                assertThat(server.admin().exists("culvert/document/notes.txt")).isEqualTo(1);
            } finally {
                sentinel.destroyForcibly().onExit().join();
            }
        }
    }
}
