package dev.culvert.store.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.store.Document;
import dev.culvert.store.Register;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import dev.culvert.store.Watch;
import java.io.Closeable;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/**
 * What everybody who keeps state may rely on, wherever it is kept. Each test has two stores on one place, as two processes
 * would; what only a process of its own can show is in each store's own tests.
 */
@NullUnmarked
public abstract class StoreContract {
    private static final Document OPEN = Document.open("notes.txt");
    private static final Document SECRET = Document.secret("secret.key");
    private static final Instant NOW = Instant.parse("2026-11-22T12:00:00Z");
    private static final Instant LATER = NOW.plusSeconds(3600);

    /** Longer than any test takes on a machine that does something else beside it. */
    private static final long PATIENCE = 120;

    /** Opens the same place once more; empty when a test begins. */
    protected abstract Store open() throws Exception;

    private Register register(Store store) throws StateException {
        return register(store, NOW);
    }

    private static Register register(Store store, Instant forget) throws StateException {
        return store.register("bindings", forget, (key, value) -> {
            if (!key.startsWith("k") || !value.startsWith("v")) {
                throw new IllegalArgumentException("no binding of ours");
            }
        });
    }

    @Test
    void whereNothingIsNothingIsFound() throws Exception {
        Store store = open();
        for (Document document : List.of(OPEN, SECRET)) {
            assertThat(store.get(document)).isNull();
            assertThat(store.exists(document)).isFalse();
            assertThat(store.version(document)).isNull();
            assertThatThrownBy(() -> store.require(document))
                    .isInstanceOf(StateException.class)
                    .hasMessageContaining(store.where(document))
                    .hasMessageContaining("missing")
                    .hasMessageNotContaining("\n");
        }
        assertThat(register(store).get("k")).isNull();
    }

    @Test
    void whatOneWritesTheOtherReads() throws Exception {
        Store one = open();
        Store other = open();
        String text = "a line\n\u00e4\u20ac\ud83d\ude00\n";
        for (Document document : List.of(OPEN, SECRET)) {
            one.put(document, text);
            assertThat(other.get(document)).isEqualTo(text);
            assertThat(other.require(document)).isEqualTo(text);
            assertThat(other.exists(document)).isTrue();
            other.put(document, "");
            assertThat(one.get(document)).isEmpty();
        }
    }

    @Test
    void whatIsLargerThanItMayBeIsNotRead() throws Exception {
        Store store = open();
        Document small = new Document("small.txt", false, 10);
        store.put(small, "0123456789");
        assertThat(store.get(small)).hasSize(10);
        store.put(small, "0123456789a");
        assertThatThrownBy(() -> store.get(small))
                .isInstanceOf(StateException.class)
                .hasMessageContaining(store.where(small))
                .hasMessageContaining("larger than 10 bytes");
    }

    @Test
    void whatWasExpectedIsReplacedAndNothingElse() throws Exception {
        Store one = open();
        Store other = open();
        assertThat(one.compareAndSet(OPEN, "a", "b")).isFalse();
        assertThat(other.exists(OPEN)).isFalse();
        assertThat(one.compareAndSet(OPEN, null, "a")).isTrue();
        assertThat(other.compareAndSet(OPEN, null, "b")).isFalse();
        assertThat(other.compareAndSet(OPEN, "a", "c")).isTrue();
        assertThat(one.compareAndSet(OPEN, "a", "d")).isFalse();
        assertThat(one.get(OPEN)).isEqualTo("c");
    }

    @Test
    void aChangeThatIsNoneOrFailsLeavesWhatIsThere() throws Exception {
        Store store = open();
        store.put(OPEN, "a");
        assertThat(store.update(OPEN, before -> null)).isFalse();
        assertThatThrownBy(() -> store.update(OPEN, before -> {
                    throw new StateException("not so");
                }))
                .isInstanceOf(StateException.class)
                .hasMessage("not so");
        assertThatThrownBy(() -> store.update(OPEN, before -> {
                    throw new IllegalArgumentException("nor so");
                }))
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(store.get(OPEN)).isEqualTo("a");
        assertThat(open().update(OPEN, before -> before + "b")).isTrue(); // nothing is locked any more
        assertThat(store.get(OPEN)).isEqualTo("ab");
    }

    @Test
    void noChangeOfManyIsLost() throws Exception {
        int writers = 4;
        int each = 25;
        List<Callable<Void>> work = new ArrayList<>();
        for (int w = 0; w < writers; w++) {
            String mine = "writer " + w + " line ";
            Store store = open();
            work.add(() -> {
                for (int i = 0; i < each; i++) {
                    String line = mine + i + "\n";
                    store.update(OPEN, before -> (before == null ? "" : before) + line);
                }
                return null;
            });
        }
        atOnce(work);
        assertThat(open().require(OPEN).lines()).hasSize(writers * each).doesNotHaveDuplicates();
    }

    @Test
    void aVersionChangesWithEachWriting() throws Exception {
        Store one = open();
        Store other = open();
        String before = null;
        for (int i = 0; i < 20; i++) {
            one.put(OPEN, "same length, and at times the same " + i / 2 % 10);
            String now = other.version(OPEN);
            assertThat(now).isNotNull().isNotEqualTo(before);
            before = now;
        }
    }

    /** It may look once more where it cannot be sure, but not each time. */
    @Test
    void aWatchReadsWhatHasChangedOnly() throws Exception {
        Store one = open();
        int[] reads = {0};
        Watch<List<String>> watch = new Watch<>(one, OPEN, () -> {
            reads[0]++;
            return lines(one);
        });
        open().put(OPEN, "a\n");
        reads[0] = 0;
        for (int i = 0; i < 100; i++) {
            assertThat(watch.refresh()).isEqualTo(i == 0);
        }
        assertThat(reads[0]).isBetween(1, 2);
    }

    @Test
    void aWatchSeesWhatOthersWrite() throws Exception {
        Store one = open();
        Store other = open();
        Watch<List<String>> watch = new Watch<>(one, OPEN, () -> lines(one));
        assertThat(watch.current()).isEmpty();
        assertThat(watch.refresh()).isFalse();
        other.put(OPEN, "a\n");
        assertThat(watch.current()).isEmpty();
        assertThat(watch.refresh()).isTrue();
        assertThat(watch.current()).containsExactly("a");
        assertThat(watch.refresh()).isFalse();
        other.put(OPEN, "a\n"); // written, but nothing new
        assertThat(watch.refresh()).isFalse();
        other.update(OPEN, before -> before + "b\n");
        one.update(OPEN, before -> before + "c\n");
        assertThat(watch.refresh()).isTrue();
        assertThat(watch.current()).containsExactly("a", "b", "c");
    }

    private static List<String> lines(Store store) throws StateException {
        String text = store.get(OPEN);
        if (text != null && text.contains("broken")) {
            throw new StateException("it is broken");
        }
        return text == null ? List.of() : text.lines().toList();
    }

    @Test
    void aWatchKeepsWhatItKnewWhileThereIsNothingBetter() throws Exception {
        Store one = open();
        Store other = open();
        other.put(OPEN, "a\n");
        Watch<List<String>> watch = new Watch<>(one, OPEN, () -> lines(one));
        other.put(OPEN, "broken\n");
        for (int i = 0; i < 2; i++) {
            assertThatThrownBy(watch::refresh).hasMessage("it is broken");
            assertThat(watch.current()).containsExactly("a");
        }
        other.put(OPEN, "b\n");
        assertThat(watch.refresh()).isTrue();
        assertThat(watch.current()).containsExactly("b");
        assertThatThrownBy(() -> {
                    other.put(OPEN, "broken\n");
                    new Watch<>(one, OPEN, () -> lines(one));
                })
                .hasMessage("it is broken");
    }

    @Test
    void oneAtATimeIsWithinTheLock() throws Exception {
        List<Callable<Void>> work = new ArrayList<>();
        Map<String, Integer> unguarded = new HashMap<>(Map.of("count", 0));
        for (int w = 0; w < 4; w++) {
            Store store = open();
            work.add(() -> {
                for (int i = 0; i < 25; i++) {
                    store.locked(() -> {
                        int count = Integer.parseInt(store.get(OPEN) == null ? "0" : store.get(OPEN));
                        int also = unguarded.get("count");
                        store.put(OPEN, String.valueOf(count + 1));
                        unguarded.put("count", also + 1);
                        return null;
                    });
                }
                return null;
            });
        }
        atOnce(work);
        assertThat(open().get(OPEN)).isEqualTo("100");
        assertThat(unguarded).containsEntry("count", 100);
    }

    @Test
    void whoHasTheLockMayChangeWithinIt() throws Exception {
        Store store = open();
        assertThat(store.<String>locked(() -> {
                    store.put(SECRET, "s");
                    store.update(OPEN, before -> "o");
                    register(store).bind("k", "v", LATER);
                    return store.locked(() -> store.get(OPEN));
                }))
                .isEqualTo("o");
        assertThatThrownBy(() -> store.locked(() -> {
                    throw new StateException("inside");
                }))
                .hasMessage("inside");
        // Given back: another thread gets it.
        atOnce(List.of(() -> open().locked(() -> "x")));
    }

    @Test
    void aNameIsClaimedByOne() throws Exception {
        Store one = open();
        Store other = open();
        Closeable claim = one.claim("gateway");
        assertThat(claim).isNotNull();
        assertThat(other.claim("gateway")).isNull();
        assertThat(one.claim("gateway")).isNull();
        Closeable second = other.claim("door");
        assertThat(second).isNotNull();
        other.put(OPEN, "nobody is kept from writing");
        claim.close();
        Closeable again = other.claim("gateway");
        assertThat(again).isNotNull();
        assertThat(one.claim("gateway")).isNull();
        again.close();
        second.close();
    }

    @Test
    void theFirstToBindAKeyWins() throws Exception {
        Register one = register(open());
        Register other = register(open());
        assertThat(one.bind("k1", "v1", LATER)).isEqualTo("v1");
        assertThat(one.bind("k1", "v1", LATER)).isEqualTo("v1");
        assertThat(one.bind("k1", "v2", LATER)).isEqualTo("v1");
        assertThat(other.get("k1")).isEqualTo("v1");
        assertThat(other.bind("k1", "v3", LATER)).isEqualTo("v1");
        assertThat(other.get("k2")).isNull();
        assertThat(one.bind("k2", "v4", LATER)).isEqualTo("v4");
        assertThat(other.get("k2")).isEqualTo("v4");
        assertThat(register(open()).get("k1")).isEqualTo("v1");
        assertThat(register(open()).bind("k2", "v5", LATER)).isEqualTo("v4");
    }

    /** Each with what it has read long ago, and all at the same keys: for each key all hear the same, and it stays. */
    @Test
    void ofManyWhoBindAtOnceOneWins() throws Exception {
        int keys = 50;
        List<Callable<List<String>>> work = new ArrayList<>();
        for (int w = 0; w < 4; w++) {
            String mine = "v" + w;
            Register register = register(open());
            work.add(() -> {
                List<String> heard = new ArrayList<>();
                for (int i = 0; i < keys; i++) {
                    heard.add(register.bind("k" + i, mine, LATER));
                }
                return heard;
            });
        }
        List<List<String>> heard = atOnce(work);
        assertThat(new HashSet<>(heard)).hasSize(1);
        Register after = register(open());
        for (int i = 0; i < keys; i++) {
            assertThat(after.get("k" + i)).isEqualTo(heard.get(0).get(i));
        }
    }

    @Test
    void whatHasExpiredMayBeForgottenAndNothingElse() throws Exception {
        Register before = register(open());
        before.bind("k1", "v1", LATER);
        before.bind("k2", "v2", LATER.plusSeconds(1));
        before.bind("k3", "v3", LATER.plusSeconds(9));
        Register after = register(open(), LATER);
        assertThat(after.get("k2")).isEqualTo("v2");
        assertThat(after.bind("k3", "v4", LATER)).isEqualTo("v3");
        // Who opened it earlier goes on, and agrees with who came later about all that is new.
        assertThat(after.bind("k4", "v4", LATER.plusSeconds(9))).isEqualTo("v4");
        assertThat(before.bind("k4", "v5", LATER.plusSeconds(9))).isEqualTo("v4");
        assertThat(before.bind("k5", "v5", LATER.plusSeconds(9))).isEqualTo("v5");
        assertThat(after.bind("k5", "v6", LATER.plusSeconds(9))).isEqualTo("v5");
    }

    @Test
    void whatIsNoBindingIsNotBound() throws Exception {
        Register register = register(open());
        for (String[] pair : List.of(
                new String[] {"x", "v"},
                new String[] {"k", "x"},
                new String[] {"k 1", "v"},
                new String[] {"k", "v\n"},
                new String[] {"k", ""})) {
            assertThatThrownBy(() -> register.bind(pair[0], pair[1], LATER))
                    .isInstanceOf(IllegalArgumentException.class);
        }
        assertThat(register(open()).get("k")).isNull();
    }

    /** Runs all of it in threads of their own that begin together. */
    private static <T> List<T> atOnce(List<Callable<T>> work) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(work.size());
        CyclicBarrier together = new CyclicBarrier(work.size());
        try {
            List<Future<T>> running = new ArrayList<>();
            for (Callable<T> one : work) {
                running.add(threads.submit(() -> {
                    together.await(PATIENCE, TimeUnit.SECONDS);
                    return one.call();
                }));
            }
            List<T> results = new ArrayList<>();
            for (Future<T> one : running) {
                results.add(one.get(PATIENCE, TimeUnit.SECONDS));
            }
            return results;
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    void whatIsThereIsListedAndFillsAnother() throws Exception {
        Store store = open();
        assertThat(store.documents()).isEmpty();
        assertThat(store.bindings("bindings")).isEmpty();
        store.put(OPEN, "a");
        store.put(SECRET, "b");
        Instant later = Instant.now().plusSeconds(86_400).truncatedTo(java.time.temporal.ChronoUnit.SECONDS);
        Register register = register(store, Instant.now());
        register.bind("k1", "v1", later);
        register.bind("k2", "v2", later.plusSeconds(1));
        Store other = open();
        assertThat(other.documents()).contains(OPEN.name(), SECRET.name());
        List<Register.Binding> all = other.bindings("bindings");
        assertThat(all).extracting(one -> one.key() + one.value()).containsExactlyInAnyOrder("k1v1", "k2v2");
        // A register that an engine keeps ends somewhat later than was asked for, never earlier.
        assertThat(all).allSatisfy(one -> assertThat(one.expires()).isBetween(later, later.plusSeconds(600)));
        other.fill("others", all);
        assertThat(open().bindings("others"))
                .extracting(one -> one.key() + one.value())
                .containsExactlyInAnyOrder("k1v1", "k2v2");
        assertThat(open().register("others", Instant.now(), (key, value) -> {}).bind("k1", "v3", later))
                .isEqualTo("v1");
    }
}
