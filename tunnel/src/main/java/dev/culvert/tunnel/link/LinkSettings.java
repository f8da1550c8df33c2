package dev.culvert.tunnel.link;

import java.time.Duration;

/**
 * A link's times and bounds.
 *
 * @param pingInterval between PINGs; the liveness check runs as often
 * @param deadline a link from which nothing has come for this long is dead
 */
public record LinkSettings(Duration pingInterval, Duration deadline) {
    /** Noticed after at most deadline + interval = 15 s; four unanswered PINGs, so that one lost packet decides nothing. */
    public static final LinkSettings DEFAULT = new LinkSettings(Duration.ofSeconds(3), Duration.ofSeconds(12));

    public LinkSettings {
        if (pingInterval.isZero() || pingInterval.isNegative() || deadline.compareTo(pingInterval) < 0) {
            throw new IllegalArgumentException("link pingInterval=" + pingInterval + " deadline=" + deadline
                    + ", need 0 < pingInterval <= deadline");
        }
    }
}
