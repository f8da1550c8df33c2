package dev.culvert.store.cluster;

import dev.culvert.store.StateException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Compares a copy with the engine: each gets what the other has and it has not, by the rules of {@link Merge}. One at a time, but for doubts. */
final class Comparison {
    private static final Logger log = LoggerFactory.getLogger(Comparison.class);

    /** What was put back is said so often at most: who fights with us fills no disk. */
    private static final Duration SAID = Duration.ofMinutes(1);

    /** Asked for in one go; a client's queue of questions is bounded. */
    private static final int BATCH = 200;

    /** Of one value, before the next round. */
    private static final int TRIES = 3;

    /** No document is larger (16 MiB), closed. */
    static final int MAX_VALUE = (16 << 20) + Seal.OVERHEAD;

    /** A binding that ends so soon is let go: its token has ended, and clocks differ. */
    private static final Duration LAST_OF_BINDING = Bindings.LEAST;

    private final Engine engine;
    private final Seal seal;
    private final Merge merge;
    private final LastCopy copy;
    private final Clock clock;
    private final LongSupplier nanoTime;
    /** Names of which the engine said something else than what the copy holds, and that goes before it; few, and known here. */
    private final Set<String> doubted = ConcurrentHashMap.newKeySet();

    private final Seldom lost = new Seldom();
    private final Seldom changed = new Seldom();

    Comparison(Engine engine, Seal seal, Merge merge, LastCopy copy, Clock clock, LongSupplier nanoTime) {
        this.engine = engine;
        this.seal = seal;
        this.merge = merge;
        this.copy = copy;
        this.clock = clock;
        this.nanoTime = nanoTime;
    }

    /** Somebody was told something else of a name than the copy holds, and did not believe it. From any thread. */
    void doubt(String key) {
        doubted.add(key);
    }

    boolean hasDoubts() {
        return !doubted.isEmpty();
    }

    /** Writes while it is nobody's turn. */
    Engine.Written write(String key, byte[] expected, byte[] value) throws StateException {
        return engine.write(key, expected, value, ClusterStore.TURN, null, List.of(), ClusterStore.CHANGES);
    }

    /**
     * Takes into the copy what the engine has, and into the engine what it has lost.
     *
     * @param thoroughly whether bindings that both have are compared, too: it costs a question each
     * @param mark what the engine says whose it is
     * @return whether all is as it is to be; else once more
     */
    boolean run(boolean thoroughly, byte[] mark) throws StateException {
        Round round = new Round(mark);
        Set<String> documents = new LinkedHashSet<>(engine.keys(ClusterStore.DOCUMENT));
        documents.addAll(copy.keys(ClusterStore.DOCUMENT));
        round.compare(List.copyOf(documents));
        Set<String> bound = new HashSet<>(engine.keys(ClusterStore.REGISTER));
        List<String> bindings = new ArrayList<>();
        for (String key : copy.keys(ClusterStore.REGISTER)) {
            if (!bound.contains(key)) {
                round.missing(key);
            }
        }
        for (String key : bound) {
            if (thoroughly || copy.get(key) == null || doubted.contains(key)) {
                bindings.add(key);
            }
        }
        round.compare(bindings);
        copy.flush();
        round.tell();
        return round.all;
    }

    /** How long a binding has to be there still. */
    private Duration life(String key, byte[] closed) {
        Seal.Opened opened = seal.open(key, closed);
        return opened == null ? Duration.ZERO : Duration.between(clock.instant(), Bindings.until(opened.text()));
    }

    /** One comparison, and what came of it. */
    private final class Round {
        private final byte[] mark;
        private boolean all = true;
        private int putBack;
        private int forged;
        private String first = "";

        Round(byte[] mark) {
            this.mark = mark;
        }

        void compare(List<String> keys) throws StateException {
            for (int from = 0; from < keys.size(); from += BATCH) {
                List<String> some = keys.subList(from, Math.min(keys.size(), from + BATCH));
                List<byte[]> heads = engine.read(some, Seal.HEADER);
                for (int i = 0; i < some.size(); i++) {
                    String key = some.get(i);
                    byte[] held = copy.get(key);
                    if (doubted.remove(key) || held == null || !Arrays.equals(CopiedValues.head(held), heads.get(i))) {
                        settle(key);
                    }
                }
            }
        }

        void missing(String binding) throws StateException {
            doubted.remove(binding);
            byte[] held = copy.get(binding);
            Duration left = held == null ? Duration.ZERO : life(binding, held);
            if (left.isNegative() || left.isZero()) {
                copy.forget(binding);
            } else if (left.compareTo(LAST_OF_BINDING) > 0) {
                settle(binding);
            }
        }

        private void settle(String key) throws StateException {
            for (int i = 0; i < TRIES; i++) {
                byte[] there = engine.read(key, MAX_VALUE + 1);
                byte[] stands = merge.of(key, there, copy.get(key));
                if (there.length > 0 && seal.open(key, there) == null) {
                    forged++;
                    first = first.isEmpty() ? key : first;
                }
                if (stands == null) {
                    return;
                }
                if (Arrays.equals(stands, there)) {
                    copy.keep(key, there);
                    return;
                }
                switch (restore(key, there, stands)) {
                    case YES -> {
                        copy.keep(key, stands);
                        putBack++;
                        first = first.isEmpty() ? key : first;
                        return;
                    }
                    case CHANGED -> {}
                    default -> i = TRIES;
                }
            }
            all = false;
        }

        private Engine.Written restore(String key, byte[] there, byte[] stands) throws StateException {
            if (!ClusterStore.isBinding(key) || there.length > 0) {
                return write(key, CopiedValues.head(there), stands);
            }
            byte[] now = engine.bind(key, stands, life(key, stands), ClusterStore.MARK, mark, ClusterStore.CHANGES);
            return Arrays.equals(now, stands) ? Engine.Written.YES : Engine.Written.CHANGED;
        }

        private void tell() {
            long now = nanoTime.getAsLong();
            if (putBack > 0 && lost.isDue(now)) {
                log.warn(
                        "store {} had lost {} values that this gateway's copy holds, or said what they were before ({}"
                                + " and others): they are put back; was it restarted, or restored?",
                        engine.where(),
                        putBack,
                        first);
            }
            if (forged > 0 && changed.isDue(now)) {
                log.error(
                        "store {} holds {} values that were not written by who has the cluster key, or for another place"
                                + " ({} and others): somebody changes the store; find out who can",
                        engine.where(),
                        forged,
                        first);
            }
        }
    }

    /** Says a thing at once, and again after {@link #SAID} at the earliest. */
    private static final class Seldom {
        private boolean said;
        private long at;

        boolean isDue(long now) {
            if (said && now - at < SAID.toNanos()) {
                return false;
            }
            said = true;
            at = now;
            return true;
        }
    }
}
