package dev.culvert.store.redis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.culvert.store.Document;
import dev.culvert.store.Register;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import dev.culvert.store.cluster.ClusterKey;
import dev.culvert.store.cluster.ClusterStore;
import dev.culvert.store.cluster.EngineKind;
import dev.culvert.store.cluster.StoreAddress;
import dev.culvert.store.cluster.Union;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/** Gateways with a copy of a real Redis, which is killed, comes back empty or with an old dump, is cut off, full, or in the hands of others. */
@NullUnmarked
final class LostStoreTest {
    private static final ClusterKey KEY = ClusterKey.generate();
    private static final Document REVOKED = Document.open("revoked");
    private static final Document POLICY = Document.open("policy");
    private static final Document SECRET = Document.secret("ca.key");
    private static final String REVOKED_KEY = "culvert/document/revoked";
    private static final Instant LATER = Instant.parse("2100-01-01T00:00:00Z");

    /** For what takes a second, or with a store that was started anew some ten, on a machine that does something else beside it. */
    private static final Duration PATIENCE = Duration.ofSeconds(120);

    private static final Union LINES = (later, earlier) -> {
        Set<String> all = new LinkedHashSet<>(List.of(later.split("\n")));
        return all.addAll(List.of(earlier.split("\n"))) ? String.join("\n", all) : later;
    };

    @TempDir
    Path dir;

    private final List<ClusterStore> opened = new ArrayList<>();
    private final ListAppender<ILoggingEvent> log = new ListAppender<>();
    private final Logger logger = (Logger) LoggerFactory.getLogger("dev.culvert.store.cluster");

    @BeforeEach
    void listen() {
        log.start();
        logger.setLevel(Level.INFO);
        logger.addAppender(log);
    }

    @AfterEach
    void close() {
        opened.forEach(ClusterStore::close);
        logger.setLevel(null);
        logger.detachAppender(log);
    }

    private long said(String what) {
        return List.copyOf(log.list).stream()
                .filter(event -> event.getFormattedMessage().contains(what))
                .count();
    }

    private RedisServer server(String... settings) throws Exception {
        return new RedisServer(Files.createDirectory(dir.resolve("redis")), settings);
    }

    private ClusterStore gateway(String address, String name) throws Exception {
        Path own = dir.resolve(name);
        if (!Files.exists(own)) {
            Files.createDirectory(own);
        }
        StoreAddress at = StoreAddress.parse(address);
        ClusterStore store = ClusterStore.follow(EngineKind.of(at).open(at), KEY, own, Map.of(REVOKED.name(), LINES));
        opened.add(store);
        return store;
    }

    private ClusterStore command(String address) throws StateException {
        ClusterStore store = ClusterStore.open(StoreAddress.parse(address), KEY);
        opened.add(store);
        return store;
    }

    private static Register register(Store store) throws StateException {
        return store.register("bindings", Instant.now(), (key, value) -> {});
    }

    private static void awaitCopy(ClusterStore store, int documents, int bindings) throws Exception {
        await().atMost(PATIENCE)
                .until(() -> store.status().copied() != null
                        && store.status().documents() == documents
                        && store.status().bindings() == bindings);
    }

    private static void awaitBack(ClusterStore... stores) throws Exception {
        for (ClusterStore store : stores) {
            await().atMost(PATIENCE).until(() -> store.status().awaySince() == null);
        }
    }

    private static void awaitAway(ClusterStore... stores) throws Exception {
        for (ClusterStore store : stores) {
            await().atMost(PATIENCE).until(() -> store.status().awaySince() != null);
        }
    }

    private interface Runs {
        void run() throws Exception;
    }

    private static void away(Runs writing) {
        assertThatThrownBy(writing::run)
                .isInstanceOf(StateException.class)
                .hasMessageStartingWith("store redis://")
                .hasMessageNotContaining("\n")
                .satisfies(e -> assertThat(((StateException) e).isAway()).isTrue());
    }

    @Test
    void killedAndStartedEmpty() throws Exception {
        try (RedisServer redis = server()) {
            command(redis.address()).found(true);
            ClusterStore one = gateway(redis.address(), "one");
            ClusterStore two = gateway(redis.address(), "two");
            one.put(REVOKED, "a");
            one.put(SECRET, "s");
            two.update(REVOKED, before -> before + "\nb");
            assertThat(register(one).bind("token", "first", LATER)).isEqualTo("first");
            awaitCopy(one, 2, 1);
            awaitCopy(two, 2, 1);
            await().atMost(PATIENCE).until(() -> "a\nb".equals(one.get(REVOKED)) && "a\nb".equals(two.get(REVOKED)));
            Path file = dir.resolve("one").resolve("store.copy");
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                    .isEqualTo("rw-------");
            assertThat(Files.readString(file)).doesNotContain("first");

            redis.kill();
            awaitAway(one, two);
            // Nothing stops: it reads, by what it has seen; what writes says so.
            assertThat(one.get(REVOKED)).isEqualTo("a\nb");
            assertThat(two.get(SECRET)).isEqualTo("s");
            assertThat(one.get(POLICY)).isNull();
            assertThat(register(two).get("token")).isEqualTo("first");
            assertThat(register(two).bind("token", "second", LATER)).isEqualTo("first");
            away(() -> one.update(REVOKED, before -> before + "\nc"));
            away(() -> one.put(POLICY, "p"));
            away(() -> register(two).bind("new", "v", LATER));
            away(() -> register(two).get("new"));
            away(() -> one.claim("acme"));
            // One that is started meanwhile serves by its copy; one without refuses.
            Files.createDirectory(dir.resolve("again"));
            Files.copy(file, dir.resolve("again").resolve("store.copy"));
            ClusterStore again = gateway(redis.address(), "again");
            assertThat(again.get(REVOKED)).isEqualTo("a\nb");
            assertThat(again.status().copied()).isNotNull();
            ClusterStore none = gateway(redis.address(), "none");
            away(() -> none.get(REVOKED));

            redis.start();
            // Nothing is written onto a place that may lack what others put back.
            ClusterStore command = command(redis.address());
            await().atMost(PATIENCE).until(() -> redis.admin().exists("culvert/mark") > 0);
            command.update(REVOKED, before -> before + "\nd");
            assertThat(redis.admin().keys("culvert/document/*")).hasSize(2);
            assertThat(command.get(REVOKED)).isEqualTo("a\nb\nd");
            assertThat(command.get(SECRET)).isEqualTo("s");
            assertThat(register(command).bind("token", "second", LATER)).isEqualTo("first");
            awaitBack(one, two, again);
            await().atMost(PATIENCE).until(() -> "a\nb\nd".equals(two.get(REVOKED)));
            // On a machine that freezes it may have been away more than once.
            assertThat(said("this gateway goes on by its copy")).isGreaterThanOrEqualTo(3);
            assertThat(said("is back after")).isEqualTo(said("this gateway goes on by its copy"));
        }
    }

    @Test
    void restoredFromAnOldDump() throws Exception {
        try (RedisServer redis = server("--dbfilename", "dump.rdb")) {
            command(redis.address()).found(true);
            ClusterStore one = gateway(redis.address(), "one");
            one.put(REVOKED, "a");
            one.put(POLICY, "old");
            redis.admin().save();
            command(redis.address()).update(REVOKED, before -> before + "\nb");
            one.put(POLICY, "new");
            register(one).bind("token", "first", LATER);
            awaitCopy(one, 2, 1);
            await().atMost(PATIENCE).until(() -> one.get(REVOKED).equals("a\nb"));
            redis.kill();
            redis.start();
            // Nobody had a copy of this gateway's before it was there; it does not take back what it knows, and others
            // learn of it.
            assertThat(one.get(REVOKED)).isEqualTo("a\nb");
            ClusterStore late = gateway(redis.address(), "late");
            assertThat(late.get(REVOKED)).isEqualTo("a\nb");
            assertThat(late.get(POLICY)).isEqualTo("new");
            assertThat(register(late).bind("token", "second", LATER)).isEqualTo("first");
            awaitBack(one, late);
            assertThat(said("are put back")).isPositive();
        }
    }

    @Test
    void cutOff() throws Exception {
        try (RedisServer redis = server();
                PausingRelay relay = new PausingRelay(redis.port())) {
            command(redis.address()).found(true);
            ClusterStore far = gateway("redis://127.0.0.1:" + relay.port() + "/0", "far");
            ClusterStore near = gateway(redis.address(), "near");
            near.put(REVOKED, "a");
            awaitCopy(far, 1, 0);
            relay.pause();
            near.update(REVOKED, before -> before + "\nb");
            awaitAway(far);
            assertThat(far.status().why()).contains("no answer in 10 s");
            assertThat(far.get(REVOKED)).startsWith("a");
            away(() -> far.put(POLICY, "p"));
            relay.resume();
            awaitBack(far);
            // It was not started anew: nothing is waited for.
            assertThat(far.get(REVOKED)).isEqualTo("a\nb");
            far.put(POLICY, "p");
            await().atMost(PATIENCE).until(() -> "p".equals(near.get(POLICY)));
        }
    }

    @Test
    void fullOrWithoutADisk() throws Exception {
        try (RedisServer redis = server("--save", "3600 1000000")) {
            command(redis.address()).found(true);
            ClusterStore one = gateway(redis.address(), "one");
            one.put(REVOKED, "a");
            awaitCopy(one, 1, 0);
            redis.admin().configSet("maxmemory", "1mb");
            redis.admin().configSet("maxmemory-policy", "noeviction");
            takesNothing(one, "OOM");
            redis.admin().configSet("maxmemory", "0");
            one.update(REVOKED, before -> before + "\nb");

            Files.createDirectory(dir.resolve("redis").resolve("dump.rdb")); // so that it cannot write one
            redis.admin().bgsave();
            await().atMost(PATIENCE)
                    .until(() -> redis.admin().info("persistence").contains("rdb_last_bgsave_status:err"));
            takesNothing(one, "MISCONF");
            redis.admin().configSet("stop-writes-on-bgsave-error", "no");
            one.update(REVOKED, before -> before + "\nc");
            assertThat(one.get(REVOKED)).isEqualTo("a\nb\nc");
        }
    }

    private static void takesNothing(ClusterStore store, String why) throws Exception {
        String before = store.get(REVOKED);
        Register register = register(store);
        for (Runs writing : List.<Runs>of(
                () -> store.update(REVOKED, text -> text + "\nx"),
                () -> store.put(POLICY, "p"),
                () -> register.bind("k", "v", LATER))) {
            assertThatThrownBy(writing::run)
                    .isInstanceOf(StateException.class)
                    .hasMessageContaining("takes no writings (")
                    .hasMessageContaining(why)
                    .hasMessageNotContaining("\n");
        }
        assertThat(store.get(REVOKED)).isEqualTo(before);
        assertThat(store.get(POLICY)).isNull();
    }

    /** Who can read and write the Redis, and has no cluster key. */
    @Test
    void inTheHandsOfOthers() throws Exception {
        try (RedisServer redis = server()) {
            command(redis.address()).found(true);
            ClusterStore one = gateway(redis.address(), "one");
            one.put(REVOKED, "a");
            one.put(POLICY, "p");
            one.put(SECRET, "a key");
            register(one).bind("token", "first", LATER);
            register(one).bind("other", "second", LATER);
            byte[] older = redis.admin().get(REVOKED_KEY);
            one.update(REVOKED, before -> before + "\nb");
            byte[] newer = redis.admin().get(REVOKED_KEY);
            awaitCopy(one, 3, 2);

            byte[] flipped = newer.clone();
            flipped[flipped.length - 1] ^= 1;
            byte[] poisoned = newer.clone();
            poisoned[1] = 0x7f; // its revision
            for (byte[] put : List.of(older, flipped, poisoned, redis.admin().get("culvert/document/policy"))) {
                redis.admin().set(REVOKED_KEY, put);
                assertThat(one.get(REVOKED)).isEqualTo("a\nb");
                await().atMost(PATIENCE)
                        .until(() -> java.util.Arrays.equals(redis.admin().get(REVOKED_KEY), newer));
            }
            redis.admin().del(REVOKED_KEY);
            redis.admin().set("culvert/register/bindings/token", redis.admin().get("culvert/register/bindings/other"));
            redis.admin().del("culvert/register/bindings/other");
            redis.admin().incr("culvert/changes");
            assertThat(one.get(REVOKED)).isEqualTo("a\nb");
            assertThat(register(one).bind("token", "mine", LATER)).isEqualTo("first");
            assertThat(register(one).bind("other", "mine", LATER)).isEqualTo("second");
            await().atMost(PATIENCE)
                    .until(() -> redis.admin().exists(REVOKED_KEY, "culvert/register/bindings/other") == 2);
            one.update(REVOKED, before -> before + "\nc"); // its revision was not poisoned
            assertThat(command(redis.address()).get(REVOKED)).isEqualTo("a\nb\nc");
            assertThat(said("somebody changes the store")).isBetween(1L, 2L);
            for (String key : redis.admin().keys("*")) {
                assertThat(new String(redis.admin().get(key), java.nio.charset.StandardCharsets.ISO_8859_1))
                        .doesNotContain("a key");
            }
        }
    }
}
