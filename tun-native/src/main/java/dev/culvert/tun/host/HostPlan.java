package dev.culvert.tun.host;

import dev.culvert.address.IpPrefix;
import dev.culvert.tun.undo.UndoStep;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The difference between what is wanted and what is: pure, for every system.
 *
 * <p>Nothing that was there is touched: where another's route to the very same network exists, ours is not laid, whatever the
 * metrics, for one of the two would be without use. Routes to other networks stay beside ours, and the more specific counts.
 *
 * <p>A host to be kept out gets, where a route of ours covers it, one of its own that is a copy of that which it would have
 * without us; and beneath that, with a {@linkplain #UNDERNEATH worse metric}, one that rejects. So when the copy goes (its
 * interface went down, another program deleted it) packets to the gateway are not led into the tunnel that they carry. Where routes
 * are not {@linkplain HostKind#isLayered layered} the one that rejects takes the place of the copy while there is none.
 *
 * @param removals steps of ours that nobody wants any more, in order
 * @param additions what is missing, in order
 * @param routed those of the wanted routes that are there, and lead into the interface
 * @param problems what cannot be had, by what it is about; one line each
 */
public record HostPlan(
        List<UndoStep> removals, List<HostChange> additions, Set<IpPrefix> routed, Map<Object, String> problems) {
    /**
     * The routing protocol number that marks our routes (rtnetlink(7): above 4 is free to choose; none of iproute2's
     * rt_protos has it). Deletion names it, so a route of anyone else's never matches, whatever a crash left in the journal.
     */
    public static final int PROTOCOL = 203;

    /** Worse than what network managers give to their routes (at most some ten thousands). */
    public static final long UNDERNEATH = 1_000_000;

    /** For problems about IPv6 as such. */
    static final Object IPV6 = "IPv6";

    static HostPlan of(HostConfig config, HostState state, Set<UndoStep> owned) {
        return new Making(config, state, owned).plan();
    }

    /** One computation. */
    private static final class Making {
        private final HostConfig config;
        private final HostState state;
        private final Set<UndoStep> owned;
        private final HostState.@Nullable Interface own;
        private final boolean loopbackIpv6;
        private final boolean plainRules;
        private final Map<IpPrefix, List<HostState.Route>> main = new HashMap<>();
        private final List<HostState.Route> local = new ArrayList<>();
        private final List<HostState.Connected> connected;
        private final List<HostChange> additions = new ArrayList<>();
        private final Set<UndoStep> wanted = new HashSet<>();
        private final List<UndoStep> replaced = new ArrayList<>();
        private final Set<IpPrefix> covering = new LinkedHashSet<>();
        private final Set<IpPrefix> routed = new LinkedHashSet<>();
        private final Map<Object, String> problems = new LinkedHashMap<>();

        Making(HostConfig config, HostState state, Set<UndoStep> owned) {
            this.config = config;
            this.state = state;
            this.owned = owned;
            this.own = state.link(config.ifName());
            for (HostState.Route route : state.routes()) {
                if (route.table() == HostState.MAIN_TABLE) {
                    main.computeIfAbsent(route.network(), n -> new ArrayList<>(1))
                            .add(route);
                }
                if (route.kind() == HostState.Kind.LOCAL) {
                    local.add(route);
                }
            }
            HostState.Interface link = own;
            this.connected = link == null ? List.of() : state.connected(link.index());
            this.plainRules = state.rules().stream()
                    .filter(HostState.Rule::everything)
                    .allMatch(r -> r.suppressed() < 0
                            && r.table() >= HostState.DEFAULT_TABLE
                            && r.table() <= HostState.LOCAL_TABLE);
            this.loopbackIpv6 = state.links().stream().anyMatch(l -> l.loopback() && l.ipv6());
        }

        HostPlan plan() {
            HostState.Interface link = own;
            List<HostChange> routes = new ArrayList<>();
            if (link != null) {
                interfaceItself(link);
                for (IpPrefix prefix : config.routes()) {
                    route(prefix, link, routes);
                }
            }
            for (IpPrefix prefix : config.blocked()) {
                block(prefix, routes);
            }
            for (InetAddress host : config.excluded()) {
                exclude(IpPrefix.of(host));
            }
            additions.addAll(routes);
            return new HostPlan(removals(), additions, routed, problems);
        }

        private void interfaceItself(HostState.Interface link) {
            // The step with the link's settings from before us is the one to keep.
            for (UndoStep step : owned) {
                if (step instanceof UndoStep.RestoreLink) {
                    wanted.add(step);
                }
            }
            boolean queue = link.txQueueLength() == HostState.Interface.NO_QUEUE
                    || link.txQueueLength() == config.txQueueLength();
            if (!link.up() || link.mtu() != config.mtu() || !queue) {
                additions.add(new HostChange.SetLink(link, config.mtu(), config.txQueueLength()));
            }
            for (InetAddress address : config.addresses()) {
                HostChange.AddAddress add = new HostChange.AddAddress(link, address);
                wanted.add(add.undo());
                if (address.getAddress().length == 16 && !link.ipv6()) {
                    ipv6IsOff(link);
                } else if (!state.addresses().contains(new HostState.Address(link.index(), address, add.bits()))) {
                    additions.add(add);
                }
            }
        }

        private void ipv6IsOff(HostState.Interface link) {
            problems.put(
                    IPV6,
                    "IPv6 is off on this machine (" + state.system().ipv6IsOff(link.name())
                            + "): IPv6 networks are not routed into the tunnel");
        }

        private void route(IpPrefix prefix, HostState.Interface link, List<HostChange> routes) {
            if (prefix.isIpv6() && !link.ipv6()) {
                ipv6IsOff(link);
                if (prefix.length() == 0) {
                    block(prefix, routes); // for the other interfaces it may be on
                }
                return;
            }
            for (HostState.Connected network :
                    config.named().contains(prefix) ? List.<HostState.Connected>of() : connected) {
                if (network.network().covers(prefix) && !network.network().equals(prefix)) {
                    problems.put(
                            prefix,
                            "not routed: " + prefix + " lies in " + network.network()
                                    + ", to which this machine is connected through " + network.ifName()
                                    + "; to route it all the same: --route " + prefix);
                    return;
                }
            }
            boolean whole = true;
            for (IpPrefix part : HostConfig.parts(prefix)) {
                HostChange.AddRoute add = new HostChange.AddRoute(part, link, null, null);
                HostState.Route other = conflict(part, link);
                if (other != null) {
                    HostState.Interface through = state.link(other.link());
                    problems.put(
                            part,
                            "not routed: " + part + " is routed on this machine already"
                                    + (through == null ? "" : ", through " + through.name()) + " ("
                                    + state.system().showsRoute(part) + "); it will be when that route has gone");
                    whole = false;
                    continue;
                }
                covering.add(part);
                wanted.add(add.undo());
                if (find(add) == null) {
                    routes.add(add);
                    whole = false;
                } else if (!leadsInto(part, link)) {
                    problems.put(
                            part,
                            "not routed: a rule of this machine (ip" + (part.isIpv6() ? " -6" : "")
                                    + " rule) sends what goes to " + part + " elsewhere");
                    whole = false;
                }
            }
            if (whole) {
                routed.add(prefix);
            }
        }

        /** Another's route in the place of ours, or the machine's own address. */
        private HostState.@Nullable Route conflict(IpPrefix prefix, HostState.Interface link) {
            for (HostState.Route route : main.getOrDefault(prefix, List.of())) {
                if (!route.dead() && route.link() != link.index() && !isOurs(route)) {
                    return route;
                }
            }
            for (HostState.Route route : local) {
                if (route.network().covers(prefix) && route.link() != link.index()) {
                    return route;
                }
            }
            return null;
        }

        private boolean leadsInto(IpPrefix part, HostState.Interface link) {
            HostState.Route route = plainRules ? null : state.route(part.network(), r -> false);
            return plainRules
                    || route != null
                            && (route.link() == link.index() || route.network().length() > part.length());
        }

        private void block(IpPrefix prefix, List<HostChange> routes) {
            if (prefix.isIpv6() && !loopbackIpv6) {
                return; // nothing leaves by IPv6 anyway
            }
            for (IpPrefix part : HostConfig.parts(prefix)) {
                HostState.Route other = own == null ? null : conflict(part, own);
                if (other != null) {
                    problems.put(
                            part,
                            "not kept from leaving past the tunnel: " + part + " is routed on this machine already ("
                                    + state.system().showsRoute(part) + ")");
                } else {
                    covering.add(part);
                    unreachable(part, routes);
                }
            }
        }

        private void unreachable(IpPrefix prefix, List<HostChange> changes) {
            HostChange.AddUnreachable add = new HostChange.AddUnreachable(prefix);
            wanted.add(add.undo());
            boolean there = main.getOrDefault(prefix, List.of()).stream()
                    .anyMatch(r -> r.kind() == HostState.Kind.REJECT && r.metric() == UNDERNEATH);
            if (!there) {
                changes.add(add);
            }
        }

        private void exclude(IpPrefix host) {
            if (covering.stream().noneMatch(p -> p.covers(host)) || host.isIpv6() && !loopbackIpv6) {
                return;
            }
            HostState.Route way = state.route(host.network(), this::isOurs);
            if (way != null && way.kind() == HostState.Kind.LOCAL) {
                return;
            }
            HostState.Interface through = way == null ? null : state.link(way.link());
            boolean out = way != null && through != null && way.kind() == HostState.Kind.UNICAST;
            if (state.system().isLayered() || !out) {
                unreachable(host, additions);
            }
            if (way == null || through == null || !out || way.network().equals(host)) {
                return;
            }
            nextHop(way, through);
            HostChange.AddRoute copy = new HostChange.AddRoute(host, through, way.via(), way.source());
            wanted.add(copy.undo());
            HostState.Route old = find(copy);
            if (old == null) {
                additions.add(copy);
            } else if (!Objects.equals(old.via(), way.via())
                    || way.source() != null && !way.source().equals(old.source())) {
                if (owned.contains(copy.undo())) {
                    replaced.add(copy.undo());
                }
                additions.add(copy);
            }
        }

        /**
         * A next hop that is on the link only because a route says so: the kernel refuses it, in IPv6, while another route covers it,
         * as ours into the tunnel may. So it gets one of its own.
         */
        private void nextHop(HostState.Route way, HostState.Interface through) {
            InetAddress via = way.via();
            if (via == null || via.getAddress().length != 16 || via.isLinkLocalAddress()) {
                return;
            }
            HostState.Route known = state.route(via, this::isOurs);
            if (known != null
                    && known.link() == through.index()
                    && known.network().length() > 0) {
                return;
            }
            HostChange.AddRoute hop = new HostChange.AddRoute(IpPrefix.of(via), through, null, way.source());
            if (wanted.add(hop.undo()) && find(hop) == null) {
                additions.add(hop);
            }
        }

        private boolean isOurs(HostState.Route route) {
            if (own != null && route.link() == own.index()) {
                return true;
            }
            if (route.table() != HostState.MAIN_TABLE || route.protocol() != PROTOCOL) {
                return false;
            }
            if (route.kind() == HostState.Kind.REJECT) {
                return owned.contains(
                        new UndoStep.DeleteUnreachable(route.network().toString()));
            }
            HostState.Interface link = state.link(route.link());
            return link != null
                    && owned.contains(new UndoStep.DeleteRoute(route.network().toString(), link.name()));
        }

        /** The route that the change would make, whatever its next hop; its protocol does not matter either. */
        private HostState.@Nullable Route find(HostChange.AddRoute add) {
            for (HostState.Route route : main.getOrDefault(add.network(), List.of())) {
                if (route.kind() == HostState.Kind.UNICAST
                        && !route.dead()
                        && route.link() == add.link().index()) {
                    return route;
                }
            }
            return null;
        }

        /** Routes into the tunnel go before those that keep hosts out of them. */
        private List<UndoStep> removals() {
            List<UndoStep> first = new ArrayList<>();
            List<UndoStep> last = new ArrayList<>(replaced);
            for (UndoStep step : owned) {
                if (wanted.contains(step)) {
                    continue;
                }
                boolean host = step instanceof UndoStep.DeleteRoute route
                        && !route.ifName().equals(config.ifName());
                (host || step instanceof UndoStep.DeleteUnreachable ? last : first).add(step);
            }
            first.addAll(last);
            return first;
        }
    }
}
