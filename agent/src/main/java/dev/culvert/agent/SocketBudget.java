package dev.culvert.agent;

import dev.culvert.tunnel.dial.NetworkError;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.limit.RateLimit;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sockets and memory of all flows of an agent, whatever links they came by: so much in all, half of it for one client, and for
 * all that is published ({@link Shares}). UDP and ping sockets that lie idle make room for what is new, of either kind and for TCP: the
 * longest idle one of the client, or published target, that has most of them. TCP connections are nobody's to end. Event loop only.
 */
final class SocketBudget {
    private static final Logger log = LoggerFactory.getLogger(SocketBudget.class);

    /** UDP sockets: each may have a megabyte of the kernel's memory waiting in it. */
    static final int MAX_UDP = 8192;

    static final int MAX_UDP_PER_CLIENT = 4096;

    /** Ping sockets: pinging a /22 at once, or for one client a /24. */
    static final int MAX_PINGS = 1024;

    static final int MAX_PINGS_PER_CLIENT = 256;

    /** What flows may take of the heap: the rest is the program's own, and garbage. */
    private static final int HEAP_SHARE = 2;

    /** Once a minute: whoever is short of descriptors is so for each flow. */
    private static final double WARNINGS_PER_SECOND = 1 / 60.0;

    enum Kind {
        /** With its relay, both channels and their pipelines. */
        TCP(6 << 10),
        /** With its channel; the flows that share it count by {@link UdpMapping#FLOW_BYTES}. */
        UDP(4 << 10),
        PING(6 << 10);

        /** Bytes of heap that one costs. */
        final int bytes;

        Kind(int bytes) {
            this.bytes = bytes;
        }
    }

    /** A socket that can make room. */
    interface Idle {
        long lastUsedNanos();

        /** Ends its flows and closes it, at once. */
        void makeRoom();
    }

    private final int all;
    private final Shares descriptors;
    private final Shares memory;
    private final Map<Kind, Shares> kinds;
    private final Map<Kind, Map<Taker, Set<Idle>>> idle = Map.of(Kind.UDP, new HashMap<>(), Kind.PING, new HashMap<>());
    private final RateLimit warnings = new RateLimit(1, WARNINGS_PER_SECOND);

    SocketBudget() {
        this(Descriptors.forFlows(), Runtime.getRuntime().maxMemory() / HEAP_SHARE);
    }

    /**
     * @param sockets of all clients together
     * @param bytes of heap, of all clients together
     */
    SocketBudget(int sockets, long bytes) {
        all = sockets;
        descriptors = new Shares(sockets, Math.max(1, sockets / 2));
        memory = new Shares(bytes, Math.max(1, bytes / 2));
        kinds = Map.of(
                Kind.TCP, descriptors,
                Kind.UDP, new Shares(MAX_UDP, MAX_UDP_PER_CLIENT),
                Kind.PING, new Shares(MAX_PINGS, MAX_PINGS_PER_CLIENT));
    }

    /**
     * Takes one socket, and its share of memory; idle ones make room for it where they can.
     *
     * @return whether it may be opened; then it must be {@linkplain #give given back} when it is closed
     */
    boolean take(Taker taker, Kind kind) {
        while (!takeKind(taker, kind)) {
            if (!makeRoom(taker, kind)) {
                return false;
            }
        }
        while (!takeCommon(taker, kind)) {
            if (!makeRoom(taker, null)) {
                giveKind(taker, kind);
                warn("flows may have " + all + " sockets, those of one client half, and so all that is published");
                return false;
            }
        }
        return true;
    }

    private boolean takeKind(Taker taker, Kind kind) {
        return kind == Kind.TCP || quota(kind).take(taker, 1);
    }

    private void giveKind(Taker taker, Kind kind) {
        if (kind != Kind.TCP) {
            quota(kind).give(taker, 1);
        }
    }

    private boolean takeCommon(Taker taker, Kind kind) {
        if (!descriptors.take(taker, 1)) {
            return false;
        }
        if (!memory.take(taker, kind.bytes)) {
            descriptors.give(taker, 1);
            return false;
        }
        return true;
    }

    void give(Taker taker, Kind kind) {
        giveKind(taker, kind);
        descriptors.give(taker, 1);
        memory.give(taker, kind.bytes);
    }

    /** Takes memory for what has no socket of its own. */
    boolean takeMemory(Taker taker, int bytes) {
        return memory.take(taker, bytes);
    }

    void giveMemory(Taker taker, int bytes) {
        memory.give(taker, bytes);
    }

    /** Sockets of one kind that are open, or about to be. */
    long count(Kind kind) {
        return quota(kind).total();
    }

    /** TCP connections, and those that are being made. */
    int connections() {
        return (int) (descriptors.total() - count(Kind.UDP) - count(Kind.PING));
    }

    private Shares quota(Kind kind) {
        Shares quota = kinds.get(kind);
        if (quota == null) {
            throw new IllegalStateException("no quota of " + kind);
        }
        return quota;
    }

    void opened(Taker taker, Kind kind, Idle socket) {
        ofKind(kind).computeIfAbsent(taker, t -> new LinkedHashSet<>()).add(socket);
    }

    void closed(Taker taker, Kind kind, Idle socket) {
        ofKind(kind).computeIfPresent(taker, (t, sockets) -> {
            sockets.remove(socket);
            return sockets.isEmpty() ? null : sockets;
        });
    }

    private Map<Taker, Set<Idle>> ofKind(Kind kind) {
        Map<Taker, Set<Idle>> sockets = idle.get(kind);
        if (sockets == null) {
            throw new IllegalStateException(kind + " sockets do not make room");
        }
        return sockets;
    }

    /**
     * @param kind whose bound was met; null for the bound of all
     * @return whether there is room now, perhaps
     */
    private boolean makeRoom(Taker taker, @Nullable Kind kind) {
        if (kind == Kind.TCP) {
            return false;
        }
        Shares shares = kind == null ? descriptors : quota(kind);
        // Where the client itself has all that it may have, nobody else's would help.
        boolean ownBound = shares.left() > 0 && (kind != null || memory.left() > Kind.TCP.bytes);
        String client = ownBound ? taker.client() : largestClient(kind);
        // Who has much does not push out who has little.
        if (client == null || !client.equals(taker.client()) && shares.of(client) < shares.of(taker.client())) {
            client = taker.client();
        }
        Taker victim = largest(client, kind);
        if (victim == null || client.equals(taker.client()) && shares.of(victim) < shares.of(taker)) {
            victim = taker;
        }
        Idle longest = longestIdle(victim, kind);
        if (longest == null) {
            return false;
        }
        longest.makeRoom();
        return true;
    }

    /** How many sockets of each can make room. */
    private Map<Taker, Integer> counts(@Nullable Kind kind) {
        Map<Taker, Integer> counts = new HashMap<>();
        idle.forEach((k, byTaker) -> {
            if (kind == null || k == kind) {
                byTaker.forEach((taker, sockets) -> counts.merge(taker, sockets.size(), Integer::sum));
            }
        });
        return counts;
    }

    /** The client that has most sockets that can make room. */
    private @Nullable String largestClient(@Nullable Kind kind) {
        Map<String, Integer> byClient = new HashMap<>();
        counts(kind).forEach((taker, count) -> byClient.merge(taker.client(), count, Integer::sum));
        return most(byClient);
    }

    /** Of a client: itself, or the published target that has most sockets that can make room. */
    private @Nullable Taker largest(String client, @Nullable Kind kind) {
        Map<Taker, Integer> its = counts(kind);
        its.keySet().removeIf(taker -> !taker.client().equals(client));
        return most(its);
    }

    private static <T> @Nullable T most(Map<T, Integer> counts) {
        return counts.entrySet().stream()
                .max(Map.Entry.comparingByValue())
                .map(Map.Entry::getKey)
                .orElse(null);
    }

    private @Nullable Idle longestIdle(Taker taker, @Nullable Kind kind) {
        Idle longest = null;
        for (Map.Entry<Kind, Map<Taker, Set<Idle>>> e : idle.entrySet()) {
            if (kind == null || e.getKey() == kind) {
                for (Idle socket : e.getValue().getOrDefault(taker, Set.of())) {
                    if (longest == null || socket.lastUsedNanos() - longest.lastUsedNanos() < 0) {
                        longest = socket;
                    }
                }
            }
        }
        return longest;
    }

    /**
     * A socket could not be opened although this budget had room. If the system is short of something that is logged, and if
     * of descriptors an idle socket makes room for the next flow.
     */
    void failed(Throwable cause) {
        if (DialErrors.reason(cause) != Reason.OVERLOADED) {
            return;
        }
        if (DialErrors.isOutOfDescriptors(cause)) {
            String client = largestClient(null);
            Taker victim = client == null ? null : largest(client, null);
            Idle longest = victim == null ? null : longestIdle(victim, null);
            if (longest != null) {
                longest.makeRoom();
            }
        }
        warn(NetworkError.words(cause));
    }

    private void warn(String why) {
        if (warnings.takes()) {
            long before = warnings.takeRefused();
            log.warn(
                    "flows are held up, the agent cannot open more sockets: {}; {} TCP, {} UDP and {} ping sockets are open{};"
                            + " the limit of open files is {}, raise it (LimitNOFILE= in the unit, ulimit -n)",
                    why,
                    connections(),
                    count(Kind.UDP),
                    count(Kind.PING),
                    before == 0 ? "" : ", " + before + " times more since the last such line",
                    Descriptors.limit());
        }
    }
}
