package dev.culvert.client.up;

import dev.culvert.address.AddressText;
import dev.culvert.address.IpPrefix;
import dev.culvert.tun.host.Host;
import dev.culvert.tun.host.HostChange;
import dev.culvert.tun.host.HostState;
import dev.culvert.tun.undo.UndoFailure;
import dev.culvert.tun.undo.UndoStep;
import java.io.IOException;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A machine in memory, with an uplink and the interface of the tunnel, whose kernel does what it is told. */
final class Machine implements Host {
    static final String TUN = "t0";
    private static final int TUN_INDEX = 7;
    private static final int QUEUE = 500;

    /** The protocol of our routes, and the metric of those that make unreachable: as the plan has them. */
    private static final int OURS = 203;

    private static final long UNDERNEATH = 1_000_000;

    private static final int UPLINK_INDEX = 2;

    final List<HostState.Route> routes = new ArrayList<>();
    final List<HostState.Address> addresses = new ArrayList<>();
    private final List<HostState.Rule> rules = List.of(rule(false), rule(true));

    /** Run before each set of changes. */
    Runnable making = () -> {};

    /** Whether the kernel refuses all that it is asked for. */
    boolean refuses;

    /** Whether somebody has deleted the interface. */
    boolean gone;

    /** Whether nothing can be learned of it. */
    boolean silent;

    int reads;

    private int tunQueue = QUEUE;

    private static HostState.Rule rule(boolean ipv6) {
        return new HostState.Rule(ipv6, 32_766, true, HostState.MAIN_TABLE, -1);
    }

    private static HostState.Interface link(int index, String name, int queue) {
        return new HostState.Interface(index, name, true, true, false, true, 1500, queue);
    }

    /** The way out: through a router, which another may replace. */
    void defaultRoute(String via) {
        routes.removeIf(r -> r.link() == UPLINK_INDEX && r.network().length() == 0);
        routes.add(route(
                IpPrefix.parse("0.0.0.0/0"), UPLINK_INDEX, IpPrefix.parse(via).network(), 4));
    }

    private static HostState.Route route(IpPrefix network, int link, @Nullable InetAddress via, int protocol) {
        return new HostState.Route(
                HostState.MAIN_TABLE, network, HostState.Kind.UNICAST, link, via, null, 0, protocol, false, false);
    }

    /** What leads into the tunnel. */
    List<String> tunnelled() {
        return routes.stream()
                .filter(r -> r.link() == TUN_INDEX)
                .map(r -> r.network().toString())
                .toList();
    }

    /** What is kept out of it, and what may not pass it by. */
    List<String> outside() {
        return routes.stream()
                .filter(r -> r.protocol() == OURS && r.link() != TUN_INDEX)
                .map(r -> (r.kind() == HostState.Kind.UNICAST ? "" : "no ") + r.network())
                .toList();
    }

    @Override
    public HostState read() throws IOException {
        reads++;
        if (silent) {
            throw new IOException("the kernel does not answer");
        }
        List<HostState.Interface> links = new ArrayList<>(List.of(
                new HostState.Interface(1, "lo", true, true, true, true, 65_536, 1_000),
                link(UPLINK_INDEX, "eth0", QUEUE)));
        if (!gone) {
            links.add(link(TUN_INDEX, TUN, tunQueue));
        }
        return new HostState(links, addresses, routes, rules);
    }

    @Override
    public Map<HostChange, String> make(List<HostChange> changes) {
        making.run();
        if (refuses) {
            Map<HostChange, String> all = new LinkedHashMap<>();
            changes.forEach(change -> all.put(change, "the kernel refused to " + change.text()));
            return all;
        }
        for (HostChange change : changes) {
            if (change instanceof HostChange.AddRoute add) {
                routes.add(route(add.network(), add.link().index(), add.via(), OURS));
            } else if (change instanceof HostChange.AddUnreachable add) {
                routes.add(new HostState.Route(
                        HostState.MAIN_TABLE,
                        add.network(),
                        HostState.Kind.REJECT,
                        add.network().isIpv6() ? 1 : 0,
                        null,
                        null,
                        UNDERNEATH,
                        OURS,
                        false,
                        false));
            } else if (change instanceof HostChange.AddAddress add) {
                addresses.add(new HostState.Address(add.link().index(), add.address(), add.bits()));
            } else if (change instanceof HostChange.SetLink set) {
                tunQueue = set.txQueueLength();
            } else {
                throw new AssertionError("not known here: " + change);
            }
        }
        return Map.of();
    }

    @Override
    public List<UndoFailure> undo(List<UndoStep> steps) {
        for (UndoStep step : steps) {
            if (step instanceof UndoStep.DeleteAddress delete) {
                addresses.removeIf(a -> AddressText.of(a.address()).equals(delete.address()));
            } else if (step instanceof UndoStep.RestoreLink restore) {
                tunQueue = restore.txQueueLength();
            } else {
                String network = step instanceof UndoStep.DeleteRoute delete
                        ? delete.network()
                        : ((UndoStep.DeleteUnreachable) step).network();
                routes.removeIf(
                        r -> r.protocol() == OURS && Objects.equals(r.network().toString(), network));
            }
        }
        return List.of();
    }

    @Override
    public void close() {}
}
