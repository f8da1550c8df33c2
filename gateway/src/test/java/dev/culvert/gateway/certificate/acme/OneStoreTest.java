package dev.culvert.gateway.certificate.acme;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.culvert.gateway.FreePort;
import dev.culvert.gateway.certificate.Certificate;
import dev.culvert.gateway.certificate.Challenges;
import dev.culvert.gateway.certificate.acme.AcmeSettings.Proof;
import dev.culvert.gateway.certificate.acme.AcmeSettings.Server;
import dev.culvert.store.cluster.ClusterKey;
import dev.culvert.store.cluster.ClusterStore;
import dev.culvert.store.cluster.StoreAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Two gateways whose store is one Redis, and an authority that reaches now this one and now that one. Tagged with the tests that need
 * Debian's programs: redis-server and pebble.
 */
@NullUnmarked
@Tag("netns")
@Timeout(300)
final class OneStoreTest {
    private static final Duration PATIENCE = Duration.ofMinutes(2);

    @TempDir
    Path dir;

    private final ClusterKey key = ClusterKey.generate();
    private final Set<String> wantedByOne = ConcurrentHashMap.newKeySet();
    private final Set<String> wantedByTwo = ConcurrentHashMap.newKeySet();
    private Process redis;
    private String address;
    private Pebble pebble;
    private Answerer answerer;

    @BeforeEach
    void begin() throws Exception {
        int port = FreePort.next();
        address = "redis://127.0.0.1:" + port + "/0";
        Path log = dir.resolve("redis.log");
        redis = new ProcessBuilder(
                        "redis-server",
                        "--bind",
                        "127.0.0.1",
                        "--port",
                        String.valueOf(port),
                        "--dir",
                        dir.toString(),
                        "--save",
                        "",
                        "--appendonly",
                        "no")
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        await().atMost(PATIENCE).until(() -> Files.readString(log).contains("Ready to accept connections"));
        pebble = new Pebble(Files.createDirectory(dir.resolve("pebble")), "", Map.of());
        answerer = new Answerer(pebble.httpPort, pebble.tlsPort);
        try (ClusterStore store = store()) {
            store.found(true);
        }
    }

    @AfterEach
    void end() {
        answerer.close();
        pebble.close();
        redis.destroyForcibly();
    }

    private ClusterStore store() throws Exception {
        return ClusterStore.open(StoreAddress.parse(address), key);
    }

    private AcmeCertificates gateway(ClusterStore store, Set<String> wanted) throws Exception {
        return new AcmeCertificates(
                store,
                AcmeSettings.of(List.of(new Server(pebble.directory(), null, null, null)), true)
                        .trusted(pebble.trusted)
                        .challenges(List.of(Proof.HTTP_01)),
                Precheck.NONE,
                () -> wanted,
                Clock.systemUTC(),
                time -> TimeUnit.NANOSECONDS.sleep(time.toNanos()));
    }

    /** What the authority meets, look by look. */
    private record Reached(Supplier<Challenges> by) implements Challenges {
        @Override
        public String keyAuthorization(String token) {
            return by.get().keyAuthorization(token);
        }

        @Override
        public Certificate tlsAlpn(String serverName) {
            return null;
        }
    }

    private static void have(String name, AcmeCertificates... gateways) {
        for (AcmeCertificates gateway : gateways) {
            await().atMost(PATIENCE)
                    .untilAsserted(() -> assertThat(gateway.find(name)).isNotNull());
        }
    }

    private void isMadeOnce(int times) throws Exception {
        assertThat(pebble.count("Issued certificate serial")).isEqualTo(times);
        assertThat(pebble.count("There are now \\d+ orders")).isEqualTo(times);
        assertThat(pebble.count("There are now \\d+ accounts")).isEqualTo(1);
    }

    /** And hands over what it has obtained. */
    @Test
    void whoMakesNoOrderAnswersForWhoDoes() throws Exception {
        try (ClusterStore first = store();
                ClusterStore second = store();
                AcmeCertificates one = gateway(first, wantedByOne);
                AcmeCertificates two = gateway(second, wantedByTwo)) {
            answerer.challenges = new Reached(() -> two);
            wantedByOne.add("app.example");
            two.start();
            one.start();
            have("app.example", one);
            wantedByTwo.add("app.example");
            have("app.example", two);
            assertThat(two.find("app.example")).isEqualTo(one.find("app.example"));
            isMadeOnce(1);
        }
    }

    @Test
    void ofTwoThatWantTheSameOneObtainsIt() throws Exception {
        AtomicInteger looks = new AtomicInteger();
        try (ClusterStore first = store();
                ClusterStore second = store();
                AcmeCertificates one = gateway(first, wantedByOne);
                AcmeCertificates two = gateway(second, wantedByTwo)) {
            answerer.challenges = new Reached(() -> looks.getAndIncrement() % 2 == 0 ? one : two);
            List<String> names = List.of("app.example", "wiki.example", "mail.example");
            wantedByOne.addAll(names);
            wantedByTwo.addAll(names);
            one.start();
            two.start();
            for (String name : names) {
                have(name, one, two);
                assertThat(two.find(name)).isEqualTo(one.find(name));
            }
            isMadeOnce(names.size());
        }
    }
}
