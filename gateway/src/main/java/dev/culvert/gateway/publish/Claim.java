package dev.culvert.gateway.publish;

import dev.culvert.gateway.presence.PublishingAgent;
import dev.culvert.token.AgentToken;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * That something shall be published.
 *
 * @param published what
 * @param tokens of the agent, its newest link's first: one of them must hold the right; empty when none has been seen
 * @param present whether the agent is connected
 * @param by the links that say so; none for an agent that is away
 * @param rival what the agent's newest link publishes instead; null when does not
 */
record Claim(
        Published published,
        List<AgentToken> tokens,
        boolean present,
        List<PublishingAgent> by,
        @Nullable Published rival) {
    Claim {
        tokens = List.copyOf(tokens);
        by = List.copyOf(by);
    }
}
