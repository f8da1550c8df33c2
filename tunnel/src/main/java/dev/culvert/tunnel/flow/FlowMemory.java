package dev.culvert.tunnel.flow;

import dev.culvert.tunnel.limit.Quota;
import io.netty.buffer.ByteBuf;
import io.netty.util.internal.PlatformDependent;

/**
 * What each stream may have waiting at its end in this process before it has shown that it moves, in bytes: its first
 * credit, and as much in each of the buffers that its bytes go through. A holder's first flows get {@link #MOST} each; the more
 * it has, the less a new one gets, so that thousands that nobody reads do not fill the memory for buffers, and another
 * holder's are none the worse for it. None gets nothing: a flow whose reader keeps up grows beyond it ({@link
 * ReceiveWindow}). Any thread.
 */
final class FlowMemory {
    /** A web page's worth. */
    static final int MOST = 64 << 10;

    /** However many there are: 65,536 flows, the most that a client's stack has, have 64 MiB of it. */
    static final int LEAST = 1 << 10;

    /** Each step down is to a quarter, when another quarter of what the holder may have is taken. */
    private static final int STEP = 4;

    /**
     * A sixteenth of the memory for buffers, because six that are full may belong to a flow: what came and is unread, what its
     * socket has not sent, with one more that it had just been given, and the same the other way round. The growth of windows
     * has a quarter beside that, and a client's stack another.
     */
    static final FlowMemory PROCESS = new FlowMemory(PlatformDependent.maxDirectMemory() / 16);

    /**
     * Data that is less than this part of the buffer it lies in is copied before it may wait. A full DATA frame never is: four
     * records of 16 KiB are deciphered into one buffer, sometimes five, and each is a bit less than a quarter of it.
     */
    static final int PINNED_FRACTION = 6;

    /** The same where there are many flows, or a flow has much waiting: what is counted is what is held, then. */
    static final int PINNED_FRACTION_OF_MANY = 2;

    /** To copy what lies in a buffer as small as this costs more than it saves. */
    private static final int SMALL_BUFFER = 4 << 10;

    private final long all;
    private final Quota<String> held = new Quota<>(Long.MAX_VALUE, Long.MAX_VALUE);

    FlowMemory(long bytes) {
        all = bytes;
    }

    /**
     * Returns what one more flow may have; to be {@linkplain #give given} back when the flow is over.
     *
     * @param holder whose flow it is; empty when all are one's own
     */
    int take(String holder) {
        long own = held.of(holder);
        long most = own + all - held.total(); // what the holder could have: all that the others have left
        int size = MOST;
        for (int quarter = 1; quarter < STEP && own + size > most / STEP * quarter; quarter++) {
            size /= STEP;
        }
        held.take(holder, size);
        return size;
    }

    void give(String holder, int size) {
        held.give(holder, size);
    }

    /**
     * Has {@code data}, which may wait, hold not much more memory than it counts: it or a copy of it. A byte of a link's record
     * would hold the whole of it for as long as the other side does not take that byte. Where there is no memory for a copy it stays
     * as it is: it would be lost else, and its flow with it.
     *
     * @param data ownership passes, and comes back
     */
    static ByteBuf sized(ByteBuf data, int fraction) {
        ByteBuf whole = data;
        for (ByteBuf around = whole.unwrap(); around != null; around = whole.unwrap()) {
            whole = around;
        }
        if (whole.capacity() <= SMALL_BUFFER || data.readableBytes() >= whole.capacity() / fraction) {
            return data;
        }
        ByteBuf copy;
        try {
            copy = data.alloc().directBuffer(data.readableBytes());
        } catch (OutOfMemoryError e) {
            return data;
        }
        copy.writeBytes(data);
        data.release();
        return copy;
    }

    /** What all flows have together. */
    long taken() {
        return held.total();
    }
}
