package dev.culvert.client.doctor;

import dev.culvert.address.IpPrefix;
import dev.culvert.command.doctor.Check;
import dev.culvert.command.doctor.Finding;
import dev.culvert.tun.host.HostState;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import tools.jackson.databind.JsonNode;

/** Whether the networks that a client has routed lead into its interface, past rules and other routes of this machine. */
final class RoutesCheck implements Check {
    /** Of networks in a line. */
    private static final int SHOWN = 8;

    private final RunningClient client;
    private final StateReader host;

    /** Reads the host's network. */
    interface StateReader {
        HostState read() throws IOException;
    }

    RoutesCheck(RunningClient client, StateReader host) {
        this.client = client;
        this.host = host;
    }

    @Override
    public String name() {
        return "routes";
    }

    @Override
    public List<Finding> look() throws IOException {
        if (client.status().isEmpty()) {
            return List.of(Finding.open(name(), "none are laid while no client is up"));
        }
        JsonNode status = client.status().get();
        String device = client.device().orElse("");
        HostState state = host.read();
        List<String> astray = new ArrayList<>();
        int all = 0;
        for (JsonNode route : status.path("routes")) {
            IpPrefix network = IpPrefix.parse(route.path("network").asString(""));
            all++;
            HostState.Route way = state.route(network.network(), other -> false);
            HostState.Interface through = way == null ? null : state.link(way.link());
            if (through == null || !through.name().equals(device)) {
                astray.add(network + " leads " + (through == null ? "nowhere" : "to " + through.name()));
            }
        }
        return List.of(
                astray.isEmpty()
                        ? Finding.good(
                                name(),
                                all == 1 ? "1 network leads into " + device : all + " networks lead into " + device)
                        : Finding.bad(
                                name(),
                                astray.stream().limit(SHOWN).collect(Collectors.joining(", "))
                                        + (astray.size() > SHOWN ? ", ..." : "") + ", not into " + device,
                                "see 'ip route get ADDRESS' and 'ip rule': end the other VPN, or name smaller networks with --route"));
    }
}
