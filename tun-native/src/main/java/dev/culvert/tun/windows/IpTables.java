package dev.culvert.tun.windows;

import dev.culvert.address.IpPrefix;
import dev.culvert.tun.host.HostKind;
import dev.culvert.tun.host.HostPlan;
import dev.culvert.tun.host.HostState;
import dev.culvert.tun.undo.UndoStep;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * This machine's network at one moment, as Windows has it.
 *
 * @param interfaces one for each family of an interface
 * @param addresses all
 * @param routes all
 * @param aliases names of interfaces by their NET_LUID
 */
record IpTables(
        List<IpRows.Interface> interfaces,
        List<IpRows.Address> addresses,
        List<IpRows.Route> routes,
        Map<Long, String> aliases) {
    /** IF_TYPE_SOFTWARE_LOOPBACK, and where a NET_LUID has an interface's type. */
    static final int SOFTWARE_LOOPBACK = 24;

    private static final int LUID_TYPE = 48;

    static IpTables read(NetIo netIo) throws IOException {
        List<IpRows.Interface> interfaces = IpRows.interfaces(netIo.table(NetIo.Table.INTERFACES));
        Map<Long, String> aliases = new LinkedHashMap<>();
        for (IpRows.Interface family : interfaces) {
            String alias = aliases.containsKey(family.luid()) ? "" : netIo.alias(family.luid());
            if (UndoStep.DeleteRoute.isLinkName(alias)) {
                aliases.put(family.luid(), alias);
            }
        }
        return new IpTables(
                interfaces.stream().filter(i -> aliases.containsKey(i.luid())).toList(),
                IpRows.addresses(netIo.table(NetIo.Table.ADDRESSES)),
                IpRows.routes(netIo.table(NetIo.Table.ROUTES)),
                aliases);
    }

    /** The interface of that name; null if there is none. Windows' names know no case. */
    @Nullable
    Long luid(String alias) {
        for (Map.Entry<Long, String> entry : aliases.entrySet()) {
            if (entry.getValue().equalsIgnoreCase(alias)) {
                return entry.getKey();
            }
        }
        return null;
    }

    /** The interface that leads to this machine itself. */
    @Nullable
    Long loopback() {
        for (Long luid : aliases.keySet()) {
            if (isLoopback(luid)) {
                return luid;
            }
        }
        return null;
    }

    private static boolean isLoopback(long luid) {
        return luid >>> LUID_TYPE == SOFTWARE_LOOPBACK;
    }

    /** In the words of all systems. */
    HostState state() {
        Map<Long, HostState.Interface> links = new LinkedHashMap<>();
        Map<Key, IpRows.Interface> families = new HashMap<>();
        for (IpRows.Interface family : interfaces) {
            families.put(new Key(family.luid(), family.ipv6()), family);
            HostState.Interface other = links.get(family.luid());
            links.put(
                    family.luid(),
                    new HostState.Interface(
                            family.index(),
                            aliases.getOrDefault(family.luid(), ""),
                            true, // who is not has no rows
                            family.connected() || other != null && other.carrier(),
                            isLoopback(family.luid()),
                            family.ipv6() || other != null && other.ipv6(),
                            // Where they differ, the one that is not yet as it shall be: the stack's own is the
                            // largest.
                            Math.max(family.mtu(), other == null ? 0 : other.mtu()),
                            HostState.Interface.NO_QUEUE));
        }
        List<HostState.Address> known = new ArrayList<>();
        List<HostState.Route> ways = new ArrayList<>();
        for (IpRows.Address address : addresses) {
            HostState.Interface link = links.get(address.luid());
            if (link != null) {
                known.add(new HostState.Address(link.index(), address.address(), address.prefixLength()));
                ways.add(new HostState.Route(
                        HostState.LOCAL_TABLE,
                        IpPrefix.of(address.address()),
                        HostState.Kind.LOCAL,
                        link.index(),
                        null,
                        null,
                        0,
                        HostState.KERNEL_PROTOCOL,
                        false,
                        false));
            }
        }
        for (IpRows.Route route : routes) {
            IpRows.Interface family =
                    families.get(new Key(route.luid(), route.network().isIpv6()));
            if (family != null && !isOfNeighbours(route)) {
                ways.add(way(route, family));
            }
        }
        List<HostState.Rule> rules = new ArrayList<>();
        for (boolean ipv6 : new boolean[] {false, true}) {
            rules.add(new HostState.Rule(ipv6, 0, true, HostState.LOCAL_TABLE, -1));
            rules.add(new HostState.Rule(ipv6, 1, true, HostState.MAIN_TABLE, -1));
        }
        return new HostState(List.copyOf(links.values()), known, ways, rules, HostKind.WINDOWS);
    }

    /** What is made for each address: to itself, to a network's last address, to groups. */
    private static boolean isOfNeighbours(IpRows.Route route) {
        int bits = route.network().network().getAddress().length * Byte.SIZE;
        return route.network().network().isMulticastAddress()
                || route.protocol() == IpRows.PROTOCOL_LOCAL && route.network().length() == bits;
    }

    private static HostState.Route way(IpRows.Route route, IpRows.Interface family) {
        boolean manual = route.protocol() == IpRows.PROTOCOL_NET_MGMT;
        boolean nowhere = manual && isLoopback(route.luid()) && route.metric() == IpChanges.NOWHERE_METRIC;
        boolean ours = nowhere || manual && route.metric() == IpChanges.METRIC;
        return new HostState.Route(
                HostState.MAIN_TABLE,
                route.network(),
                nowhere ? HostState.Kind.REJECT : HostState.Kind.UNICAST,
                family.index(),
                route.via(),
                null,
                nowhere ? HostPlan.UNDERNEATH : route.metric() + family.metric(),
                ours ? HostPlan.PROTOCOL : route.protocol(),
                !family.connected(), // it is not used then
                !family.connected());
    }

    /** A family of an interface. */
    private record Key(long luid, boolean ipv6) {}
}
