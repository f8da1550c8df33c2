package dev.culvert.gateway.limit;

import dev.culvert.tunnel.limit.RateLimit;
import dev.culvert.tunnel.limit.RecentMap;
import java.net.InetAddress;
import java.util.function.LongSupplier;

/**
 * The same rate for each address, or IPv6 /64: the narrowest {@link Network}. The networks seen last are remembered; one that was forgotten
 * begins anew, so who has thousands of addresses has their rates, and none of anybody else's. From any thread.
 */
public final class NetworkRates {
    /** Networks that are remembered: a megabyte, whatever is sent. */
    public static final int MAX_NETWORKS = 4_096;

    private final int burst;
    private final double perSecond;
    private final LongSupplier nanoTime;
    private final RecentMap<Network, RateLimit> networks = new RecentMap<>(MAX_NETWORKS);

    /**
     * @param burst how many at once, 1 or more
     * @param perSecond how many a second after that, more than 0
     */
    public NetworkRates(int burst, double perSecond, LongSupplier nanoTime) {
        this.burst = burst;
        this.perSecond = perSecond;
        this.nanoTime = nanoTime;
    }

    /** Whether one more may be now; if so it counts. */
    public synchronized boolean takes(InetAddress from) {
        long now = nanoTime.getAsLong();
        return networks.get(Network.of(from, 0), n -> new RateLimit(burst, perSecond, now))
                .takes(now);
    }

    /** Whether none may be now; asking does not count. */
    public synchronized boolean isEmpty(InetAddress from) {
        RateLimit one = networks.get(Network.of(from, 0));
        return one != null && one.isEmpty(nanoTime.getAsLong());
    }

    /** How many networks are remembered. */
    public synchronized int size() {
        return networks.size();
    }
}
