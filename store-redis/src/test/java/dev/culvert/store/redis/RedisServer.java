package dev.culvert.store.redis;

import static org.awaitility.Awaitility.await;

import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisException;
import io.lettuce.core.RedisURI;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.codec.ByteArrayCodec;
import io.lettuce.core.codec.RedisCodec;
import io.lettuce.core.codec.StringCodec;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.NullUnmarked;

/** A real redis-server of a test's own, on the loopback address, which keeps nothing on disk unless it is told to. */
@NullUnmarked
final class RedisServer implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final Path directory;
    private final List<String> settings;
    private final int port;
    private Process process;
    private RedisClient client;
    private StatefulRedisConnection<String, byte[]> connection;

    RedisServer(Path directory, String... settings) throws Exception {
        this.directory = directory;
        this.settings = List.of(settings);
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            this.port = free.getLocalPort();
        }
        start();
    }

    void start() throws Exception {
        List<String> command = new ArrayList<>(List.of(
                "redis-server",
                "--bind",
                "127.0.0.1",
                "--port",
                String.valueOf(port),
                "--unixsocket",
                socket().toString(),
                "--dir",
                directory.toString(),
                "--save",
                "",
                "--appendonly",
                "no"));
        command.addAll(settings);
        process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(
                        directory.resolve("redis.log").toFile()))
                .start();
        client = RedisClient.create(RedisURI.create("127.0.0.1", port));
        connection = await("redis-server").atMost(PATIENCE).until(this::connect, Objects::nonNull);
    }

    private StatefulRedisConnection<String, byte[]> connect() throws IOException {
        try {
            return client.connect(RedisCodec.of(StringCodec.UTF8, ByteArrayCodec.INSTANCE));
        } catch (RedisException e) {
            if (!process.isAlive()) {
                throw new IOException(
                        "redis-server did not start: " + Files.readString(directory.resolve("redis.log")), e);
            }
            return null; // not yet
        }
    }

    /** As its administrator, or who has broken in. */
    RedisCommands<String, byte[]> admin() {
        return connection.sync();
    }

    int port() {
        return port;
    }

    Path socket() {
        return directory.resolve("s");
    }

    String address() {
        return "redis://127.0.0.1:" + port + "/0";
    }

    void kill() {
        client.shutdown(Duration.ZERO, Duration.ofSeconds(1));
        process.destroyForcibly();
        process.onExit().join();
    }

    @Override
    public void close() {
        kill();
    }
}
