package dev.culvert.agent;

import dev.culvert.tunnel.limit.Quota;

/**
 * How something is shared at an agent: so much in all, and a part of it for one client. What gateways publish has half of all, and no
 * target of that more than three times what it leaves for the others: one alone has three quarters of the half, of ten each a bit less
 * than a tenth, and there is some left for the next. Of one event loop.
 */
final class Shares {
    private static final int TIMES_WHAT_IS_LEFT = 3;

    private final long mostOfClient;
    private final long mostOfTarget;
    private final Quota<String> clients;
    private final Quota<Object> targets;

    /**
     * @param all most that all have together
     * @param ofClient most that one client has; at most half of all
     */
    Shares(long all, long ofClient) {
        this(all, ofClient, all);
    }

    /** @param ofTarget most that one published target has, whatever is left */
    Shares(long all, long ofClient, long ofTarget) {
        long published = Math.max(1, all / 2);
        mostOfClient = ofClient;
        mostOfTarget = ofTarget;
        clients = new Quota<>(all, published);
        targets = new Quota<>(published, published);
    }

    /** @return whether it was taken; then it must be {@linkplain #give given} back, once */
    boolean take(Taker taker, long amount) {
        Object target = taker.target();
        if (target == null) {
            return clients.of(taker.client()) + amount <= mostOfClient && clients.take(taker.client(), amount);
        }
        long its = targets.of(target) + amount;
        // The first of what is left is anybody's who has nothing yet.
        boolean isFair = its == amount || its <= TIMES_WHAT_IS_LEFT * (targets.left() - amount);
        if (!isFair || its > mostOfTarget || !targets.take(target, amount)) {
            return false;
        }
        if (!clients.take(taker.client(), amount)) {
            targets.give(target, amount);
            return false;
        }
        return true;
    }

    void give(Taker taker, long amount) {
        clients.give(taker.client(), amount);
        if (taker.target() != null) {
            targets.give(taker.target(), amount);
        }
    }

    /** What a client has; of what is published, all of it. */
    long of(String client) {
        return clients.of(client);
    }

    /** What a client has; of what is published, this target. */
    long of(Taker taker) {
        return taker.target() == null ? clients.of(taker.client()) : targets.of(taker.target());
    }

    /** What all together may still take. */
    long left() {
        return clients.left();
    }

    long total() {
        return clients.total();
    }
}
