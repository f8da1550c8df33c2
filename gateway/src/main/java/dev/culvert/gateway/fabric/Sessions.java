package dev.culvert.gateway.fabric;

import dev.culvert.tunnel.frame.SessionId;
import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** On which link each client's session, named by its digest, is now. From any thread. */
final class Sessions {
    /** What the older link of a session is told. */
    private static final String AGAIN = "this session has connected again";

    /** What the link of one is told that has ended, if there is still somebody to hear it. */
    private static final String ENDED = "this client has started again";

    private record Key(String holder, SessionId session) {}

    private final Map<Key, LinkSide> links = new ConcurrentHashMap<>();

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

    /** Its link is down. */
    void left(String holder, SessionId session, LinkSide link) {
        links.remove(new Key(holder, session), link);
    }
}
