package dev.culvert.agent;

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
 * @param instance what gateways know this process by
 * @param networks that its token lets it serve
 * @param stopping whether it takes nothing new any more
 * @param held flows that wait for a link
 * @param dialling flows whose dial is under way
 */
record AgentStatus(
        String version,
        long pid,
        Instant since,
        Instant now,
        String state,
        String instance,
        HolderStatus token,
        List<String> networks,
        boolean stopping,
        List<Gateway> gateways,
        int held,
        long dialling,
        Sockets sockets,
        Counters counters) {
    /**
     * The link to a gateway.
     *
     * @param state up or down
     * @param since when it has been so
     * @param flows of clients, by this link
     * @param why it is down; null when it is up
     */
    record Gateway(
            URI gateway,
            String state,
            Instant since,
            @Nullable Double roundTripMillis,
            int flows,
            @Nullable String why) {}

    /**
     * Open ones in the networks that it serves.
     *
     * @param tcp connections, and those that are being made
     * @param most that all may be
     */
    record Sockets(int tcp, long udp, long ping, int most) {}

    /**
     * Since the start.
     *
     * @param opens flows that it was asked for
     * @param denied of these, to where it may not lead
     * @param failed of these, dials that came to nothing
     */
    record Counters(long opens, long denied, long failed) {}
}
