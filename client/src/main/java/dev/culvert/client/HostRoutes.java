package dev.culvert.client;

import dev.culvert.token.IpPrefix;
import dev.culvert.tun.HostNetwork;
import dev.culvert.tun.UndoFailure;
import dev.culvert.tun.UndoJournal;
import java.io.IOException;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The host's addresses and routes as this client wants them. Blocks; used on one thread, not the event loop. Every change
 * is in the journal before it is made.
 */
final class HostRoutes {
    private static final Logger log = LoggerFactory.getLogger(HostRoutes.class);

    private final UndoJournal journal;
    private final HostNetwork network;
    private final String ifName;
    private final Consumer<String> say;
    private final Set<IpPrefix> installed = new LinkedHashSet<>();
    private final Set<IpPrefix> complained = new LinkedHashSet<>();
    private final Set<InetAddress> excluded = new LinkedHashSet<>();

    /** @param say told what could not be done, one line each */
    HostRoutes(UndoJournal journal, String ifName, Consumer<String> say) {
        this.journal = journal;
        this.network = HostNetwork.system(journal);
        this.ifName = ifName;
        this.say = say;
    }

    /**
     * Brings the interface up and gives it its addresses, and routes to the stack's own: a host that filters by reverse path
     * would drop what comes from those.
     */
    void configure(int mtu, int txQueueLength, InetAddress address4, InetAddress address6, RouterAddresses router)
            throws IOException {
        network.setUp(ifName, mtu, txQueueLength);
        network.addAddress(ifName, address4, 32);
        try {
            network.addAddress(ifName, address6, 128);
        } catch (IOException e) {
            say.accept("no IPv6 in the tunnel: " + e.getMessage()); // often switched off on purpose
        }
        route(router.ipv4(), 32);
        route(router.ipv6(), 128);
    }

    private void route(InetAddress router, int length) {
        try {
            network.addRoute(router, length, ifName);
        } catch (IOException e) {
            // Nothing but traceroute's first line, and reasons of refusals, depends on it; IPv6 may be off.
            log.debug("traceroute may not show {}: {}", router.getHostAddress(), e.getMessage());
        }
    }

    /**
     * Makes the routes into the tunnel these. The default route is laid as its two halves, so that the host's own stays
     * and comes back by itself. The gateway's address is kept outside whatever covers it.
     */
    void apply(Collection<IpPrefix> wanted, InetAddress gateway) {
        Set<IpPrefix> target = new LinkedHashSet<>();
        for (IpPrefix prefix : wanted) {
            if (prefix.length() == 0) {
                target.addAll(halves(prefix));
            } else {
                target.add(prefix);
            }
        }
        for (IpPrefix prefix : target) {
            if (prefix.contains(gateway) && excluded.add(gateway)) {
                try {
                    network.excludeHost(gateway);
                } catch (IOException e) {
                    excluded.remove(gateway);
                    say.accept("not routed: " + prefix + " holds the gateway itself, which cannot be kept out: "
                            + e.getMessage());
                    return;
                }
            }
        }
        for (IpPrefix old : installed.toArray(IpPrefix[]::new)) {
            if (!target.contains(old)) {
                remove(old);
            }
        }
        List<IpPrefix> fresh = new ArrayList<>();
        for (IpPrefix prefix : target) {
            if (!installed.contains(prefix)) {
                fresh.add(prefix);
            }
        }
        add(fresh);
    }

    private void add(List<IpPrefix> fresh) {
        if (fresh.isEmpty()) {
            return;
        }
        try {
            List<dev.culvert.tun.IpPrefix> taken = network.addRoutes(
                    fresh.stream()
                            .map(p -> new dev.culvert.tun.IpPrefix(p.network(), p.length()))
                            .toList(),
                    ifName);
            installed.addAll(fresh);
            for (dev.culvert.tun.IpPrefix t : taken) {
                IpPrefix prefix = IpPrefix.of(t.address(), t.length());
                installed.remove(prefix);
                if (complained.add(prefix)) {
                    say.accept("not routed: " + prefix + " is routed on this machine already (ip route get "
                            + prefix.network().getHostAddress() + " shows where)");
                }
            }
        } catch (IOException e) {
            say.accept(String.valueOf(e.getMessage()));
        }
    }

    private void remove(IpPrefix prefix) {
        installed.remove(prefix);
        try {
            network.removeRoute(prefix.network(), prefix.length(), ifName);
        } catch (IOException e) {
            say.accept(String.valueOf(e.getMessage()));
        }
    }

    private static List<IpPrefix> halves(IpPrefix all) {
        return all.isIpv6()
                ? List.of(IpPrefix.parse("::/1"), IpPrefix.parse("8000::/1"))
                : List.of(IpPrefix.parse("0.0.0.0/1"), IpPrefix.parse("128.0.0.0/1"));
    }

    /** Prefixes that lead into the tunnel now. */
    Set<IpPrefix> installed() {
        return installed;
    }

    /** Takes everything back. */
    List<UndoFailure> undo() throws IOException {
        return journal.replay();
    }
}
