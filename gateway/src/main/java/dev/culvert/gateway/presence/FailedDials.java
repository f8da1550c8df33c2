package dev.culvert.gateway.presence;

import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.limit.RecentMap;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Destinations that one instance of an agent could not reach a moment ago: another that could, or has not tried, goes before it. Whatever
 * is wrong with them (its network, its names, its rights on its machine), flows do not all have to find out. From any thread.
 */
public final class FailedDials {
    /** Of so many, those that failed last. */
    static final int MAX = 256;

    /** After so long it is tried again like the others. */
    static final Duration PASSED_OVER = Duration.ofSeconds(60);

    private final RecentMap<Destination, Long> failed = new RecentMap<>(MAX); // when
    private volatile boolean any;

    /**
     * What has become of a dial.
     *
     * @param refused null when it was answered
     */
    public void dialled(Destination destination, @Nullable Reason refused, long nowNanos) {
        if (refused == null) {
            if (any) {
                forget(destination);
            }
        } else if (isOfDestination(refused)) {
            note(destination, nowNanos);
        }
    }

    /** What says something of the way to the destination, rather than of whoever asked or of how busy the instance is. */
    private static boolean isOfDestination(Reason refused) {
        return switch (refused) {
            case CONNECTION_REFUSED, TIMED_OUT, HOST_UNREACHABLE, NETWORK_UNREACHABLE, NAME_NOT_FOUND, UNSUPPORTED ->
                true;
            default -> false;
        };
    }

    private synchronized void note(Destination destination, long nowNanos) {
        failed.put(destination, nowNanos);
        any = true;
    }

    private synchronized void forget(Destination destination) {
        Long since = failed.get(destination);
        if (since != null) {
            failed.remove(destination, since);
            any = failed.size() > 0;
        }
    }

    /** Whether the last dial failed, and not long ago. */
    boolean has(Destination destination, long nowNanos) {
        return any && recent(destination, nowNanos);
    }

    private synchronized boolean recent(Destination destination, long nowNanos) {
        Long since = failed.get(destination);
        return since != null && nowNanos - since < PASSED_OVER.toNanos();
    }
}
