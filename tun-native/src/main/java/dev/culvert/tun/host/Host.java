package dev.culvert.tun.host;

import dev.culvert.tun.undo.UndoJournal;
import java.io.Closeable;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/**
 * The network of a machine: of this process's network namespace, or a test's model of one. Blocks; one thread at a time.
 */
public interface Host extends UndoJournal.Undoer, Closeable {
    /** What it is like now. */
    HostState read() throws IOException;

    /**
     * Makes changes, each for itself.
     *
     * @return those that were refused, with the reason
     */
    Map<HostChange, String> make(List<HostChange> changes) throws IOException;
}
