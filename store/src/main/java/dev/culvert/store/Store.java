package dev.culvert.store;

import java.io.Closeable;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What several processes, and one day several gateways, have in common. All methods block, so not on an event loop; they may
 * be called from any thread. What was written is there after a crash, whole or not at all.
 *
 * <p>Errors are one line for people: which text, why, and what helps with this kind of store.
 */
public interface Store {
    /** Makes a text of another. */
    interface Change {
        /**
         * @param before what it says now; null when there is nothing
         * @return what it shall say; null to leave it
         */
        @Nullable
        String of(@Nullable String before) throws StateException;
    }

    /** Something that is done while nobody else does the like. */
    interface Action<T> {
        T run() throws StateException;
    }

    /** What it says; null when there is nothing. */
    @Nullable
    String get(Document document) throws StateException;

    /** What it says. That there is nothing is an error, which says how to make it. */
    String require(Document document) throws StateException;

    /** Whether there is something, be it readable or not. */
    boolean exists(Document document) throws StateException;

    /**
     * Writes it, whatever it said before: for what has one writer, or within {@link #locked}. Whoever adds to what others
     * wrote uses {@link #update}.
     */
    void put(Document document, String text) throws StateException;

    /**
     * Changes it, and nobody else's change comes between. Costs a reading and a writing.
     *
     * @param change may be run more than once; what counts is the last time
     * @return whether it was written
     */
    boolean update(Document document, Change change) throws StateException;

    /**
     * Writes it if it still says what was expected.
     *
     * @param expected null when nothing is to be there
     * @return whether it did
     */
    default boolean compareAndSet(Document document, @Nullable String expected, String text) throws StateException {
        return update(document, now -> Objects.equals(now, expected) ? text : null);
    }

    /**
     * Its version: another one each time that it was written, be it with what it said before. So cheap that it can be asked
     * several times a second; {@link Watch} does. Versions of two stores do not compare.
     *
     * @return null when there is nothing
     */
    @Nullable
    String version(Document document) throws StateException;

    /**
     * Opens a register.
     *
     * @param name as a {@link Document}'s
     * @param forget what expired at this time or before may be left out
     * @throws StateException if it cannot be read, or holds what the check does not pass
     */
    Register register(String name, Instant forget, Register.Check check) throws StateException;

    /** The names of all documents that are there, in no order; in a directory also files of another kind that could be such. */
    List<String> documents() throws StateException;

    /** All that a register holds, in no order; none if there is no such register. */
    List<Register.Binding> bindings(String register) throws StateException;

    /** Binds all of them in a register that holds nothing yet. */
    default void fill(String register, List<Register.Binding> bindings) throws StateException {
        Register filled = register(register, Instant.now(), (key, value) -> {});
        for (Register.Binding binding : bindings) {
            filled.bind(binding.key(), binding.value(), binding.expires());
        }
    }

    /**
     * Does something to more than one document while no other thread or process does: waits for its turn. May be called
     * within itself.
     */
    <T> T locked(Action<T> action) throws StateException;

    /**
     * Takes a name for this process, until it is closed or the process ends; where several machines share the store, also until it was away
     * from it for too long. Then what it still writes of that is refused: documents that are called so, or so with a dot, hyphen or
     * underscore and more behind it.
     *
     * @return null if another has it, or this process already
     */
    @Nullable
    Closeable claim(String name) throws StateException;

    /** What is there only as long as it is kept; null in a store that has none, since only those on one machine share it. */
    default @Nullable Leases leases() {
        return null;
    }

    /** Where people find it. */
    String where(Document document);

    /** The error for what is there and cannot be used. */
    StateException corrupt(Document document, String what, Throwable cause);
}
