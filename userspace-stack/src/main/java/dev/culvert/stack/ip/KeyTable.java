package dev.culvert.stack.ip;

import java.util.Arrays;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A hash table from five longs to an object: open addressing, linear probing, no boxing and no key objects. The hash is keyed
 * with a secret, for the keys are chosen by whoever sends packets (hash flooding).
 *
 * @param <V> what is found
 */
public final class KeyTable<V> {
    private static final int KEY = 5;
    private static final int MIN_SLOTS = 16;

    private final long secret0;
    private final long secret1;
    private long[] keys = new long[MIN_SLOTS * KEY];
    private @Nullable Object[] values = new @Nullable Object[MIN_SLOTS];
    private int size;

    /** An empty table whose hash is keyed with 128 secret bits. */
    public KeyTable(long secret0, long secret1) {
        this.secret0 = secret0;
        this.secret1 = secret1;
    }

    /** How many entries there are. */
    public int size() {
        return size;
    }

    /** The value of a key, or null. */
    @SuppressWarnings("unchecked")
    public @Nullable V get(long a, long b, long c, long d, long e) {
        return (V) values[find(a, b, c, d, e)];
    }

    /** Maps a key to a value, in place of the one before if there was one. */
    public void put(long a, long b, long c, long d, long e, V value) {
        int slot = find(a, b, c, d, e);
        if (values[slot] == null) {
            if ((size + 1) * 3 > values.length * 2) {
                resize(values.length * 2);
                slot = find(a, b, c, d, e);
            }
            size++;
            int k = slot * KEY;
            keys[k] = a;
            keys[k + 1] = b;
            keys[k + 2] = c;
            keys[k + 3] = d;
            keys[k + 4] = e;
        }
        values[slot] = value;
    }

    /** Forgets a key, and returns what it mapped to or null. */
    @SuppressWarnings("unchecked")
    public @Nullable V remove(long a, long b, long c, long d, long e) {
        int slot = find(a, b, c, d, e);
        Object removed = values[slot];
        if (removed == null) {
            return null;
        }
        size--;
        closeGap(slot);
        if (values.length > MIN_SLOTS && size * 8 < values.length) {
            resize(values.length / 2);
        }
        return (V) removed;
    }

    /** Shows every value to {@code visitor}, which may change the table: what it visits is the table as it was. */
    @SuppressWarnings("unchecked")
    public void forEach(Consumer<? super V> visitor) {
        for (Object value : values.clone()) {
            if (value != null) {
                visitor.accept((V) value);
            }
        }
    }

    /** Forgets everything. */
    public void clear() {
        keys = new long[MIN_SLOTS * KEY];
        values = new @Nullable Object[MIN_SLOTS];
        size = 0;
    }

    /** The slot that holds the key, or the empty slot where it would go. */
    private int find(long a, long b, long c, long d, long e) {
        int mask = values.length - 1;
        int slot = hash(a, b, c, d, e) & mask;
        while (values[slot] != null) {
            int k = slot * KEY;
            if (keys[k + 1] == b && keys[k + 4] == e && keys[k] == a && keys[k + 2] == c && keys[k + 3] == d) {
                return slot;
            }
            slot = slot + 1 & mask;
        }
        return slot;
    }

    /** Moves later entries of the probe sequence down, so that no tombstones gather (Knuth, volume 3, algorithm 6.4 R). */
    private void closeGap(int gap) {
        int mask = values.length - 1;
        int hole = gap;
        int slot = hole;
        while (true) {
            slot = slot + 1 & mask;
            Object value = values[slot];
            if (value == null) {
                values[hole] = null;
                return;
            }
            int k = slot * KEY;
            int home = hash(keys[k], keys[k + 1], keys[k + 2], keys[k + 3], keys[k + 4]) & mask;
            if ((slot - home & mask) >= (slot - hole & mask)) {
                values[hole] = value;
                System.arraycopy(keys, k, keys, hole * KEY, KEY);
                hole = slot;
            }
        }
    }

    private void resize(int slots) {
        long[] oldKeys = keys;
        @Nullable Object[] oldValues = values;
        keys = new long[slots * KEY];
        values = new @Nullable Object[slots];
        for (int i = 0; i < oldValues.length; i++) {
            Object value = oldValues[i];
            if (value != null) {
                int k = i * KEY;
                int slot = find(oldKeys[k], oldKeys[k + 1], oldKeys[k + 2], oldKeys[k + 3], oldKeys[k + 4]);
                System.arraycopy(oldKeys, k, keys, slot * KEY, KEY);
                values[slot] = value;
            }
        }
        Arrays.fill(oldValues, null);
    }

    private int hash(long a, long b, long c, long d, long e) {
        long h = mix(a ^ secret0, b ^ secret1);
        h = mix(h ^ c, d ^ secret0);
        h = mix(h ^ secret1, e ^ h);
        return (int) (h ^ h >>> 32);
    }

    /** A 128-bit product folded to 64 bits: two multiplications diffuse every bit of both factors. */
    private static long mix(long x, long y) {
        return Math.multiplyHigh(x, y) ^ x * y;
    }
}
