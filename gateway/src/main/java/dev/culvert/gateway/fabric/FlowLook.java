package dev.culvert.gateway.fabric;

import dev.culvert.gateway.presence.Links;
import io.netty.util.concurrent.EventExecutor;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * Looks at flows that are open, for people. Each is asked about on the loops of its two sides, in a task for each link and one for each
 * loop that has the others' sides; when nobody looks it costs nothing, and frames never anything.
 */
final class FlowLook {
    /**
     * One of them, as its client's side has it.
     *
     * @param other its other half; null as long as nobody has been asked for it
     */
    private record Seen(
            FlowRecord record,
            int id,
            boolean isOpen,
            @Nullable FlowHalf other) {}

    private final List<Seen> seen = new ArrayList<>();

    private FlowLook() {}

    /**
     * Begins to look.
     *
     * @param most of all links together; each gets its share, and who has fewer leaves the rest to others
     * @return completes on a loop, or never when that ends meanwhile
     */
    static CompletableFuture<List<OpenFlow>> at(Links links, int most) {
        List<LinkSide> sides = new ArrayList<>();
        links.all().forEach(link -> {
            if (link instanceof LinkSide side && !side.accepts()) {
                sides.add(side);
            }
        });
        sides.sort(Comparator.comparingInt(LinkSide::flowCount));
        FlowLook look = new FlowLook();
        List<CompletableFuture<?>> steps = new ArrayList<>();
        int left = most;
        for (int i = 0; i < sides.size(); i++) {
            LinkSide side = sides.get(i);
            int share = Math.min(side.flowCount(), left / (sides.size() - i));
            left -= share;
            if (share > 0) {
                steps.add(run(side.loop(), () -> look.take(side, share)));
            }
        }
        return all(steps).thenCompose(v -> look.others()).thenApply(v -> look.result());
    }

    private synchronized void take(LinkSide side, int share) {
        side.someFlows(share, half -> {
            half.record.look(half);
            seen.add(new Seen(half.record, half.id, half.opened, half.peer));
        });
    }

    /** What the other sides have sent is known on their loops. */
    private synchronized CompletableFuture<Void> others() {
        Map<EventExecutor, List<FlowHalf>> byLoop = new HashMap<>();
        for (Seen flow : seen) {
            FlowHalf other = flow.other;
            if (other != null) {
                byLoop.computeIfAbsent(other.owner.loop(), l -> new ArrayList<>())
                        .add(other);
            }
        }
        List<CompletableFuture<?>> steps = new ArrayList<>();
        byLoop.forEach((loop, halves) -> steps.add(run(loop, () -> halves.forEach(half -> half.record.look(half)))));
        return all(steps);
    }

    private synchronized List<OpenFlow> result() {
        return seen.stream()
                .map(flow -> flow.record.shown(flow.id, flow.isOpen))
                .filter(Objects::nonNull)
                .toList();
    }

    private static CompletableFuture<?> run(EventExecutor loop, Runnable step) {
        CompletableFuture<@Nullable Void> done = new CompletableFuture<>();
        loop.execute(() -> {
            try {
                step.run();
            } finally {
                done.complete(null);
            }
        });
        return done;
    }

    private static CompletableFuture<Void> all(List<CompletableFuture<?>> steps) {
        return CompletableFuture.allOf(steps.toArray(CompletableFuture[]::new));
    }
}
