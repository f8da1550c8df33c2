package dev.culvert.gateway.door;

import dev.culvert.gateway.limit.Network;
import dev.culvert.tunnel.limit.RateLimit;
import dev.culvert.tunnel.link.LinkProof;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongSupplier;
import java.util.function.Predicate;

/**
 * Wrong tokens cost the network that they come from, and no other: at first nothing, then a second of waiting for each
 * answer, then they are not even looked at, but for some a second. So whoever shares an address with an attacker gets in
 * all the same: with a token that was good here before at once, with a new one as soon as it is among those that are
 * looked at. A signature cannot be guessed; what is defended is the one thread that verifies, and the log.
 *
 * <p>Networks are those of {@link Network}, at each of its levels. From any thread.
 */
final class AttemptLimiter {
    /** Wrong tokens at once that cost nothing: an office whose tokens have all expired overnight. */
    static final int FREE = 30;

    /** Wrong tokens at once from which on a network is refused; until then it is slowed. */
    static final int REFUSE = 130;

    /** Wrong tokens that are forgiven, a second. */
    private static final int FORGIVEN_PER_SECOND = 1;

    /**
     * What a wider network may do more than its narrowest, at each level of {@link Network}: a /48 has 65,536 /64, and would
     * else have as many times as much for free.
     */
    private static final int[] WIDER = {1, 4, 16};

    /** How long the answer to a wrong token takes in a network that is slowed; its connections are bounded too. */
    static final long DELAY_MILLIS = 1_000;

    /** Tokens of a refused network that are looked at, a second: 5 ms each on an old JDK, a tenth of the thread. */
    static final int LOOKS_PER_SECOND = 20;

    /** Networks remembered, those seen last: a few megabytes, whatever is sent. */
    static final int MAX_NETWORKS = 16_384;

    /** Good tokens remembered: as many holders as a gateway has, and then some. */
    static final int MAX_GOOD = 65_536;

    /** What to make of a wrong token. */
    record Failure(boolean report, long unreported, long delayMillis) {}

    /** One network: which failures cost nothing, which are still looked at, and what is looked at all the same. */
    private static final class Debt {
        final RateLimit free;
        final RateLimit slowed;
        final RateLimit looks;

        Debt(int times, long now) {
            free = new RateLimit(times * FREE, times * FORGIVEN_PER_SECOND, now);
            slowed = new RateLimit(times * REFUSE, times * FORGIVEN_PER_SECOND, now);
            looks = new RateLimit(times * LOOKS_PER_SECOND, times * LOOKS_PER_SECOND, now);
        }
    }

    private final LongSupplier nanoTime;
    private final Predicate<InetAddress> shared;
    private final Map<Network, Debt> networks = lastUsed(MAX_NETWORKS);
    private final Map<Long, Boolean> good = lastUsed(MAX_GOOD);

    AttemptLimiter(LongSupplier nanoTime) {
        this(nanoTime, address -> false);
    }

    /** @param shared addresses of proxies: who comes by one is neither refused nor slowed for what others have sent by it */
    AttemptLimiter(LongSupplier nanoTime, Predicate<InetAddress> shared) {
        this.nanoTime = nanoTime;
        this.shared = shared;
    }

    private static <K, V> Map<K, V> lastUsed(int most) {
        return new LinkedHashMap<>(16, 0.75f, true) {
            private static final long serialVersionUID = 1L;

            @Override
            protected boolean removeEldestEntry(Map.Entry<K, V> eldest) {
                return size() > most;
            }
        };
    }

    /** Whether a token from this address shall be looked at. */
    synchronized boolean admits(InetAddress from, String token) {
        if (shared.test(from)) {
            return true;
        }
        long now = nanoTime.getAsLong();
        boolean known = good.containsKey(key(from, token));
        for (int level = 0; level < Network.LEVELS; level++) {
            Debt debt = networks.get(Network.of(from, level));
            if (debt != null && debt.slowed.isEmpty(now) && !known && !debt.looks.takes(now)) {
                return false;
            }
        }
        return true;
    }

    /** A token was wrong. */
    synchronized Failure failed(InetAddress from, String token) {
        good.remove(key(from, token));
        return count(from);
    }

    /** A token was right, and nothing showed that its key is there; it may be its holder's all the same. */
    synchronized void unproven(InetAddress from) {
        count(from);
    }

    private Failure count(InetAddress from) {
        long now = nanoTime.getAsLong();
        Debt narrowest = debt(from, 0, now);
        boolean free = true;
        boolean slowed = true;
        // What is too much for a network does not count against its neighbours in the wider one.
        for (int level = 0; level < Network.LEVELS && (free || slowed); level++) {
            Debt debt = debt(from, level, now);
            free = free && debt.free.takes(now);
            slowed = slowed && debt.slowed.takes(now);
        }
        return free
                ? new Failure(true, narrowest.free.takeRefused() + narrowest.looks.takeRefused(), 0)
                : new Failure(false, 0, shared.test(from) ? 0 : DELAY_MILLIS);
    }

    private Debt debt(InetAddress from, int level, long now) {
        return networks.computeIfAbsent(Network.of(from, level), n -> new Debt(WIDER[level], now));
    }

    /** A token was good: it is looked at from now on, whoever else is wrong in its network. */
    synchronized void succeeded(InetAddress from, String token) {
        good.put(key(from, token), true);
    }

    synchronized int networkCount() {
        return networks.size();
    }

    /** A token that was good elsewhere is as new here as any: its copy must not open a network's door to an attacker. */
    private static long key(InetAddress from, String token) {
        return ByteBuffer.wrap(LinkProof.sha256((Network.of(from, 0) + " " + token).getBytes(StandardCharsets.UTF_8)))
                .getLong();
    }
}
