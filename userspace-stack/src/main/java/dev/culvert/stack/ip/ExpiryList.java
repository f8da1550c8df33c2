package dev.culvert.stack.ip;

import org.jspecify.annotations.Nullable;

/**
 * Things that all live equally long after they were last used: a doubly linked list in the order of their deadlines, so that
 * a touch, a removal and the search for the oldest each cost a few pointer writes and no allocation.
 *
 * @param <T> what expires
 */
public final class ExpiryList<T> {
    private final long lifetimeNanos;
    private @Nullable Node<T> head;
    private @Nullable Node<T> tail;

    /** An empty list whose members live for {@code lifetimeNanos} after each {@link #touch}. */
    public ExpiryList(long lifetimeNanos) {
        this.lifetimeNanos = lifetimeNanos;
    }

    /** Puts {@code node} at the young end with a new deadline, out of whichever list it was in. */
    public void touch(Node<T> node, long nowNanos) {
        node.unlink();
        node.deadline = nowNanos + lifetimeNanos;
        node.list = this;
        node.previous = tail;
        if (tail == null) {
            head = node;
        } else {
            tail.next = node;
        }
        tail = node;
    }

    /** The member whose deadline is first, or null. */
    public @Nullable Node<T> oldest() {
        return head;
    }

    /** The oldest if its deadline has come, or null. */
    public @Nullable Node<T> expired(long nowNanos) {
        return head != null && nowNanos - head.deadline >= 0 ? head : null;
    }

    /**
     * A place in a list.
     *
     * @param <T> what expires
     */
    public static final class Node<T> {
        private final T owner;
        private @Nullable ExpiryList<T> list;
        private @Nullable Node<T> previous;
        private @Nullable Node<T> next;
        private long deadline;

        /** A node of {@code owner} in no list. */
        public Node(T owner) {
            this.owner = owner;
        }

        /** What expires. */
        public T owner() {
            return owner;
        }

        /** When, on the clock that {@link ExpiryList#touch} was given. */
        public long deadline() {
            return deadline;
        }

        /** The next younger member, or null. */
        public @Nullable Node<T> younger() {
            return next;
        }

        /** Leaves the list; nothing happens if the node is in none. */
        public void unlink() {
            ExpiryList<T> from = list;
            if (from == null) {
                return;
            }
            if (previous == null) {
                from.head = next;
            } else {
                previous.next = next;
            }
            if (next == null) {
                from.tail = previous;
            } else {
                next.previous = previous;
            }
            list = null;
            previous = null;
            next = null;
        }
    }
}
