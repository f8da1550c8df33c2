package dev.culvert.gateway.fabric;

import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;

/** What happens in a {@link Simulation}, as its seed and {@link Scenario} say. */
@NullUnmarked
final class Weather {
    private static final int STEPS = 400;

    /** So often a client has a flow with the hostile agent. */
    private static final int HOSTILE = 30;

    /** A link that carries nothing is dead after this, with the heartbeat that notices it. */
    private static final Duration DEADLINE = Duration.ofSeconds(18);

    private static final List<String> BANDWIDTHS = List.of(
            "limits: [{who: ann, bandwidth: 1 Mbit/s}]",
            "limits: [{who: ann, bandwidth: {up: 500 kbit/s}}]",
            "limits: [{who: ann, bandwidth: {down: 2 Mbit/s}}]",
            "");

    /** Of one client at a time: in which order links hear of a policy is not the seed's to say. */
    private static final List<String> DENIALS = List.of(
            "deny: [{who: ann, agents: office, to: 10.0.1.0/24}]",
            "deny: [{who: bob, agents: office, to: 10.0.1.0/24}]",
            "deny: [{who: ann, agents: office, to: 10.0.1.0/24}]\nlimits: [{who: ann, bandwidth: 1 Mbit/s}]",
            "");

    private final Simulation world;
    private final Scenario scenario;
    private final Random random;

    private Weather(Simulation world) {
        this.world = world;
        this.scenario = world.scenario;
        this.random = world.random;
    }

    /** Some flows, in bad weather and then in good, until all have ended. */
    static void passesOver(Simulation world) {
        world.meet();
        new Weather(world).rage();
        world.calmDown();
    }

    private void rage() {
        for (int i = 0; i < STEPS; i++) {
            openOneMore();
            world.step();
            happens();
            world.loop.runNow();
        }
    }

    private void openOneMore() {
        if (world.applications.size() >= scenario.flows() || random.nextInt(15) > 0) {
            return;
        }
        SimulatedClient client = one(world.clients);
        boolean stream = !scenario.datagrams() || random.nextInt(3) > 0;
        boolean there = random.nextInt(10) == 0 || world.agents.stream().anyMatch(a -> a.isAt(client.gateway()));
        boolean mayBeForbidden = random.nextBoolean();
        if (there && client.isUp() && client.mux.canOpen()) {
            world.open(client, stream, mayBeForbidden);
        }
    }

    private <T> T one(List<T> of) {
        return of.get(random.nextInt(of.size()));
    }

    private boolean happens(int onceIn) {
        return onceIn > 0 && random.nextInt(onceIn) == 0;
    }

    private void happens() {
        if (happens(scenario.cut()) && !world.links.isEmpty()) {
            one(world.links).cut();
        }
        if (happens(scenario.silence()) && !world.links.isEmpty()) {
            silence(one(world.links));
        }
        if (happens(scenario.beside())) {
            one(world.clients).connectBeside();
        }
        if (!world.givenUp.isEmpty() && random.nextInt(10) == 0) {
            SimulatedLink link = world.givenUp.remove(0);
            link.lost |= random.nextBoolean();
            link.near.close();
        }
        if (happens(scenario.restart())) {
            long away = random.nextBoolean() ? 0 : random.nextLong(1 + scenario.awayMillis());
            if (random.nextBoolean()) {
                one(world.gateways).restart(away);
            } else {
                one(world.gateways).stop(away);
            }
        }
        if (happens(scenario.sleep())) {
            world.ticker.advance(random.nextInt(20_000), TimeUnit.MILLISECONDS);
        }
        if (happens(scenario.kill())) {
            world.kill(one(world.agents));
        }
        if (happens(scenario.succession())) {
            world.succeed(one(world.clients));
        }
        if (world.hostile != null && happens(HOSTILE)) {
            world.hostile.isAskedBy(one(world.clients));
        }
        if (happens(scenario.policy())) {
            changePolicy();
        }
        if (scenario.abort() > 0) {
            abort();
        }
    }

    /** Nothing more comes over a link; and one of its ends may give it up, or wait until it is dead. */
    private void silence(SimulatedLink link) {
        link.lost = true;
        world.tell(() -> "silent: " + link);
        switch (random.nextInt(3)) {
            case 0 -> link.near.close();
            case 1 -> world.pass(DEADLINE);
            default -> {}
        }
    }

    /** Another one is written, or those that were written last are lost; and some gateways look. */
    private void changePolicy() {
        if (random.nextInt(4) == 0) {
            world.store.loses(1 + random.nextInt(2));
        } else {
            String rules = one(scenario.limits() ? BANDWIDTHS : DENIALS);
            world.forbids |= rules.contains("deny");
            world.store.push(rules);
        }
        boolean all = random.nextBoolean();
        world.gateways.forEach(g -> {
            if (all || random.nextBoolean()) {
                g.looks();
            }
        });
    }

    private void abort() {
        for (Application a : world.applications) {
            Program p = random.nextBoolean() ? a.caller : a.callee;
            if (a.isStream() && p.channel != null && p.channel.isActive() && !p.isOver() && happens(scenario.abort())) {
                p.abort();
            }
        }
    }
}
