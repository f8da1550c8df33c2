package dev.culvert.gateway.door;

import dev.culvert.gateway.limit.Network;
import dev.culvert.tunnel.limit.Quota;
import java.net.InetAddress;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The connections at the gateway's port that are not links, and the memory that they cost, in bytes: for each network, at
 * three widths of it, and in all. When all of it is taken the oldest connection of the largest network goes, and the
 * newcomer comes in: so whoever takes many places loses them to those who take one. From any thread.
 */
public final class Strangers {
    /**
     * What a connection is taken to cost that has said nothing: a bare one measures 1.5 KiB of heap, one behind its TLS
     * handshake 4.5 KiB and 8 KiB outside; the rest is for a TLS record of 16 KiB that has not come whole.
     */
    static final long CONNECTION = 32 << 10;

    /** Of all: 8,192 connections that say nothing, half of a usual descriptor limit of 16,384. */
    static final long ALL = 8_192 * CONNECTION;

    /** Of an address, or an IPv6 /64: a busy browser has six connections, a scanner all it gets. */
    static final long NARROW = 128 * CONNECTION;

    /** Of 16 addresses, or an IPv6 /56. */
    static final long MIDDLE = 4 * NARROW;

    /** Of 256 addresses, or an IPv6 /48. */
    static final long WIDE = 16 * NARROW;

    /**
     * So long a connection has for its handshake and its request before another of its own network may take its place:
     * where a thousand agents come back at once behind one address, those that have begun shall end. What it waits for the
     * gateway does not count: where thousands come, it is the gateway that is late.
     */
    static final Duration GRACE = Duration.ofSeconds(2);

    /** One connection. All that is not volatile is guarded by {@link Strangers}. */
    final class Stranger {
        private final List<Network> networks; // at each level; of none when its address is shared
        private final Runnable end;
        private volatile long since; // later by what it has waited for the gateway
        private volatile boolean waits;
        private long waitsSince; // of its event loop
        private long bytes;
        private boolean gone;

        private Stranger(List<Network> networks, Runnable end, long since) {
            this.networks = networks;
            this.end = end;
            this.since = since;
        }

        /**
         * What it costs from now on, beside the connection itself.
         *
         * @return false if that is too much: then the connection must end
         */
        boolean costs(long request) {
            return resize(this, CONNECTION + request);
        }

        /** It has said something that waits to be served: until then its place is not for others of its network. */
        void waits() {
            waitsSince = nanoTime.getAsLong();
            waits = true;
        }

        /** What it said is being served: its time goes on. */
        void served() {
            long before = since; // one thread writes it
            since = before + nanoTime.getAsLong() - waitsSince;
            waits = false;
        }

        private boolean isOf(int level, Network network) {
            return !networks.isEmpty() && networks.get(level).equals(network);
        }

        private boolean hasHadItsTime(long now) {
            return !waits && now - since >= GRACE.toNanos();
        }

        /** It is a link now, or closed. Called again it does nothing. */
        void leave() {
            forget(this);
        }
    }

    private final LongSupplier nanoTime;

    /** At each level of {@link Network}. */
    private final List<Quota<Network>> quotas;

    /** In the order in which they came. */
    private final Set<Stranger> strangers = new LinkedHashSet<>();

    private final boolean proxied;
    private final Predicate<InetAddress> shared;
    private long total;
    private long byProxies; // of that
    private long evicted;
    private boolean closed;

    /** @param proxied whether all come from the address of a proxy, so that networks say nothing */
    Strangers(LongSupplier nanoTime, boolean proxied) {
        this(nanoTime, proxied, address -> false);
    }

    /** @param shared of which addresses there are as many as come: those of proxies, of whose visitors each comes by itself */
    Strangers(LongSupplier nanoTime, boolean proxied, Predicate<InetAddress> shared) {
        this.nanoTime = nanoTime;
        this.shared = shared;
        this.proxied = proxied;
        quotas = Stream.of(NARROW, MIDDLE, WIDE)
                .map(each -> new Quota<Network>(ALL, proxied ? ALL : each))
                .toList();
    }

    /**
     * A connection has come.
     *
     * @param end closes it at once, from any thread; called when its place is given to another
     * @return null when there is no place for it
     */
    @Nullable
    public Stranger enter(InetAddress from, Runnable end) {
        List<Network> networks = shared.test(from)
                ? List.of()
                : IntStream.range(0, Network.LEVELS)
                        .mapToObj(level -> Network.of(from, level))
                        .toList();
        Stranger newcomer = new Stranger(networks, end, nanoTime.getAsLong());
        return resize(newcomer, CONNECTION) ? newcomer : null;
    }

    /** How many connections there are. */
    public synchronized int count() {
        return strangers.size();
    }

    /** What they cost, in bytes. */
    synchronized long bytes() {
        return total;
    }

    /** How many have lost their place to another. */
    synchronized long evicted() {
        return evicted;
    }

    /** Memory is short: ends all of them, and lets none in until {@link #open}. Returns how many there were. */
    public synchronized int close() {
        closed = true;
        List<Stranger> all = List.copyOf(strangers);
        all.forEach(this::evict);
        return all.size();
    }

    /** Lets them in again. */
    public synchronized void open() {
        closed = false;
    }

    private synchronized boolean resize(Stranger stranger, long bytes) {
        if (stranger.gone || closed) {
            return false; // its place was given away; its channel will hear of it
        }
        long more = bytes - stranger.bytes;
        if (more < 0) {
            give(stranger, -more);
            return true;
        }
        while (true) {
            int level = take(stranger, more);
            if (level == Network.LEVELS) {
                strangers.add(stranger);
                return true;
            }
            Stranger victim = victim(stranger, level, more);
            if (victim == null) {
                return false;
            }
            evict(victim);
            if (victim == stranger) {
                return false;
            }
        }
    }

    /** Takes at all levels, or at none. Returns the narrowest level that has no room, {@link Network#LEVELS} when all had. */
    private int take(Stranger stranger, long more) {
        if (total + more > ALL) {
            return 0;
        }
        for (int level = 0; level < stranger.networks.size(); level++) {
            if (!quotas.get(level).take(stranger.networks.get(level), more)) {
                for (int taken = 0; taken < level; taken++) {
                    quotas.get(taken).give(stranger.networks.get(taken), more);
                }
                return level;
            }
        }
        count(stranger, more);
        return Network.LEVELS;
    }

    /** Who makes room; null when nobody does. */
    private @Nullable Stranger victim(Stranger stranger, int level, long more) {
        long now = nanoTime.getAsLong();
        if (total + more <= ALL) {
            Network full = stranger.networks.get(level);
            return first(s -> s.isOf(level, full) && s.hasHadItsTime(now));
        }
        int widest = Network.LEVELS - 1;
        Quota<Network> wide = quotas.get(widest);
        Network largest = wide.largest();
        if (byProxies > (largest == null ? 0 : wide.of(largest))) { // together they are a network like others
            boolean ofThem = stranger.networks.isEmpty();
            return first(s -> s.networks.isEmpty() && (!ofThem || s.hasHadItsTime(now)));
        }
        if (largest == null) {
            return null;
        }
        if (stranger.isOf(widest, largest)) {
            return first(s -> s.isOf(widest, largest) && s.hasHadItsTime(now));
        }
        if (wide.of(largest) > 2 * CONNECTION) {
            return first(s -> s.isOf(widest, largest));
        }
        // Nobody has more than a connection or two: the oldest has had its time, once it was served.
        return first(s -> !s.waits);
    }

    /** The oldest of those. */
    private @Nullable Stranger first(Predicate<Stranger> those) {
        for (Stranger s : strangers) {
            if (those.test(s)) {
                return s;
            }
        }
        return null;
    }

    private void evict(Stranger stranger) {
        evicted++;
        forget(stranger);
        stranger.end.run();
    }

    private synchronized void forget(Stranger stranger) {
        if (!stranger.gone) {
            stranger.gone = true;
            strangers.remove(stranger);
            give(stranger, stranger.bytes);
        }
    }

    private void give(Stranger stranger, long bytes) {
        for (int level = 0; level < stranger.networks.size(); level++) {
            quotas.get(level).give(stranger.networks.get(level), bytes);
        }
        count(stranger, -bytes);
    }

    private void count(Stranger stranger, long bytes) {
        stranger.bytes += bytes;
        total += bytes;
        if (stranger.networks.isEmpty()) {
            byProxies += bytes;
        }
    }

    @Override
    public String toString() {
        return count() + " connections" + (proxied ? " behind a proxy" : "");
    }
}
