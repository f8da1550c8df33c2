package dev.culvert.tunnel.limit;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * An amount (of bytes, flows, sockets, connections) that many holders share: so much in all, and so much for each. What
 * was taken is given back by the same holder; a holder that has nothing is not remembered, so the memory is that of those
 * who hold. From any thread.
 *
 * @param <K> who holds: a client's name, a network; equal keys are one holder
 */
public final class Quota<K> {
    /** What a holder has; a mutable number, so that taking and giving do not allocate. */
    private static final class Held {
        long amount;
    }

    private final long all;
    private final long each;
    private final Map<K, Held> holders = new HashMap<>();
    private long total;

    /**
     * @param all most that all holders have together
     * @param each most that one holder has
     * @throws IllegalArgumentException unless both are positive
     */
    public Quota(long all, long each) {
        if (all <= 0 || each <= 0) {
            throw new IllegalArgumentException("a quota of " + all + ", " + each + " each: both must be positive");
        }
        this.all = all;
        this.each = each;
    }

    /**
     * Takes {@code amount} if both bounds allow it; takes nothing otherwise.
     *
     * @param amount 0 or more
     * @return whether it was taken; then it must be {@linkplain #give given} back, once
     */
    public synchronized boolean take(K holder, long amount) {
        return takeUpTo(holder, amount, each);
    }

    /**
     * Like {@link #take}, but no holder gets more than is then left for all others (the dynamic threshold of Choudhury and
     * Hahne, IEEE/ACM Transactions on Networking 6(2), 1998): one alone gets half of all, each of ten gets an eleventh,
     * and an eleventh is left for the next.
     */
    public synchronized boolean takeShare(K holder, long amount) {
        return takeShare(holder, amount, each);
    }

    /**
     * Like {@link #takeShare(Object, long)}, where this holder may have less than each.
     *
     * @param most that the holder may have; if it has more already, it takes nothing
     */
    public synchronized boolean takeShare(K holder, long amount, long most) {
        return takeUpTo(holder, amount, Math.min(most, Math.min(each, all - total - amount)));
    }

    private boolean takeUpTo(K holder, long amount, long most) {
        Held held = holders.get(holder);
        long before = held == null ? 0 : held.amount;
        if (amount > all - total || amount > most - before) {
            return false;
        }
        if (amount > 0) {
            if (held == null) {
                holders.put(holder, held = new Held());
            }
            held.amount = before + amount;
            total += amount;
        }
        return true;
    }

    /**
     * Gives back what was taken.
     *
     * @throws IllegalStateException when the holder does not have so much: it was given back twice
     */
    public synchronized void give(K holder, long amount) {
        if (amount == 0) {
            return;
        }
        Held held = holders.get(holder);
        if (held == null || held.amount < amount) {
            throw new IllegalStateException(
                    holder + " gives back " + amount + " and has " + (held == null ? 0 : held.amount));
        }
        total -= amount;
        held.amount -= amount;
        if (held.amount == 0) {
            holders.remove(holder);
        }
    }

    /** What all have together. */
    public synchronized long total() {
        return total;
    }

    /** What all together may still take. */
    public synchronized long left() {
        return all - total;
    }

    /** What one has. */
    public synchronized long of(K holder) {
        Held held = holders.get(holder);
        return held == null ? 0 : held.amount;
    }

    /** How many have something. */
    public synchronized int holders() {
        return holders.size();
    }

    /** Who has the most; null when nobody has anything. Looks at all holders: for when memory ends, not for each frame. */
    public synchronized @Nullable K largest() {
        K largest = null;
        long most = 0;
        for (Map.Entry<K, Held> e : holders.entrySet()) {
            if (e.getValue().amount > most) {
                most = e.getValue().amount;
                largest = e.getKey();
            }
        }
        return largest;
    }
}
