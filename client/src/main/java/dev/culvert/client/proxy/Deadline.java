package dev.culvert.client.proxy;

import io.netty.util.concurrent.EventExecutor;
import io.netty.util.concurrent.Future;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A time by which something must have happened; the last that was set. Event loop only. */
final class Deadline {
    private final EventExecutor loop;
    private final Runnable expired;
    private @Nullable Future<?> scheduled;

    Deadline(EventExecutor loop, Runnable expired) {
        this.loop = loop;
        this.expired = expired;
    }

    void set(Duration from) {
        end();
        scheduled = loop.schedule(expired, from.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** It has happened. */
    void end() {
        Future<?> s = scheduled;
        if (s != null) {
            scheduled = null;
            s.cancel(false);
        }
    }
}
