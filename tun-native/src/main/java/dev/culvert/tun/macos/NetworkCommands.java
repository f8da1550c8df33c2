package dev.culvert.tun.macos;

import dev.culvert.address.AddressText;
import dev.culvert.address.IpPrefix;
import dev.culvert.tun.host.HostChange;
import dev.culvert.tun.host.HostPlan;
import dev.culvert.tun.host.HostState;
import dev.culvert.tun.system.SystemAction;
import dev.culvert.tun.undo.UndoStep;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Changes of the network as ifconfig(8) and route(8) make them: pure. Routes of ours carry a flag ({@code -proto1}), and nothing is taken
 * back that is not there as ours: a number of utun that a crash has left in the journal may be another program's by now.
 */
final class NetworkCommands {
    static final String IFCONFIG = "/sbin/ifconfig";
    static final String ROUTE = "/sbin/route";

    private NetworkCommands() {}

    static SystemAction of(HostChange change) {
        if (change instanceof HostChange.SetLink set) {
            return SystemAction.Run.of(IFCONFIG, set.link().name(), "mtu", Integer.toString(set.mtu()), "up");
        }
        if (change instanceof HostChange.AddAddress add) {
            String address = AddressText.of(add.address());
            // Point to point: the other end of an IPv4 address is itself, so that nothing else is on the link.
            return isIpv6(add.address())
                    ? SystemAction.Run.of(IFCONFIG, add.link().name(), "inet6", address, "prefixlen", "128", "alias")
                    : SystemAction.Run.of(
                            IFCONFIG,
                            add.link().name(),
                            "inet",
                            address,
                            address,
                            "netmask",
                            "255.255.255.255",
                            "alias");
        }
        if (change instanceof HostChange.AddRoute add) {
            List<String> line = route("add", add.network(), "-proto1");
            InetAddress via = add.via();
            if (via == null) {
                line.add("-interface");
                line.add(add.link().name());
            } else {
                String scope = via.isLinkLocalAddress() && isIpv6(via)
                        ? "%" + add.link().name()
                        : "";
                line.add(AddressText.of(via) + scope);
            }
            return new SystemAction.Run(line, "");
        }
        if (change instanceof HostChange.AddUnreachable add) {
            List<String> line = route("add", add.network(), "-proto1", "-reject");
            line.add(add.network().isIpv6() ? "::1" : "127.0.0.1");
            return new SystemAction.Run(line, "");
        }
        throw new IllegalArgumentException("host change " + change + " has no form");
    }

    /** What takes it back, or null if there is nothing of it: a link's settings go with the utun that had them. */
    static @Nullable SystemAction undo(UndoStep step, HostState state) {
        if (step instanceof UndoStep.DeleteAddress delete && isThere(step, state)) {
            return SystemAction.Run.of(
                    IFCONFIG,
                    delete.ifName(),
                    IpPrefix.parse(delete.address()).isIpv6() ? "inet6" : "inet",
                    delete.address(),
                    "-alias");
        }
        if (step instanceof UndoStep.DeleteRoute delete && isThere(step, state)) {
            return new SystemAction.Run(route("delete", IpPrefix.parse(delete.network())), "");
        }
        if (step instanceof UndoStep.DeleteUnreachable delete && isThere(step, state)) {
            return new SystemAction.Run(route("delete", IpPrefix.parse(delete.network())), "");
        }
        return null;
    }

    /** Whether what the step takes back is there, as ours. */
    static boolean isThere(UndoStep step, HostState state) {
        if (step instanceof UndoStep.DeleteAddress delete) {
            InetAddress address = IpPrefix.parse(delete.address()).network();
            return state.addresses().stream()
                    .anyMatch(a -> a.address().equals(address) && a.link() == index(delete.ifName(), state));
        }
        if (step instanceof UndoStep.DeleteRoute delete) {
            IpPrefix network = IpPrefix.parse(delete.network());
            return ours(state, HostState.Kind.UNICAST, network, index(delete.ifName(), state));
        }
        return step instanceof UndoStep.DeleteUnreachable delete
                && ours(state, HostState.Kind.REJECT, IpPrefix.parse(delete.network()), 0);
    }

    /** @param link 0 for any */
    private static boolean ours(HostState state, HostState.Kind kind, IpPrefix network, int link) {
        return link >= 0
                && state.routes().stream()
                        .anyMatch(r -> r.protocol() == HostPlan.PROTOCOL
                                && r.kind() == kind
                                && r.network().equals(network)
                                && (link == 0 || r.link() == link));
    }

    private static int index(String ifName, HostState state) {
        return state.links().stream()
                .filter(l -> l.name().equals(ifName))
                .mapToInt(HostState.Interface::index)
                .findFirst()
                .orElse(-1);
    }

    /** {@code -n}: nobody is asked for names, least of all while names lead into a tunnel that is not there. */
    private static List<String> route(String command, IpPrefix network, String... flags) {
        boolean host = network.length() == network.network().getAddress().length * 8;
        List<String> line = new ArrayList<>(List.of(ROUTE, "-n", command, network.isIpv6() ? "-inet6" : "-inet"));
        line.addAll(List.of(flags));
        line.add(host ? "-host" : "-net");
        line.add(host ? AddressText.of(network.network()) : network.toString());
        return line;
    }

    private static boolean isIpv6(InetAddress address) {
        return address.getAddress().length == 16;
    }
}
