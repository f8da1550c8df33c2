package dev.culvert.tunnel.flow;

import dev.culvert.tunnel.loop.EventLoops;
import dev.culvert.tunnel.outgoing.FairQueue;
import dev.culvert.tunnel.outgoing.Outlet;
import io.netty.buffer.ByteBuf;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.EventExecutor;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/** What has come for a flow and nobody has read. Event loop only. */
final class Unread {
    private final ArrayDeque<Object> messages = new ArrayDeque<>(4);
    private @Nullable ByteBuf gathering; // the last of them, while small frames are being gathered in it

    boolean isEmpty() {
        return messages.isEmpty();
    }

    int size() {
        return messages.size();
    }

    /** Payload bytes of a stream. */
    long bytes() {
        long sum = 0;
        for (Object message : messages) {
            sum += message instanceof ByteBuf b ? b.readableBytes() : 0;
        }
        return sum;
    }

    void addDatagram(Object datagram) {
        messages.add(datagram);
    }

    /**
     * Adds bytes of a stream. How many wait is credit's to bound, so small frames are gathered: each alone would hold its whole
     * record.
     *
     * @param many whether so much waits already that it is to hold what it counts
     */
    void add(ByteBuf data, boolean many) {
        if (data.readableBytes() >= Outlet.SMALL) {
            gathering = null;
            messages.add(
                    FlowMemory.sized(data, many ? FlowMemory.PINNED_FRACTION_OF_MANY : FlowMemory.PINNED_FRACTION));
            return;
        }
        ByteBuf tail = gathering;
        if (tail != null && tail.maxWritableBytes() >= data.readableBytes()) {
            tail.writeBytes(data);
            data.release();
        } else {
            gathering = Outlet.gather(data, data.readableBytes());
            messages.add(gathering);
        }
    }

    /** The first message, which is the caller's; null when there is none. */
    @Nullable
    Object poll() {
        if (messages.size() == 1) {
            gathering = null;
        }
        return messages.poll();
    }

    /** Releases all, some in each turn of the loop: a window is 64 MiB, which is thousands of messages. Nothing is added then. */
    void drop(EventExecutor loop) {
        int left = loop.isShuttingDown() ? Integer.MAX_VALUE : FairQueue.DROP_STEP;
        for (; left > 0 && !messages.isEmpty(); left--) {
            ReferenceCountUtil.release(messages.poll());
        }
        if (!messages.isEmpty()) {
            EventLoops.nextTurn(loop, () -> drop(loop));
        }
    }
}
