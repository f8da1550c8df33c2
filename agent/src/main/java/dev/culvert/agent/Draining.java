package dev.culvert.agent;

import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.frame.Drain;
import io.netty.channel.EventLoop;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.IntSupplier;

/**
 * The end of an agent in order. Where other instances of it are connected new flows go to those at once, and its connections have
 * some time to end by themselves before its sockets go, and they with them. Where it is the only one it ends at once: whoever stops it
 * means to start it again, most likely, and until then nothing at all can be reached. Flows of datagrams are not waited for: they
 * go on at another instance. Event loop only, but for {@link #over}.
 */
final class Draining {
    /** How long its connections may go on: as the like of it do. */
    static final Duration GRACE = Duration.ofSeconds(30);

    /** How long gateways may take to say whether there are others; one of an older version says nothing. */
    static final Duration ANSWER = Duration.ofSeconds(1);

    private static final Duration LOOK = Duration.ofMillis(100);

    private static final Drain GOING = new Drain("the agent is stopping");

    private final EventLoop loop;
    private final IntSupplier connections;
    private final Consumer<String> log;
    private final CompletableFuture<Void> over = new CompletableFuture<>();
    private boolean begun;
    private boolean answered;
    private int others; // at most, of what gateways have said
    private final Set<FlowMultiplexer> asked = new HashSet<>(); // that have not said it
    private long endNanos;

    /** @param connections how many there are now, and how many are being made */
    Draining(EventLoop loop, IntSupplier connections, Consumer<String> log) {
        this.loop = loop;
        this.connections = connections;
        this.log = log;
    }

    boolean hasBegun() {
        return begun;
    }

    /** Completes when the agent may end. From any thread. */
    CompletableFuture<Void> over() {
        return over;
    }

    /** @param links over which gateways are told: those that there are now. Without one nobody asks for anything */
    void begin(List<FlowMultiplexer> links) {
        if (begun) {
            return;
        }
        begun = true;
        if (links.isEmpty()) {
            over.complete(null);
            return;
        }
        asked.addAll(links);
        links.forEach(this::tell);
        loop.schedule(this::answered, ANSWER.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** Another link is there: it too is to bring nothing new. */
    void tell(FlowMultiplexer link) {
        link.link().drain(GOING);
    }

    /** A gateway's answer: so many other instances take new flows that come by it. */
    void others(FlowMultiplexer link, int instances) {
        if (asked.remove(link)) {
            others = Math.max(others, instances);
            if (asked.isEmpty()) {
                answered();
            }
        }
    }

    private void answered() {
        if (answered) {
            return;
        }
        answered = true;
        asked.clear();
        int instances = others;
        int open = connections.getAsInt();
        if (instances == 0) {
            log.accept("stopping; no other instance is connected, so it ends now"
                    + (open == 0 ? "" : ", and " + words(open) + " with it"));
            over.complete(null);
            return;
        }
        log.accept("stopping; new flows go to "
                + (instances == 1 ? "another instance" : instances + " other instances")
                + (open == 0
                        ? ""
                        : ", and " + words(open) + " may go on for " + GRACE.toSeconds()
                                + " s at most; a second signal ends them at once"));
        endNanos = loop.ticker().nanoTime() + GRACE.toNanos();
        look();
    }

    private void look() {
        int open = connections.getAsInt();
        if (open == 0) {
            over.complete(null);
        } else if (endNanos - loop.ticker().nanoTime() <= 0) {
            log.accept("ending " + words(open) + " that did not end within " + GRACE.toSeconds() + " s");
            over.complete(null);
        } else {
            loop.schedule(this::look, LOOK.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    private static String words(int connections) {
        return connections == 1 ? "1 connection" : connections + " connections";
    }
}
