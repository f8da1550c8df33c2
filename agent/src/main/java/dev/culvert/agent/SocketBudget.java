package dev.culvert.agent;

import dev.culvert.tunnel.dial.NetworkError;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.limit.Quota;
import dev.culvert.tunnel.limit.RateLimit;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sockets and memory of all flows of an agent, whatever links they came by: so much in all, and half of it for one client.
 * UDP and ping sockets that lie idle make room for what is new, of either kind and for TCP: the longest idle one of the
 * client that has most of them. TCP connections are nobody's to end. Event loop only.
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
    private final Quota<String> descriptors;
    private final Quota<String> memory;
    private final Map<Kind, Quota<String>> kinds;
    private final Map<Kind, Map<String, Set<Idle>>> idle =
            Map.of(Kind.UDP, new HashMap<>(), Kind.PING, new HashMap<>());
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
        descriptors = new Quota<>(sockets, Math.max(1, sockets / 2));
        memory = new Quota<>(bytes, Math.max(1, bytes / 2));
        kinds = Map.of(
                Kind.TCP, descriptors,
                Kind.UDP, new Quota<>(MAX_UDP, MAX_UDP_PER_CLIENT),
                Kind.PING, new Quota<>(MAX_PINGS, MAX_PINGS_PER_CLIENT));
    }

    /**
     * Takes one socket, and its share of memory; idle ones make room for it where they can.
     *
     * @return whether it may be opened; then it must be {@linkplain #give given back} when it is closed
     */
    boolean take(String client, Kind kind) {
        while (!takeKind(client, kind)) {
            if (!makeRoom(client, kind)) {
                return false;
            }
        }
        while (!takeCommon(client, kind)) {
            if (!makeRoom(client, null)) {
                giveKind(client, kind);
                warn("flows may have " + all + " sockets, those of one client half");
                return false;
            }
        }
        return true;
    }

    private boolean takeKind(String client, Kind kind) {
        return kind == Kind.TCP || quota(kind).take(client, 1);
    }

    private void giveKind(String client, Kind kind) {
        if (kind != Kind.TCP) {
            quota(kind).give(client, 1);
        }
    }

    private boolean takeCommon(String client, Kind kind) {
        if (!descriptors.take(client, 1)) {
            return false;
        }
        if (!memory.take(client, kind.bytes)) {
            descriptors.give(client, 1);
            return false;
        }
        return true;
    }

    void give(String client, Kind kind) {
        giveKind(client, kind);
        descriptors.give(client, 1);
        memory.give(client, kind.bytes);
    }

    /** Takes memory for what has no socket of its own. */
    boolean takeMemory(String client, int bytes) {
        return memory.take(client, bytes);
    }

    void giveMemory(String client, int bytes) {
        memory.give(client, bytes);
    }

    /** Sockets of one kind that are open, or about to be. */
    long count(Kind kind) {
        return quota(kind).total();
    }

    /** TCP connections, and those that are being made. */
    int connections() {
        return (int) (descriptors.total() - count(Kind.UDP) - count(Kind.PING));
    }

    private Quota<String> quota(Kind kind) {
        Quota<String> quota = kinds.get(kind);
        if (quota == null) {
            throw new IllegalStateException("no quota of " + kind);
        }
        return quota;
    }

    void opened(String client, Kind kind, Idle socket) {
        ofKind(kind).computeIfAbsent(client, c -> new LinkedHashSet<>()).add(socket);
    }

    void closed(String client, Kind kind, Idle socket) {
        ofKind(kind).computeIfPresent(client, (c, sockets) -> {
            sockets.remove(socket);
            return sockets.isEmpty() ? null : sockets;
        });
    }

    private Map<String, Set<Idle>> ofKind(Kind kind) {
        Map<String, Set<Idle>> sockets = idle.get(kind);
        if (sockets == null) {
            throw new IllegalStateException(kind + " sockets do not make room");
        }
        return sockets;
    }

    /**
     * @param kind whose bound was met; null for the bound of all
     * @return whether there is room now, perhaps
     */
    private boolean makeRoom(String client, @Nullable Kind kind) {
        if (kind == Kind.TCP) {
            return false;
        }
        Quota<String> quota = kind == null ? descriptors : quota(kind);
        // Where the client itself has all that it may have, nobody else's would help.
        boolean ownBound = quota.left() > 0 && (kind != null || memory.left() > Kind.TCP.bytes);
        String victim = ownBound ? client : largest(kind);
        // Who has much does not push out who has little.
        if (victim == null || !victim.equals(client) && quota.of(victim) < quota.of(client)) {
            victim = client;
        }
        Idle longest = longestIdle(victim, kind);
        if (longest == null) {
            return false;
        }
        longest.makeRoom();
        return true;
    }

    /** Who has most sockets that can make room. */
    private @Nullable String largest(@Nullable Kind kind) {
        Map<String, Integer> counts = new HashMap<>();
        idle.forEach((k, byClient) -> {
            if (kind == null || k == kind) {
                byClient.forEach((client, sockets) -> counts.merge(client, sockets.size(), Integer::sum));
            }
        });
        return counts.entrySet().stream()
                .max(Map.Entry.comparingByValue())
                .map(Map.Entry::getKey)
                .orElse(null);
    }

    private @Nullable Idle longestIdle(String client, @Nullable Kind kind) {
        Idle longest = null;
        for (Map.Entry<Kind, Map<String, Set<Idle>>> e : idle.entrySet()) {
            if (kind == null || e.getKey() == kind) {
                for (Idle socket : e.getValue().getOrDefault(client, Set.of())) {
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
            String victim = largest(null);
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
