package dev.culvert.gateway.fabric;

import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.flow.ScarceMemory;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.NullUnmarked;

/** Looks whether ends hold no more than they may, and whether what gives way is the longest held of the largest holder. */
@NullUnmarked
final class HeldOrder {
    private final Simulation world;

    /** Since when each is held, as was seen: at that time at the latest. */
    private Map<LinkFlow, Long> since = new IdentityHashMap<>();

    HeldOrder(Simulation world) {
        this.world = world;
    }

    /** After each step. */
    void look() {
        Scenario s = world.scenario;
        if (s.mostHeld() == 0 && s.keptBytes() == 0) {
            return;
        }
        Map<LinkFlow, Long> now = new IdentityHashMap<>();
        world.sessions().flatMap(session -> ScarceMemory.held(session).stream()).forEach(f -> now.put(f, since(f)));
        since = now;
        world.agents.forEach(a -> isAtMost("flows", a.flows.heldCount(), s.mostHeld(), a));
        world.ends().forEach(e -> isAtMost("bytes", e.session().heldBytes(), s.keptBytes() / 2, e));
    }

    private void isAtMost(String what, long held, long most, SimulatedEnd at) {
        if (most > 0 && held > most) {
            world.fails(new AssertionError(at + " holds " + held + " " + what + ", most is " + most));
        }
    }

    /** One that has not been seen has just lost its path. */
    private long since(LinkFlow flow) {
        long seen = since.getOrDefault(flow, world.ticker.nanoTime());
        return Math.max(seen, ScarceMemory.attachedNanos(flow));
    }

    /** A flow had to give way, just now. */
    void gaveWay(LinkFlow flow, SimulatedEnd at) {
        String holder = flow.request().clientName();
        List<LinkFlow> left = ScarceMemory.held(at.session());
        for (LinkFlow other : left) {
            if (other.request().clientName().equals(holder) && since(other) < since(flow)) {
                world.fails(new AssertionError(at + " held another one of " + holder + " for longer"));
            }
        }
        Map<String, Long> counts = left.stream()
                .map(f -> f.request().clientName())
                .collect(Collectors.groupingBy(Function.identity(), Collectors.counting()));
        boolean forItsPlace = at instanceof SimulatedAgent && left.size() == world.scenario.mostHeld();
        long its = 1 + counts.getOrDefault(holder, 0L);
        if (forItsPlace && counts.values().stream().anyMatch(n -> n > its)) {
            world.fails(new AssertionError(at + " held more than " + its + " of another holder than " + holder));
        }
    }
}
