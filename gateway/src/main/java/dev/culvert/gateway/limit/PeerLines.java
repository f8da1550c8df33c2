package dev.culvert.gateway.limit;

import dev.culvert.tunnel.limit.LineLimit;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Lines of the log that peers cause. Each holder of a token has a share of them, and strangers together; what is beyond it
 * is a count. From any thread.
 */
public final class PeerLines {
    private static final Logger log = LoggerFactory.getLogger(PeerLines.class);

    /** What was left out is told so often at most, for each holder and kind. */
    private static final long TELL_NANOS = TimeUnit.MINUTES.toNanos(1);

    /** Whom lines about connections that are not links count for. */
    public static final String STRANGERS = "strangers";

    /** What lines are about. */
    public enum Kind {
        /** Links that come and go: a holder may have 256 at once; who comes back all the time has said so. */
        LINKS("links", 64, 0.2),

        /** Flows that a limit was in the way of: one line says which. */
        LIMITS("flows that a limit was in the way of", 1, 0.1),

        /** What an agent announces, and what a client is not told of. */
        ROUTES("announced routes", 8, 0.1),

        /** What agents publish, and what of it is not in force: a line for each, when it changes. */
        PUBLICATIONS("publications", 64, 0.2),

        /** Instances that keep coming back, each link of which pairs with each other. */
        COPIES("instances that keep coming back", 2, 1 / 60.0),

        /** Tokens that were refused, or could not be judged. */
        TOKENS("tokens", 20, 1);

        private final String words;
        private final int burst;
        private final double perSecond;

        Kind(String words, int burst, double perSecond) {
            this.words = words;
            this.burst = burst;
            this.perSecond = perSecond;
        }
    }

    private record Share(String holder, Kind kind) {}

    private final LineLimit<Share> lines;
    private final LongSupplier nanoTime;
    private long toldNanos;

    PeerLines(LongSupplier nanoTime) {
        this.nanoTime = nanoTime;
        this.lines = new LineLimit<>(nanoTime);
        this.toldNanos = nanoTime.getAsLong();
    }

    /** Whether there is room for a line. */
    public boolean takes(String holder, Kind kind) {
        return lines.takes(new Share(holder, kind), kind.burst, kind.perSecond);
    }

    /** Says what was left out, once a minute. By one thread. */
    public void tell() {
        long now = nanoTime.getAsLong();
        if (now - toldNanos >= TELL_NANOS) {
            toldNanos = now;
            lines.tell((share, more) ->
                    log.info("{}: {} more lines about {} were left out", share.holder, more, share.kind.words));
        }
    }
}
