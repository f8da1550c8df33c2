package dev.culvert.gateway.fabric;

import dev.culvert.tunnel.frame.SessionId;
import dev.culvert.tunnel.limit.RateLimit;
import dev.culvert.tunnel.limit.RecentMap;
import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;

/** On which link each client's session, named by its digest, is now. From any thread. */
final class Sessions {
    /** What the older link of a session is told. */
    private static final String AGAIN = "this session has connected again";

    /** What the link of one is told that has ended, if there is still somebody to hear it. */
    private static final String ENDED = "this client has started again";

    /** How often a holder has agents told of sessions that have ended: a link that comes again and again says it each time. */
    private static final int TELLINGS = 16;

    private static final int TELLINGS_PER_SECOND = 1;

    /** Who may not have them told looks again after this. */
    static final long TELL_AGAIN_MILLIS = 1_000;

    /** Holders whose rate is remembered: those that had agents told last. */
    private static final int HOLDERS = 16_384;

    private record Key(String holder, SessionId session) {}

    private final Map<Key, LinkSide> links = new ConcurrentHashMap<>();
    private final RecentMap<String, RateLimit> tellings = new RecentMap<>(HOLDERS);
    private final LongSupplier nanoTime;

    /** @param nanoTime what the time is that passes */
    Sessions(LongSupplier nanoTime) {
        this.nanoTime = nanoTime;
    }

    /** It is on this link; one that it was on before is given up: most likely it is dead, and nobody has noticed yet. */
    void has(String holder, SessionId session, LinkSide link) {
        LinkSide before = links.put(new Key(holder, session), link);
        if (before != null && before != link) {
            before.close(1001, AGAIN);
        }
    }

    /**
     * These have ended with their processes, as their holder's next one says: so have their links, though nobody has noticed yet.
     *
     * @param by the link of who says so; on its event loop
     * @param then runs there when nothing comes over those any more
     */
    void end(String holder, Iterator<SessionId> ended, LinkSide by, Runnable then) {
        while (ended.hasNext()) {
            LinkSide before = links.get(new Key(holder, ended.next()));
            if (before != null && before != by) {
                before.run(() -> {
                    before.close(1001, ENDED);
                    by.run(() -> end(holder, ended, by, then));
                });
                return;
            }
        }
        then.run();
    }

    /** Whether agents may be told now of sessions of this holder that have ended; if so it counts. */
    synchronized boolean mayTell(String holder) {
        long now = nanoTime.getAsLong();
        return tellings.get(holder, h -> new RateLimit(TELLINGS, TELLINGS_PER_SECOND, now))
                .takes(now);
    }

    /** Its link is down. */
    void left(String holder, SessionId session, LinkSide link) {
        links.remove(new Key(holder, session), link);
    }
}
