package dev.culvert.gateway.access;

import dev.culvert.tunnel.frame.Destination;
import org.jspecify.annotations.Nullable;

/** From where a client's rights come: its token and the policy, or what else stands in their place. From any thread. */
public interface Entitlement {
    /** What may be done, before {@link #now} is asked. */
    ClientRights rights();

    /** What may be done now, when it was {@code before} till now. */
    ClientRights now(ClientRights before);

    /**
     * Whether {@link #now} would say something else than these rights, where that is known at once: listeners are told a little later,
     * and what has been granted meanwhile must not be refused.
     */
    default boolean isNewerThan(ClientRights rights) {
        return false;
    }

    /**
     * By whom a flow counts, where its client may have so many flows, and so many new ones a second.
     *
     * @param client by whom all else counts
     */
    default String countsFor(String client, String agent, Destination destination) {
        return client;
    }

    /** Whether flows of sessions that have ended may be held by an agent. */
    default boolean mayHaveUsed(ClientRights rights, String agent) {
        return rights.mentions(agent);
    }

    /** What agents ask with about the flows that they hold, see {@link TokenMark}; null when they shall not ask. */
    @Nullable
    String mark();

    /** To be called before it is asked for: whoever changes it from then on says so to {@code listener}. */
    void add(PolicyInForce.Listener listener);

    void remove(PolicyInForce.Listener listener);
}
