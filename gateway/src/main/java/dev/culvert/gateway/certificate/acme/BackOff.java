package dev.culvert.gateway.certificate.acme;

import java.time.Duration;
import java.util.List;
import java.util.random.RandomGenerator;

/** How long to wait after failures in a row. */
final class BackOff {
    /**
     * For a name: the first are what a person waits for who has just set up the name's address. Let's Encrypt takes five
     * failed attempts an hour; these are four in the first.
     */
    static final BackOff OF_NAME = new BackOff(List.of(
            Duration.ofMinutes(2),
            Duration.ofMinutes(10),
            Duration.ofMinutes(30),
            Duration.ofHours(1),
            Duration.ofHours(3),
            Duration.ofHours(6),
            Duration.ofHours(12)));

    /** For an authority that does not answer: all names wait for it together. */
    static final BackOff OF_AUTHORITY = new BackOff(List.of(
            Duration.ofSeconds(30),
            Duration.ofMinutes(2),
            Duration.ofMinutes(10),
            Duration.ofMinutes(30),
            Duration.ofHours(1)));

    /** So much longer at most, so that gateways that failed together do not come back together. */
    private static final double JITTER = 0.2;

    private final List<Duration> steps;

    private BackOff(List<Duration> steps) {
        this.steps = steps;
    }

    /** @param failures in a row, at least one */
    Duration after(int failures, RandomGenerator random) {
        Duration step = steps.get(Math.min(failures, steps.size()) - 1);
        return step.plusMillis((long) (step.toMillis() * JITTER * random.nextDouble()));
    }
}
