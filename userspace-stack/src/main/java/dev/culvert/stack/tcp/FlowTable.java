package dev.culvert.stack.tcp;

import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The connection table: open addressing, linear probing, deletion by shifting back (so that a scan leaves no
 * tombstones). Hashes lie beside the rows, so a probe touches a row only when it is very likely the right one.
 */
final class FlowTable {
    private static final int MIN_CAPACITY = 64;

    private int[] hashes = new int[MIN_CAPACITY];
    private @Nullable FlowEntry[] entries = new @Nullable FlowEntry[MIN_CAPACITY];
    private int size;

    int size() {
        return size;
    }

    @Nullable
    FlowEntry get(long remoteHigh, long remoteLow, long localHigh, long localLow, long ports, int hash) {
        int mask = hashes.length - 1;
        for (int i = hash & mask; ; i = i + 1 & mask) {
            FlowEntry entry = entries[i];
            if (entry == null) {
                return null;
            }
            if (hashes[i] == hash && entry.matches(remoteHigh, remoteLow, localHigh, localLow, ports)) {
                return entry;
            }
        }
    }

    /** Adds a row whose key is not there yet. */
    void add(FlowEntry entry) {
        if ((size + 1) * 5L > hashes.length * 3L) {
            resize(hashes.length * 2);
        }
        insert(entry);
        size++;
    }

    /** Puts {@code after} in the place of {@code before}, which has the same key and is there. */
    void replace(FlowEntry before, FlowEntry after) {
        entries[indexOf(before)] = after;
    }

    /** Whether the row was there. */
    boolean remove(FlowEntry entry) {
        int hole = indexOf(entry);
        if (hole < 0) {
            return false;
        }
        int mask = hashes.length - 1;
        for (int i = hole + 1 & mask; ; i = i + 1 & mask) {
            FlowEntry moved = entries[i];
            if (moved == null) {
                break;
            }
            // A row may fill the hole if the hole lies on its way from its home slot.
            if ((i - hashes[i] & mask) >= (i - hole & mask)) {
                entries[hole] = moved;
                hashes[hole] = hashes[i];
                hole = i;
            }
        }
        entries[hole] = null;
        size--;
        if (hashes.length > MIN_CAPACITY && size * 8 < hashes.length) {
            resize(hashes.length / 2);
        }
        return true;
    }

    /** Visits a snapshot, so the visitor may change the table. */
    void forEach(Consumer<FlowEntry> visitor) {
        for (FlowEntry entry : entries.clone()) {
            if (entry != null) {
                visitor.accept(entry);
            }
        }
    }

    private int indexOf(FlowEntry wanted) {
        int mask = hashes.length - 1;
        for (int i = wanted.hash & mask; ; i = i + 1 & mask) {
            FlowEntry entry = entries[i];
            if (entry == wanted) {
                return i;
            }
            if (entry == null) {
                return -1;
            }
        }
    }

    private void insert(FlowEntry entry) {
        int mask = hashes.length - 1;
        int i = entry.hash & mask;
        while (entries[i] != null) {
            i = i + 1 & mask;
        }
        entries[i] = entry;
        hashes[i] = entry.hash;
    }

    private void resize(int capacity) {
        @Nullable FlowEntry[] before = entries;
        hashes = new int[capacity];
        entries = new @Nullable FlowEntry[capacity];
        for (FlowEntry entry : before) {
            if (entry != null) {
                insert(entry);
            }
        }
    }
}
