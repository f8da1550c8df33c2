package dev.culvert.store;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What a document says, read anew when it has another version; to ask for that is cheap, so it can be done several times a
 * second.
 *
 * <p>{@link #current} may be called from any thread and never blocks. {@link #refresh} asks the store: not on an event loop,
 * and from one thread at a time.
 *
 * @param <T> what the document says; immutable, with equals
 */
public final class Watch<T> {
    /** Reads and checks the whole document. */
    public interface Reader<T> {
        /** @throws StateException with one line for people */
        T read() throws StateException;
    }

    private final Store store;
    private final Document document;
    private final Reader<T> reader;
    private @Nullable String version;
    private volatile T current;

    /**
     * Reads the document for the first time.
     *
     * @param reader must give a value, or an error, also when there is no document
     * @throws StateException if it cannot be read
     */
    public Watch(Store store, Document document, Reader<T> reader) throws StateException {
        this.store = store;
        this.document = document;
        this.reader = reader;
        this.version = store.version(document);
        this.current = reader.read();
    }

    /** What the document said when it was last read without an error. */
    public T current() {
        return current;
    }

    /**
     * Reads the document again if it has another version.
     *
     * @return true if it says something else than before
     * @throws StateException with one line for people, if it has changed and cannot be read, or is no longer there; the old
     *     value stays, and the next call tries again
     */
    public boolean refresh() throws StateException {
        String now = store.version(document);
        if (Objects.equals(now, version)) {
            return false;
        }
        if (now == null) {
            throw new StateException(store.where(document) + " is gone; what it said stays in force: put it back");
        }
        T next = reader.read();
        // Kept only once it was read, and taken before: what cannot be read now is tried again, what changed meanwhile
        // is seen.
        version = now;
        boolean changed = !next.equals(current);
        current = next;
        return changed;
    }
}
