package dev.culvert.gateway.access;

import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The addresses of this machine, which wide grants do not open, as they are now: machines get others while they run. */
public final class GatewayAddresses implements FileWatch.Watched {
    private static final Logger log = LoggerFactory.getLogger(GatewayAddresses.class);

    /** Some µs for each interface; a container host has thousands. */
    static final Duration INTERVAL = Duration.ofSeconds(5);

    private final Supplier<@Nullable List<InetAddress>> source;
    private final LongSupplier nanoTime;
    private Set<InetAddress> known;
    private long looked;

    /** Those of this machine's interfaces. */
    public GatewayAddresses(LongSupplier nanoTime) {
        this(GatewayAddresses::ofInterfaces, nanoTime);
    }

    /** @param source the addresses now; null when they cannot be had */
    GatewayAddresses(Supplier<@Nullable List<InetAddress>> source, LongSupplier nanoTime) {
        this.source = source;
        this.nanoTime = nanoTime;
        List<InetAddress> first = source.get();
        known = first == null ? Set.of() : Set.copyOf(first);
        looked = nanoTime.getAsLong();
    }

    public Set<InetAddress> known() {
        return known;
    }

    @Override
    public boolean refresh() {
        long now = nanoTime.getAsLong();
        if (now - looked < INTERVAL.toNanos()) {
            return false;
        }
        looked = now;
        List<InetAddress> list = source.get();
        if (list == null || known.equals(new HashSet<>(list))) {
            return false;
        }
        known = Set.copyOf(list);
        return true;
    }

    /** Addresses of this machine's interfaces as they are now, loopback and link-local ones left out. */
    public static List<InetAddress> orNone() {
        List<InetAddress> own = ofInterfaces();
        return own == null ? List.of() : own;
    }

    /** Likewise; null when they cannot be listed. */
    static @Nullable List<InetAddress> ofInterfaces() {
        List<InetAddress> list = new ArrayList<>();
        try {
            NetworkInterface.networkInterfaces()
                    .flatMap(NetworkInterface::inetAddresses)
                    .filter(a -> !a.isLoopbackAddress() && !a.isLinkLocalAddress())
                    .forEach(list::add);
            return list;
        } catch (SocketException e) {
            log.debug("cannot list this machine's addresses: {}", e.getMessage());
            return null;
        }
    }
}
