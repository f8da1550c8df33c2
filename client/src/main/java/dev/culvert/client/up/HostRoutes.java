package dev.culvert.client.up;

import dev.culvert.address.IpPrefix;
import dev.culvert.client.uplink.Voice;
import dev.culvert.tun.Platform;
import dev.culvert.tun.host.Host;
import dev.culvert.tun.host.HostConfig;
import dev.culvert.tun.host.HostKeeper;
import dev.culvert.tun.host.HostWatch;
import dev.culvert.tun.undo.UndoFailure;
import dev.culvert.tun.undo.UndoJournal;
import java.io.IOException;
import java.net.InetAddress;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The host's addresses and routes as this client wants them, kept so by a thread of its own: it looks when more is wanted, and when
 * the host's network changes, and then does what is missing. Methods may be called from any thread and return at once, but for
 * {@link #configure} and {@link #close}.
 */
final class HostRoutes {
    /** What becomes of it. On the host's thread. */
    interface Listener {
        /** Other networks than before lead into the tunnel now. */
        void routed(Set<IpPrefix> laid);

        /** What was wanted last is there, as far as it can be. */
        void settled();

        /** There is another way to a gateway than before, or one again, or an address has gone: what connection there is may be dead. */
        void uplinkChanged();

        /** The interface is not there any more. */
        void gone();
    }

    /** Announcements may come as fast as a gateway likes; the newest counts, and root is not kept busy. */
    static final Duration BETWEEN_ANNOUNCEMENTS = Duration.ofSeconds(1);

    /** Many events come at once, those of our own changes among them. */
    private static final Duration BETWEEN_LOOKS = Duration.ofMillis(50);

    /** Somebody takes away what we lay, or lays what we make room for: he is answered at this pace after {@link #QUICK_REPAIRS} times. */
    private static final Duration BETWEEN_REPAIRS = Duration.ofSeconds(5);

    /** So often at once is bad luck, more is another program that means it. */
    private static final int QUICK_REPAIRS = 20;

    /** Repairs are forgiven after this time without any. */
    private static final Duration PEACE = Duration.ofMinutes(1);

    /** Addresses of gateways; the least lately dialled one goes. A token's gateways have some two each. */
    private static final int MAX_EXCLUDED = 64;

    /** Of lines about what cannot be had, at once. */
    private static final int MAX_LINES = 8;

    /** The thread is waiting for the kernel, or for the disk, and neither takes long. */
    private static final Duration END = Duration.ofMillis(1_500);

    private final UndoJournal journal;
    private final HostKeeper keeper;
    private final Voice say;
    private final ScheduledExecutorService thread;
    private final LongSupplier nanoTime;

    private volatile @Nullable HostWatch watch;
    private volatile boolean closing;

    // The thread's own.
    private final Set<IpPrefix> always;
    private HostConfig config;
    private @Nullable Listener listener;
    private @Nullable ScheduledFuture<?> next;
    private long lastLookNanos;
    private long lastWantedNanos;
    private long lastRepairNanos;
    private int repairs;
    private Map<Object, String> problems = Map.of();
    private String failure = "";
    private Map<InetAddress, String> ways = new HashMap<>();
    private Set<InetAddress> reachable = Set.of();
    private Set<IpPrefix> routed = Set.of();

    private final Object lock = new Object();
    // Guarded by lock: what is wanted newly, until the thread takes it.
    private @Nullable Wanted wanted;

    private record Wanted(Set<IpPrefix> routes, Set<IpPrefix> named, Set<IpPrefix> blocked) {}

    /**
     * @param host changed from here on, by one thread at a time
     * @param say told what could not be done, one line each
     * @param config the interface, its addresses, and routes that are laid whatever is announced, if that is possible
     */
    HostRoutes(Host host, UndoJournal journal, HostConfig config, Voice say) {
        this(host, journal, config, say, daemon(), System::nanoTime);
    }

    /** @param nanoTime the clock of {@code thread}, on which everything is done */
    HostRoutes(
            Host host,
            UndoJournal journal,
            HostConfig config,
            Voice say,
            ScheduledExecutorService thread,
            LongSupplier nanoTime) {
        this.thread = thread;
        this.nanoTime = nanoTime;
        this.lastLookNanos = nanoTime.getAsLong() - BETWEEN_ANNOUNCEMENTS.toNanos();
        this.lastWantedNanos = lastLookNanos;
        this.lastRepairNanos = lastLookNanos;
        this.journal = journal;
        this.keeper = new HostKeeper(host, journal);
        this.config = config;
        this.always = config.routes();
        this.say = say;
    }

    private static ScheduledExecutorService daemon() {
        ScheduledThreadPoolExecutor one = new ScheduledThreadPoolExecutor(1, r -> {
            Thread t = new Thread(r, "host-network");
            t.setDaemon(true);
            return t;
        });
        one.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
        return one;
    }

    /** Brings the interface up with its addresses, on this thread, before any other method. */
    void configure() throws IOException {
        HostKeeper.Outcome outcome = keeper.keep(config);
        if (!outcome.present()) {
            throw new IOException("set up " + config.ifName() + ": there is no such interface any more");
        }
        for (Map.Entry<Object, String> problem : outcome.problems().entrySet()) {
            if (HostKeeper.isAboutInterface(problem.getKey())) {
                throw new IOException(problem.getValue());
            }
        }
        tell(outcome.problems());
    }

    /** Begins to keep it so. */
    void start(Listener listener) {
        run(() -> this.listener = listener);
    }

    /** Begins to hear from the kernel that the host's network has changed. */
    void watch() {
        watch = Platform.watchHost(this::hostChanged);
    }

    /** The host's network has changed. */
    void hostChanged() {
        run(this::changed);
    }

    /**
     * Makes the routes into the tunnel these, soon.
     *
     * @param named those that may lie in networks to which this machine is connected
     * @param blocked what shall not leave past the tunnel
     */
    void want(Collection<IpPrefix> routes, Collection<IpPrefix> named, Collection<IpPrefix> blocked) {
        synchronized (lock) {
            boolean first = wanted == null;
            wanted = new Wanted(new LinkedHashSet<>(routes), new LinkedHashSet<>(named), new LinkedHashSet<>(blocked));
            if (!first) {
                return;
            }
        }
        run(() -> schedule(BETWEEN_ANNOUNCEMENTS.toNanos() - (nanoTime.getAsLong() - lastWantedNanos)));
    }

    /** Keeps these addresses of gateways out of the tunnel from now on; done when they are. */
    CompletionStage<?> keepOut(Collection<InetAddress> addresses) {
        CompletableFuture<Void> done = new CompletableFuture<>();
        if (!run(() -> {
            Set<InetAddress> excluded = new LinkedHashSet<>(config.excluded());
            for (InetAddress address : addresses) {
                InetAddress plain = IpPrefix.of(address).network(); // without the interface that it may name
                excluded.remove(plain);
                excluded.add(plain);
            }
            while (excluded.size() > MAX_EXCLUDED) {
                excluded.remove(excluded.iterator().next());
            }
            config = config.withExcluded(excluded);
            look(true);
            done.complete(null);
        })) {
            done.complete(null);
        }
        return done;
    }

    private boolean run(Runnable task) {
        try {
            thread.execute(task);
            return true;
        } catch (RejectedExecutionException e) {
            return false; // going down: nothing more is wanted
        }
    }

    private void changed() {
        boolean fight = repairs > QUICK_REPAIRS;
        long pause = (fight ? BETWEEN_REPAIRS : BETWEEN_LOOKS).toNanos();
        schedule(pause - (nanoTime.getAsLong() - lastLookNanos));
    }

    /** Looks in so many nanoseconds at the latest, at once if that is none. */
    private void schedule(long nanos) {
        ScheduledFuture<?> scheduled = next;
        if (scheduled != null && scheduled.getDelay(TimeUnit.NANOSECONDS) <= nanos) {
            return;
        }
        if (scheduled != null) {
            scheduled.cancel(false);
        }
        next = thread.schedule(
                () -> {
                    next = null; // what is under way is not what may be waited for
                    look(false);
                },
                Math.max(0, nanos),
                TimeUnit.NANOSECONDS);
    }

    /** @param asked whether it is known that there is something to do */
    private void look(boolean asked) {
        if (closing) {
            return;
        }
        boolean newlyWanted = takeWanted();
        boolean kept = keep(asked || newlyWanted);
        Listener told = listener;
        if (newlyWanted && kept && told != null) {
            told.settled();
        }
        synchronized (lock) {
            if (wanted != null) {
                schedule(BETWEEN_ANNOUNCEMENTS.toNanos() - (nanoTime.getAsLong() - lastWantedNanos));
            }
        }
    }

    /** @return whether it has what can be had */
    private boolean keep(boolean asked) {
        lastLookNanos = nanoTime.getAsLong();
        HostKeeper.Outcome outcome;
        try {
            outcome = keeper.keep(config);
            failure = "";
        } catch (IOException | RuntimeException e) {
            String text = "cannot keep this machine's routes: " + e.getMessage();
            if (!text.equals(failure)) {
                failure = text;
                say.say(text);
            }
            return false;
        }
        Listener told = listener;
        if (closing || told == null) {
            return false;
        }
        if (!outcome.present()) {
            told.gone();
            return false;
        }
        if (outcome.changes() > 0 && !asked) {
            repaired();
        }
        tell(outcome.problems());
        Set<IpPrefix> laid = new LinkedHashSet<>(outcome.routed());
        laid.removeAll(always);
        if (!laid.equals(routed)) {
            routed = laid;
            told.routed(laid);
        }
        boolean lost = !outcome.reachable().containsAll(reachable);
        reachable = outcome.reachable();
        if (hasNewWay(outcome.ways()) || lost) {
            told.uplinkChanged();
        }
        return true;
    }

    private boolean takeWanted() {
        synchronized (lock) {
            Wanted w = wanted;
            if (w == null || nanoTime.getAsLong() - lastWantedNanos < BETWEEN_ANNOUNCEMENTS.toNanos()) {
                return false;
            }
            wanted = null;
            lastWantedNanos = nanoTime.getAsLong();
            Set<IpPrefix> all = new LinkedHashSet<>(always);
            all.addAll(w.routes());
            config = config.withRoutes(all, w.named(), w.blocked());
            return true;
        }
    }

    private void repaired() {
        long now = nanoTime.getAsLong();
        if (now - lastRepairNanos > PEACE.toNanos()) {
            repairs = 0;
        }
        lastRepairNanos = now;
        repairs++;
        if (repairs == QUICK_REPAIRS + 1) {
            say.say("something on this machine keeps changing its routes or addresses; those of " + config.ifName()
                    + " are put right every " + BETWEEN_REPAIRS.toSeconds() + " s (see what: ip monitor)");
        }
    }

    private void tell(Map<Object, String> now) {
        int lines = 0;
        int more = 0;
        for (Map.Entry<Object, String> problem : now.entrySet()) {
            if (problem.getValue().equals(problems.get(problem.getKey())) || always.contains(problem.getKey())) {
                continue;
            }
            if (lines < MAX_LINES) {
                say.say(problem.getValue());
                lines++;
            } else {
                more++;
            }
        }
        if (more > 0) {
            say.say("and " + more + " more that cannot be routed");
        }
        problems = Map.copyOf(now);
    }

    private boolean hasNewWay(Map<InetAddress, String> now) {
        Map<InetAddress, String> before = ways;
        ways = now;
        for (Map.Entry<InetAddress, String> way : now.entrySet()) {
            String old = before.get(way.getKey());
            if (old != null && !way.getValue().isEmpty() && !old.equals(way.getValue())) {
                return true;
            }
        }
        return false;
    }

    /** Lets the host be; waits for what is under way, which is not interrupted: it may be in the journal. Call {@link #undo} then. */
    void close() {
        closing = true;
        HostWatch w = watch;
        if (w != null) {
            w.close();
        }
        thread.shutdown();
        try {
            if (!thread.awaitTermination(END.toMillis(), TimeUnit.MILLISECONDS)) {
                say.say("this machine's kernel takes long to change its routes; going down all the same");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Takes everything back. */
    List<UndoFailure> undo() throws IOException {
        return journal.replay();
    }
}
