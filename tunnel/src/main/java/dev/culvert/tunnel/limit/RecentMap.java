package dev.culvert.tunnel.limit;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * What was asked for most recently, so much of it: for what can be made again when it is asked for. Not for several threads at once.
 *
 * @param <K> what is asked for
 * @param <V> what is kept for it
 */
public final class RecentMap<K, V> {
    private final LinkedHashMap<K, V> values = new LinkedHashMap<>(16, 0.75f, true);
    private final int most;

    /**
     * @param most how many are kept
     * @throws IllegalArgumentException unless it is positive
     */
    public RecentMap(int most) {
        if (most < 1) {
            throw new IllegalArgumentException("a map of " + most + ": must be positive");
        }
        this.most = most;
    }

    /** Null when it is not kept, or not any more. */
    public @Nullable V get(K key) {
        return values.get(key);
    }

    /** What is kept, or is made and kept from now on. */
    public V get(K key, Function<? super K, ? extends V> maker) {
        V known = values.get(key);
        if (known == null) {
            known = maker.apply(key);
            put(key, known);
        }
        return known;
    }

    /**
     * Keeps it.
     *
     * @return what had to go for it, which was asked for longest ago; null when nothing had to
     */
    public Map.@Nullable Entry<K, V> put(K key, V value) {
        values.put(key, value);
        if (values.size() <= most) {
            return null;
        }
        Map.Entry<K, V> eldest = values.entrySet().iterator().next();
        values.remove(eldest.getKey());
        return Map.entry(eldest.getKey(), eldest.getValue());
    }

    /** Forgets it, if that is what is kept. */
    public boolean remove(K key, V value) {
        return values.remove(key, value);
    }

    public int size() {
        return values.size();
    }
}
