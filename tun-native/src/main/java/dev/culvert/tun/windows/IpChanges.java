package dev.culvert.tun.windows;

import dev.culvert.address.IpPrefix;
import dev.culvert.tun.host.HostChange;
import dev.culvert.tun.undo.UndoStep;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Changes of the network as {@link IpAction}s: pure. Routes of ours are known by their metric, and nothing is taken back that is not
 * there as ours: the name of an adapter that a crash has left in the journal may be another's by now.
 */
final class IpChanges {
    /**
     * The metric of our routes, which marks them: Windows lets nobody choose a protocol. Whose prefix it is counts before it, and
     * where another's route to the very same network is, ours is not laid.
     */
    static final int METRIC = 203;

    /** The metric of routes that lead nowhere: the worst that route.exe and netsh know. */
    static final int NOWHERE_METRIC = 9_999;

    /**
     * The next hop of IPv4 networks in the tunnel: nobody's, and nobody is asked for it, as there are no neighbours. Without a next
     * hop Windows takes the last address of each network for its broadcast, and sends nothing there. IPv6 has none.
     */
    static final InetAddress NEXT_HOP = IpPrefix.parse("100.127.255.254").network();

    private IpChanges() {}

    /** What makes the change; empty if its interface has gone meanwhile. */
    static List<IpAction> of(HostChange change, IpTables tables) {
        if (change instanceof HostChange.SetLink set) {
            List<IpAction> actions = new ArrayList<>();
            for (IpRows.Interface family : tables.interfaces()) {
                if (family.index() == set.link().index() && family.mtu() != set.mtu()) {
                    actions.add(IpAction.Interface.of(family.row(), set.mtu()));
                }
            }
            return actions;
        }
        if (change instanceof HostChange.AddAddress add) {
            Long luid = tables.luid(add.link().name());
            return luid == null ? List.of() : List.of(new IpAction.Address(true, luid, add.address(), add.bits()));
        }
        if (change instanceof HostChange.AddRoute add) {
            Long luid = tables.luid(add.link().name());
            return luid == null
                    ? List.of()
                    : List.of(new IpAction.Route(true, luid, add.network(), nextHop(add), METRIC));
        }
        if (change instanceof HostChange.AddUnreachable add) {
            Long luid = tables.loopback();
            return luid == null
                    ? List.of()
                    : List.of(new IpAction.Route(true, luid, add.network(), null, NOWHERE_METRIC));
        }
        throw new IllegalArgumentException("host change " + change + " has no form");
    }

    private static @Nullable InetAddress nextHop(HostChange.AddRoute add) {
        InetAddress via = add.via();
        boolean network = !add.network().isIpv6() && add.network().length() < Integer.SIZE;
        return via == null && network ? NEXT_HOP : via;
    }

    /** What takes it back: nothing if it is not there, or not ours. What is an adapter's own goes with it. */
    static List<IpAction> undo(UndoStep step, IpTables tables) {
        List<IpAction> actions = new ArrayList<>();
        if (step instanceof UndoStep.DeleteAddress delete) {
            InetAddress address = IpPrefix.parse(delete.address()).network();
            Long luid = tables.luid(delete.ifName());
            for (IpRows.Address there : tables.addresses()) {
                if (luid != null && there.luid() == luid && there.address().equals(address)) {
                    actions.add(new IpAction.Address(false, luid, address, there.prefixLength()));
                }
            }
        } else if (step instanceof UndoStep.DeleteRoute delete) {
            delete(IpPrefix.parse(delete.network()), tables.luid(delete.ifName()), METRIC, tables, actions);
        } else if (step instanceof UndoStep.DeleteUnreachable delete) {
            delete(IpPrefix.parse(delete.network()), tables.loopback(), NOWHERE_METRIC, tables, actions);
        }
        return actions;
    }

    private static void delete(
            IpPrefix network, @Nullable Long luid, long metric, IpTables tables, List<IpAction> actions) {
        for (IpRows.Route there : tables.routes()) {
            if (luid != null
                    && there.luid() == luid
                    && there.network().equals(network)
                    && there.metric() == metric
                    && there.protocol() == IpRows.PROTOCOL_NET_MGMT) {
                actions.add(new IpAction.Route(false, luid, network, there.via(), metric));
            }
        }
    }
}
