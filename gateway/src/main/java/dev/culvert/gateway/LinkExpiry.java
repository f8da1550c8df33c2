package dev.culvert.gateway;

import dev.culvert.tunnel.Link;
import io.netty.util.concurrent.ScheduledFuture;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Closes a link when its token ends. On the link's event loop. */
final class LinkExpiry {
    /** A timer stands still while the machine does, and a token's end is a date: so we look at the clock this often. */
    static final Duration CALENDAR_CHECK = Duration.ofSeconds(30);

    private final SwitchedLink link;
    private @Nullable ScheduledFuture<?> timer;

    LinkExpiry(SwitchedLink link) {
        this.link = link;
    }

    void start() {
        Duration left = Duration.between(link.registry.clock.instant(), link.token.expires());
        if (left.isNegative() || left.isZero()) {
            // In a turn of its own: the link may only just be coming up.
            timer = link.loop()
                    .schedule(
                            () -> link.link().close(Link.CLOSE_TOKEN_ENDED, Authenticator.EXPIRED),
                            0,
                            TimeUnit.NANOSECONDS);
            return;
        }
        long nanos = left.compareTo(CALENDAR_CHECK) < 0 ? left.toNanos() : CALENDAR_CHECK.toNanos();
        timer = link.loop().schedule(this::start, nanos, TimeUnit.NANOSECONDS);
    }

    void cancel() {
        if (timer != null) {
            timer.cancel(false);
        }
    }
}
