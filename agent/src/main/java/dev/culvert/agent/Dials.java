package dev.culvert.agent;

import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.limit.Quota;

/** Dials that are under way, so that nobody's black holes stop another's flows. Of one event loop. */
final class Dials {
    /** All: a scan of four thousand silent ports is not held up. */
    static final int MAX = 4_096;

    /** Of these for one client. */
    static final int MAX_PER_CLIENT = 2_048;

    /** To one place for what the gateway publishes, whose flows all have one client's name: a target that is away stops no other's. */
    static final int MAX_PER_PUBLISHED_TARGET = 256;

    /** By what name the gateway's own flows go, which no holder of a token can have. */
    private static final String PUBLISHED = "@published";

    private final Quota<String> ofClients = new Quota<>(MAX, MAX_PER_CLIENT);
    private final Quota<Destination> ofTargets = new Quota<>(MAX_PER_CLIENT, MAX_PER_PUBLISHED_TARGET);

    /** @return whether one more may be; then it must be given back, once */
    boolean take(String client, Destination destination) {
        if (!client.equals(PUBLISHED)) {
            return ofClients.take(client, 1);
        }
        if (!ofTargets.take(destination, 1)) {
            return false;
        }
        if (!ofClients.take(client, 1)) {
            ofTargets.give(destination, 1);
            return false;
        }
        return true;
    }

    void give(String client, Destination destination) {
        ofClients.give(client, 1);
        if (client.equals(PUBLISHED)) {
            ofTargets.give(destination, 1);
        }
    }

    long total() {
        return ofClients.total();
    }
}
