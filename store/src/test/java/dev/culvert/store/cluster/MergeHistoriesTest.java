package dev.culvert.store.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import dev.culvert.store.Document;
import dev.culvert.store.Register;
import dev.culvert.store.StateException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/**
 * Random histories of two or three gateways on one engine, which is emptied, loses its last writings, and is cut off from some of them,
 * while they write. Whatever happens: what a gateway has seen revoked or bound stays so for it, no document goes back, and when all see
 * the engine again all agree, and nothing is lost that one of their copies held.
 */
@NullUnmarked
final class MergeHistoriesTest {
    private static final int HISTORIES = 1_000;
    private static final int STEPS = 40;
    private static final Duration SETTLE = Duration.ofSeconds(10);
    private static final ClusterKey KEY = ClusterKey.generate();
    private static final Document GROWS = Document.open("revoked");
    private static final List<Document> OTHERS = List.of(Document.open("a"), Document.secret("b"));
    private static final Instant LATER = Instant.parse("2100-01-01T00:00:00Z");

    /** Lines; what one has the other gets. */
    private static String union(String later, String earlier) {
        Set<String> all = new LinkedHashSet<>(List.of(later.split("\n")));
        return all.addAll(List.of(earlier.split("\n"))) ? String.join("\n", all) : later;
    }

    @BeforeAll
    static void hush() {
        ((Logger) LoggerFactory.getLogger("dev.culvert.store.cluster")).setLevel(Level.OFF);
    }

    @AfterAll
    static void speak() {
        ((Logger) LoggerFactory.getLogger("dev.culvert.store.cluster")).setLevel(null);
    }

    private final AtomicLong nanos = new AtomicLong();

    /** One gateway: its way to the engine, its copy, and what was seen of it. */
    private final class Gateway {
        final MemoryEngine.Line line;
        final LastCopy copy = LastCopy.inMemory();
        CopiedValues values;
        ClusterStore store;
        Register register;
        final Set<String> revoked = new TreeSet<>();
        final Map<String, Long> revisions = new HashMap<>();

        Gateway(MemoryEngine engine) throws StateException {
            line = engine.line();
            start();
        }

        /** The process; the copy is what outlives it. */
        void start() throws StateException {
            Seal seal = new Seal(KEY);
            values = new CopiedValues(
                    line,
                    seal,
                    new Merge(seal, Map.of(GROWS.name(), MergeHistoriesTest::union)),
                    copy,
                    true,
                    SETTLE,
                    Clock.systemUTC(),
                    nanos::get);
            store = new ClusterStore(line, seal, values);
            values.follow();
            register = store.register("bindings", Instant.now(), (key, value) -> {});
        }

        /** What it says is revoked, and which revision of each document it goes by, never gets less. */
        void look() throws StateException {
            Set<String> now = lines(store.get(GROWS));
            assertThat(now).containsAll(revoked);
            revoked.addAll(now);
            for (Document document : OTHERS) {
                store.get(document); // who has seen but the version has no copy
                String version = store.version(document);
                long revision = version == null ? 0 : Long.parseUnsignedLong(version.substring(2, 18), 16);
                assertThat(revision).isGreaterThanOrEqualTo(revisions.getOrDefault(document.name(), 0L));
                revisions.put(document.name(), revision);
            }
        }
    }

    private static Set<String> lines(String text) {
        return text == null ? Set.of() : new TreeSet<>(List.of(text.split("\n")));
    }

    private void settle(List<Gateway> gateways) {
        // All look at the engine; its time to settle goes by; all look again, until nobody has anything to add.
        for (int i = 0; i < 2; i++) {
            gateways.forEach(gateway -> gateway.values.follow());
            nanos.addAndGet(SETTLE.toNanos() + Duration.ofMinutes(1).toNanos());
        }
        for (int i = 0; i < 3; i++) {
            gateways.forEach(gateway -> gateway.values.follow());
            nanos.addAndGet(Duration.ofMinutes(1).toNanos());
        }
    }

    private void history(long seed) throws Exception {
        Random random = new Random(seed);
        MemoryEngine engine = new MemoryEngine();
        new ClusterStore(engine.line(), KEY).found(true);
        List<Gateway> gateways = new ArrayList<>();
        int count = 2 + random.nextInt(2);
        for (int i = 0; i < count; i++) {
            gateways.add(new Gateway(engine));
        }
        gateways.get(0).store.put(GROWS, "first");
        for (Document document : OTHERS) {
            gateways.get(0).store.put(document, "0");
        }
        settle(gateways);
        int words = 0;
        for (int i = 0; i < STEPS; i++) {
            Gateway gateway = gateways.get(random.nextInt(count));
            String word = "w" + words++;
            try {
                switch (random.nextInt(14)) {
                    case 0, 1 -> gateway.store.update(GROWS, before -> before + "\n" + word);
                    case 2, 3 -> gateway.store.update(OTHERS.get(random.nextInt(2)), before -> word);
                    case 4 -> gateway.store.put(OTHERS.get(random.nextInt(2)), word);
                    case 5, 6 -> {
                        String token = "t" + random.nextInt(8);
                        gateway.register.bind(token, word, LATER);
                    }
                    case 7 -> engine.lose(random.nextInt(6));
                    case 8 -> {
                        if (random.nextBoolean()) {
                            engine.flush();
                        } else {
                            engine.lose(Integer.MAX_VALUE / 2);
                        }
                    }
                    case 9 -> gateway.line.cut(true);
                    case 10 -> gateway.line.cut(false);
                    case 11 -> gateway.start();
                    case 12 -> nanos.addAndGet(random.nextLong(2 * SETTLE.toNanos()));
                    default -> gateways.forEach(one -> one.values.follow());
                }
            } catch (StateException e) {
                assertThat(e.isAway()).as(e.toString()).isTrue(); // nothing else comes of it
            }
            if (random.nextInt(3) == 0) {
                gateway.values.follow();
            }
            gateway.look();
        }
        Set<String> revoked = new HashSet<>();
        Map<String, Long> revisions = new HashMap<>();
        Set<String> bound = new TreeSet<>();
        for (Gateway gateway : gateways) {
            gateway.line.cut(false);
            revoked.addAll(gateway.revoked);
            gateway.revisions.forEach((name, revision) -> revisions.merge(name, revision, Math::max));
            bound.addAll(gateway.copy.keys(ClusterStore.REGISTER));
        }
        settle(gateways);
        Map<String, String> agreed = null;
        for (Gateway gateway : gateways) {
            assertThat(gateway.values.status().awaySince()).isNull();
            gateway.look();
            assertThat(gateway.revoked).containsAll(revoked);
            revisions.forEach(
                    (name, revision) -> assertThat(gateway.revisions.get(name)).isGreaterThanOrEqualTo(revision));
            assertThat(gateway.copy.keys(ClusterStore.REGISTER)).containsAll(bound);
            Map<String, String> says = new HashMap<>();
            for (String key : gateway.copy.keys("culvert/")) {
                if (!key.equals(ClusterStore.MARK)) {
                    says.put(key, java.util.HexFormat.of().formatHex(gateway.copy.get(key)));
                    assertThat(engine.values().get(key)).isEqualTo(gateway.copy.get(key));
                }
            }
            agreed = agreed == null ? says : agreed;
            assertThat(says).isEqualTo(agreed);
        }
    }

    @Test
    void whateverIsLostIsPutBack() throws Exception {
        for (long seed = 0; seed < HISTORIES; seed++) {
            try {
                history(seed);
            } catch (AssertionError | Exception e) {
                throw new AssertionError("history " + seed, e);
            }
        }
    }
}
