package dev.culvert.client.uplink;

import io.netty.util.concurrent.EventExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Of what comes in any number, the newest, and not more than one in so long; the first at once. On one event loop. */
final class Newest<T> {
    private final EventExecutor loop;
    private final long eachNanos;
    private final Consumer<T> taker;
    private @Nullable T waiting;
    private boolean pausing;

    Newest(EventExecutor loop, long eachMillis, Consumer<T> taker) {
        this.loop = loop;
        this.eachNanos = TimeUnit.MILLISECONDS.toNanos(eachMillis);
        this.taker = taker;
    }

    void offer(T one) {
        if (pausing) {
            waiting = one;
        } else {
            take(one);
        }
    }

    /** What waits is not wanted any more. */
    void drop() {
        waiting = null;
    }

    private void take(T one) {
        pausing = true;
        loop.schedule(this::paused, eachNanos, TimeUnit.NANOSECONDS);
        taker.accept(one);
    }

    private void paused() {
        pausing = false;
        T next = waiting;
        waiting = null;
        if (next != null) {
            take(next);
        }
    }
}
