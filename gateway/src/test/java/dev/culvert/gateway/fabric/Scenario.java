package dev.culvert.gateway.fabric;

import java.util.Random;

/**
 * Who there is in a simulation, and what may happen; each of these once in so many steps, 0 for never.
 *
 * @param flows that clients open at least
 * @param instances of the agent
 * @param cut a link ends
 * @param silence a link carries nothing more, and nobody is told; or only one of its ends gives it up
 * @param beside a client connects while it has a link
 * @param restart a gateway is killed, or stops in order, and another takes its place
 * @param sleep the machine stands still
 * @param abort a program, when it has its turn, gives its flow up
 * @param kill an agent's process is no more, and another takes its place
 * @param policy a gateway's policy is another one
 * @param succession a client's process is no more, or ends in order, and another takes its place
 * @param awayMillis longest until an end connects again, or a gateway is there again
 * @param keptBytes what an end may keep of what it has sent; 0 for what the product has
 * @param mostHeld flows that an agent may hold without a path; 0 for more than there are
 * @param datagrams whether there are flows of datagrams too
 */
record Scenario(
        int gateways,
        int instances,
        int clients,
        int flows,
        int clientVersion,
        int agentVersion,
        int cut,
        int silence,
        int beside,
        int restart,
        int sleep,
        int abort,
        int kill,
        int policy,
        int succession,
        long awayMillis,
        long keptBytes,
        int mostHeld,
        boolean datagrams,
        boolean limits,
        boolean intruder,
        boolean hostile) {
    /** Nothing happens by itself. */
    static final Scenario CALM =
            new Scenario(1, 1, 1, 0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, false, false, false, false);

    /** What the weather does, and bandwidths: no flow may end but in order. */
    static Scenario rough(Random random) {
        return new Scenario(
                1 + random.nextInt(3),
                1 + random.nextInt(4) / 3,
                1 + random.nextInt(3) / 2,
                3 + random.nextInt(4),
                2,
                2,
                often(random, 60),
                often(random, 150),
                often(random, 100),
                often(random, 150),
                often(random, 200),
                0,
                0,
                random.nextInt(3) == 0 ? 50 : 0,
                0,
                random.nextInt(5) == 0 ? 0 : 3_000,
                0,
                0,
                random.nextBoolean(),
                true,
                random.nextInt(4) == 0,
                random.nextInt(4) == 0);
    }

    /** Beside that flows are given up, forbidden, and lose the process that had them; and memory is short, or places for what is held. */
    static Scenario withEnds(Random random) {
        Scenario s = rough(random);
        int mostHeld = random.nextInt(4) == 0 ? 1 + random.nextInt(3) : 0;
        return new Scenario(
                s.gateways,
                s.instances,
                mostHeld > 0 ? 2 : s.clients,
                mostHeld > 0 ? 2 * s.flows : s.flows,
                2,
                2,
                s.cut,
                s.silence,
                s.beside,
                s.restart,
                s.sleep,
                often(random, 150),
                random.nextInt(4) == 0 ? 200 : 0,
                often(random, 100),
                random.nextInt(3) == 0 ? 150 : 0,
                s.awayMillis,
                random.nextInt(4) == 0 ? 20_000 + random.nextInt(200_000) : 0,
                mostHeld,
                s.datagrams,
                false,
                s.intruder,
                s.hostile);
    }

    /** One of the two is of version 1, or both. */
    static Scenario version1(Random random) {
        Scenario s = rough(random);
        int which = random.nextInt(3);
        return new Scenario(
                s.gateways,
                1,
                s.clients,
                s.flows,
                which == 0 ? 2 : 1,
                which == 1 ? 2 : 1,
                s.cut,
                s.silence,
                0,
                s.restart,
                s.sleep,
                0,
                0,
                0,
                0,
                s.awayMillis,
                0,
                0,
                s.datagrams,
                false,
                false,
                s.hostile);
    }

    private static int often(Random random, int onceIn) {
        return switch (random.nextInt(4)) {
            case 0 -> 0;
            case 1 -> 3 * onceIn;
            default -> onceIn;
        };
    }

    /** Whether flows end that nobody lets end in order. */
    boolean endsFlows() {
        return abort > 0
                || kill > 0
                || policy > 0 && !limits
                || succession > 0
                || keptBytes > 0
                || mostHeld > 0
                || clientVersion < 2
                || agentVersion < 2;
    }
}
