package dev.culvert.agent;

/** Dials that are under way, so that nobody's black holes stop another's flows. Of one event loop. */
final class Dials {
    /** All: a scan of four thousand silent ports is not held up. */
    static final int MAX = 4_096;

    /** Of these for one client. */
    static final int MAX_PER_CLIENT = 2_048;

    /** To one place for what gateways publish: a target that is away stops no other's. */
    static final int MAX_PER_PUBLISHED_TARGET = 256;

    private final Shares shares = new Shares(MAX, MAX_PER_CLIENT, MAX_PER_PUBLISHED_TARGET);

    /** @return whether one more may be; then it must be given back, once */
    boolean take(Taker taker) {
        return shares.take(taker, 1);
    }

    void give(Taker taker) {
        shares.give(taker, 1);
    }

    long total() {
        return shares.total();
    }
}
