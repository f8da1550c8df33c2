package dev.culvert.gateway.fabric;

import dev.culvert.tunnel.loop.EventLoops;
import io.netty.buffer.ByteBuf;
import io.netty.channel.EventLoop;
import io.netty.util.internal.PlatformDependent;
import java.util.Queue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What other threads have for the links of one event loop. A loop runs whatever is executed on it before its sockets have
 * their turn again, for up to a second; what waits here is done a slice of time in each turn, so that links of other loops,
 * however much comes from them, do not hold up the links of this one.
 */
final class Inbox implements Runnable {
    /** One thing to do here. */
    record Item(
            @Nullable Crossings from,
            int cost,
            Runnable task,
            @Nullable ByteBuf payload) {
        /** It is done, or cannot be. */
        private void settle() {
            if (from != null) {
                from.settle(cost);
            }
        }
    }

    private static final Logger log = LoggerFactory.getLogger(Inbox.class);

    private static final long SLICE_NANOS = 1_000_000;

    /** Things done between two looks at the clock. */
    private static final int LOOK = 16;

    private final EventLoop loop;
    private final Queue<Item> items = PlatformDependent.newMpscQueue();
    private final AtomicBoolean scheduled = new AtomicBoolean();
    private volatile boolean closed;

    Inbox(EventLoop loop) {
        this.loop = loop;
    }

    /**
     * From any thread, in order.
     *
     * @return false when the loop has ended, as it does only when the gateway closes; then nothing has happened
     */
    boolean add(Item item) {
        if (closed || loop.isShutdown()) {
            return false;
        }
        items.add(item);
        wake();
        return true;
    }

    private void wake() {
        if (scheduled.get() || !scheduled.compareAndSet(false, true)) {
            return;
        }
        try {
            loop.execute(this);
        } catch (RejectedExecutionException e) {
            closed = true; // and stays scheduled: nobody else comes here
            for (Item item = items.poll(); item != null; item = items.poll()) {
                if (item.payload != null) {
                    item.payload.release();
                }
                item.settle();
            }
        }
    }

    @Override
    public void run() {
        long start = System.nanoTime();
        int n = 0;
        for (Item item = items.poll(); item != null; item = items.poll()) {
            try {
                item.task.run();
            } catch (RuntimeException e) {
                // A bug; but what the others have to do here must not end with it.
                log.error("something handed over to an event loop failed", e);
            } finally {
                item.settle();
            }
            if ((++n & LOOK - 1) == 0 && System.nanoTime() - start > SLICE_NANOS) {
                EventLoops.nextTurn(loop, this);
                return;
            }
        }
        scheduled.set(false);
        if (!items.isEmpty()) {
            wake();
        }
    }
}
