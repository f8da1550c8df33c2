package dev.culvert.store.cluster;

import dev.culvert.store.Register;
import dev.culvert.store.StateException;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A register whose bindings are values of the engine's, each with an end:
 *
 * <pre>
 * VALUE END-IN-EPOCH-SECONDS
 * </pre>
 *
 * What was seen once is asked of the copy, see {@link CopiedValues}: whoever comes back need not wait for the engine, nor be sent away while
 * that is.
 */
final class Bindings implements Register {
    /** Two words. */
    static final int MAX_SIZE = 4_096;

    /** A binding that has expired already is there for so long all the same: its token ends elsewhere. */
    static final Duration LEAST = Duration.ofMinutes(10);

    private final ClusterStore store;
    private final String name;
    private final Instant forget;
    private final Check check;

    Bindings(ClusterStore store, String name, Instant forget, Check check) {
        this.store = store;
        this.name = name;
        this.forget = forget;
        this.check = check;
    }

    private void require(String key, String value) {
        Register.requireWords(key, value);
        check.require(key, value);
    }

    @Override
    public String bind(String key, String value, Instant expires) throws StateException {
        require(key, value);
        // By the engine's clock it ends so long from now: later than asked for, by what this register has been open,
        // since 'forget' was no later than the time at which it was opened.
        Duration asked = Duration.between(forget, expires);
        Duration life = asked.compareTo(LEAST) < 0 ? LEAST : asked;
        Instant now = Instant.now();
        return checked(key, store.bind(name, key, value + " " + now.plus(life).getEpochSecond(), life, now));
    }

    @Override
    public @Nullable String get(String key) throws StateException {
        String text = store.binding(name, key);
        return text == null ? null : checked(key, text);
    }

    /** When a binding may be forgotten; long ago where it does not say so. */
    static Instant until(String text) {
        try {
            return Instant.ofEpochSecond(Long.parseLong(text.substring(text.indexOf(' ') + 1)));
        } catch (NumberFormatException | DateTimeException e) {
            return Instant.EPOCH;
        }
    }

    /** What it is bound to. */
    static String value(String text) {
        int space = text.indexOf(' ');
        return space < 0 ? text : text.substring(0, space);
    }

    private String checked(String key, String text) throws StateException {
        String value = value(text);
        try {
            require(key, value);
            return value;
        } catch (IllegalArgumentException e) {
            throw new StateException(
                    ClusterStore.bindingKey(name, key) + " holds something else than " + name
                            + ": restore it from a copy",
                    e);
        }
    }
}
