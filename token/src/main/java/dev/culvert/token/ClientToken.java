package dev.culvert.token;

import dev.culvert.address.HostPattern;
import dev.culvert.text.Printable;
import java.util.List;

/**
 * What a client shows to the gateway: who it is, and the grants that its flows are checked against. It also configures the
 * client.
 *
 * @param terms what every token says
 * @param grants what the client may reach; everything else is denied
 * @param routes what the client routes into the tunnel unless it is told otherwise; empty means all that it may reach
 * @param domains names at or below these are meant for the networks behind the agents; normalized, often empty
 */
public record ClientToken(TokenTerms terms, List<Grant> grants, List<Route> routes, List<String> domains)
        implements Token {
    /** Search domains are typed by people; RFC 8484 and resolvers know no bound, glibc once had six. */
    private static final int MAX_DOMAINS = 64;

    /**
     * Checks all parts.
     *
     * @throws IllegalArgumentException naming the part that is wrong
     */
    public ClientToken {
        grants = List.copyOf(grants);
        TokenFields.count("grants", grants.size());
        routes = List.copyOf(routes);
        TokenFields.atMost("routes", routes.size(), TokenFields.MAX_ENTRIES);
        Route.requireClear(routes);
        domains = domains.stream().map(ClientToken::domain).toList();
        TokenFields.atMost("domains", domains.size(), MAX_DOMAINS);
    }

    private static String domain(String text) {
        String name = HostPattern.normalize(text);
        if (name == null) {
            throw new IllegalArgumentException(
                    "domain '" + Printable.shorten(text) + "' is not a name: write it like corp.example");
        }
        return name;
    }

    /** A token with grants and no settings. */
    public static ClientToken of(TokenTerms terms, List<Grant> grants) {
        return new ClientToken(terms, grants, List.of(), List.of());
    }

    @Override
    public ClientToken withTerms(TokenTerms newTerms) {
        return new ClientToken(newTerms, grants, routes, domains);
    }

    @Override
    public Kind kind() {
        return Kind.CLIENT;
    }
}
