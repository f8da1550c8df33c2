package dev.culvert.store;

import java.time.Instant;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Keys that are bound once: of all that try, in whatever process, one is first, and its value stays until it expires. Only
 * grows. Blocks; from any thread.
 */
public interface Register {
    /** What keys and values are. */
    Pattern WORD = Pattern.compile("[!-~]+");

    /** What keys and values of a register look like. */
    interface Check {
        /** @throws IllegalArgumentException if they are not such */
        void require(String key, String value);
    }

    /**
     * One that was bound.
     *
     * @param expires from when on it may be forgotten
     */
    record Binding(String key, String value, Instant expires) {}

    /** Throws unless both are printable ASCII: a byte for each character, and a space between words. */
    static void requireWords(String key, String value) {
        if (!WORD.matcher(key).matches() || !WORD.matcher(value).matches()) {
            throw new IllegalArgumentException("keys and values are words of printable ASCII");
        }
    }

    /**
     * Binds the key to the value, unless it is bound already. What this returns is on disk, and outlives a crash.
     *
     * @param expires from when on the binding may be forgotten; whoever asks must refuse the key by then for another reason
     * @return what it is bound to: this value, or the one that was first
     * @throws StateException if it could not be written: then it is not bound, as far as this process knows
     * @throws IllegalArgumentException if {@link Check} says so
     */
    String bind(String key, String value, Instant expires) throws StateException;

    /** What the key is bound to; null if to nothing. */
    @Nullable
    String get(String key) throws StateException;
}
