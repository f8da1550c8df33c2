package dev.culvert.gateway.cluster;

import dev.culvert.gateway.limit.Services;
import dev.culvert.gateway.presence.OtherGateways;
import dev.culvert.store.Leases;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The gateways of one store, as this one sees them. A thread of its own asks the store, which may not answer for a while: then what was
 * known stays, and {@link #trouble} says why; clients are not sent by it for longer than a lease lives. What it knows may be asked from any thread, and never waits.
 */
public final class Cluster implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Cluster.class);

    private static final Duration LOOK = Duration.ofSeconds(1);

    /** A store that does not answer keeps nobody from stopping: the lease runs out by itself. */
    private static final Duration LEAVE = Duration.ofSeconds(1);

    /** More than a token names. */
    private static final int MAX_URLS = 32;

    private final Member own;
    private final Supplier<Attached> attached;
    private final Supplier<Set<String>> agents;
    private final Roster roster;
    private final Beat beat;
    private final Lookout lookout;
    private final Clock clock;
    private final ScheduledExecutorService thread =
            Executors.newSingleThreadScheduledExecutor(new DefaultThreadFactory("gateway-cluster", true));
    private final Missing missing;
    private final LongSupplier nanoTime;
    private final Consumer<OtherGateways> found;
    private volatile List<Neighbour> others = List.of();

    private final Step beating;
    private final Step looking;
    private final Step telling;
    private long seenNanos;

    private Cluster(
            Store store,
            Leases leases,
            Member own,
            Supplier<Attached> attached,
            Supplier<Set<String>> agents,
            Consumer<OtherGateways> found,
            Services services) {
        this.own = own;
        this.attached = attached;
        this.agents = agents;
        this.found = found;
        clock = services.clock();
        nanoTime = services.nanoTime();
        missing = new Missing(services.nanos());
        roster = new Roster(store);
        beat = new Beat(leases, own.lease(), attached, nanoTime);
        lookout = new Lookout(roster, leases, own, clock, nanoTime);
        seenNanos = services.nanos();
        beating = new Step("the other gateways do not see this one", beat::tick);
        looking = new Step("the other gateways are not seen", this::find);
        telling = new Step("the store's list of gateways is not kept", lookout::tell);
    }

    /**
     * @param own this gateway
     * @param attached what is attached to it now
     * @param agents names of the agents that are
     * @param found told, once a second, which agents are attached to others only
     * @return null if the store is no cluster's: nobody else sees what is there
     */
    public static @Nullable Cluster in(
            Store store,
            Member own,
            Supplier<Attached> attached,
            Supplier<Set<String>> agents,
            Consumer<OtherGateways> found,
            Services services) {
        Leases leases = store.leases();
        return leases == null ? null : new Cluster(store, leases, own, attached, agents, found, services);
    }

    /** Begins to be seen, and to see. Once. */
    public void start() {
        each(Beat.LEAST_PAUSE, this::beat);
        each(LOOK, this::look);
    }

    private void each(Duration pause, Runnable steps) {
        thread.scheduleWithFixedDelay(steps, 0, pause.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** On the cluster's thread, as {@link #look}. */
    void beat() {
        beating.run();
    }

    void look() {
        if (looking.run()) {
            telling.run();
        }
    }

    private void find() throws StateException {
        long now = nanoTime.getAsLong();
        boolean fresh = false;
        try {
            others = lookout.look();
            seenNanos = now;
            fresh = true;
        } finally {
            if (fresh || now - seenNanos > Beat.LIFE.toNanos()) {
                // What was known of them longer ago is no reason to send clients there.
                found.accept(missing.look(agents.get(), fresh ? others : List.of(), now));
            }
        }
    }

    /** This gateway. */
    public Member own() {
        return own;
    }

    /** What is attached to this one now. */
    public Attached here() {
        return attached.get();
    }

    /** The others, those that were lost within a day too, as they were when the store last answered. */
    public List<Neighbour> others() {
        return others;
    }

    /** URLs of those of the others that are up, as far as they have said them, in canonical form. */
    public List<String> urlsOfOthers() {
        return others.stream()
                .filter(Neighbour::isUp)
                .map(other -> other.member().url())
                .filter(Objects::nonNull)
                .limit(MAX_URLS)
                .toList();
    }

    /** Why the store does not say, or is not told; null when all is well. */
    public @Nullable String trouble() {
        String all = Stream.of(beating, looking, telling)
                .map(Step::trouble)
                .filter(Objects::nonNull)
                .distinct()
                .collect(Collectors.joining("; "));
        return all.isEmpty() ? null : all;
    }

    /** This gateway stops: the others know at once, if the store answers. */
    @Override
    public void close() {
        if (thread.isShutdown()) {
            return;
        }
        thread.execute(
                () -> { // its lease last: who is on the roster without one is lost
                    leave(() -> roster.remove(own, clock.instant()));
                    leave(beat::end);
                });
        thread.shutdown();
        try {
            if (!thread.awaitTermination(LEAVE.toMillis(), TimeUnit.MILLISECONDS)) {
                thread.shutdownNow();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void leave(Step.Action action) {
        try {
            action.run();
        } catch (StateException e) {
            log.debug("the lease runs out by itself: {}", e.getMessage());
        }
    }
}
