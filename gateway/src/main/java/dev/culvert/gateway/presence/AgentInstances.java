package dev.culvert.gateway.presence;

import dev.culvert.address.IpPrefix;
import dev.culvert.gateway.limit.PeerLines;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.limit.RateLimit;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The instances of one agent that are connected, and the routes and domains that they last had. From any thread. */
public final class AgentInstances<A extends PresentAgent> {
    private static final Logger log = LoggerFactory.getLogger(AgentInstances.class);

    /** Prefixes of one agent, over all its instances, that are told of: about what fits one frame. */
    static final int MAX_ROUTES = 4_096;

    /**
     * An instance that comes back takes over from its older link. But two processes with one instance's id would cut each
     * other off for ever: after so many in a row both stay. On a bad line an honest one comes back twice a minute, beside a link that
     * has gone silent, and never uses them up.
     */
    public static final int TAKEOVERS = 8;

    private static final double TAKEOVERS_PER_SECOND = 4 / 60.0;

    private final PeerLines lines;
    private final LongSupplier nanoTime;
    private final CopyOnWriteArrayList<A> instances = new CopyOnWriteArrayList<>();

    /** How often an instance came on another link; of those that did. Guarded by this. */
    private final Map<A, RateLimit> takeovers = new IdentityHashMap<>();

    private volatile List<IpPrefix> lastRoutes = List.of();
    private volatile List<String> lastDomains = List.of();

    AgentInstances(PeerLines lines, LongSupplier nanoTime) {
        this.lines = lines;
        this.nanoTime = nanoTime;
    }

    /** An instance has announced itself. Is it here already on an older link, that is given up. */
    synchronized void add(A agent) {
        // There before anything is given up: whichever of the two goes is taken out again.
        instances.add(agent);
        for (A other : instances) {
            if (other != agent && isSame(agent, other)) {
                boolean older = other.number() < agent.number();
                takeOver(older ? agent : other, older ? other : agent);
            }
        }
    }

    /** Whether both links are of one process, and one of them in the place of the other. */
    private static boolean isSame(PresentAgent one, PresentAgent other) {
        return isOneProcess(one, other)
                && one.attachment() == other.attachment()
                && !one.isSuperseded()
                && !other.isSuperseded();
    }

    /** As far as can be told: of one name, one key, and what it calls itself. */
    private static boolean isOneProcess(PresentAgent one, PresentAgent other) {
        String instance = one.instance();
        return instance != null && instance.equals(other.instance()) && Objects.equals(one.key(), other.key());
    }

    private void takeOver(A newer, A older) {
        RateLimit before = takeovers.get(older);
        long now = nanoTime.getAsLong();
        RateLimit limit = before == null ? new RateLimit(TAKEOVERS, TAKEOVERS_PER_SECOND, now) : before;
        takeovers.put(newer, limit);
        if (limit.takes(now)) {
            older.supersede();
        } else if (lines.takes(newer.holderKey(), PeerLines.Kind.COPIES)) {
            log.warn(
                    "{} and {} call themselves one instance, '{}', and keep coming back: both stay; was a running agent copied?",
                    older,
                    newer,
                    newer.instance());
        }
    }

    synchronized void remove(A agent) {
        instances.remove(agent);
        takeovers.remove(agent);
    }

    int count() {
        return instances.size();
    }

    /** Of the others, those that take new flows. */
    int others(A agent) {
        return (int) instances.stream()
                .filter(a -> a != agent && a.takesFlows() && !isOneProcess(a, agent))
                .count();
    }

    List<A> all() {
        return List.copyOf(instances);
    }

    void forEach(Consumer<A> action) {
        instances.forEach(action);
    }

    /** Its instances, their routes or their domains have changed. */
    synchronized void gatherRoutes() {
        Set<IpPrefix> routes = new LinkedHashSet<>();
        List<IpPrefix> last = List.of();
        for (A instance : instances) {
            List<IpPrefix> its = instance.routes();
            if (!its.equals(last) && routes.size() < MAX_ROUTES) {
                routes.addAll(its);
            }
            last = its;
        }
        if (!instances.isEmpty()) {
            lastDomains = instances.stream()
                    .flatMap(one -> one.domains().stream())
                    .distinct()
                    .limit(Announcement.Agent.MAX_DOMAINS)
                    .toList();
        }
        if (!routes.isEmpty()) {
            lastRoutes = routes.stream().limit(MAX_ROUTES).toList();
        }
    }

    /** As {@link #lastRoutes}: clients' resolvers stay as they are while an agent starts again. */
    List<String> lastDomains() {
        return lastDomains;
    }

    /** Those of all instances together; when none is connected, or serves anything, what there was before. */
    List<IpPrefix> lastRoutes() {
        return lastRoutes;
    }

    /** The instance that has the other end of a flow, on its newest link; null when it is not connected. */
    @Nullable
    A named(String answerer) {
        A found = null;
        for (A a : instances) {
            if (!a.isSuperseded() && a.answerer().equals(answerer) && (found == null || a.number() > found.number())) {
                found = a;
            }
        }
        return found;
    }

    /** Whether the instance that had the other end of a flow has ended, as one that is connected says. */
    boolean isReplaced(String answerer) {
        return instances.stream().anyMatch(a -> a.replaces(answerer));
    }

    /**
     * The instance that shall take a flow: of those that serve the address, and have not just failed to reach the destination, the one
     * with the fewest flows; for UDP always the same one for the same source, because its socket is the source's mapping (RFC 4787 4.1).
     *
     * @return null when none takes flows
     */
    @Nullable
    A pick(int affinity, Destination destination, @Nullable InetSocketAddress source) {
        @SuppressWarnings("unchecked") // of a copy-on-write list: consistent while others come and go
        A[] snapshot = (A[]) instances.toArray(new PresentAgent[0]);
        int n = 0;
        for (A a : snapshot) {
            if (a.takesFlows()) {
                snapshot[n++] = a;
            }
        }
        InetAddress address = destination.address();
        if (n > 1 && address != null) {
            int serving = 0;
            for (int i = 0; i < n; i++) {
                A candidate = snapshot[i];
                if (candidate.serves(address)) {
                    snapshot[i] = snapshot[serving];
                    snapshot[serving++] = candidate;
                }
            }
            n = serving > 0 ? serving : n;
        }
        if (n > 1 && destination.protocol() != Destination.UDP) {
            long now = nanoTime.getAsLong();
            int reaching = 0;
            for (int i = 0; i < n; i++) {
                A candidate = snapshot[i];
                if (!candidate.failedDials().has(destination, now)) {
                    snapshot[i] = snapshot[reaching];
                    snapshot[reaching++] = candidate;
                }
            }
            n = reaching > 0 ? reaching : n;
        }
        if (n <= 1) {
            return n == 0 ? null : snapshot[0];
        }
        if (!destination.isStream()) {
            return ofSource(snapshot, n, 31 * affinity + (source == null ? 0 : source.hashCode()));
        }
        A best = snapshot[0];
        for (int i = 1; i < n; i++) {
            if (snapshot[i].flowCount() < best.flowCount()) {
                best = snapshot[i];
            }
        }
        return best;
    }

    /** By each one's own weight, not by its place: in whatever order they came, here or at another gateway, it is the same one. */
    private static <A extends PresentAgent> A ofSource(A[] candidates, int n, int source) {
        A best = candidates[0];
        int most = Integer.MIN_VALUE;
        for (int i = 0; i < n; i++) {
            int weight = mixed(31 * source + candidates[i].answerer().hashCode());
            if (weight > most) {
                most = weight;
                best = candidates[i];
            }
        }
        return best;
    }

    /** Each bit of the result depends on each bit of the seed. */
    private static int mixed(int seed) {
        int h = seed * 0x9E3779B9;
        h = (h ^ h >>> 15) * 0x85EBCA6B;
        return h ^ h >>> 13;
    }
}
