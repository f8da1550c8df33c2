package dev.culvert.store.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.culvert.store.Document;
import dev.culvert.store.Register;
import dev.culvert.store.StateException;
import java.io.Closeable;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** What a gateway says of its store in the log and in its status, and what it believes of one in the hands of others. */
@NullUnmarked
final class FollowTest {
    private static final ClusterKey KEY = ClusterKey.generate();
    private static final Document A = Document.open("a");
    private static final Document B = Document.open("b");
    private static final Duration SETTLE = Duration.ofSeconds(10);

    private final MemoryEngine engine = new MemoryEngine();
    private final AtomicLong nanos = new AtomicLong();
    private final Seal seal = new Seal(KEY);
    private final ListAppender<ILoggingEvent> log = new ListAppender<>();
    private final Logger logger = (Logger) LoggerFactory.getLogger("dev.culvert.store.cluster");
    private final MemoryEngine.Line line = engine.line();
    private CopiedValues values;

    @BeforeEach
    void listen() {
        log.start();
        logger.setLevel(Level.INFO);
        logger.setAdditive(false);
        logger.addAppender(log);
    }

    @AfterEach
    void close() {
        logger.setLevel(null);
        logger.setAdditive(true);
        logger.detachAppender(log);
    }

    private ClusterStore store(LastCopy copy) {
        values = new CopiedValues(
                line, seal, new Merge(seal, Map.of()), copy, true, SETTLE, Clock.systemUTC(), nanos::get);
        return new ClusterStore(line, seal, values);
    }

    private ClusterStore following() throws StateException {
        new ClusterStore(engine.line(), KEY).found(true);
        ClusterStore store = store(LastCopy.inMemory());
        values.follow();
        return store;
    }

    private void follow(int times) {
        for (int i = 0; i < times; i++) {
            values.follow();
            nanos.addAndGet(Duration.ofMillis(500).toNanos());
        }
    }

    private long said(String what) {
        return log.list.stream()
                .filter(event -> event.getFormattedMessage().contains(what))
                .count();
    }

    @Test
    void thatItIsAwayAndBackIsSaidOnce() throws Exception {
        ClusterStore store = following();
        store.put(A, "a");
        follow(3);
        assertThat(store.status().awaySince()).isNull();
        assertThat(store.status().copied()).isNotNull();
        assertThat(store.status().documents()).isEqualTo(1);
        line.cut(true);
        follow(10);
        assertThat(log.list).hasSize(1);
        assertThat(said("goes on by its copy of")).isEqualTo(1);
        assertThat(store.status().awaySince()).isNotNull();
        assertThat(store.status().why()).contains("is away");
        assertThat(store.get(A)).isEqualTo("a");
        assertThat(store.get(B)).isNull();
        line.cut(false);
        follow(10);
        assertThat(log.list).hasSize(2);
        assertThat(said("is back after")).isEqualTo(1);
        assertThat(store.status().awaySince()).isNull();
    }

    @Test
    void withNeitherStoreNorCopyNothingIsRead() throws Exception {
        line.cut(true);
        ClusterStore store = store(LastCopy.inMemory());
        follow(2);
        assertThatThrownBy(() -> store.get(A))
                .isInstanceOf(StateException.class)
                .satisfies(e -> assertThat(((StateException) e).isAway()).isTrue());
        assertThat(log.list).isEmpty(); // who reads is told
        assertThat(store.status().copied()).isNull();
    }

    @Test
    void anotherRunIsNotUsedBeforeOthersHadTheirTime() throws Exception {
        ClusterStore store = following();
        store.put(A, "a");
        follow(2);
        engine.lose(0);
        follow(19); // 9.5 s
        assertThat(store.status().why()).contains("was started anew").contains("try again");
        assertThatThrownBy(() -> store.put(A, "b")).hasMessageContaining("nothing was written");
        assertThat(store.get(A)).isEqualTo("a");
        follow(3);
        store.put(A, "b");
        assertThat(store.status().awaySince()).isNull();
    }

    /** Somebody has made a new cluster in an emptied place, with the same key: nothing of the two is mixed. */
    @Test
    void aClusterThatWasFoundedAnewIsNotMergedWithTheOneBefore() throws Exception {
        ClusterStore store = following();
        store.put(A, "ours");
        follow(3);
        for (String key : List.copyOf(engine.values().keySet())) {
            engine.tamper(key, null);
        }
        ClusterStore other = new ClusterStore(engine.line(), KEY);
        other.found(true);
        other.put(A, "theirs");
        line.cut(true); // and it comes back
        follow(2);
        line.cut(false);
        follow(10);
        assertThat(store.get(A)).isEqualTo("ours");
        assertThat(store.status().why()).contains("was founded anew").contains("delete store.copy");
        assertThat(new ClusterStore(engine.line(), KEY).get(A)).isEqualTo("theirs");
        assertThatThrownBy(() -> store.put(A, "again")).hasMessageContaining("was founded anew");
    }

    /** Of a name that was lost its documents alone are another's. */
    @Test
    void whoLostANameWritesAllElse() throws Exception {
        ClusterStore store = following();
        try (Closeable name = store.claim("acme")) {
            assertThat(name).isNotNull();
            Document order = Document.open("acme-a.example.json");
            store.put(order, "mine");
            engine.tamper("culvert/name/acme", null); // its time ran out
            assertThatThrownBy(() -> store.put(order, "too late")).hasMessageContaining("another has its turn");
            assertThatThrownBy(() -> store.put(Document.open("acme.json"), "too late"))
                    .isInstanceOf(StateException.class);
            store.put(A, "goes on");
            store.put(Document.open("acmeism"), "goes on");
            assertThat(store.get(order)).isEqualTo("mine");
        } finally {
            store.close();
        }
    }

    /** What takes the place of something that nobody can read stands, whatever gateways that are away hold of the time before. */
    @Test
    void whatReplacesAForgedOneStands() throws Exception {
        ClusterStore gateway = following();
        for (int i = 0; i < 5; i++) {
            gateway.put(A, "old " + i);
        }
        follow(3);
        line.cut(true);
        engine.tamper(ClusterStore.DOCUMENT + "a", new byte[100]);
        ClusterStore command = new ClusterStore(engine.line(), KEY);
        assertThatThrownBy(() -> command.get(A)).isInstanceOf(StateException.class);
        command.put(A, "new");
        line.cut(false);
        follow(10);
        assertThat(gateway.get(A)).isEqualTo("new");
        gateway.put(A, "newer");
        assertThat(command.get(A)).isEqualTo("newer");
    }

    /** It has a number above all others, and more bytes than are read: what the gateway has seen stands, and is put back. */
    @Test
    void oneThatIsTooLargeIsNotBelieved() throws Exception {
        ClusterStore store = following();
        Document small = new Document("small", false, 100);
        store.put(small, "ours");
        follow(3);
        byte[] large = new byte[1_000];
        Arrays.fill(large, (byte) 0x7f);
        large[0] = 1;
        engine.tamper(ClusterStore.DOCUMENT + "small", large);
        assertThat(store.get(small)).isEqualTo("ours");
        follow(2);
        assertThat(new ClusterStore(engine.line(), KEY).get(small)).isEqualTo("ours");
    }

    /** Whoever comes back is let in by what the copy holds, however slow the engine is. */
    @Test
    void aBindingThatIsHeldIsNotAskedFor() throws Exception {
        ClusterStore store = following();
        Register bindings = store.register("enrolments", Instant.now(), (key, value) -> {});
        Register others = new ClusterStore(engine.line(), KEY).register("enrolments", Instant.now(), (k, v) -> {});
        others.bind("token", "key", Instant.now().plusSeconds(3_600));
        follow(3);
        int asked = line.asked();
        assertThat(bindings.get("token")).isEqualTo("key");
        assertThat(line.asked()).isEqualTo(asked);
        assertThat(bindings.get("other")).isNull();
        assertThat(line.asked()).isGreaterThan(asked);
    }
}
