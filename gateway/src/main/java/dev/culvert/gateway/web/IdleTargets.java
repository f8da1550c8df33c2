package dev.culvert.gateway.web;

import io.netty.channel.EventLoop;
import io.netty.util.concurrent.FastThreadLocal;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Connections to targets that serve nobody now: of one event loop, so that a browser's side and a target's are never served by
 * two.
 */
final class IdleTargets {
    /** For each site on each loop: a page's worth of assets. */
    static final int MAX_PER_SITE = 32;

    /** Of all sites on a loop: each costs a descriptor or a flow at the agent. */
    static final int MAX = 512;

    /** Targets close theirs after 5 s (Node, Apache) up to 75 s (nginx). */
    static final long IDLE_SECONDS = 30;

    /** A request that must not be sent twice goes over one whose target has hardly had time to close it. */
    static final long FRESH_SECONDS = 2;

    private static final FastThreadLocal<IdleTargets> HERE = new FastThreadLocal<>() {
        @Override
        protected IdleTargets initialValue() {
            return new IdleTargets();
        }
    };

    private final Map<Site, ArrayDeque<TargetConnection>> bySite = new HashMap<>();
    private int size;

    private IdleTargets() {}

    /** Those of the present thread's event loop. */
    static IdleTargets here() {
        return HERE.get();
    }

    /**
     * The one that was used last.
     *
     * @param fresh whether it must have been used just now
     */
    @Nullable
    TargetConnection take(Site site, EventLoop loop, boolean fresh) {
        ArrayDeque<TargetConnection> idle = bySite.get(site);
        if (idle == null) {
            return null;
        }
        TargetConnection found = null;
        for (Iterator<TargetConnection> i = idle.descendingIterator(); i.hasNext() && found == null; ) {
            TargetConnection c = i.next();
            if (!c.isOn(loop)) {
                continue;
            }
            if (fresh && c.idleNanos() > TimeUnit.SECONDS.toNanos(FRESH_SECONDS)) {
                break; // those before it have been idle for longer
            }
            i.remove();
            size--;
            if (c.isUsable()) {
                found = c;
            }
        }
        if (idle.isEmpty()) {
            bySite.remove(site);
        }
        return found;
    }

    /** Keeps it, if there is room. */
    void put(TargetConnection connection) {
        ArrayDeque<TargetConnection> idle = bySite.computeIfAbsent(connection.site(), s -> new ArrayDeque<>());
        if (!connection.isUsable() || size >= MAX || idle.size() >= MAX_PER_SITE) {
            if (idle.isEmpty()) {
                bySite.remove(connection.site());
            }
            connection.close();
            return;
        }
        idle.addLast(connection);
        size++;
        connection.rest(IDLE_SECONDS);
    }

    void remove(TargetConnection connection) {
        ArrayDeque<TargetConnection> idle = bySite.get(connection.site());
        if (idle != null && idle.remove(connection)) {
            size--;
            if (idle.isEmpty()) {
                bySite.remove(connection.site());
            }
        }
    }
}
