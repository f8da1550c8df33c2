package dev.culvert.store;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Texts that are there only as long as somebody keeps them: who is there now, and with what. Each has one writer at a time; what one
 * that has ended said vanishes by itself. All methods block, so not on an event loop; from any thread.
 */
public interface Leases {
    /** No text has more bytes (UTF-8). */
    int MAX_SIZE = 2 << 20;

    /**
     * Writes it, whatever it said before and whoever wrote that.
     *
     * @param name printable ASCII without spaces
     * @param life how long it is there unless it is kept
     */
    void put(String name, String text, Duration life) throws StateException;

    /**
     * Keeps what was put here last; costs some bytes, however long that is.
     *
     * @param life how long it is there from now on
     * @return false if it is not there any more, or another has written it: then it is to be put again
     */
    boolean keep(String name, Duration life) throws StateException;

    /** Ends what was put here last, if it is still there. */
    void end(String name) throws StateException;

    /** Another one each time that it is put; null when it is not there. So cheap that it can be asked each second. */
    @Nullable
    String version(String name) throws StateException;

    /** What it says; null when it is not there. */
    @Nullable
    String get(String name) throws StateException;
}
