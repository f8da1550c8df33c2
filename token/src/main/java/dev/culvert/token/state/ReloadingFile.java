package dev.culvert.token.state;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * What a file says, read anew when the file has changed. To ask whether it has costs one stat(2), so it can be asked
 * several times a second; on file systems where a watch would see nothing (NFS) as well as on others.
 *
 * <p>{@link #current} may be called from any thread and never blocks. {@link #refresh} reads the disk: not on an event
 * loop, and from one thread at a time.
 *
 * @param <T> what the file holds; immutable, with equals
 */
public final class ReloadingFile<T> {
    /** Reads and checks the whole file. */
    public interface Reader<T> {
        /** @throws IOException with one line for people */
        T read() throws IOException;
    }

    private final Path file;
    private final Reader<T> reader;
    private @Nullable FileStamp stamp;
    private Instant read;
    private volatile T current;

    /**
     * Reads the file for the first time.
     *
     * @param reader must give a value, or an error, also when there is no file
     * @throws IOException if it cannot be read
     */
    public ReloadingFile(Path file, Reader<T> reader) throws IOException {
        this.file = file;
        this.reader = reader;
        this.stamp = FileStamp.of(file);
        this.read = Instant.now();
        this.current = reader.read();
    }

    /** What the file said when it was last read without an error. */
    public T current() {
        return current;
    }

    /**
     * Reads the file again if it has changed.
     *
     * @return true if it says something else than before
     * @throws IOException with one line for people, if it has changed and cannot be read, or is no longer there; the old
     *     value stays, and the next call tries again
     */
    public boolean refresh() throws IOException {
        FileStamp now = FileStamp.of(file);
        Instant at = Instant.now();
        if (now == null ? stamp == null : now.equals(stamp) && !now.isSettledSince(read, at)) {
            return false;
        }
        if (now == null) {
            throw new StateException(file + " is gone; what it said stays in force: put it back");
        }
        T next = reader.read();
        // Kept only once it was read, and taken before: what cannot be read now is tried again, what changed meanwhile
        // is seen.
        stamp = now;
        read = at;
        boolean changed = !next.equals(current);
        current = next;
        return changed;
    }
}
