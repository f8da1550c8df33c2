package dev.culvert.gateway.fabric;

import dev.culvert.address.SensitiveAddresses;
import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.gateway.presence.PresentLink;
import dev.culvert.policy.PolicyException;
import dev.culvert.policy.PolicyParser;
import dev.culvert.policy.PolicySnapshot;
import dev.culvert.tunnel.frame.Drain;
import dev.culvert.tunnel.link.Link;
import io.netty.util.concurrent.Future;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;

/** A gateway in a simulation: one process after another at one address. */
@NullUnmarked
final class SimulatedGateway {
    static final Clock CLOCK = Clock.fixed(Instant.parse("2026-01-01T00:00:00Z"), ZoneOffset.UTC);

    /** Policies by their text: to compile one takes longer than a simulation. */
    private static final Map<String, PolicySnapshot> POLICIES = new ConcurrentHashMap<>();

    private static final String GRANTS =
            "grants: [{who: \"*\", agents: [office, " + HostileAgent.NAME + "], to: 10.0.0.0/8}]\n";

    /** What ends hear when it stops. */
    static final String GOING = "the gateway is going away";

    private static final int MOST_SPREAD_MILLIS = 3_000;

    /** So long it waits until what it has received is passed on. */
    private static final int FLUSH_MILLIS = 200;

    private static final int FLUSH_STEPS = 20;

    private final Simulation world;

    /** All there have been. */
    final List<TestFabric> processes = new ArrayList<>();

    TestFabric fabric;
    private SimulatedStore.Policy policy = SimulatedStore.Policy.NONE;
    private long upNanos;

    SimulatedGateway(Simulation world) {
        this.world = world;
        begin();
    }

    private void begin() {
        fabric = new TestFabric(AuditLog.none(), CLOCK, world.ticker::nanoTime, 10_000);
        processes.add(fabric);
        if (!policy.rules().isEmpty()) {
            enforce();
        }
    }

    boolean isUp() {
        return world.ticker.nanoTime() - upNanos >= 0;
    }

    /** It is killed, and another one has its place. */
    void restart(long awayMillis) {
        world.links.stream().filter(l -> l.gateway == this).forEach(SimulatedLink::cut);
        world.loop.runNow();
        begin();
        upNanos = world.ticker.nanoTime() + TimeUnit.MILLISECONDS.toNanos(awayMillis);
    }

    /** It stops in order: says so on all its links, passes on what it has received, and closes them; what is on its way may come yet. */
    void stop(long awayMillis) {
        List<PresentLink> all = fabric.links.all().stream()
                .sorted(Comparator.comparingLong(l -> ((LinkSide) l).holder().link()))
                .toList();
        Drain drain = new Drain(GOING, Duration.ofMillis(world.random.nextInt(MOST_SPREAD_MILLIS)), List.of());
        all.forEach(l -> l.drain(drain));
        all.forEach(PresentLink::stopReading);
        world.loop.runNow();
        List<? extends Future<?>> flushed = all.stream().map(PresentLink::flush).toList();
        for (int i = 0; i < FLUSH_STEPS && !flushed.stream().allMatch(Future::isDone); i++) {
            world.ticker.advance(FLUSH_MILLIS / FLUSH_STEPS, TimeUnit.MILLISECONDS);
            world.links.stream().filter(l -> l.gateway == this).forEach(l -> l.carry(world.random));
            world.loop.runNow();
        }
        all.forEach(l -> l.close(Link.CLOSE_GOING, GOING));
        world.loop.runNow();
        begin();
        upNanos = world.ticker.nanoTime() + TimeUnit.MILLISECONDS.toNanos(awayMillis);
    }

    void comesBack() {
        upNanos = world.ticker.nanoTime();
    }

    /** It asks the store for a newer policy than it has, which it keeps over its processes; or the store has lost that. */
    void looks() {
        SimulatedStore.Policy newest = world.store.seenBy(policy);
        if (!newest.equals(policy)) {
            policy = newest;
            enforce();
        }
    }

    SimulatedStore.Policy policy() {
        return policy;
    }

    /** What there is beside a grant of all for all. */
    private void enforce() {
        world.tell(() -> this + ": policy " + policy);
        fabric.policy.policy(POLICIES.computeIfAbsent(policy.rules(), SimulatedGateway::compiled));
    }

    private static PolicySnapshot compiled(String rules) {
        try {
            return PolicyParser.parse(GRANTS + rules).at(CLOCK.instant(), SensitiveAddresses.standard());
        } catch (PolicyException e) {
            throw new AssertionError(e);
        }
    }

    @Override
    public String toString() {
        return "gateway " + world.gateways.indexOf(this);
    }

    /** Flows that it knows of. */
    int flowCount() {
        return fabric.links.all().stream().mapToInt(PresentLink::flowCount).sum();
    }
}
