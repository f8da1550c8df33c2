package dev.culvert.gateway;

import io.netty.util.collection.IntObjectHashMap;
import org.jspecify.annotations.Nullable;

/** The flows of one link by their ids there. On the link's event loop. */
final class FlowTable {
    private final IntObjectHashMap<FlowHalf> halves = new IntObjectHashMap<>();

    @Nullable
    FlowHalf get(int id) {
        return halves.get(key(id));
    }

    void add(FlowHalf half) {
        halves.put(key(half.id), half);
    }

    void remove(FlowHalf half) {
        halves.remove(key(half.id));
    }

    int size() {
        return halves.size();
    }

    /** All of them, in an array that stays as it is when they are removed. */
    FlowHalf[] all() {
        return halves.values().toArray(FlowHalf[]::new);
    }

    /**
     * Ids are counted up, and IntObjectHashMap uses keys as they are: they would lie in one run, through all of which each
     * removal goes. Multiplying by an odd number (2^32 divided by the golden ratio) scatters them, each to its own key.
     */
    private static int key(int id) {
        return id * 0x9E3779B9;
    }
}
