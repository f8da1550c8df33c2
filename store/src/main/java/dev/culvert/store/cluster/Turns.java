package dev.culvert.store.cluster;

import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import dev.culvert.store.cluster.Engine.Hold;
import java.io.Closeable;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whose turn it is, and who has which name. Each is taken for a time, under a word that nobody else has; the engine looks at that
 * word again in the same step in which it writes. So one who stalled, and whose time ran out, writes nothing any more.
 */
final class Turns implements Closeable {
    private static final Logger log = LoggerFactory.getLogger(Turns.class);

    /** A turn takes some writings; a machine that froze for seconds still has it. Others wait so long for one that crashed. */
    static final Duration TURN = Duration.ofSeconds(30);

    /** Of a name, unless it is kept. */
    static final Duration NAME = Duration.ofSeconds(30);

    /** Two may fail before a name is lost. */
    private static final Duration KEEP = NAME.dividedBy(3);

    /** How long a turn is waited for: until one that crashed has lost it, and some have had theirs. */
    private static final Duration PATIENCE = Duration.ofSeconds(90);

    private static final long LEAST_PAUSE_MILLIS = 5;
    private static final long MOST_PAUSE_MILLIS = 40;

    private final Engine engine;
    private final String turn;
    private final String names;
    private final ReentrantLock here = new ReentrantLock();
    private final List<Hold> held = new CopyOnWriteArrayList<>();
    private @Nullable String token;
    private @Nullable Thread keeper;

    /**
     * @param turn key of the turn
     * @param names what keys of names begin with
     */
    Turns(Engine engine, String turn, String names) {
        this.engine = engine;
        this.turn = turn;
        this.names = names;
    }

    /** Key of the turn. */
    String key() {
        return turn;
    }

    /** The word of this thread's turn; null if it has none. */
    @Nullable
    String token() {
        return here.isHeldByCurrentThread() ? token : null;
    }

    /** What this process has of the names that writing a document is a matter of. */
    List<Hold> held(String document) {
        return held.stream()
                .filter(hold -> isNamedAfter(document, hold.key().substring(names.length())))
                .toList();
    }

    private static boolean isNamedAfter(String document, String name) {
        return document.startsWith(name)
                && (document.length() == name.length() || ".-_".indexOf(document.charAt(name.length())) >= 0);
    }

    /** Waits for the turn, and does something in it. */
    <T> T locked(Store.Action<T> action) throws StateException {
        here.lock();
        try {
            if (token != null) {
                return action.run();
            }
            Hold hold = new Hold(turn, UUID.randomUUID().toString());
            Waiting waiting = new Waiting("its turn at " + engine.where());
            while (!engine.take(hold, TURN)) {
                waiting.pause();
            }
            token = hold.token();
            try {
                return action.run();
            } finally {
                token = null;
                release(hold);
            }
        } finally {
            here.unlock();
        }
    }

    private void release(Hold hold) {
        try {
            engine.release(hold);
        } catch (StateException e) {
            log.debug("{} runs out by itself: {}", hold.key(), e.getMessage());
        }
    }

    /** Takes a name; null if somebody has it. */
    @Nullable
    Closeable claim(String name) throws StateException {
        Hold hold = new Hold(names + name, UUID.randomUUID().toString());
        if (!engine.take(hold, NAME)) {
            return null;
        }
        held.add(hold);
        keep();
        return () -> {
            if (held.remove(hold)) {
                release(hold);
            }
        };
    }

    private synchronized void keep() {
        if (keeper == null) {
            keeper = new Thread(this::keepNames, "store-names");
            keeper.setDaemon(true);
            keeper.start();
        }
    }

    /** A name that could not be kept is not taken again: another may have had it. Its owner is told when it writes. */
    private void keepNames() {
        try {
            while (true) {
                Thread.sleep(KEEP.toMillis());
                for (Hold hold : held) {
                    try {
                        if (!engine.keep(hold, NAME) && held.contains(hold)) {
                            log.warn("{} is ours no longer: this machine or the store was away too long", hold.key());
                        }
                    } catch (StateException | RuntimeException e) { // the others are to be kept all the same
                        log.debug("cannot keep {}: {}", hold.key(), e.getMessage());
                    }
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public synchronized void close() {
        if (keeper != null) {
            keeper.interrupt();
        }
        held.forEach(hold -> {
            held.remove(hold);
            release(hold);
        });
    }

    /** Waits, a little longer or shorter than others do, and not for ever. */
    static final class Waiting {
        private final String what;
        private final long end = System.nanoTime() + PATIENCE.toNanos();

        Waiting(String what) {
            this.what = what;
        }

        void pause() throws StateException {
            if (System.nanoTime() - end > 0) {
                throw new StateException(what + " did not come in " + PATIENCE.toSeconds() + " s: try again");
            }
            try {
                Thread.sleep(ThreadLocalRandom.current().nextLong(LEAST_PAUSE_MILLIS, MOST_PAUSE_MILLIS));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new StateException(what + " is not waited for: the program was told to end", e);
            }
        }
    }
}
