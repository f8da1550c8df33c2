package dev.culvert.stack.tcp;

import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * Segments above RCV.NXT, sorted and without overlaps, and what RFC 2018 says about them to the peer. What is reported is
 * kept until it is delivered: we never renege.
 */
final class OutOfOrderQueue {
    /**
     * How many segments one connection may keep: with tiny segments the window in bytes alone would let a peer make us
     * keep millions of objects.
     */
    static final int MAX_SEGMENTS = 512;
    /** What fits beside timestamps in 40 bytes of options. */
    static final int MAX_BLOCKS = 3;

    private static final class Node {
        int sequence;
        final ByteBuf data;

        @Nullable
        Node next;

        Node(int sequence, ByteBuf data) {
            this.sequence = sequence;
            this.data = data;
        }

        int end() {
            return sequence + data.readableBytes();
        }
    }

    private @Nullable Node head;
    private int segments;
    private int bytes;
    /** A sequence number in each block that was reported lately, newest first (RFC 2018 section 4). */
    private final int[] recent = new int[MAX_BLOCKS + 1];

    private int recentCount;

    boolean isEmpty() {
        return head == null;
    }

    /** How many payload bytes are kept. */
    int bytes() {
        return bytes;
    }

    /** In how many pieces. */
    int segments() {
        return segments;
    }

    boolean isFull() {
        return segments >= MAX_SEGMENTS;
    }

    /**
     * Takes ownership of {@code data}, which begins at {@code sequence}; bytes that are there already win.
     *
     * @return how many bytes were new
     */
    int insert(int sequence, ByteBuf data) {
        remember(sequence);
        int added = 0;
        int at = sequence;
        int end = sequence + data.readableBytes();
        Node previous = null;
        Node node = head;
        while (Sequence.before(at, end)) {
            while (node != null && !Sequence.after(node.end(), at)) {
                previous = node;
                node = node.next;
            }
            if (node != null && !Sequence.after(node.sequence, at)) {
                at = node.end();
                continue;
            }
            int stop = node == null ? end : Sequence.min(end, node.sequence);
            int length = stop - at;
            Node fresh = new Node(at, data.retainedSlice(data.readerIndex() + (at - sequence), length));
            fresh.next = node;
            if (previous == null) {
                head = fresh;
            } else {
                previous.next = fresh;
            }
            previous = fresh;
            segments++;
            bytes += length;
            added += length;
            at = stop;
        }
        data.release();
        return added;
    }

    /**
     * The next data at {@code next} (RCV.NXT), trimmed to begin there; the caller owns it. Null if there is a hole first.
     */
    @Nullable
    ByteBuf poll(int next) {
        Node node;
        while ((node = head) != null && !Sequence.after(node.sequence, next)) {
            head = node.next;
            segments--;
            bytes -= node.data.readableBytes();
            int skip = next - node.sequence;
            if (skip < node.data.readableBytes()) {
                return node.data.skipBytes(skip);
            }
            node.data.release();
        }
        if (node == null) {
            recentCount = 0;
        }
        return null;
    }

    /**
     * Writes the blocks to report, newest first, at most {@code max}, into {@code left} and {@code right}.
     *
     * @return how many there are
     */
    int blocks(int max, int[] left, int[] right) {
        int count = 0;
        for (int i = 0; i < recentCount && count < max; i++) {
            count = block(recent[i], count, left, right);
        }
        return count;
    }

    private int block(int sequence, int count, int[] left, int[] right) {
        Node node = head;
        while (node != null && !Sequence.after(node.sequence, sequence)) {
            int start = node.sequence;
            int end = node.end();
            node = node.next;
            while (node != null && node.sequence == end) {
                end = node.end();
                node = node.next;
            }
            if (Sequence.before(sequence, end)) {
                for (int i = 0; i < count; i++) {
                    if (left[i] == start) {
                        return count;
                    }
                }
                left[count] = start;
                right[count] = end;
                return count + 1;
            }
        }
        return count;
    }

    private void remember(int sequence) {
        int position = 0;
        while (position < recentCount && recent[position] != sequence) {
            position++;
        }
        if (position == recentCount && recentCount < recent.length) {
            recentCount++;
        }
        for (int i = Math.min(position, recent.length - 1); i > 0; i--) {
            recent[i] = recent[i - 1];
        }
        recent[0] = sequence;
    }

    void clear() {
        for (Node node = head; node != null; node = node.next) {
            node.data.release();
        }
        head = null;
        segments = 0;
        bytes = 0;
        recentCount = 0;
    }
}
