package dev.culvert.tun.macos;

import dev.culvert.address.IpPrefix;
import dev.culvert.text.Printable;
import dev.culvert.tun.host.Host;
import dev.culvert.tun.host.HostChange;
import dev.culvert.tun.host.HostKind;
import dev.culvert.tun.host.HostNetworkException;
import dev.culvert.tun.host.HostState;
import dev.culvert.tun.host.HostWatch;
import dev.culvert.tun.system.SystemAction;
import dev.culvert.tun.system.SystemActions;
import dev.culvert.tun.system.SystemProgram;
import dev.culvert.tun.undo.UndoFailure;
import dev.culvert.tun.undo.UndoStep;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * macOS: read as bytes of the kernel ({@link RouteMessages}), changed by its programs ({@link NetworkCommands}). Their exit code does
 * not always say whether it was done; the kernel is asked again instead. There is one table, and one route to a network.
 */
public final class MacosHost implements Host {
    /** Tables of border routers are not read into this memory. */
    static final int MAX_ROUTES = 200_000;

    private final RoutingTables tables;
    private final SystemActions actions;

    MacosHost(RoutingTables tables, SystemActions actions) {
        this.tables = tables;
        this.actions = actions;
    }

    /** This machine. */
    public static MacosHost open() {
        return new MacosHost(RoutingTables.own(), SystemActions.own());
    }

    /** What the kernel tells of this machine's network. */
    public static HostWatch.Source events() {
        return RouteEvents::new;
    }

    @Override
    public HostState read() throws IOException {
        ByteBuffer interfaces = tables.interfaces();
        List<HostState.Interface> links = RouteMessages.links(interfaces);
        List<HostState.Address> addresses = RouteMessages.addresses(interfaces);
        List<HostState.Route> routes = new ArrayList<>();
        for (HostState.Address address : addresses) {
            routes.add(new HostState.Route(
                    HostState.LOCAL_TABLE,
                    IpPrefix.of(address.address()),
                    HostState.Kind.LOCAL,
                    address.link(),
                    null,
                    null,
                    0,
                    HostState.KERNEL_PROTOCOL,
                    false,
                    false));
        }
        List<HostState.Route> table = RouteMessages.routes(tables.routes(), MAX_ROUTES);
        if (table.size() >= MAX_ROUTES) {
            throw new HostNetworkException("read the routes of this machine: it has more than " + MAX_ROUTES
                    + "; start with --no-host-changes and lay the routes yourself");
        }
        routes.addAll(table);
        List<HostState.Rule> rules = new ArrayList<>();
        for (boolean ipv6 : new boolean[] {false, true}) {
            rules.add(new HostState.Rule(ipv6, 0, true, HostState.LOCAL_TABLE, -1));
            rules.add(new HostState.Rule(ipv6, 1, true, HostState.MAIN_TABLE, -1));
        }
        return new HostState(links, addresses, routes, rules, HostKind.MACOS);
    }

    @Override
    public Map<HostChange, String> make(List<HostChange> changes) throws IOException {
        Map<HostChange, String> said = new LinkedHashMap<>();
        for (HostChange change : changes) {
            said.put(change, perform(NetworkCommands.of(change)));
        }
        HostState now = read();
        // A link is asked for again by the next plan if it is not as it shall be.
        said.keySet()
                .removeIf(
                        change -> change instanceof HostChange.SetLink || NetworkCommands.isThere(change.undo(), now));
        return said;
    }

    @Override
    public List<UndoFailure> undo(List<UndoStep> steps) {
        List<UndoFailure> failures = new ArrayList<>();
        try {
            HostState before = read();
            Map<UndoStep, String> said = new LinkedHashMap<>();
            for (UndoStep step : steps) {
                if (step instanceof UndoStep.OfResolver) {
                    try {
                        MacosResolver.undo(step, actions);
                    } catch (IOException | RuntimeException e) {
                        failures.add(new UndoFailure(step, String.valueOf(e.getMessage())));
                    }
                    continue;
                }
                SystemAction action = NetworkCommands.undo(step, before);
                if (action != null) {
                    said.put(step, perform(action));
                }
            }
            if (!said.isEmpty()) {
                HostState now = read();
                said.forEach((step, words) -> {
                    if (NetworkCommands.isThere(step, now)) {
                        failures.add(new UndoFailure(step, words));
                    }
                });
            }
        } catch (IOException e) {
            failures.clear();
            steps.forEach(step -> failures.add(new UndoFailure(step, String.valueOf(e.getMessage()))));
        }
        return failures;
    }

    /** What it said, in one line. */
    private String perform(SystemAction action) throws IOException {
        SystemProgram.Result result = actions.perform(action);
        String words = Printable.line(result.output().strip());
        boolean root = words.contains("must be root") || words.contains("not permitted");
        return (words.isEmpty() ? action.text() + " ended with " + result.exit() : words)
                + (root ? "; run with sudo" : "");
    }

    @Override
    public void close() {}
}
