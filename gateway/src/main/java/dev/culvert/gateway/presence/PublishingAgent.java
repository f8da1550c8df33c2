package dev.culvert.gateway.presence;

import dev.culvert.token.AgentToken;
import dev.culvert.tunnel.frame.Announcement;
import java.util.List;

/** A link of an agent, as far as what it publishes goes. From any thread. */
public interface PublishingAgent {
    /** The agent's. */
    String name();

    /** Whose lines of the log are about it. */
    String holderKey();

    /** Of its links the later has the higher number. */
    long number();

    /** What it was let in with. */
    AgentToken token();

    /** Which of its publications are not in force: it is told, soon. */
    void refused(List<Announcement.Refused> publications);
}
