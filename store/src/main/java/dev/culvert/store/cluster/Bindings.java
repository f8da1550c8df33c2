package dev.culvert.store.cluster;

import dev.culvert.store.Register;
import dev.culvert.store.StateException;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** A register whose bindings are values of the engine's, each with an end. */
final class Bindings implements Register {
    /** Two words. */
    static final int MAX_SIZE = 4_096;

    /** A binding that has expired already is there for so long all the same: its token ends elsewhere. */
    private static final Duration LEAST = Duration.ofMinutes(10);

    /** Of tokens that enrolled, many more than a cluster serves; what is left out is asked for again. */
    private static final int MAX_KNOWN = 100_000;

    private final ClusterStore store;
    private final String name;
    private final Instant forget;
    private final Check check;

    /** A binding stays; whoever comes back need not wait for the engine, nor be sent away while that is. */
    private final Map<String, String> known = new ConcurrentHashMap<>();

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
        String first = known.get(key);
        if (first != null) {
            return first;
        }
        // By the engine's clock it ends so long from now: later than asked for, by what this register has been open,
        // since
        // 'forget' was no later than the time at which it was opened.
        Duration life = Duration.between(forget, expires);
        return checked(key, store.bind(name, key, value, life.compareTo(LEAST) < 0 ? LEAST : life));
    }

    @Override
    public @Nullable String get(String key) throws StateException {
        String first = known.get(key);
        if (first != null) {
            return first;
        }
        String value = store.binding(name, key);
        return value == null ? null : checked(key, value);
    }

    private String checked(String key, String value) throws StateException {
        try {
            require(key, value);
            if (known.size() < MAX_KNOWN) {
                known.put(key, value);
            }
            return value;
        } catch (IllegalArgumentException e) {
            throw new StateException(
                    ClusterStore.bindingKey(name, key) + " holds something else than " + name
                            + ": restore it from a copy",
                    e);
        }
    }
}
