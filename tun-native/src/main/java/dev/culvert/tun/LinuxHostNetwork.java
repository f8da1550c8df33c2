package dev.culvert.tun;

import java.io.IOException;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Linux: by way of the {@code ip} command, and its JSON where state is asked for. */
final class LinuxHostNetwork implements HostNetwork {
    /**
     * The routing protocol number that marks our routes (rtnetlink(7): above 4 is free to choose; none of
     * iproute2's rt_protos has it). Deletion names it, so a route of anyone else's never matches, whatever
     * a crash left in the journal.
     */
    static final String ROUTE_PROTOCOL = "203";

    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final IpCommand ip;
    private final UndoJournal journal;

    LinuxHostNetwork(IpCommand ip, UndoJournal journal) {
        this.ip = ip;
        this.journal = journal;
    }

    @Override
    public void setUp(String ifName, int mtu, int txQueueLength) throws IOException {
        String operation = "set up link " + ifName;
        JsonNode link = one(ip.require(operation, List.of("-json", "link", "show", "dev", ifName)), operation);
        boolean up = false;
        for (JsonNode flag : link.path("flags")) {
            up |= flag.asString("").equals("UP");
        }
        UndoStep undo = new UndoStep.RestoreLink(
                ifName, link.path("mtu").asInt(mtu), link.path("txqlen").asInt(txQueueLength), up);
        journal.record(undo);
        change(
                undo,
                operation + " with mtu " + mtu,
                List.of(
                        "link",
                        "set",
                        "dev",
                        ifName,
                        "mtu",
                        Integer.toString(mtu),
                        "txqueuelen",
                        Integer.toString(txQueueLength),
                        "up"));
    }

    @Override
    public boolean addAddress(String ifName, InetAddress address, int prefixLength) throws IOException {
        IpPrefix.requireLength(address, prefixLength);
        String text = IpPrefix.withoutScope(address).getHostAddress();
        String operation = "add address " + text + "/" + prefixLength + " to " + ifName;
        if (hasAddress(ip, ifName, text, prefixLength, operation)) {
            return false;
        }
        UndoStep undo = new UndoStep.DeleteAddress(ifName, text, prefixLength);
        journal.record(undo);
        List<String> arguments = new ArrayList<>(List.of("address", "add", text + "/" + prefixLength, "dev", ifName));
        if (address.getAddress().length == 16) {
            arguments.add("nodad");
        }
        change(undo, operation, arguments);
        return true;
    }

    static boolean hasAddress(IpCommand ip, String ifName, String text, int prefixLength, String operation)
            throws IOException {
        InetAddress wanted = IpPrefix.parse(text, false).address();
        JsonNode link = one(ip.require(operation, List.of("-json", "address", "show", "dev", ifName)), operation);
        for (JsonNode info : link.path("addr_info")) {
            String local = info.path("local").asString("");
            if (info.path("prefixlen").asInt(-1) == prefixLength
                    && !local.isEmpty()
                    && IpPrefix.parse(local, false).address().equals(wanted)) {
                return true;
            }
        }
        return false;
    }

    private void change(UndoStep undo, String operation, List<String> arguments) throws IOException {
        IpCommand.Result result = ip.run(arguments);
        if (!result.ok()) {
            journal.forget(List.of(undo));
            throw IpCommand.failure(operation, result.error());
        }
    }

    @Override
    public boolean addRoute(InetAddress network, int prefixLength, String ifName) throws IOException {
        IpPrefix prefix = new IpPrefix(network, prefixLength);
        if (addRoutes(List.of(prefix), ifName).isEmpty()) {
            return true;
        }
        String other = deviceOf(prefix);
        if (ifName.equals(other)) {
            return false;
        }
        throw new HostNetworkException("add route " + prefix + " to " + ifName + ": it is routed through "
                + (other == null ? "another interface" : other)
                + " already; route a longer prefix, or delete that route with: ip route del " + prefix);
    }

    @Override
    public List<IpPrefix> addRoutes(Collection<IpPrefix> networks, String ifName) throws IOException {
        return add(new ArrayList<>(new LinkedHashSet<>(networks)), "dev " + ifName, ifName);
    }

    private List<IpPrefix> add(List<IpPrefix> networks, String nextHop, String ifName) throws IOException {
        if (networks.isEmpty()) {
            return List.of();
        }
        List<String> lines = new ArrayList<>(networks.size());
        List<UndoStep> steps = new ArrayList<>(networks.size());
        // A route of an earlier run that crashed is ours, and its step stands in the journal.
        Set<UndoStep> known = new HashSet<>(journal.pending());
        for (IpPrefix network : networks) {
            lines.add("route add " + network + " " + nextHop + " proto " + ROUTE_PROTOCOL);
            UndoStep step = new UndoStep.DeleteRoute(network.toString(), ifName);
            if (!known.contains(step)) {
                steps.add(step);
            }
        }
        journal.record(steps);
        Map<Integer, String> failures = ip.batch(lines);
        List<IpPrefix> existing = new ArrayList<>();
        List<UndoStep> undone = new ArrayList<>();
        String complaint = null;
        for (Map.Entry<Integer, String> failure : failures.entrySet()) {
            IpPrefix network = networks.get(failure.getKey());
            UndoStep step = new UndoStep.DeleteRoute(network.toString(), ifName);
            if (!known.contains(step)) {
                undone.add(step);
            }
            if (failure.getValue().contains("File exists")) {
                existing.add(network);
            } else if (complaint == null) {
                complaint = "add route " + network + " to " + ifName + ": " + failure.getValue();
            }
        }
        if (!undone.isEmpty()) {
            journal.forget(undone);
        }
        if (complaint != null) {
            int colon = complaint.lastIndexOf(": ");
            throw IpCommand.failure(complaint.substring(0, colon), complaint.substring(colon + 2));
        }
        return existing;
    }

    static String family(IpPrefix network) {
        return network.isIpv6() ? "-6" : "-4";
    }

    private @Nullable String deviceOf(IpPrefix network) throws IOException {
        String operation = "look up route " + network;
        String output =
                ip.require(operation, List.of(family(network), "-json", "route", "show", "exact", network.toString()));
        for (JsonNode route : JSON.readTree(output)) {
            return route.path("dev").asString("");
        }
        return null;
    }

    @Override
    public void removeRoute(InetAddress network, int prefixLength, String ifName) throws IOException {
        IpPrefix prefix = new IpPrefix(network, prefixLength);
        UndoStep step = new UndoStep.DeleteRoute(prefix.toString(), ifName);
        List<UndoFailure> failures = new LinuxUndoer(ip).undo(List.of(step));
        if (!failures.isEmpty()) {
            throw new HostNetworkException(failures.get(0).reason());
        }
        journal.forget(List.of(step));
    }

    @Override
    public boolean excludeHost(InetAddress host) throws IOException {
        IpPrefix prefix = IpPrefix.host(host);
        String text = prefix.address().getHostAddress();
        String operation = "find the next hop of " + text;
        JsonNode route = one(ip.require(operation, List.of(family(prefix), "-json", "route", "get", text)), operation);
        String device = route.path("dev").asString("");
        if (route.path("type").asString("").equals("local") || device.equals("lo")) {
            return false;
        }
        if (device.isEmpty()) {
            throw IpCommand.failure(operation, "its route names no interface: " + route);
        }
        String gateway = route.path("gateway").asString("");
        if (gateway.isEmpty()) {
            gateway = route.path("via").path("host").asString("");
            gateway = gateway.isEmpty() ? "" : "inet6 " + gateway;
        }
        String nextHop = (gateway.isEmpty() ? "" : "via " + gateway + " ") + "dev " + device;
        return add(List.of(prefix), nextHop, device).isEmpty();
    }

    private static JsonNode one(String json, String operation) throws HostNetworkException {
        JsonNode array = JSON.readTree(json);
        for (JsonNode element : array) {
            // Some versions print empty objects for what a filter leaves out.
            if (!element.isEmpty()) {
                return element;
            }
        }
        throw IpCommand.failure(operation, "ip printed nothing; update iproute2");
    }
}
