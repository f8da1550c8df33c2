package dev.culvert.tunnel.limit;

import java.security.SecureRandom;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Things by ids that a peer has picked. Where an id lies depends on a secret, so no choice of ids makes a long run that
 * everybody's frames then go through. Open addressing with linear probing; removal closes the gap (Knuth 6.4 R), so there
 * are no tombstones. Not for several threads.
 *
 * @param <V> what is found
 */
public final class IdTable<V> {
    private static final int LEAST = 16;
    private static final SecureRandom RANDOM = new SecureRandom();

    /** Where secrets come from; a simulation, which must happen again as it did, has its own. */
    static volatile LongSupplier secrets = RANDOM::nextLong;

    private final long add = secrets.getAsLong();
    private final long multiply = secrets.getAsLong() | 1;
    private final long again = secrets.getAsLong() | 1;

    private int[] ids = new int[LEAST];
    private @Nullable Object[] values = new @Nullable Object[LEAST];
    private int shift = Long.SIZE - Integer.numberOfTrailingZeros(LEAST);
    private int size;

    /** Behind the last slot that {@link #removeAny} found empty. */
    private int cursor;

    public int size() {
        return size;
    }

    public @Nullable V get(int id) {
        int mask = ids.length - 1;
        for (int i = home(id); ; i = i + 1 & mask) {
            Object value = values[i];
            if (value == null) {
                return null;
            }
            if (ids[i] == id) {
                return cast(value);
            }
        }
    }

    public boolean contains(int id) {
        return get(id) != null;
    }

    /** Puts {@code value} there; what was there before is replaced. */
    public void put(int id, V value) {
        if (size >= ids.length - (ids.length >>> 2)) {
            resize(ids.length << 1);
        }
        int mask = ids.length - 1;
        int i = home(id);
        while (values[i] != null && ids[i] != id) {
            i = i + 1 & mask;
        }
        if (values[i] == null) {
            size++;
        }
        ids[i] = id;
        values[i] = value;
    }

    /** @return what was there, null if nothing was */
    public @Nullable V remove(int id) {
        int mask = ids.length - 1;
        int i = home(id);
        while (values[i] != null && ids[i] != id) {
            i = i + 1 & mask;
        }
        return values[i] == null ? null : removeAt(i);
    }

    /**
     * Takes one of them out, whichever: to end all of them, as many in a turn as there is time for. All together look at
     * each slot about once.
     *
     * @return null when there are none
     */
    public @Nullable V removeAny() {
        if (size == 0) {
            return null;
        }
        int mask = ids.length - 1;
        while (values[cursor & mask] == null) {
            cursor++;
        }
        return removeAt(cursor & mask);
    }

    /** Shows each once, in no order. {@code action} must not change the table. */
    public void forEach(Consumer<? super V> action) {
        for (Object value : values) {
            if (value != null) {
                action.accept(cast(value));
            }
        }
    }

    /** The most slots one behind another that are taken: what a look-up goes through at worst. For tests. */
    int longestRun() {
        int longest = 0;
        int run = 0;
        for (int i = 0; i < 2 * ids.length; i++) { // twice: a run may go over the end
            run = values[i & ids.length - 1] == null ? 0 : run + 1;
            longest = Math.max(longest, run);
        }
        return longest;
    }

    private V removeAt(int gap) {
        int mask = ids.length - 1;
        V removed = cast(values[gap]);
        int free = gap;
        for (int i = gap + 1 & mask; values[i] != null; i = i + 1 & mask) {
            // What has its home cyclically in (free, i] can be found where it is; all else must move into the gap.
            if ((i - home(ids[i]) & mask) >= (i - free & mask)) {
                ids[free] = ids[i];
                values[free] = values[i];
                free = i;
            }
        }
        values[free] = null;
        size--;
        if (size < ids.length >>> 3 && ids.length > LEAST) {
            resize(ids.length >>> 1);
        }
        return removed;
    }

    private int home(int id) {
        long h = (id + add) * multiply;
        h = (h ^ h >>> 32) * again;
        return (int) (h >>> shift);
    }

    private void resize(int length) {
        int[] oldIds = ids;
        @Nullable Object[] oldValues = values;
        ids = new int[length];
        values = new @Nullable Object[length];
        shift = Long.SIZE - Integer.numberOfTrailingZeros(length);
        int mask = length - 1;
        for (int j = 0; j < oldIds.length; j++) {
            Object value = oldValues[j];
            if (value != null) {
                int i = home(oldIds[j]);
                while (values[i] != null) {
                    i = i + 1 & mask;
                }
                ids[i] = oldIds[j];
                values[i] = value;
            }
        }
    }

    @SuppressWarnings("unchecked") // only put() writes there
    private V cast(@Nullable Object value) {
        if (value == null) {
            throw new IllegalStateException("an empty slot");
        }
        return (V) value;
    }
}
