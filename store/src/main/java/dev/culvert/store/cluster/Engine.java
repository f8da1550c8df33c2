package dev.culvert.store.cluster;

import dev.culvert.store.StateException;
import java.io.Closeable;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Bytes by name, on a machine that several reach; nothing that it says is believed. The little that a {@link ClusterStore} needs, so
 * that Redis, Valkey and what else there is can do it with plain means.
 *
 * <p>All methods block, for a bounded time, and may be called from any thread but an event loop's. They throw a
 * {@link StateException} that {@linkplain StateException#isAway() says so} when the engine is away, at once where that is known
 * already; then it is not known whether what was asked for was done.
 */
public interface Engine extends Closeable {
    /** What became of a writing. */
    enum Written {
        YES,
        /** It says something else than was expected. */
        CHANGED,
        /** It is somebody else's turn. */
        NOT_NOW,
        /** A turn or a name is no longer ours, which was to be. */
        LOST
    }

    /**
     * A name that is taken for a time.
     *
     * @param key the name
     * @param token tells who has it; nobody else's
     */
    record Hold(String key, String token) {}

    /** Where it is, for people. */
    String where();

    /** Counts the connections: another number means that whatever was known of it may be so no longer. */
    long session();

    /**
     * Which run of the engine this is: another word when it was started anew, or another machine took its place, so that its last
     * writings may be lost.
     */
    String run() throws StateException;

    /** The first bytes of what is there; empty when there is nothing. */
    byte[] read(String key, int most) throws StateException;

    /** The same of several names at once, in their order. */
    default List<byte[]> read(List<String> keys, int most) throws StateException {
        List<byte[]> all = new ArrayList<>();
        for (String key : keys) {
            all.add(read(key, most));
        }
        return all;
    }

    /**
     * Writes in one step, if all is as expected. What has an end keeps it.
     *
     * @param expected the first bytes of what is there; empty for nothing
     * @param turn key of the turn that nobody else may have
     * @param token ours, if we have that turn; null if nobody has it
     * @param names what must still be ours
     * @param counter counts up with the writing
     */
    Written write(
            String key,
            byte[] expected,
            byte[] value,
            String turn,
            @Nullable String token,
            List<Hold> names,
            String counter)
            throws StateException;

    /**
     * Writes in one step if nothing is there, for a while.
     *
     * @param mark key of what must say this, else nothing is done
     * @param says what that says
     * @param counter counts up with the writing
     * @return what is there now; null if the mark does not say this
     */
    byte @Nullable [] bind(String key, byte[] value, Duration life, String mark, byte[] says, String counter)
            throws StateException;

    /** Writes if nothing is there, for good. */
    boolean put(String key, byte[] value) throws StateException;

    /** How often it was written with this counter; 0 when it is not there. */
    long count(String counter) throws StateException;

    /** The keys that begin so, in no order. */
    List<String> keys(String prefix) throws StateException;

    /** Takes a name that nobody has. */
    boolean take(Hold name, Duration life) throws StateException;

    /** Keeps a name that is still ours. */
    boolean keep(Hold name, Duration life) throws StateException;

    /** Gives a name back, if it is still ours. */
    void release(Hold name) throws StateException;

    /** Writes it, whatever is there, for a while. */
    void lease(String key, byte[] value, Duration life) throws StateException;

    /**
     * Has what begins so be there for so long from now on, and ends it at once for no time at all.
     *
     * @return false if there is nothing, or something else
     */
    boolean prolong(String key, byte[] begins, Duration life) throws StateException;

    @Override
    void close();
}
