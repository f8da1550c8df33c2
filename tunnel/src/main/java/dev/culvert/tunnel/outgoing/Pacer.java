package dev.culvert.tunnel.outgoing;

import dev.culvert.tunnel.frame.Frame;
import io.netty.util.concurrent.EventExecutor;
import io.netty.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One queue's dealings with a {@link Bandwidth}: reserves turns, wakes the queue when they begin, and accounts for what was
 * sent. What is sent is chosen only then, so whatever comes while a turn is waited for can still overtake. On the queue's
 * event loop only.
 */
final class Pacer {
    private final Bandwidth bandwidth;
    private final EventExecutor executor;
    private final Runnable wake;

    /** Bytes that may be sent now. Frames go whole, so the last of a turn may leave a debt, which the next turn pays. */
    private long allowance;

    private @Nullable ScheduledFuture<?> turn;

    private Pacer(Bandwidth bandwidth, EventExecutor executor, Runnable wake, long allowance) {
        this.bandwidth = bandwidth;
        this.executor = executor;
        this.wake = wake;
        this.allowance = allowance;
    }

    /**
     * The pacer for another bandwidth; null for none. What the one before has allowed and what it is owed stay so, and the
     * turn that it waits for is given up.
     *
     * @param wake runs when a turn that was waited for has begun
     */
    static @Nullable Pacer after(
            @Nullable Pacer before, @Nullable Bandwidth bandwidth, EventExecutor executor, Runnable wake) {
        if (before != null) {
            if (before.bandwidth == bandwidth) {
                return before;
            }
            before.close();
        }
        if (bandwidth == null) {
            return null;
        }
        return new Pacer(bandwidth, executor, wake, before == null ? 0 : Math.min(before.allowance, bandwidth.turn()));
    }

    /** Whether a frame may go now. If not, the queue is woken when one may. */
    boolean mayTake() {
        if (allowance > 0) {
            return true;
        }
        if (turn != null) {
            return false;
        }
        long bytes = bandwidth.turn() - allowance;
        long now = executor.ticker().nanoTime();
        long from = bandwidth.reserve(bytes, now);
        if (from - now <= 0) {
            allowance += bytes;
            return true;
        }
        turn = executor.schedule(() -> begin(bytes), from - now, TimeUnit.NANOSECONDS);
        return false;
    }

    private void begin(long bytes) {
        turn = null;
        allowance += bytes;
        wake.run();
    }

    /**
     * Accounts for the frame that has just been taken from {@code o}.
     *
     * @return its flags: without BLOCKED while more of the flow waits. Then the bandwidth holds the flow up and not its
     *     window, and a larger one would only make more wait here.
     */
    int took(Outlet o, int type, int flags, int bytes) {
        allowance -= bytes;
        return type == Frame.DATA && !o.isEmpty() ? flags & ~Frame.FLAG_BLOCKED : flags;
    }

    /** Whether a turn is being waited for. */
    boolean isWaiting() {
        return turn != null;
    }

    void close() {
        if (turn != null) {
            turn.cancel(false);
            turn = null;
        }
    }
}
