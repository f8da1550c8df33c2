package dev.culvert.tunnel.flow;

import dev.culvert.tunnel.loop.EventLoops;
import dev.culvert.tunnel.outgoing.FairQueue;
import io.netty.buffer.ByteBuf;
import io.netty.util.concurrent.EventExecutor;
import org.jspecify.annotations.Nullable;

/**
 * What a stream has sent and its other end may not have received: bytes from offset {@link #base} to {@link #end}, of which those
 * from {@link #next} on have to be sent again, over the present path. Owns its slices. Event loop only.
 */
final class Kept {
    private static final int FIRST_SLOTS = 8;

    private final KeptBudget budget;
    private final KeptBudget.Share share;
    private @Nullable ByteBuf[] slices = {}; // a ring, whose length is a power of two
    private int head;
    private int count;
    private long base;
    private long end;

    // Where the next to be sent again lies: a slice of the ring, counted from the head, and its first offset.
    private int nextSlice;
    private long nextSliceBegin;
    private long next;
    private boolean closed;

    /** @param holder whose flow it is; empty when all are one's own */
    Kept(KeptBudget budget, String holder) {
        this.budget = budget;
        this.share = budget.join(holder);
    }

    /** What may still be sent, and kept. */
    long room() {
        return budget.room(share, bytes());
    }

    /** Offset of the first byte that is kept: all before it has been received. */
    long base() {
        return base;
    }

    /** Offset behind the last byte that was sent. */
    long end() {
        return end;
    }

    /** Bytes that are kept. */
    long bytes() {
        return end - base;
    }

    /** Bytes that have to be sent again before new ones. */
    long unsent() {
        return end - next;
    }

    /** Keeps what is being sent for the first time; nothing has to be sent again then. Takes {@code slice}. */
    void add(ByteBuf slice) {
        int n = slice.readableBytes();
        if (count == slices.length) {
            grow();
        }
        slices[(head + count) & (slices.length - 1)] = slice;
        count++;
        end += n;
        next = end;
        nextSlice = count;
        nextSliceBegin = end;
        budget.take(share, cost(n));
    }

    /** What a slice counts for: its bytes, and its object and slot. */
    private static long cost(int bytes) {
        return bytes + KeptBudget.SLICE_OVERHEAD;
    }

    private void grow() {
        @Nullable ByteBuf[] wider = new ByteBuf[Math.max(FIRST_SLOTS, 2 * slices.length)];
        for (int i = 0; i < count; i++) {
            wider[i] = slices[(head + i) & (slices.length - 1)];
        }
        slices = wider;
        head = 0;
    }

    private ByteBuf at(int i) {
        ByteBuf slice = slices[(head + i) & (slices.length - 1)];
        if (slice == null) {
            throw new IllegalStateException("nothing is kept at " + i + " of " + count);
        }
        return slice;
    }

    /**
     * All bytes before {@code upTo} have been received.
     *
     * @return false when that cannot be: they were not sent
     */
    boolean received(long upTo) {
        if (upTo > end) {
            return false;
        }
        while (count > 0 && base < upTo) {
            ByteBuf first = at(0);
            int n = first.readableBytes();
            if (base + n > upTo) {
                break; // a slice is given up whole
            }
            base += n;
            slices[head] = null;
            head = (head + 1) & (slices.length - 1);
            count--;
            nextSlice = Math.max(0, nextSlice - 1);
            first.release();
            budget.giveBack(share, cost(n));
        }
        if (next < base) {
            next = base;
            nextSliceBegin = base;
        }
        if (count == 0 && slices.length > FIRST_SLOTS) {
            slices = new ByteBuf[] {};
            head = 0;
        }
        return true;
    }

    /**
     * Another path: all from {@code from} on has to be sent again.
     *
     * @return false when that cannot be: it was not sent yet, or was received long ago
     */
    boolean goBack(long from) {
        if (from < base || !received(from)) {
            return false;
        }
        nextSlice = 0;
        nextSliceBegin = base;
        next = from; // perhaps in the middle of the first slice
        return true;
    }

    /** The next bytes to be sent again, at most so many; the caller's. */
    ByteBuf take(int most) {
        ByteBuf slice = at(nextSlice);
        int skipped = (int) (next - nextSliceBegin);
        int n = Math.min(most, slice.readableBytes() - skipped);
        ByteBuf piece = slice.retainedSlice(slice.readerIndex() + skipped, n);
        next += n;
        if (skipped + n == slice.readableBytes()) {
            nextSliceBegin = next;
            nextSlice++;
        }
        return piece;
    }

    /** Gives all up, what is many of it in later turns of the loop. Nothing is added then. */
    void close(EventExecutor loop) {
        next = end;
        int left = loop.isShuttingDown() ? Integer.MAX_VALUE : FairQueue.DROP_STEP;
        for (; left > 0 && count > 0; left--) {
            received(base + at(0).readableBytes());
        }
        if (count > 0) {
            EventLoops.nextTurn(loop, () -> close(loop));
        } else if (!closed) {
            closed = true;
            budget.leave(share);
        }
    }
}
