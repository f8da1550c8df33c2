package dev.culvert.stack.tcp;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.CompositeByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * The bytes from SND.UNA on: what is in flight and what waits to be sent, as the application's own buffers (no copies)
 * in a ring that is ordered by sequence number. A buffer is released when its last byte is acknowledged cumulatively;
 * a selective acknowledgement frees nothing, since a receiver may take it back (RFC 2018 section 8).
 */
final class SendQueue {
    private static final @Nullable ByteBuf[] NONE = new @Nullable ByteBuf[0];
    private static final int[] NO_STARTS = new int[0];
    private static final int MIN_RING = 8;

    private @Nullable ByteBuf[] buffers = NONE;
    /** The sequence number of each buffer's first readable byte. */
    private int[] starts = NO_STARTS;

    private int head;
    private int count;
    private int first;
    private int end;

    /** The first byte's sequence number, before anything is queued. */
    void start(int sequence) {
        first = sequence;
        end = sequence;
    }

    /** The sequence number after the last queued byte. */
    int end() {
        return end;
    }

    int size() {
        return end - first;
    }

    boolean isEmpty() {
        return end == first;
    }

    /** Takes ownership; the readable bytes follow those that are there. */
    void append(ByteBuf buffer) {
        int length = buffer.readableBytes();
        if (length == 0) {
            buffer.release();
            return;
        }
        if (count == buffers.length) {
            grow();
        }
        int slot = head + count & buffers.length - 1;
        buffers[slot] = buffer;
        starts[slot] = end;
        count++;
        end += length;
    }

    /** Releases what lies before {@code sequence}. */
    void releaseBefore(int sequence) {
        while (count > 0) {
            ByteBuf buffer = at(head);
            if (Sequence.after(starts[head] + buffer.readableBytes(), sequence)) {
                break;
            }
            buffers[head] = null;
            head = head + 1 & buffers.length - 1;
            count--;
            buffer.release();
        }
        first = sequence;
        if (count == 0 && buffers.length > MIN_RING) {
            // An idle flow keeps no ring.
            buffers = NONE;
            starts = NO_STARTS;
            head = 0;
        }
    }

    void clear() {
        releaseBefore(end);
    }

    /** How many buffers the bytes from {@code sequence} lie in. */
    int pieces(int sequence, int length) {
        int from = find(sequence);
        int last = find(sequence + length - 1);
        return last - from + 1;
    }

    /** Adds slices of the bytes to {@code packet}, each with its own reference. */
    void gather(int sequence, int length, CompositeByteBuf packet) {
        int left = length;
        int at = sequence;
        for (int i = find(sequence); left > 0; i++) {
            int slot = head + i & buffers.length - 1;
            ByteBuf buffer = at(slot);
            int offset = at - starts[slot];
            int take = Math.min(left, buffer.readableBytes() - offset);
            packet.addFlattenedComponents(true, buffer.retainedSlice(buffer.readerIndex() + offset, take));
            at += take;
            left -= take;
        }
    }

    /** Copies the bytes to the end of {@code packet}. */
    void copy(int sequence, int length, ByteBuf packet) {
        int left = length;
        int at = sequence;
        for (int i = find(sequence); left > 0; i++) {
            int slot = head + i & buffers.length - 1;
            ByteBuf buffer = at(slot);
            int offset = at - starts[slot];
            int take = Math.min(left, buffer.readableBytes() - offset);
            packet.writeBytes(buffer, buffer.readerIndex() + offset, take);
            at += take;
            left -= take;
        }
    }

    /** The position in the ring of the buffer that holds {@code sequence}. */
    private int find(int sequence) {
        int low = 0;
        int high = count - 1;
        while (low < high) {
            int middle = low + high + 1 >>> 1;
            if (Sequence.after(starts[head + middle & buffers.length - 1], sequence)) {
                high = middle - 1;
            } else {
                low = middle;
            }
        }
        return low;
    }

    private ByteBuf at(int slot) {
        ByteBuf buffer = buffers[slot];
        if (buffer == null) {
            throw new IllegalStateException("send queue has no buffer at slot=" + slot + ", count=" + count);
        }
        return buffer;
    }

    private void grow() {
        int capacity = Math.max(MIN_RING, buffers.length * 2);
        @Nullable ByteBuf[] larger = new @Nullable ByteBuf[capacity];
        int[] largerStarts = new int[capacity];
        for (int i = 0; i < count; i++) {
            int slot = head + i & buffers.length - 1;
            larger[i] = buffers[slot];
            largerStarts[i] = starts[slot];
        }
        buffers = larger;
        starts = largerStarts;
        head = 0;
    }
}
