package dev.culvert.gateway;

import io.netty.util.internal.PlatformDependent;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What waits at the gateway for links that do not take it, over all links. Each link alone is bounded by the credit that
 * its peers granted; many slow ones together are bounded here, so that they cost themselves flows and not the others
 * their memory. From any thread.
 */
final class Backlog {
    /** What one link may always have waiting: its share cannot be taken by others. */
    static final long ALWAYS = 4L << 20;

    /** Most payload waiting for one link: a peer whose windows add up to more than any of ours do is not ours. */
    static final long MAX_PER_LINK = 512L << 20;

    private final AtomicLong total = new AtomicLong();
    private final long limit;

    /** Half of the memory that Netty's buffers may take: the other half is for what is read and written just now. */
    Backlog() {
        this(PlatformDependent.maxDirectMemory() / 2);
    }

    Backlog(long limit) {
        this.limit = limit;
    }

    void add(long bytes) {
        total.addAndGet(bytes);
    }

    long total() {
        return total.get();
    }

    /**
     * Whether a link with so much waiting may take more.
     *
     * @param links how many share the memory
     */
    boolean allows(long waiting, int links) {
        if (waiting <= ALWAYS) {
            return true;
        }
        return waiting <= MAX_PER_LINK && (total.get() <= limit || waiting <= limit / Math.max(1, links));
    }
}
