package dev.culvert.gateway.web;

import io.netty.channel.EventLoop;
import io.netty.util.concurrent.FastThreadLocal;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Connections to targets that serve nobody now: of one event loop, so that a browser's side and a target's are never served by
 * two.
 */
final class Http1Targets {
    /** For each site on each loop: as many as hundreds of browsers keep busy. */
    static final int MAX_PER_SITE = 256;

    /** So many of them for {@link #IDLE_SECONDS}: a page's worth of assets. Those beyond serve a load that is there now. */
    static final int FEW = 32;

    /** How long those beyond them are kept: a connection anew for every fourth request costs more than all the rest of it. */
    static final int SURPLUS_IDLE_SECONDS = 5;

    /** Of all sites on a loop: each costs a descriptor or a flow at the agent. */
    static final int MAX = 1_024;

    /** Targets close theirs after 5 s (Node, Apache) up to 75 s (nginx). */
    static final int IDLE_SECONDS = 30;

    /** A request that must not be sent twice goes over one whose target has hardly had time to close it. */
    static final long FRESH_SECONDS = 2;

    /** By then the end of a connection that its target closes behind each answer has been heard of. */
    static final long SETTLED_MILLIS = 200;

    private static final FastThreadLocal<Http1Targets> HERE = new FastThreadLocal<>() {
        @Override
        protected Http1Targets initialValue() {
            return new Http1Targets();
        }
    };

    private final Map<Site, ArrayDeque<Http1Target>> bySite = new HashMap<>();
    private int size;

    private Http1Targets() {}

    /** Those of the present thread's event loop. */
    static Http1Targets here() {
        return HERE.get();
    }

    /**
     * The one that was used last.
     *
     * @param fresh whether it must be one that its target has most probably not closed
     */
    @Nullable
    Http1Target take(Site site, EventLoop loop, boolean fresh) {
        ArrayDeque<Http1Target> idle = bySite.get(site);
        if (idle == null) {
            return null;
        }
        Http1Target found = null;
        for (Iterator<Http1Target> i = idle.descendingIterator(); i.hasNext() && found == null; ) {
            Http1Target c = i.next();
            if (!c.isOn(loop) || fresh && !c.isFresh()) {
                continue;
            }
            i.remove();
            size--;
            if (c.isUsable()) {
                found = c;
            } else {
                c.close();
            }
        }
        if (idle.isEmpty()) {
            bySite.remove(site);
        }
        return found;
    }

    /** @return whether it is kept: if there is room, and it is of use */
    boolean put(Http1Target connection) {
        ArrayDeque<Http1Target> idle = bySite.get(connection.site());
        if (!connection.isUsable() || size >= MAX || idle != null && idle.size() >= MAX_PER_SITE) {
            return false;
        }
        bySite.computeIfAbsent(connection.site(), s -> new ArrayDeque<>()).addLast(connection);
        size++;
        connection.rest();
        return true;
    }

    /** Whether there are no more to its site than may rest for long; one that only one browser's connection can use does not. */
    boolean isOfFew(Http1Target connection) {
        ArrayDeque<Http1Target> idle = bySite.get(connection.site());
        return idle != null && idle.size() <= FEW && connection.site().isShared();
    }

    void remove(Http1Target connection) {
        ArrayDeque<Http1Target> idle = bySite.get(connection.site());
        if (idle != null && idle.remove(connection)) {
            size--;
            if (idle.isEmpty()) {
                bySite.remove(connection.site());
            }
        }
    }
}
