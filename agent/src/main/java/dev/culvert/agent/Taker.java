package dev.culvert.agent;

import org.jspecify.annotations.Nullable;

/**
 * Whom a flow counts for: its client. All that gateways publish comes by one client's name, so there it is the target, too.
 *
 * @param target of a published flow: where it goes, a value with an equality; null of others
 */
record Taker(String client, @Nullable Object target) {
    /** By what name gateways' own flows go, which no holder of a token can have. */
    static final String PUBLISHED = "@published";

    static Taker of(String client, Object target) {
        return new Taker(client, client.equals(PUBLISHED) ? target : null);
    }

    boolean isPublished() {
        return target != null;
    }

    @Override
    public String toString() {
        return target == null ? client : client + " " + target;
    }
}
