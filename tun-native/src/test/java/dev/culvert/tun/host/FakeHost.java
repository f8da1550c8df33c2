package dev.culvert.tun.host;

import dev.culvert.address.IpPrefix;
import dev.culvert.tun.undo.UndoFailure;
import dev.culvert.tun.undo.UndoStep;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** A machine in memory, as far as Linux's rules matter here: a link that goes down takes its routes along. */
final class FakeHost implements Host {
    final List<HostState.Interface> links = new ArrayList<>();
    final List<HostState.Address> addresses = new ArrayList<>();
    final List<HostState.Route> routes = new ArrayList<>();
    final List<HostState.Rule> rules = new ArrayList<>();

    /** Networks whose routes the kernel refuses, for reasons of its own. */
    Predicate<IpPrefix> refuses = p -> false;

    FakeHost() {
        links.add(new HostState.Interface(1, "lo", true, true, true, true, 65536, 1000));
        for (boolean ipv6 : new boolean[] {false, true}) {
            rules.add(new HostState.Rule(ipv6, 0, true, HostState.LOCAL_TABLE, -1));
            rules.add(new HostState.Rule(ipv6, 32766, true, HostState.MAIN_TABLE, -1));
        }
    }

    void link(int index, String name, boolean up) {
        links.add(new HostState.Interface(index, name, up, true, false, true, 1500, 1000));
    }

    void route(String network, int link, @Nullable String via, long metric, int protocol) {
        IpPrefix prefix = IpPrefix.parse(network);
        InetAddress hop = via == null ? null : IpPrefix.parse(via).network();
        if (isUp(link) && routes.stream().noneMatch(r -> r.network().equals(prefix) && r.metric() == metric)) {
            routes.add(new HostState.Route(
                    HostState.MAIN_TABLE,
                    prefix,
                    HostState.Kind.UNICAST,
                    link,
                    hop,
                    null,
                    metric,
                    protocol,
                    false,
                    false));
        }
    }

    private boolean isUp(int link) {
        return links.stream().anyMatch(l -> l.index() == link && l.up());
    }

    void set(int link, boolean up) {
        links.replaceAll(l -> l.index() == link
                ? new HostState.Interface(
                        l.index(), l.name(), up, true, l.loopback(), l.ipv6(), l.mtu(), l.txQueueLength())
                : l);
        if (!up) {
            routes.removeIf(r -> r.link() == link);
            addresses.removeIf(a -> a.link() == link && a.address().getAddress().length == 16);
        }
    }

    Set<HostState.Route> foreign() {
        Set<HostState.Route> set = new java.util.LinkedHashSet<>(routes);
        set.removeIf(r -> r.protocol() == HostPlan.PROTOCOL);
        return set;
    }

    @Override
    public HostState read() {
        return new HostState(links, addresses, routes, rules);
    }

    @Override
    public Map<HostChange, String> make(List<HostChange> changes) {
        Map<HostChange, String> refused = new LinkedHashMap<>();
        for (HostChange change : changes) {
            int before = routes.size();
            if (change instanceof HostChange.SetLink set) {
                set(set.link().index(), true);
                links.replaceAll(l -> l.index() == set.link().index()
                        ? new HostState.Interface(
                                l.index(), l.name(), true, true, false, l.ipv6(), set.mtu(), set.txQueueLength())
                        : l);
            } else if (change instanceof HostChange.AddAddress add) {
                addresses.add(new HostState.Address(add.link().index(), add.address(), add.bits()));
            } else if (change instanceof HostChange.AddRoute add) {
                InetAddress via = add.via();
                if (!refuses.test(add.network())) {
                    route(
                            add.network().toString(),
                            add.link().index(),
                            via == null ? null : via.getHostAddress(),
                            add.network().isIpv6() ? 1024 : 0,
                            HostPlan.PROTOCOL);
                }
                if (routes.size() == before) {
                    refused.put(change, "refused");
                }
            } else if (change instanceof HostChange.AddUnreachable add) {
                routes.add(new HostState.Route(
                        HostState.MAIN_TABLE,
                        add.network(),
                        HostState.Kind.REJECT,
                        add.network().isIpv6() ? 1 : 0,
                        null,
                        null,
                        HostPlan.UNDERNEATH,
                        HostPlan.PROTOCOL,
                        false,
                        false));
            }
        }
        return refused;
    }

    @Override
    public List<UndoFailure> undo(List<UndoStep> steps) {
        for (UndoStep step : steps) {
            if (step instanceof UndoStep.DeleteRoute delete) {
                routes.removeIf(r -> r.protocol() == HostPlan.PROTOCOL
                        && r.network().equals(IpPrefix.parse(delete.network()))
                        && r.link() == index(delete.ifName()));
            } else if (step instanceof UndoStep.DeleteUnreachable delete) {
                routes.removeIf(r -> r.protocol() == HostPlan.PROTOCOL
                        && r.kind() == HostState.Kind.REJECT
                        && r.network().equals(IpPrefix.parse(delete.network())));
            } else if (step instanceof UndoStep.DeleteAddress delete) {
                addresses.removeIf(a -> a.link() == index(delete.ifName())
                        && a.address().equals(IpPrefix.parse(delete.address()).network()));
            } else if (step instanceof UndoStep.RestoreLink restore) {
                set(index(restore.ifName()), restore.up());
            }
        }
        return List.of();
    }

    private int index(String name) {
        return links.stream()
                .filter(l -> l.name().equals(name))
                .mapToInt(HostState.Interface::index)
                .findFirst()
                .orElse(-1);
    }

    @Override
    public void close() {}
}
