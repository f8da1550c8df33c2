package dev.culvert.gateway.instance;

import dev.culvert.gateway.instance.Instances.Key;
import dev.culvert.gateway.limit.PeerLines;
import dev.culvert.gateway.presence.PresentAgent;
import dev.culvert.gateway.publish.Published;
import dev.culvert.policy.publication.PublicationOptions.HealthCheck;
import dev.culvert.text.Printable;
import dev.culvert.tunnel.limit.RateLimit;
import io.netty.channel.EventLoop;
import java.time.Clock;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.DoubleSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks at the targets of publications that ask for it, through each instance that may serve them: each at its interval, one look at a
 * time, all of them within a rate. On one event loop, but for what says otherwise.
 */
public final class HealthChecks {
    private static final Logger log = LoggerFactory.getLogger(HealthChecks.class);

    /** So often it is seen who has come and gone. */
    static final long GATHER_MILLIS = 1_000;

    private static final long GATHER_NANOS = TimeUnit.MILLISECONDS.toNanos(GATHER_MILLIS);

    /** Looks of all publications in a second: each is a flow, and a connection of an agent's. Others are late then. */
    static final int LOOKS_PER_SECOND = 200;

    /** Looks that have not ended: so many targets that are silent hold no others up. */
    static final int MAX_RUNNING = 1_024;

    /** One for which there is no room comes again so soon. */
    private static final long AGAIN_MILLIS = 100;

    /** A look may take as long as its interval, and no longer than this. */
    static final Duration MOST = Duration.ofSeconds(5);

    /** Intervals are shorter or longer by so much: looks that began together drift apart. */
    private static final double JITTER = 0.1;

    /**
     * What has come of a look.
     *
     * @param learnt whether anything is known now; not when the gateway or the agent was in the way
     * @param why the target is unwell; null when it is well
     */
    public record Found(boolean learnt, @Nullable String why) {
        static final Found WELL = new Found(true, null);
        static final Found NOTHING = new Found(false, null);

        static Found unwell(String why) {
            return new Found(true, why);
        }
    }

    /** How a target is looked at. */
    public interface Look {
        /**
         * Looks once.
         *
         * @param within what it may take; it has failed then
         * @param done is told what has come of it, once and from any thread
         */
        void look(Published published, String answerer, HealthCheck check, Duration within, Consumer<Found> done);
    }

    private final EventLoop loop;
    private final Supplier<List<Published>> published;
    private final Instances instances;
    private final Look look;
    private final PeerLines lines;
    private final Clock clock;
    private final DoubleSupplier random;
    private final RateLimit rate;
    private final Map<Key, Checked> checked = new HashMap<>();
    private int running;
    private boolean stopped;

    /**
     * @param published what is published now
     * @param random from 0 to below 1
     */
    public HealthChecks(
            EventLoop loop,
            Supplier<List<Published>> published,
            Instances instances,
            Look look,
            PeerLines lines,
            Clock clock,
            DoubleSupplier random) {
        this.loop = loop;
        this.published = published;
        this.instances = instances;
        this.look = look;
        this.lines = lines;
        this.clock = clock;
        this.random = random;
        this.rate = new RateLimit(
                LOOKS_PER_SECOND / 10, LOOKS_PER_SECOND, loop.ticker().nanoTime());
    }

    /** Begins. From any thread. */
    public void start() {
        loop.execute(this::gather);
    }

    /** Looks no more. From any thread. */
    public void stop() {
        if (!loop.isShuttingDown()) {
            loop.execute(() -> stopped = true);
        }
    }

    private void gather() {
        if (stopped) {
            return;
        }
        List<Published> all = published.get();
        Set<Key> now = new HashSet<>();
        for (Published one : all) {
            HealthCheck check = one.publication().options().health();
            if (check != null) {
                instances.toLookAt(one).forEach((answerer, agent) -> {
                    Key key = new Key(one, answerer);
                    now.add(key);
                    checked.computeIfAbsent(key, k -> new Checked(k, check, agent));
                });
            }
        }
        checked.values().removeIf(c -> {
            c.over = !now.contains(c.key);
            return c.over;
        });
        instances.retain(all);
        loop.schedule(this::gather, GATHER_MILLIS, TimeUnit.MILLISECONDS);
    }

    /** One target through one instance. */
    private final class Checked {
        private final Key key;
        private final HealthCheck check;
        private final PresentAgent agent;
        private boolean over;
        private long begunNanos;

        Checked(Key key, HealthCheck check, PresentAgent agent) {
            this.key = key;
            this.check = check;
            this.agent = agent;
            // Not all that come at once: after a restart all agents do.
            again((long) (random.getAsDouble() * Math.min(check.interval().toNanos(), GATHER_NANOS)));
        }

        private void again(long nanos) {
            loop.schedule(this::begin, nanos, TimeUnit.NANOSECONDS);
        }

        private void begin() {
            if (over || stopped) {
                return;
            }
            long now = loop.ticker().nanoTime();
            if (running >= MAX_RUNNING || !rate.takes(now)) {
                again(TimeUnit.MILLISECONDS.toNanos((long) (AGAIN_MILLIS * (1 + random.getAsDouble()))));
                return;
            }
            running++;
            begunNanos = now;
            Duration within = check.interval().compareTo(MOST) < 0 ? check.interval() : MOST;
            look.look(key.published(), key.answerer(), check, within, found -> {
                if (!loop.isShuttingDown()) {
                    loop.execute(() -> ended(found));
                }
            });
        }

        private void ended(Found found) {
            running--;
            if (over || stopped) {
                return;
            }
            String said = found.why() == null ? null : Printable.shorten(found.why());
            if (found.learnt() && instances.health(key).looked(check, said, clock.instant())) {
                tell(said);
            }
            double interval = check.interval().toNanos() * (1 + JITTER * (2 * random.getAsDouble() - 1));
            long passed = loop.ticker().nanoTime() - begunNanos;
            again(Math.max(0, (long) interval - passed));
        }

        private void tell(@Nullable String why) {
            if (!lines.takes(agent.holderKey(), PeerLines.Kind.PUBLICATIONS)) {
                return;
            }
            if (why == null) {
                log.info("{}: target is well through instance {}", key.published(), agent.instance());
            } else {
                log.warn(
                        "{}: target is unwell through instance {}: {}; it is left out until it is well",
                        key.published(),
                        agent.instance(),
                        why);
            }
        }
    }
}
