package dev.culvert.store.redis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.culvert.store.Document;
import dev.culvert.store.Leases;
import dev.culvert.store.Register;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import dev.culvert.store.cluster.ClusterKey;
import dev.culvert.store.cluster.ClusterStore;
import dev.culvert.store.cluster.StoreAddress;
import dev.culvert.store.contract.StoreContract;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The contract by a real Redis, and what who has broken into that one can do: nothing that is believed. */
@NullUnmarked
final class RedisStoreTest extends StoreContract {
    private static final Document OPEN = Document.open("notes.txt");
    private static final Document SECRET = Document.secret("secret.key");
    private static final ClusterKey KEY = ClusterKey.generate();
    private static final Instant NOW = Instant.parse("2026-11-22T12:00:00Z");

    @TempDir
    static Path dir;

    private static RedisServer server;
    private final List<ClusterStore> opened = new ArrayList<>();

    @BeforeAll
    static void start() throws Exception {
        server = new RedisServer(dir);
    }

    @AfterAll
    static void stop() throws Exception {
        server.close();
    }

    @BeforeEach
    void empty() {
        server.admin().flushall();
    }

    @AfterEach
    void close() {
        opened.forEach(ClusterStore::close);
    }

    private ClusterStore at(String address, ClusterKey key) throws StateException {
        ClusterStore store = ClusterStore.open(StoreAddress.parse(address), key);
        opened.add(store);
        return store;
    }

    @Override
    protected ClusterStore open() throws StateException {
        ClusterStore store = at(server.address(), KEY);
        store.found(true);
        return store;
    }

    private static Register register(Store store) throws StateException {
        return store.register("bindings", NOW, (key, value) -> {});
    }

    private static void forged(org.assertj.core.api.ThrowableAssert.ThrowingCallable reading) {
        assertThatThrownBy(reading)
                .isInstanceOf(StateException.class)
                .hasMessageContaining("not written by who has the cluster key")
                .hasMessageContaining(server.address())
                .hasMessageNotContaining("\n");
    }

    @Test
    void bySocketItIsTheSame() throws Exception {
        open().put(OPEN, "a");
        assertThat(at("redis-socket://" + server.socket(), KEY).get(OPEN)).isEqualTo("a");
    }

    @Test
    void aLeaseIsThereAsLongAsItIsKept() throws Exception {
        Duration anHour = Duration.ofHours(1);
        Leases ours = open().leases();
        Leases others = open().leases();
        assertThat(ours.version("gateway/a:1")).isNull();
        assertThat(ours.keep("gateway/a:1", anHour)).as("nothing was put").isFalse();
        ours.put("gateway/a:1", "first", anHour);
        String first = others.version("gateway/a:1");
        assertThat(others.get("gateway/a:1")).isEqualTo("first");
        assertThat(server.admin().pttl("culvert/lease/gateway/a:1")).isBetween(1L, anHour.toMillis());
        assertThat(new String(server.admin().get("culvert/lease/gateway/a:1"), StandardCharsets.ISO_8859_1))
                .doesNotContain("first");
        assertThat(ours.keep("gateway/a:1", anHour.multipliedBy(3))).isTrue();
        assertThat(server.admin().pttl("culvert/lease/gateway/a:1")).isGreaterThan(anHour.toMillis());
        assertThat(others.version("gateway/a:1")).isEqualTo(first);
        ours.put("gateway/a:1", "first", anHour);
        assertThat(others.version("gateway/a:1")).isNotEqualTo(first);

        others.put("gateway/a:1", "theirs", anHour);
        assertThat(ours.keep("gateway/a:1", anHour)).as("another has it").isFalse();
        ours.end("gateway/a:1");
        assertThat(others.get("gateway/a:1")).isEqualTo("theirs");
        others.end("gateway/a:1");
        assertThat(ours.get("gateway/a:1")).isNull();

        ours.put("gateway/a:1", "short", Duration.ofMillis(1));
        await().atMost(Duration.ofMinutes(1)).until(() -> ours.version("gateway/a:1") == null);
        assertThat(ours.keep("gateway/a:1", anHour)).isFalse();
        assertThatThrownBy(() -> ours.put("a", "x".repeat(Leases.MAX_SIZE + 1), anHour))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aLeaseIsGoodAtItsOwnNameOnly() throws Exception {
        Leases leases = open().leases();
        leases.put("gateway/a:1", "a", Duration.ofHours(1));
        server.admin().set("culvert/lease/gateway/b:1", server.admin().get("culvert/lease/gateway/a:1"));
        forged(() -> leases.get("gateway/b:1"));
    }

    @Test
    void nothingLiesThereThatCanBeRead() throws Exception {
        Store store = open();
        store.put(OPEN, "a remark");
        store.put(SECRET, "a secret");
        register(store).bind("token", "thumbprint", NOW.plusSeconds(60));
        List<String> keys = server.admin().keys("*");
        assertThat(keys)
                .containsExactlyInAnyOrder(
                        "culvert/mark",
                        "culvert/merged",
                        "culvert/changes",
                        "culvert/document/notes.txt",
                        "culvert/document/secret.key",
                        "culvert/register/bindings/token");
        for (String key : keys) {
            assertThat(new String(server.admin().get(key), StandardCharsets.ISO_8859_1))
                    .doesNotContain("remark", "secret", "thumbprint");
        }
    }

    @Test
    void aChangedBitIsNoticedWhereverItIs() throws Exception {
        Store store = open();
        store.put(SECRET, "secret");
        String key = "culvert/document/secret.key";
        byte[] closed = server.admin().get(key);
        for (int i = 0; i < closed.length; i++) {
            byte[] changed = closed.clone();
            changed[i] ^= 1;
            server.admin().set(key, changed);
            forged(() -> store.get(SECRET));
        }
        for (byte[] other : List.of(
                Arrays.copyOf(closed, 10),
                Arrays.copyOf(closed, closed.length - 1),
                "x".getBytes(StandardCharsets.US_ASCII))) {
            server.admin().set(key, other);
            forged(() -> store.get(SECRET));
            assertThat(store.exists(SECRET)).isTrue();
        }
        store.put(SECRET, "another");
        assertThat(open().get(SECRET)).isEqualTo("another");
    }

    @Test
    void aValueIsGoodAtItsPlaceOnly() throws Exception {
        Store store = open();
        store.put(OPEN, "open");
        store.put(SECRET, "secret");
        Register register = register(store);
        register.bind("one", "mine", NOW.plusSeconds(60));
        register.bind("two", "another's", NOW.plusSeconds(60));
        server.admin().set("culvert/document/notes.txt", server.admin().get("culvert/document/secret.key"));
        server.admin().set("culvert/register/bindings/two", server.admin().get("culvert/register/bindings/one"));
        forged(() -> store.get(OPEN));
        Register fresh = register(open());
        forged(() -> fresh.get("two"));
        forged(() -> fresh.bind("two", "third", NOW.plusSeconds(60)));
        assertThat(store.get(SECRET)).isEqualTo("secret");
        assertThat(fresh.get("one")).isEqualTo("mine");
    }

    /** Of whoever else can write there. */
    @Test
    void nothingAtAPlaceIsAsIfNobodyHadWritten() throws Exception {
        Store store = open();
        Register register = register(store);
        server.admin().set("culvert/document/notes.txt", new byte[0]);
        server.admin().set("culvert/register/bindings/one", new byte[0]);
        assertThat(store.get(OPEN)).isNull();
        store.put(OPEN, "open");
        assertThat(store.get(OPEN)).isEqualTo("open");
        assertThat(register.bind("one", "mine", NOW.plusSeconds(60))).isEqualTo("mine");
    }

    @Test
    void anotherClustersStoreIsNotTouched() throws Exception {
        open().put(OPEN, "ours");
        ClusterStore other = at(server.address(), ClusterKey.generate());
        for (Runs use : List.<Runs>of(
                () -> other.found(true),
                () -> other.get(OPEN),
                () -> other.put(OPEN, "theirs"),
                () -> other.claim("gateway"),
                () -> register(other).bind("k", "v", NOW.plusSeconds(60)))) {
            assertThatThrownBy(use::run)
                    .isInstanceOf(StateException.class)
                    .hasMessageContaining("another cluster key")
                    .hasMessageContaining("--cluster-key");
        }
        assertThat(open().get(OPEN)).isEqualTo("ours");
    }

    @Test
    void whereNoClusterIsNothingIsBelieved() throws Exception {
        ClusterStore store = at(server.address(), KEY);
        assertThatThrownBy(() -> store.get(OPEN)).hasMessageContaining("token init --store " + server.address());
        store.found(true);
        assertThat(store.get(OPEN)).isNull();
        Register register = register(store);
        register.bind("one", "v", NOW.plusSeconds(60));
        server.admin().flushall();
        // Emptied while it is in use: nothing is bound before gateways could say what was.
        assertThatThrownBy(() -> register.bind("two", "w", NOW.plusSeconds(60)))
                .isInstanceOf(StateException.class)
                .hasMessageContaining("emptied");
        assertThat(server.admin().keys("*")).isEmpty();
    }

    @Test
    void whoStalledInItsTurnWritesNothing() throws Exception {
        Store stalled = open();
        Store other = open();
        other.put(OPEN, "before");
        assertThatThrownBy(() -> stalled.locked(() -> {
                    stalled.put(SECRET, "in time");
                    server.admin().pexpire("culvert/turn", 1); // its time runs out
                    while (server.admin().exists("culvert/turn") > 0) {
                        Thread.onSpinWait();
                    }
                    other.locked(() -> {
                        other.put(OPEN, "the next one's");
                        return null;
                    });
                    stalled.put(OPEN, "too late");
                    return null;
                }))
                .isInstanceOf(StateException.class)
                .hasMessageContaining("another has its turn");
        assertThat(other.get(OPEN)).isEqualTo("the next one's");
        assertThat(other.get(SECRET)).isEqualTo("in time");
        stalled.put(OPEN, "again");
        assertThat(other.get(OPEN)).isEqualTo("again");
    }

    @Test
    void whoLostItsNameWritesNothingUntilItGaveItBack() throws Exception {
        Store one = open();
        Store other = open();
        var claim = one.claim("acme");
        server.admin().del("culvert/name/acme"); // its time ran out
        var next = other.claim("acme");
        assertThat(next).isNotNull();
        for (String name : List.of("acme", "acme.json", "acme-a.example.json", "acme_a.json")) {
            Document document = Document.open(name);
            other.put(document, "the next one's");
            assertThatThrownBy(() -> one.put(document, "too late")).as(name).isInstanceOf(StateException.class);
        }
        // What is no matter of that name goes on.
        one.put(Document.open("acmeism.json"), "mine");
        one.put(OPEN, "mine");
        claim.close();
        assertThat(one.claim("acme")).isNull(); // what was the other's stays it
        one.put(OPEN, "again");
        assertThat(other.get(OPEN)).isEqualTo("again");
    }

    @Test
    void whereThereIsNoRoomNothingIsLost() throws Exception {
        Store store = open();
        store.put(OPEN, "before");
        server.admin().configSet("maxmemory", "1");
        try {
            assertThatThrownBy(() -> store.put(OPEN, "after"))
                    .isInstanceOf(StateException.class)
                    .hasMessageContaining("takes no writings")
                    .hasMessageContaining("nothing was written")
                    .hasMessageNotContaining("\n");
            assertThatThrownBy(() -> register(store).bind("k", "v", NOW.plusSeconds(60)))
                    .hasMessageContaining("takes no writings");
            assertThat(store.get(OPEN)).isEqualTo("before");
        } finally {
            server.admin().configSet("maxmemory", "0");
        }
        store.put(OPEN, "after");
        assertThat(store.get(OPEN)).isEqualTo("after");
    }

    @Test
    void aPasswordIsAskedForAndMustBeRight() throws Exception {
        server.admin()
                .aclSetuser(
                        "culvert",
                        io.lettuce.core.AclSetuserArgs.Builder.on()
                                .addPassword("s3cret")
                                .keyPattern("culvert/*")
                                .addCategory(io.lettuce.core.AclCategory.READ)
                                .addCategory(io.lettuce.core.AclCategory.WRITE)
                                .addCommand(io.lettuce.core.protocol.CommandType.EVAL)
                                .addCommand(io.lettuce.core.protocol.CommandType.INFO)
                                .addCommand(io.lettuce.core.protocol.CommandType.PING));
        open().put(OPEN, "a");
        StoreAddress address = StoreAddress.parse("redis://culvert@127.0.0.1:" + server.port());
        try (ClusterStore right = ClusterStore.open(address.with("s3cret".toCharArray(), null, null), KEY);
                ClusterStore wrong = ClusterStore.open(address.with("wrong".toCharArray(), null, null), KEY)) {
            assertThat(right.get(OPEN)).isEqualTo("a");
            right.update(OPEN, before -> before + "b");
            right.claim("name").close();
            assertThat(right.get(OPEN)).isEqualTo("ab");
            assertThatThrownBy(() -> wrong.get(OPEN))
                    .isInstanceOf(StateException.class)
                    .hasMessageContaining("WRONGPASS")
                    .hasMessageNotContaining("\n")
                    .satisfies(e -> assertThat(((StateException) e).isAway()).isTrue());
        }
    }

    @Test
    void whatWentAwayIsFoundAgain(@TempDir Path other) throws Exception {
        try (RedisServer mortal = new RedisServer(other)) {
            ClusterStore store = at(mortal.address(), KEY);
            store.found(true);
            store.put(OPEN, "a");
            mortal.kill();
            assertThatThrownBy(() -> store.get(OPEN))
                    .isInstanceOf(StateException.class)
                    .hasMessageContaining("is away")
                    .satisfies(e -> assertThat(((StateException) e).isAway()).isTrue());
            mortal.start();
            // It is back, and what it held is gone.
            await().atMost(Duration.ofSeconds(120))
                    .until(() -> messageOf(() -> store.get(OPEN)).contains("holds no cluster"));
        }
    }

    private interface Runs {
        void run() throws Exception;
    }

    private static String messageOf(Runs reading) {
        try {
            reading.run();
            return "";
        } catch (Exception e) {
            return String.valueOf(e.getMessage());
        }
    }
}
