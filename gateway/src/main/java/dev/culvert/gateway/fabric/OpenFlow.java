package dev.culvert.gateway.fabric;

import org.jspecify.annotations.Nullable;

/**
 * What there is to say of a flow that is open.
 *
 * @param link of its client, by its number
 * @param id on that link: with it the flow's name as long as it is open
 * @param source the application's endpoint, as the client says
 * @param agent the name that the client asked for; {@code agentLink} and {@code instance} who took it, if any did
 * @param rule what allowed it
 * @param isOpen whether the agent has reached the destination
 * @param bytesUp payload from the client, {@code bytesDown} to it
 * @param startNanos when it was asked for, by the gateway's {@code nanoTime}
 */
public record OpenFlow(
        long link,
        long id,
        String client,
        @Nullable String source,
        String protocol,
        String host,
        int port,
        String agent,
        @Nullable Long agentLink,
        @Nullable String instance,
        @Nullable String rule,
        boolean isOpen,
        long bytesUp,
        long bytesDown,
        long startNanos) {}
