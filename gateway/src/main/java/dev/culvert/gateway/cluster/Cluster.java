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
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The gateways of one store, as this one sees them. A thread of its own asks the store, which may not answer for a while: then what was
 * known stays, and {@link #trouble} says why. What it knows may be asked from any thread, and never waits.
 */
public final class Cluster implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Cluster.class);

    private static final Duration LOOK = Duration.ofSeconds(1);

    /** A store that does not answer keeps nobody from stopping: the lease runs out by itself. */
    private static final Duration LEAVE = Duration.ofSeconds(1);

    private final Member own;
    private final Supplier<Attached> attached;
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
    private volatile @Nullable String trouble;

    private interface Step {
        void run() throws StateException;
    }

    private Cluster(
            Store store,
            Leases leases,
            Member own,
            Supplier<Attached> attached,
            Consumer<OtherGateways> found,
            Services services)
            throws StateException {
        this.own = own;
        this.attached = attached;
        this.found = found;
        clock = services.clock();
        nanoTime = services.nanoTime();
        missing = new Missing(services.nanos());
        roster = new Roster(store);
        beat = new Beat(leases, own.lease(), attached, nanoTime);
        lookout = new Lookout(roster, leases, own, clock);
    }

    /**
     * @param own this gateway
     * @param attached what is attached to it now
     * @param found told, once a second, which agents are attached to others only
     * @return null if the store is no cluster's: nobody else sees what is there
     * @throws StateException if it cannot be read
     */
    public static @Nullable Cluster in(
            Store store, Member own, Supplier<Attached> attached, Consumer<OtherGateways> found, Services services)
            throws StateException {
        Leases leases = store.leases();
        return leases == null ? null : new Cluster(store, leases, own, attached, found, services);
    }

    /** Begins to be seen, and to see. Once. */
    public void start() {
        each(Beat.LEAST_PAUSE, beat::tick);
        each(LOOK, () -> {
            others = lookout.look();
            found.accept(missing.look(attached.get().agentNames(), others, nanoTime.getAsLong()));
        });
    }

    private void each(Duration pause, Step step) {
        thread.scheduleWithFixedDelay(() -> run(step), 0, pause.toMillis(), TimeUnit.MILLISECONDS);
    }

    private void run(Step step) {
        try {
            step.run();
            if (trouble != null) {
                trouble = null;
                log.info("the other gateways are seen again");
            }
        } catch (StateException | RuntimeException | Error e) { // thrown out of here, it would end this for good
            String why = String.valueOf(e.getMessage());
            if (!why.equals(trouble)) {
                trouble = why;
                log.warn("the other gateways are not seen, and do not see this one: {}", why);
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

    /** Why the store does not say; null when it does. */
    public @Nullable String trouble() {
        return trouble;
    }

    /** This gateway stops: the others know at once, if the store answers. */
    @Override
    public void close() {
        if (thread.isShutdown()) {
            return;
        }
        thread.execute(() -> {
            try {
                beat.end();
                roster.remove(own, clock.instant());
            } catch (StateException e) {
                log.debug("the lease runs out by itself: {}", e.getMessage());
            }
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
}
