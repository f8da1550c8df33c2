package dev.culvert.gateway.fabric;

import dev.culvert.tunnel.link.Carrier;
import io.netty.buffer.ByteBuf;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * What one link has handed to other event loops and they have not taken yet. While it is much the link is not read: so a
 * peer that sends faster than another loop can take waits in its own socket, not in our memory.
 */
final class Crossings {
    /** A few turns of reading, of full frames. */
    static final long MAX_BYTES = 1 << 20;

    /** What handing over costs beside payload: two objects and a slot. */
    private static final int TASK = 128;

    private final Carrier link;
    private final AtomicLong bytes = new AtomicLong();
    private final AtomicBoolean paused = new AtomicBoolean();
    private boolean stopped; // on the link's loop

    Crossings(Carrier link) {
        this.link = link;
    }

    /**
     * Has {@code task} run on the loop of {@code to}. On this link's loop.
     *
     * @param payload what the task owns, if anything
     * @return false when that loop has ended; {@code payload} is still the caller's then
     */
    boolean hand(Side to, Runnable task, @Nullable ByteBuf payload) {
        int cost = TASK + (payload == null ? 0 : payload.readableBytes());
        long now = bytes.addAndGet(cost);
        if (!to.hand(new Inbox.Item(this, cost, task, payload))) {
            bytes.addAndGet(-cost);
            return false;
        }
        if (now > MAX_BYTES && !paused.get()) {
            link.setReading(false);
            paused.set(true);
            resume(bytes.get()); // perhaps all has been taken just now
        }
        return true;
    }

    /** Has no more read of the link, though all has been taken. On its loop. */
    void stop() {
        stopped = true;
        link.setReading(false);
    }

    /** What is under way. From any thread. */
    long bytes() {
        return bytes.get();
    }

    /** Whether so much is under way that nothing more should be added. */
    boolean isFull() {
        return bytes.get() > MAX_BYTES;
    }

    /** From any thread: something has been taken. */
    void settle(int cost) {
        resume(bytes.addAndGet(-cost));
    }

    private void resume(long left) {
        if (left <= MAX_BYTES / 2 && paused.get() && paused.compareAndSet(true, false)) {
            try {
                link.eventLoop().execute(() -> {
                    if (!stopped) {
                        link.setReading(true);
                    }
                });
            } catch (RejectedExecutionException e) {
                // The gateway closes: nobody reads the link any more.
            }
        }
    }
}
