package dev.culvert.gateway.door;

import dev.culvert.tunnel.limit.Quota;

/**
 * How many senders of datagrams all published ports of UDP have together: each has a flow, and their addresses can be made up, so that
 * one who floods many ports would take what flows there may be. From any thread.
 */
final class SenderPlaces {
    /** Four ports that are full: as many as connections of one name. */
    static final int MAX = 16_384;

    /** A port to which senders come. */
    interface Port {
        /**
         * Ends the sender that was heard of longest ago, if there is one: at once on its event loop, else soon, and only one however often
         * it is asked until then. From any thread.
         */
        void makeRoom();
    }

    private final Quota<Port> senders;

    SenderPlaces() {
        this(MAX);
    }

    SenderPlaces(int most) {
        senders = new Quota<>(most, most);
    }

    /**
     * One more. Where there is no room, the port that has most makes some.
     *
     * @return whether there is room now; then it must be {@linkplain #give given} back, once
     */
    boolean take(Port port) {
        if (senders.take(port, 1)) {
            return true;
        }
        Port largest = senders.largest();
        if (largest != null) {
            largest.makeRoom();
        }
        return senders.take(port, 1);
    }

    void give(Port port) {
        senders.give(port, 1);
    }

    /** Of one port. */
    long of(Port port) {
        return senders.of(port);
    }
}
