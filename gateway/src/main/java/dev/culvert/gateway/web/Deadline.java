package dev.culvert.gateway.web;

import io.netty.channel.EventLoop;
import io.netty.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A time-out that is put off far more often than it is met: doing so is a look at the clock. On its event loop. */
final class Deadline {
    private final EventLoop loop;
    private final Runnable onExpired;
    private @Nullable ScheduledFuture<?> timer;
    private long timerNanos;
    private long dueNanos;
    private boolean set;

    Deadline(EventLoop loop, Runnable onExpired) {
        this.loop = loop;
        this.onExpired = onExpired;
    }

    void set(long seconds) {
        dueNanos = loop.ticker().nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        set = true;
        ScheduledFuture<?> t = timer;
        if (t != null && timerNanos - dueNanos <= 0) {
            return;
        }
        if (t != null) {
            t.cancel(false);
        }
        schedule(TimeUnit.SECONDS.toNanos(seconds));
    }

    /** It is not waited for now, but may be set again before long: the timer is left. */
    void clear() {
        set = false;
    }

    /** It is not set any more. */
    void end() {
        set = false;
        ScheduledFuture<?> t = timer;
        if (t != null) {
            timer = null;
            t.cancel(false);
        }
    }

    private void schedule(long nanos) {
        timerNanos = dueNanos;
        timer = loop.schedule(this::look, nanos, TimeUnit.NANOSECONDS);
    }

    private void look() {
        timer = null;
        if (!set) {
            return;
        }
        long left = dueNanos - loop.ticker().nanoTime();
        if (left > 0) {
            schedule(left);
        } else {
            set = false;
            onExpired.run();
        }
    }
}
