package dev.culvert.gateway.fabric;

import dev.culvert.tunnel.frame.SessionId;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** On which link each client's session is now. From any thread. */
final class Sessions {
    /** What the older link of a session is told. */
    private static final String AGAIN = "this session has connected again";

    private record Key(String holder, SessionId session) {}

    private final Map<Key, LinkSide> links = new ConcurrentHashMap<>();

    /** It is on this link; one that it was on before is given up: most likely it is dead, and nobody has noticed yet. */
    void has(String holder, SessionId session, LinkSide link) {
        LinkSide before = links.put(new Key(holder, session), link);
        if (before != null && before != link) {
            before.close(1001, AGAIN);
        }
    }

    /** Its link is down. */
    void left(String holder, SessionId session, LinkSide link) {
        links.remove(new Key(holder, session), link);
    }
}
