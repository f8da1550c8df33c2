package dev.culvert.tunnel.flow;

import dev.culvert.tunnel.frame.SessionId;
import java.util.List;

/**
 * Whose flows a running client opens, and what has ended before it.
 *
 * @param secret this process's own session
 * @param ended digests of those of processes before it, at most {@link #MAX_ENDED}: what agents hold for them is of no use any more
 */
public record ClientSession(SessionId secret, List<SessionId> ended) {
    /** Each costs a gateway one HMAC for each agent that the client may use, and agents a look. */
    public static final int MAX_ENDED = 4;

    /** One that nothing is known before. */
    public static ClientSession first() {
        return new ClientSession(SessionId.random(), List.of());
    }
}
