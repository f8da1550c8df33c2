package dev.culvert.gateway.limit;

import dev.culvert.tunnel.limit.Quota;
import io.netty.util.internal.PlatformDependent;

/**
 * What waits at the gateway for peers that do not take it, in bytes: over all links of a holder, and over all holders. Many
 * slow ones together are bounded here, so that they cost themselves flows and not the others their memory: none has more
 * than is left for all others. From any thread.
 */
public final class Backlog {
    private final Quota<String> held;

    /**
     * Half of the memory that Netty's buffers may take: the other half is for what is read and written just now. But not
     * more than the heap has: the objects of small buffers are there, and take a quarter of what is counted for them.
     */
    Backlog() {
        this(Math.min(
                PlatformDependent.maxDirectMemory() / 2, Runtime.getRuntime().maxMemory()));
    }

    Backlog(long limit) {
        held = new Quota<>(limit, limit);
    }

    /** Takes so much for a holder, if there is room. */
    public boolean take(String holder, long bytes) {
        return held.takeShare(holder, bytes);
    }

    public void give(String holder, long bytes) {
        held.give(holder, bytes);
    }

    public long total() {
        return held.total();
    }

    /** How much more may wait. */
    public long left() {
        return held.left();
    }
}
