package dev.culvert.store.cluster;

import dev.culvert.store.StateException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Documents and bindings of an engine that may go away, come back empty, or say what it said long ago. Nothing that this process has
 * seen is taken back: what {@link LastCopy} holds is asked beside the engine, the {@linkplain Merge later} of the two is believed, and what the
 * engine has lost is put back.
 *
 * <p><b>After each start of the engine</b> nothing is read or written there until those who hold copies have had {@link #SETTLE} to put back
 * what it may have lost: {@code merged} names the run of the engine of which that is done. So a token that was enrolled in the last
 * second before a crash is not enrolled once more by a gateway that has not heard of it, and what a command writes, it writes onto all that there was.
 *
 * <p>A gateway that serves {@linkplain #follow follows} the store: a thread of its own compares its copy with the engine when that was
 * reached anew, and whenever something was written; meanwhile and while the engine is away reads come from the copy, and what would
 * write fails. Others wait for the engine. From any thread but an event loop's.
 */
final class CopiedValues {
    private static final Logger log = LoggerFactory.getLogger(CopiedValues.class);

    /** A gateway looks each 5 s at the most seldom for a store that is away; then it takes a moment to put back what it holds. */
    static final Duration SETTLE = Duration.ofSeconds(10);

    /** Beyond that it is not waited for: somebody writes without end, or the engine takes nothing. */
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private static final Duration PAUSE = Duration.ofMillis(100);

    /** How often documents are compared although nothing was counted: somebody may have written past the counter. */
    private static final Duration LOOK = Duration.ofSeconds(30);

    private static final int MAX_WORD = 256;
    private static final byte[] NOTHING = {};

    private final Engine engine;
    private final Seal seal;
    private final Merge merge;
    private final LastCopy copy;
    private final Comparison comparison;
    private final boolean follows;
    private final Duration settle;
    private final Clock clock;
    private final LongSupplier nanoTime;

    private volatile @Nullable Ready ready;

    private volatile @Nullable Away away;

    // Guarded by this.
    private String settling = "";
    private long settlingSince;
    private long counted = -1;
    private long looked;

    /**
     * A connection over which the engine may be used.
     *
     * @param session which
     * @param merged what the engine says of that; a binding is made only while it does
     */
    record Ready(long session, byte[] merged) {}

    /** @param said whether the log knows */
    private record Away(Instant since, StateException why, boolean said) {}

    /**
     * @param follows whether {@link #follow} is called; else the copy holds nothing
     * @param settle see {@link #SETTLE}
     */
    CopiedValues(
            Engine engine,
            Seal seal,
            Merge merge,
            LastCopy copy,
            boolean follows,
            Duration settle,
            Clock clock,
            LongSupplier nanoTime) {
        this.engine = engine;
        this.seal = seal;
        this.merge = merge;
        this.copy = copy;
        this.comparison = new Comparison(engine, seal, merge, copy, clock, nanoTime);
        this.follows = follows;
        this.settle = settle;
        this.clock = clock;
        this.nanoTime = nanoTime;
    }

    /** The beginning of a value, which differs with each writing. */
    static byte[] head(byte[] closed) {
        return Arrays.copyOf(closed, Math.min(closed.length, Seal.HEADER));
    }

    /**
     * That the engine is there, is this cluster's, and lacks nothing that somebody could put back. Costs nothing once that is known of a
     * connection. Who has a whole copy to go by does not wait; others do, for a bounded time.
     *
     * @throws StateException if that is not so
     */
    Ready ready() throws StateException {
        Ready known = ready;
        if (known != null && known.session == engine.session()) {
            return known;
        }
        if (copy.isComplete()) {
            Away now = away;
            throw now != null
                    ? StateException.away(String.valueOf(now.why.getMessage()), now.why)
                    : settling("was reached anew, and is compared with the copy that is held here");
        }
        return prepared();
    }

    private StateException settling(String what) {
        return StateException.away(
                "store " + engine.where() + " " + what + "; nothing was written, try again in "
                        + Math.max(1, settle.toSeconds()) + " s",
                new IllegalStateException("not merged"));
    }

    private synchronized Ready prepared() throws StateException {
        long end = nanoTime.getAsLong() + settle.plus(PATIENCE).toNanos();
        while (true) {
            Ready made = prepare();
            if (made != null) {
                return made;
            }
            if (nanoTime.getAsLong() - end > 0) {
                throw notMerged();
            }
            pause();
        }
    }

    private StateException notMerged() {
        return settling("was started anew, and gateways put back what it may have lost");
    }

    private void pause() throws StateException {
        try {
            Thread.sleep(PAUSE.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new StateException("store " + engine.where() + " is not waited for: the program was told to end", e);
        }
    }

    /** @return null if it is to be called again a moment later */
    private synchronized @Nullable Ready prepare() throws StateException {
        String run = engine.run();
        long session = engine.session();
        mark();
        long count = engine.count(ClusterStore.CHANGES);
        if (follows && !compare(true)) {
            return null;
        }
        byte[] merged = engine.read(ClusterStore.MERGED, MAX_WORD);
        if (!isOf(merged, run)) {
            if (!settling.equals(run)) {
                settling = run;
                settlingSince = nanoTime.getAsLong();
            }
            if (nanoTime.getAsLong() - settlingSince < settle.toNanos()) {
                return null;
            }
            merged = say(merged, run);
        }
        if (merged.length == 0 || !engine.run().equals(run) || engine.session() != session) {
            return null;
        }
        counted = count;
        Ready now = new Ready(session, merged);
        ready = now;
        return now;
    }

    private boolean isOf(byte[] merged, String run) {
        Seal.Opened opened = seal.open(ClusterStore.MERGED, merged);
        return opened != null && opened.text().equals(run);
    }

    /** Writes of which run of the engine all is put back; empty if that is to be tried again. */
    private byte[] say(byte[] before, String run) throws StateException {
        byte[] closed = seal.close(ClusterStore.MERGED, 1, run);
        return comparison.write(ClusterStore.MERGED, head(before), closed) == Engine.Written.YES ? closed : NOTHING;
    }

    /** The mark, which is put back where it is missing, and looked at. */
    private byte[] mark() throws StateException {
        byte[] there = engine.read(ClusterStore.MARK, MAX_WORD);
        byte[] held = copy.get(ClusterStore.MARK);
        if (there.length == 0 && held != null) {
            engine.put(ClusterStore.MARK, held);
            there = engine.read(ClusterStore.MARK, MAX_WORD);
        }
        if (there.length == 0) {
            throw new StateException("store " + engine.where() + " holds no cluster: for a new one run token init"
                    + " --store " + engine.where() + "; if it had one, start a gateway that holds a copy, which puts it"
                    + " back, or restore it from a dump or by token store copy");
        }
        if (seal.open(ClusterStore.MARK, there) == null) {
            throw new StateException("store " + engine.where() + " is of a cluster with another cluster key:"
                    + " name that key's file with --cluster-key FILE, or another store or database with --store URL");
        }
        if (held != null && !Arrays.equals(held, there)) {
            throw new StateException(
                    "store " + engine.where() + " was founded anew, and this gateway holds a copy of the"
                            + " cluster before: to keep that, delete culvert/* in the store; to give it up, stop the gateways and"
                            + " delete store.copy of each");
        }
        return there;
    }

    /**
     * Makes the place this cluster's, unless it is already.
     *
     * @param alone whether nobody can hold a copy, since the cluster key was made just now: else gateways are waited for, who may
     *     put back what it was
     * @param mark what to write
     * @throws StateException if it is another's, whose cluster key is another
     */
    void found(boolean alone, byte[] mark) throws StateException {
        String run = engine.run();
        if (!alone && engine.read(ClusterStore.MARK, MAX_WORD).length == 0) {
            long end = nanoTime.getAsLong() + settle.toNanos();
            while (nanoTime.getAsLong() - end < 0) {
                pause();
            }
        }
        if (engine.put(ClusterStore.MARK, mark)) {
            byte[] there = engine.read(ClusterStore.MERGED, MAX_WORD);
            if (!isOf(there, run)) {
                say(there, run);
            }
        }
        ready();
    }

    /** The first bytes of what a name says, here or there: see {@link Engine#read}. */
    byte[] read(String key, int most) throws StateException {
        byte[] held = copy.get(key);
        if (held != null && ClusterStore.isBinding(key)) {
            return first(held, most); // nobody binds it anew: who comes back does not wait for an engine that is slow
        }
        byte[] there;
        try {
            ready();
            there = engine.read(key, most);
        } catch (StateException e) {
            if (held != null) {
                return first(held, most);
            }
            if (copy.isComplete() && !ClusterStore.isBinding(key)) {
                return NOTHING;
            }
            throw e;
        }
        if (held == null) {
            if (there.length < most && seal.open(key, there) != null) {
                keep(key, there);
            }
            return there;
        }
        if (Arrays.equals(there, first(held, most))) {
            return there;
        }
        if (there.length
                >= most) { // the beginning of something; of more than a head it is larger than it may be, and not
            // believed
            if (most == Seal.HEADER && Merge.beats(key, there, held)) {
                return there;
            }
            comparison.doubt(key);
            return first(held, most);
        }
        byte[] stands = merge.of(key, there, held);
        if (stands == null || !Arrays.equals(stands, there)) {
            comparison.doubt(key);
        }
        if (stands == null) {
            return held;
        }
        keep(key, stands);
        return stands;
    }

    /** What somebody goes by is on disk before. */
    private void keep(String key, byte[] closed) {
        copy.keep(key, closed);
        copy.flush();
    }

    private static byte[] first(byte[] bytes, int most) {
        return bytes.length <= most ? bytes : Arrays.copyOf(bytes, most);
    }

    /** Writes a document: see {@link Engine#write}. */
    Engine.Written write(String key, byte[] expected, byte[] value, @Nullable String token, List<Engine.Hold> names)
            throws StateException {
        ready();
        Engine.Written written =
                engine.write(key, expected, value, ClusterStore.TURN, token, names, ClusterStore.CHANGES);
        byte[] held = copy.get(key);
        if (written == Engine.Written.CHANGED && held != null && Arrays.equals(head(held), expected)) {
            // What was expected is what the copy says, which the engine may have lost.
            byte[] there = engine.read(key, Comparison.MAX_VALUE + 1);
            if (seal.open(key, there) == null || Merge.beats(key, held, there)) {
                written = engine.write(key, head(there), value, ClusterStore.TURN, token, names, ClusterStore.CHANGES);
            }
        }
        if (written == Engine.Written.YES) {
            keep(key, value);
        }
        return written;
    }

    /**
     * Binds what is not bound, as far as engine and copy know.
     *
     * @return what is there now
     */
    byte[] bind(String key, byte[] value, Duration life) throws StateException {
        byte[] held = copy.get(key);
        if (held != null) {
            return held;
        }
        Ready now = ready();
        byte[] closed = engine.bind(key, value, life, ClusterStore.MERGED, now.merged, ClusterStore.CHANGES);
        if (closed == null) {
            ready = null; // it is no longer what it was when it was looked at
            throw settling("was emptied or replaced while it was used");
        }
        if (engine.session() != now.session) {
            throw settling("was reached anew while something was bound"); // perhaps where it was lost before
        }
        if (seal.open(key, closed) != null) {
            keep(key, closed);
        }
        return closed;
    }

    /**
     * Compares the copy with the engine where that may be needed. Called about twice a second by one thread; says in the log when the store
     * goes away and when it is back.
     */
    void follow() {
        try {
            if (!compared()) {
                throw notMerged();
            }
            confirm();
        } catch (StateException e) {
            wentAway(e);
        }
    }

    private synchronized boolean compared() throws StateException {
        Ready known = ready;
        if (known == null || known.session != engine.session()) {
            return prepare() != null;
        }
        long count = engine.count(ClusterStore.CHANGES);
        boolean looks = nanoTime.getAsLong() - looked >= LOOK.toNanos();
        if (count == counted && !comparison.hasDoubts() && !looks) {
            return true;
        }
        if (!Arrays.equals(engine.read(ClusterStore.MERGED, MAX_WORD), known.merged)) {
            ready = null; // emptied, or another's
            return prepare() != null;
        }
        if (compare(false)) {
            counted = count; // else once more
        }
        return true;
    }

    /** @return whether all is as it is to be; else once more */
    private boolean compare(boolean thoroughly) throws StateException {
        boolean all = comparison.run(thoroughly, mark());
        looked = nanoTime.getAsLong();
        return all;
    }

    private void confirm() throws StateException {
        Ready now = ready;
        if (now == null || now.session != engine.session()) {
            return;
        }
        copy.confirm(clock.instant(), copy.isComplete() ? NOTHING : mark());
        Away before = away;
        if (before != null) {
            away = null;
            if (before.said) {
                log.info(
                        "store {} is back after {} s",
                        engine.where(),
                        Duration.between(before.since, clock.instant()).toSeconds());
            }
        }
    }

    private void wentAway(StateException why) {
        Away before = away;
        boolean said = before != null && before.said;
        if (!said && copy.isComplete()) { // else who asks is told, and nobody serves
            said = true;
            log.warn(
                    "{}; this gateway goes on by its copy of {}, and writes nothing meanwhile",
                    why.getMessage(),
                    copy.confirmed());
        }
        away = new Away(before == null ? clock.instant() : before.since, why, said);
    }

    /** How it stands. */
    StoreStatus status() {
        Away now = away;
        return new StoreStatus(
                engine.where(),
                now == null ? null : now.since,
                now == null ? null : String.valueOf(now.why.getMessage()),
                copy.isComplete() ? copy.confirmed() : null,
                copy.keys(ClusterStore.DOCUMENT).size(),
                copy.keys(ClusterStore.REGISTER).size());
    }
}
