package dev.culvert.tun.host;

import dev.culvert.address.AddressText;
import dev.culvert.address.IpPrefix;
import dev.culvert.tun.undo.UndoFailure;
import dev.culvert.tun.undo.UndoJournal;
import dev.culvert.tun.undo.UndoStep;
import java.io.IOException;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Makes the host's network what a {@link HostConfig} says, and, called again whenever something has changed, keeps it so.
 * Every change is in the journal before it is made, and what was made is read back. Blocks; one thread at a time.
 */
public final class HostKeeper {
    /**
     * What has come of it.
     *
     * @param present whether the interface is there; without, nothing was done
     * @param changes how many changes were made
     * @param routed those of the wanted networks that lead into the interface now
     * @param problems what cannot be had, by what it is about; one line each
     * @param ways that lead to the excluded hosts, if the tunnel were not there: words that change when a way does; empty for none
     * @param reachable the machine's addresses outside of the tunnel: connections from one that has gone are dead
     */
    public record Outcome(
            boolean present,
            int changes,
            Set<IpPrefix> routed,
            Map<Object, String> problems,
            Map<InetAddress, String> ways,
            Set<InetAddress> reachable) {}

    private final Host host;
    private final UndoJournal journal;

    /** @param journal where changes are written first */
    public HostKeeper(Host host, UndoJournal journal) {
        this.host = host;
        this.journal = journal;
    }

    /** Makes it so. What cannot be done for itself is a problem of the outcome, not an exception. */
    public Outcome keep(HostConfig config) throws IOException {
        HostState state = host.read();
        HostPlan plan = plan(config, state);
        HostState.Interface own = state.link(config.ifName());
        if (own == null) {
            return new Outcome(false, 0, Set.of(), Map.of(), Map.of(), Set.of());
        }
        Map<Object, String> refused = new LinkedHashMap<>();
        int changes = plan.removals().size() + plan.additions().size();
        if (changes > 0) {
            remove(plan.removals(), refused);
            add(plan.additions(), refused);
            state = host.read();
            plan = plan(config, state);
        }
        Map<Object, String> problems = new LinkedHashMap<>(plan.problems());
        for (HostChange missing : plan.additions()) {
            String why = refused.get(missing.undo());
            if (why != null) {
                problems.put(missing.undo(), "cannot " + missing.text() + ": " + why);
            }
        }
        for (UndoStep step : plan.removals()) {
            String why = refused.get(step);
            if (why != null) {
                problems.put(step, "cannot take back " + step + ": " + why);
            }
        }
        return new Outcome(true, changes, plan.routed(), problems, ways(config, state), state.reachable(own.index()));
    }

    private HostPlan plan(HostConfig config, HostState state) {
        Set<UndoStep> ofNetwork = new LinkedHashSet<>(journal.pending());
        ofNetwork.removeIf(UndoStep.OfResolver.class::isInstance);
        return HostPlan.of(config, state, ofNetwork);
    }

    private void remove(List<UndoStep> steps, Map<Object, String> refused) throws IOException {
        if (steps.isEmpty()) {
            return;
        }
        Set<UndoStep> undone = new LinkedHashSet<>(steps);
        for (UndoFailure failure : host.undo(steps)) {
            undone.remove(failure.step());
            refused.put(failure.step(), failure.reason());
        }
        journal.forget(undone);
    }

    private void add(List<HostChange> changes, Map<Object, String> refused) throws IOException {
        Set<UndoStep> known = new HashSet<>(journal.pending());
        List<UndoStep> fresh = new ArrayList<>();
        for (HostChange change : changes) {
            // Of a link only the first step counts: it knows the settings from before us.
            boolean again = change instanceof HostChange.SetLink
                    && known.stream().anyMatch(UndoStep.RestoreLink.class::isInstance);
            if (!again && !known.contains(change.undo())) {
                fresh.add(change.undo());
            }
        }
        if (!fresh.isEmpty()) {
            journal.record(fresh);
        }
        Map<HostChange, String> failures = host.make(changes);
        Set<UndoStep> notMade = new LinkedHashSet<>();
        failures.forEach((change, why) -> {
            refused.put(change.undo(), why);
            if (fresh.contains(change.undo())) {
                notMade.add(change.undo());
            }
        });
        if (!notMade.isEmpty()) {
            journal.forget(notMade);
        }
    }

    /** Whether a problem is that the interface cannot be used at all: the kernel refused to set it or to give it an address. */
    public static boolean isAboutInterface(Object problem) {
        return problem instanceof UndoStep.RestoreLink
                || problem instanceof UndoStep.DeleteAddress address
                        && !IpPrefix.parse(address.address()).isIpv6();
    }

    /** Interface, next hop and the addresses that the machine has there: with any of them, connections from before may be dead. */
    private static Map<InetAddress, String> ways(HostConfig config, HostState state) {
        HostState.Interface own = state.link(config.ifName());
        Map<InetAddress, String> ways = new LinkedHashMap<>();
        for (InetAddress to : config.excluded()) {
            HostState.Route way = state.route(
                    to,
                    r -> own != null && r.link() == own.index()
                            || r.protocol() == HostPlan.PROTOCOL && r.table() == HostState.MAIN_TABLE);
            HostState.Interface link = way == null ? null : state.link(way.link());
            if (way == null || link == null || way.kind() == HostState.Kind.REJECT) {
                ways.put(to, "");
                continue;
            }
            Set<String> addresses = new TreeSet<>();
            for (HostState.Address address : state.addresses()) {
                if (address.link() == link.index() && address.address().getAddress().length == to.getAddress().length) {
                    addresses.add(AddressText.of(address.address()));
                }
            }
            ways.put(to, hop(way, link) + " " + addresses);
        }
        return ways;
    }

    private static String hop(HostState.Route way, HostState.Interface link) {
        @Nullable InetAddress via = way.via();
        return link.index() + (via == null ? "" : " via " + AddressText.of(via));
    }
}
