package dev.culvert.gateway;

import dev.culvert.tunnel.LinkProof;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * Wrong tokens cost the network that they come from, and no other: at first nothing, then a second of waiting for each
 * answer, then they are not even looked at, but for some a second. So whoever shares an address with an attacker gets in
 * all the same: with a token that was good here before at once, with a new one as soon as it is among those that are
 * looked at. A signature cannot be guessed; what is defended is the one thread that verifies, and the log.
 *
 * <p>Networks are those of {@link GatewayChannel#network}. From any thread.
 */
final class AttemptLimiter {
    /** Wrong tokens at once that cost nothing: an office whose tokens have all expired overnight. */
    static final int FREE = 30;

    /** Wrong tokens at once from which on a network is refused; until then it is slowed. */
    static final int REFUSE = 130;

    /** One wrong token is forgiven in so long. */
    private static final long FORGIVE_NANOS = TimeUnit.SECONDS.toNanos(1);

    /** What a network's debt can grow to: it is not refused any more half a minute after its last wrong token. */
    private static final long MAX_DEBT_NANOS = (REFUSE + 30) * FORGIVE_NANOS;

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

    /** Times in nanoTime: all wrong tokens are forgiven at {@code clear}, all looks are free again at {@code looks}. */
    private static final class Network {
        long clear;
        long looks;
        long unreported;
    }

    private final LongSupplier nanoTime;
    private final Map<InetAddress, Network> networks = lastUsed(MAX_NETWORKS);
    private final Map<Long, Boolean> good = lastUsed(MAX_GOOD);

    AttemptLimiter(LongSupplier nanoTime) {
        this.nanoTime = nanoTime;
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

    /** Whether a token from this network shall be looked at. */
    synchronized boolean admits(InetAddress from, String token) {
        Network network = networks.get(from);
        long now = nanoTime.getAsLong();
        if (network == null || network.clear - now < REFUSE * FORGIVE_NANOS || good.containsKey(key(token))) {
            return true;
        }
        long second = TimeUnit.SECONDS.toNanos(1);
        long looks = Math.max(network.looks - now, 0) + second / LOOKS_PER_SECOND;
        if (looks > second) {
            network.unreported++;
            return false;
        }
        network.looks = now + looks;
        return true;
    }

    /** A token was wrong. */
    synchronized Failure failed(InetAddress from, String token) {
        good.remove(key(token));
        long now = nanoTime.getAsLong();
        Network network = networks.computeIfAbsent(from, a -> {
            Network n = new Network();
            n.clear = now;
            n.looks = now;
            return n;
        });
        long debt = Math.min(Math.max(network.clear - now, 0) + FORGIVE_NANOS, MAX_DEBT_NANOS);
        network.clear = now + debt;
        if (debt > FREE * FORGIVE_NANOS) {
            network.unreported++;
            return new Failure(false, 0, DELAY_MILLIS);
        }
        long before = network.unreported;
        network.unreported = 0;
        return new Failure(true, before, 0);
    }

    /** A token was good: it is looked at from now on, whoever else is wrong in its network. */
    synchronized void succeeded(String token) {
        good.put(key(token), true);
    }

    synchronized int networkCount() {
        return networks.size();
    }

    private static long key(String token) {
        return ByteBuffer.wrap(LinkProof.sha256(token.getBytes(StandardCharsets.UTF_8)))
                .getLong();
    }
}
