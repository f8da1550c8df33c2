package dev.culvert.gateway.presence;

import dev.culvert.tunnel.limit.Quota;
import io.netty.util.concurrent.Future;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/** Every link, an agent's before its first announcement too, and how many each holder has. From any thread. */
public final class Links {
    /** Links of one holder: a person's devices, an agent's instances. More of them is a token that has leaked, or a loop. */
    public static final int MAX_PER_HOLDER = 256;

    private final Set<PresentLink> links = ConcurrentHashMap.newKeySet();
    private final AtomicLong numbers = new AtomicLong();

    /** Connections that are links, or about to be, by their holders. */
    private final Quota<String> byHolder = new Quota<>(Integer.MAX_VALUE, MAX_PER_HOLDER);

    /** What links of one holder share: all of one kind and name have one. */
    public static String holder(String kind, String name) {
        return kind + ' ' + name;
    }

    /** A number for a new link, unique in this process. */
    public long nextNumber() {
        return numbers.incrementAndGet();
    }

    /** Whether a holder may have one more link; if so it has it, until {@code closed}. */
    public boolean admits(String holder, Future<?> closed) {
        if (!byHolder.take(holder, 1)) {
            return false;
        }
        closed.addListener(f -> byHolder.give(holder, 1));
        return true;
    }

    /** Connections of one holder that are links, or about to be. */
    public long of(String holder) {
        return byHolder.of(holder);
    }

    /** A link is there. */
    public void up(PresentLink link) {
        links.add(link);
    }

    /** A link is gone, and so are its flows. */
    public void down(PresentLink link) {
        links.remove(link);
    }

    /** Those that there are now. */
    public List<PresentLink> all() {
        return List.copyOf(links);
    }

    public int count() {
        return links.size();
    }
}
