package dev.culvert.gateway.presence;

import dev.culvert.gateway.access.ClientRights;
import dev.culvert.tunnel.frame.SessionId;
import java.util.List;

/** A link of a client. From any thread, but for what says otherwise. */
public interface PresentClient {
    /** The client's. */
    String name();

    /** Whose lines of the log are about it. */
    String holderKey();

    /** What it may do now. Which services it may use is asked on its event loop. */
    ClientRights rights();

    /** What it may reach has changed: it is told soon. */
    void announceSoon();

    /** Whether processes before this one may have flows that the agent holds. */
    boolean mayHaveUsed(String agent);

    /** Sessions of the client that have ended with processes before this one, as the agent knows them. */
    List<SessionId> ended(String agent);
}
