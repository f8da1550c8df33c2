package dev.culvert.client.up;

import dev.culvert.token.holder.HolderStatus;
import java.net.URI;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The answer to {@code status}; docs/operations.md describes it. Members may be added, and what is null is left out.
 *
 * @param since when it was started
 * @param now by its clock
 * @param addresses the interface's own
 * @param routes that lead into the tunnel
 * @param carried payload and headers in bytes, as the interface has them
 */
record ClientStatus(
        String version,
        long pid,
        Instant since,
        Instant now,
        String state,
        String device,
        List<String> addresses,
        HolderStatus token,
        Link link,
        List<Agent> agents,
        List<Routed> routes,
        Flows flows,
        Carried carried) {
    /**
     * The link to the gateway.
     *
     * @param gateway of it, else that is being tried
     * @param state up or down
     * @param since when it has been so
     * @param why it is down; null when it is up
     */
    record Link(
            URI gateway,
            String state,
            Instant since,
            @Nullable Double roundTripMillis,
            @Nullable String why) {}

    /** @param instances how many are connected */
    record Agent(String name, int instances, List<String> networks) {}

    /**
     * A network as it is seen here.
     *
     * @param there its own addresses behind the agent; null when they are the same
     */
    record Routed(String network, String agent, @Nullable String there) {}

    /**
     * Open ones.
     *
     * @param held of these, what waits for a link or for its agent
     * @param refused since the start
     * @param programs that have joined this client, whose flows are among these
     */
    record Flows(int tcp, int udp, int ping, int held, long refused, int programs) {}

    /** @param sent by applications of this machine */
    record Carried(long sent, long received) {}
}
