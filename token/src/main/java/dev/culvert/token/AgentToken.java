package dev.culvert.token;

import dev.culvert.address.IpPrefix;
import java.util.List;

/**
 * What an agent shows to the gateway: the name it serves under, the prefixes that it may answer for, and what it may
 * publish.
 *
 * @param terms what every token says
 * @param routes what the agent may serve; announcements beyond it are ignored
 * @param publish the names and ports of the gateway that services behind this agent may be published under; often empty
 */
public record AgentToken(TokenTerms terms, List<IpPrefix> routes, List<PublishRight> publish) implements Token {
    /**
     * Checks all parts.
     *
     * @throws IllegalArgumentException naming the part that is wrong
     */
    public AgentToken {
        routes = List.copyOf(routes);
        TokenFields.count("routes", routes.size());
        publish = List.copyOf(publish);
        TokenFields.atMost("publish rights", publish.size(), TokenFields.MAX_ENTRIES);
    }

    /** A token that may publish nothing. */
    public static AgentToken of(TokenTerms terms, List<IpPrefix> routes) {
        return new AgentToken(terms, routes, List.of());
    }

    @Override
    public AgentToken withTerms(TokenTerms newTerms) {
        return new AgentToken(newTerms, routes, publish);
    }

    @Override
    public Kind kind() {
        return Kind.AGENT;
    }
}
