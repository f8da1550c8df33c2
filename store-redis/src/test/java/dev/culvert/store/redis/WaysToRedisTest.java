package dev.culvert.store.redis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.culvert.store.Document;
import dev.culvert.store.StateException;
import dev.culvert.store.cluster.ClusterKey;
import dev.culvert.store.cluster.ClusterStore;
import dev.culvert.store.cluster.StoreAddress;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CertificateException;
import java.time.Duration;
import java.util.Objects;
import org.jspecify.annotations.NullUnmarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** By TLS, whose certificate is checked, and by way of a sentinel. */
@NullUnmarked
final class WaysToRedisTest {
    private static final Document OPEN = Document.open("notes.txt");
    private static final ClusterKey KEY = ClusterKey.generate();

    private static final Duration PATIENCE = Duration.ofSeconds(120);

    @TempDir
    Path dir;

    private static int freePort() throws Exception {
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return free.getLocalPort();
        }
    }

    private void certificate(String name, String names) throws Exception {
        Process made = new ProcessBuilder(
                        "openssl",
                        "req",
                        "-x509",
                        "-newkey",
                        "ec",
                        "-pkeyopt",
                        "ec_paramgen_curve:P-256",
                        "-nodes",
                        "-days",
                        "3650",
                        "-subj",
                        "/CN=redis",
                        "-addext",
                        "subjectAltName=" + names,
                        "-keyout",
                        dir.resolve(name + ".key").toString(),
                        "-out",
                        dir.resolve(name + ".crt").toString())
                .redirectErrorStream(true)
                .redirectOutput(dir.resolve("openssl.log").toFile())
                .start();
        assertThat(made.waitFor())
                .as(Files.readString(dir.resolve("openssl.log")))
                .isZero();
    }

    private RedisServer server(String certificate, int port) throws Exception {
        return new RedisServer(
                Files.createDirectory(dir.resolve(certificate)),
                "--tls-port",
                String.valueOf(port),
                "--tls-cert-file",
                dir.resolve(certificate + ".crt").toString(),
                "--tls-key-file",
                dir.resolve(certificate + ".key").toString(),
                "--tls-auth-clients",
                "no");
    }

    private static ClusterStore at(String address, @Nullable Path authority) throws StateException {
        return ClusterStore.open(StoreAddress.parse(address).with(null, null, authority), KEY);
    }

    /** Founds it as soon as it is there, and the machine is quick enough. */
    private static void found(ClusterStore store) {
        await().atMost(PATIENCE).until(() -> {
            try {
                store.found(true);
                return true;
            } catch (StateException e) {
                assertThat(e.isAway()).as(e.getMessage()).isTrue();
                return false;
            }
        });
    }

    /** What is said of its certificate; that a frozen machine heard nothing of it in time is not what is asked. */
    private static String refusal(String address, @Nullable Path authority) {
        return await().atMost(PATIENCE).until(() -> said(address, authority), Objects::nonNull);
    }

    /** @return null when it is about something else */
    private static @Nullable String said(String address, @Nullable Path authority) throws StateException {
        try (ClusterStore store = at(address, authority)) {
            store.found(true);
            throw new AssertionError("believed " + address);
        } catch (StateException e) {
            assertThat(e.isAway()).as(e.getMessage()).isTrue();
            for (Throwable cause = e; cause != null; cause = cause.getCause()) {
                if (cause instanceof CertificateException) {
                    return e.getMessage();
                }
            }
            return null;
        }
    }

    @Test
    void aCertificateThatNobodyVouchesForOrOfAnotherNameIsRefused() throws Exception {
        certificate("right", "IP:127.0.0.1");
        certificate("elsewhere", "DNS:elsewhere.example");
        int port = freePort();
        int other = freePort();
        String address = "rediss://127.0.0.1:" + port;
        try (RedisServer right = server("right", port);
                RedisServer elsewhere = server("elsewhere", other);
                ClusterStore good = at(address, dir.resolve("right.crt"))) {
            found(good);
            good.put(OPEN, "a");
            assertThat(good.get(OPEN)).isEqualTo("a");
            assertThat(right.admin().exists("culvert/mark")).isEqualTo(1);

            right.admin().flushall();
            assertThat(refusal(address, null))
                    .contains("is away", "certification path", "--store-ca")
                    .doesNotContain("\n");
            assertThat(refusal("rediss://127.0.0.1:" + other, dir.resolve("elsewhere.crt")))
                    .contains("is away", "127.0.0.1 found", "--store-ca")
                    .doesNotContain("\n");
            assertThat(right.admin().keys("*")).isEmpty();
            assertThat(elsewhere.admin().keys("*")).isEmpty();
        }
    }

    @Test
    void whatIsNoCertificateIsSaidWhenItIsNamed() throws Exception {
        Path words = Files.writeString(dir.resolve("words"), "no certificate\n");
        assertThatThrownBy(() -> at("rediss://127.0.0.1:1", words))
                .isInstanceOf(StateException.class)
                .hasMessageContaining("holds no certificate in PEM");
        assertThatThrownBy(() -> at("rediss://127.0.0.1:1", dir.resolve("nowhere")))
                .isInstanceOf(StateException.class)
                .hasMessageContaining("cannot be read");
    }

    @Test
    void aSentinelSaysWhereItIs() throws Exception {
        int port = freePort();
        try (RedisServer server = new RedisServer(dir)) {
            Process sentinel = sentinel(port, server, "");
            try (ClusterStore store = at("redis-sentinel://127.0.0.1:" + port + "/main", null)) {
                found(store); // once the sentinel has started
                store.put(OPEN, "a");
                assertThat(server.admin().exists("culvert/document/notes.txt")).isEqualTo(1);
            } finally {
                sentinel.destroyForcibly().onExit().join();
            }
        }
    }

    /** Theirs is their own: the store behind them has another, or none. */
    @Test
    void aSentinelMayAskForAPassword() throws Exception {
        int port = freePort();
        StoreAddress address = StoreAddress.parse("redis-sentinel://127.0.0.1:" + port + "/main");
        try (RedisServer server = new RedisServer(dir)) {
            Process sentinel = sentinel(port, server, "requirepass s3ntinel\n");
            try (ClusterStore right = ClusterStore.open(address.with(null, "s3ntinel".toCharArray(), null), KEY);
                    ClusterStore none = ClusterStore.open(address, KEY)) {
                found(right);
                right.put(OPEN, "a");
                assertThat(right.get(OPEN)).isEqualTo("a");
                assertThatThrownBy(() -> none.get(OPEN))
                        .isInstanceOf(StateException.class)
                        .hasMessageContaining("is away")
                        .hasMessageNotContaining("\n");
            } finally {
                sentinel.destroyForcibly().onExit().join();
            }
        }
    }

    private Process sentinel(int port, RedisServer of, String more) throws Exception {
        Path settings = Files.writeString(
                dir.resolve("sentinel.conf"),
                "port " + port + "\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 " + of.port() + " 1\n" + more);
        return new ProcessBuilder("redis-server", settings.toString(), "--sentinel")
                .redirectErrorStream(true)
                .redirectOutput(dir.resolve("sentinel.log").toFile())
                .start();
    }
}
