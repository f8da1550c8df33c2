package dev.culvert.gateway.certificate.acme;

import dev.culvert.store.Document;
import dev.culvert.store.Register;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import java.io.Closeable;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;

/**
 * A process that is killed behind a step of its own: a writing to its store, or a request that has arrived and whose answer nobody
 * hears. Before the next step would be the same; requests that only repeat the one before are one step. From then on nothing of it reaches the store or an authority, however it handles
 * the error that it is told so by.
 */
@NullUnmarked
final class Lifeline {
    /** The process ends here, without a word. */
    static final class Killed extends Error {
        private static final long serialVersionUID = 1L;

        Killed() {
            super("killed", null, false, false);
        }
    }

    private final String from;
    private final int killedAt;
    private final Runnable killed;
    private final List<String> steps = new ArrayList<>();
    private int counted;
    private boolean dead;

    /**
     * @param from the step that is the first to count
     * @param killedAt the number of the step, from 0
     * @param killed done at that moment
     */
    Lifeline(String from, int killedAt, Runnable killed) {
        this.from = from;
        this.killedAt = killedAt;
        this.killed = killed;
    }

    synchronized void step(String what) {
        live();
        if (what.startsWith("POST")
                && !steps.isEmpty()
                && steps.get(steps.size() - 1).equals(what)) {
            return; // asked again whether something has been done
        }
        steps.add(what);
        if (counted > 0 || what.equals(from)) {
            counted++;
        }
        if (counted > killedAt) {
            dead = true;
            killed.run();
            throw new Killed();
        }
    }

    synchronized void live() {
        if (dead) {
            throw new Killed();
        }
    }

    synchronized boolean isDead() {
        return dead;
    }

    /** What was done. */
    synchronized List<String> steps() {
        return List.copyOf(steps);
    }

    /** A store as this process sees it. */
    Store of(Store store) {
        return new Mortal(store);
    }

    private final class Mortal implements Store {
        private final Store store;

        Mortal(Store store) {
            this.store = store;
        }

        @Override
        public String get(Document document) throws StateException {
            live();
            return store.get(document);
        }

        @Override
        public String require(Document document) throws StateException {
            live();
            return store.require(document);
        }

        @Override
        public boolean exists(Document document) throws StateException {
            live();
            return store.exists(document);
        }

        private String kind(Document document) {
            return document.name().replaceAll("[0-9a-f]{16}|app.*[.]test", "X");
        }

        @Override
        public void put(Document document, String text) throws StateException {
            live();
            store.put(document, text);
            step("write " + kind(document));
        }

        @Override
        public boolean update(Document document, Change change) throws StateException {
            live();
            boolean written = store.update(document, change);
            if (written) {
                step("write " + kind(document));
            }
            return written;
        }

        @Override
        public String version(Document document) throws StateException {
            live();
            return store.version(document);
        }

        @Override
        public Register register(String name, Instant forget, Register.Check check) throws StateException {
            throw new UnsupportedOperationException();
        }

        @Override
        public List<String> documents() throws StateException {
            live();
            return store.documents();
        }

        @Override
        public List<Register.Binding> bindings(String register) throws StateException {
            live();
            return store.bindings(register);
        }

        @Override
        public <T> T locked(Action<T> action) throws StateException {
            return store.locked(action);
        }

        @Override
        public Closeable claim(String name) throws StateException {
            live();
            return store.claim(name); // the system gives it up for who is killed
        }

        @Override
        public String where(Document document) {
            return store.where(document);
        }

        @Override
        public StateException corrupt(Document document, String what, Throwable cause) {
            return store.corrupt(document, what, cause);
        }
    }
}
