package dev.culvert.tunnel.connect;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;

/**
 * How long a {@link LinkKeeper} waits before its next attempt. Everything is drawn at random: after a gateway's restart
 * thousands come back, each by its own dice. Times are in nanoseconds by one clock, waits in milliseconds.
 */
final class Backoff {
    /** What came of an attempt at all gateways; of several the one that gives most hope. */
    enum Outcome {
        /** Nobody answered: no way there, refused, silence. */
        UNREACHED,
        /** Somebody answered, and may answer otherwise soon: a gateway that is full, a proxy whose gateway is away. */
        TURNED_AWAY,
        /** Somebody answered as who does not know us: perhaps a proxy, perhaps for good. */
        STRANGE,
        /** A proxy on the way does not take the user and the password: each attempt with them counts against that user. */
        LOGIN,
        /** A gateway's own word that it will not have us. */
        REFUSED
    }

    /** The first retry comes within this; doubled from then on. */
    static final Duration BASE = Duration.ofMillis(500);

    /** A gateway that is back is found within half a minute, and is not stormed when it comes. */
    static final Duration MAX = Duration.ofSeconds(15);

    /** Where only a person's work helps: look now and then whether it was done. */
    static final Duration MAX_SLOW = Duration.ofSeconds(60);

    /** Accounts are locked after five or ten wrong passwords within some minutes, and opened again after a quarter or half of an hour. */
    static final Duration LOGIN_FIRST = Duration.ofMinutes(2);

    static final Duration MAX_LOGIN = Duration.ofMinutes(30);

    /** A link that lived this long was good: the next failure starts from the base again. */
    static final Duration GOOD_AFTER = Duration.ofSeconds(10);

    /** A gateway that ended a good link is looked for like this, for so long: most likely it is being started again. */
    static final Duration RESTART = Duration.ofSeconds(30);

    /** Ten thousand whose links end in one moment come within this. */
    private static final Duration RESTART_FIRST = Duration.ofSeconds(1);

    /** And then in turns of this: back 0.9 s after the gateway in the mean, at most as much as this. */
    private static final Duration RESTART_GAP = Duration.ofMillis(2_500);

    /** Where a gateway has few peers, as the spread that it named shows, none of them need be so slow; nor be faster than this. */
    private static final Duration RESTART_GAP_LEAST = Duration.ofMillis(500);

    /** A gateway may name what it likes; it is looked for as often as where only a person's work helps. */
    static final Duration MAX_SPREAD = MAX_SLOW;

    private final RandomGenerator random;
    private int failures;
    private boolean restarting;
    private long restartEndsNanos;
    private long gapMillis = RESTART_GAP.toMillis();

    Backoff(RandomGenerator random) {
        this.random = random;
    }

    /** What is in the way is gone, perhaps: the next failure starts from the base. */
    void reset() {
        failures = 0;
    }

    /**
     * A link has ended.
     *
     * @param byGateway whether the gateway closed it, in whatever way, rather than that nothing was heard any more
     */
    long linkEnded(long livedNanos, boolean byGateway, long nowNanos) {
        if (livedNanos >= GOOD_AFTER.toNanos()) {
            failures = 0;
            restarting = byGateway;
            restartEndsNanos = nowNanos + RESTART.toNanos();
            gapMillis = RESTART_GAP.toMillis();
            if (byGateway) {
                return between(RESTART_FIRST.toMillis() / 8, RESTART_FIRST.toMillis());
            }
        }
        return grown(MAX);
    }

    /**
     * A gateway has ended a link in order. Each of its peers comes back at a moment of its own within the time that it named; not at
     * once to one that ends link after link.
     */
    long sentAway(long livedNanos, Duration named, long nowNanos) {
        long spread = Math.min(named.toMillis(), MAX_SPREAD.toMillis());
        long least = 0;
        if (livedNanos >= GOOD_AFTER.toNanos()) {
            failures = 0;
        } else {
            least = grown(MAX);
        }
        long wait = Math.max(least, between(0, spread));
        restarting = true;
        restartEndsNanos = nowNanos + TimeUnit.MILLISECONDS.toNanos(wait) + RESTART.toNanos();
        gapMillis = Math.max(RESTART_GAP_LEAST.toMillis(), Math.min(RESTART_GAP.toMillis(), spread));
        return wait;
    }

    /** An attempt has failed. */
    long failed(Outcome outcome, long nowNanos) {
        return switch (outcome) {
            case UNREACHED -> {
                if (restarting && restartEndsNanos - nowNanos > 0) {
                    yield between(gapMillis / 5, gapMillis);
                }
                if (restarting) {
                    restarting = false;
                    failures = Math.max(failures, 3); // go on where this was: 1 to 4 s
                }
                yield grown(MAX);
            }
            case TURNED_AWAY -> grown(MAX);
            case STRANGE -> grown(MAX_SLOW);
            case LOGIN -> {
                long most = doubled(LOGIN_FIRST, MAX_LOGIN);
                yield between(most / 2, most);
            }
            case REFUSED -> refused();
        };
    }

    /** Only a person's work helps. */
    long refused() {
        return between(MAX_SLOW.toMillis() / 2, MAX_SLOW.toMillis());
    }

    private long grown(Duration max) {
        long most = doubled(BASE, max);
        return between(most / 4, most); // never at once
    }

    private long doubled(Duration base, Duration max) {
        return Math.min(max.toMillis(), base.toMillis() << Math.min(failures++, 10));
    }

    private long between(long least, long most) {
        return random.nextLong(least, most + 1);
    }
}
