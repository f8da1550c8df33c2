package dev.culvert.client.uplink;

import dev.culvert.address.IpPrefix;
import dev.culvert.address.PrefixMap;
import dev.culvert.address.PrefixTable;
import dev.culvert.address.SensitiveAddresses;
import dev.culvert.token.Route;
import dev.culvert.token.TokenGrants;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The work of making one {@link RouteTable}, which says by which rules. */
final class RouteChoice {
    /** Of prefixes in a line for people. */
    private static final int SHOWN = 3;

    private static final Comparator<IpPrefix> NARROWEST_FIRST =
            Comparator.comparingDouble(RouteChoice::share).thenComparing(Comparator.naturalOrder());

    private final Announced announced;
    private final TokenGrants grants;
    private final SensitiveAddresses sensitive;
    private final RouteTable.Wanted wanted;
    private final Map<String, List<PrefixMap>> maps;
    private final List<Reach> reach = new ArrayList<>();

    /** What maps show under other addresses, under its own: for who asks for those. */
    private final List<Reach> behindMaps = new ArrayList<>();

    private final Map<IpPrefix, Reach> chosen = new HashMap<>();
    private final Map<IpPrefix, RouteTable.Way> named = new LinkedHashMap<>();
    private final Set<IpPrefix> asked = new HashSet<>();
    private final Set<IpPrefix> tooWide = new HashSet<>();
    private final List<String> problems;

    RouteChoice(Announced announced, TokenGrants grants, RouteTable.Wanted wanted) {
        this.announced = announced;
        this.grants = grants;
        this.sensitive = grants.sensitiveAddresses();
        this.wanted = wanted;
        this.problems = new ArrayList<>(announced.problems());
        this.maps = maps();
    }

    /** What the user says goes before what the gateway says of the same addresses. */
    private Map<String, List<PrefixMap>> maps() {
        Map<String, List<PrefixMap>> all = wanted.maps();
        List<PrefixMap> said = all.values().stream().flatMap(List::stream).toList();
        for (Announced.Agent agent : announced.agents().values()) {
            List<PrefixMap> its = all.computeIfAbsent(agent.name(), a -> new ArrayList<>());
            List<PrefixMap> own = List.copyOf(its);
            for (PrefixMap map : agent.maps()) {
                if (said.stream().noneMatch(s -> s.shown().overlaps(map.shown()))
                        && own.stream().noneMatch(o -> o.real().overlaps(map.real()))) {
                    its.add(map);
                }
            }
        }
        return all;
    }

    RouteTable make() {
        List<IpPrefix> notGranted = new ArrayList<>();
        for (Announced.Agent agent : announced.agents().values()) {
            reach(agent, notGranted);
        }
        notGranted.sort(null);
        if (!notGranted.isEmpty()) {
            problems.add("not routed: the gateway announced " + some(notGranted) + ", which this token does not grant");
        }
        if (wanted.routes().isEmpty() || wanted.full()) {
            for (Reach r : reach) {
                // Without --full there is nothing wrong with a default route: it waits for --full.
                if (r.prefix().length() > 0 || wanted.full()) {
                    take(r.prefix(), r, chosen);
                }
            }
            if (wanted.full()
                    && !announced.agents().isEmpty()
                    && reach.stream().noneMatch(r -> r.prefix().length() == 0)) {
                problems.add(
                        "--full: no agent announces a default route that this token grants; the agent's token needs --routes 0.0.0.0/0 and yours --allow AGENT:0.0.0.0/0");
            }
            limitShare();
        }
        // Maps last: what another agent has under the same addresses does not take their place.
        wanted.routes().stream().filter(w -> w.map() == null).forEach(this::ask);
        wanted.routes().stream().filter(w -> w.map() != null).forEach(this::ask);
        if (!tooWide.isEmpty()) {
            problems.add("not routed: " + some(tooWide.stream().sorted().toList()) + ": shorter than /"
                    + RouteTable.WIDEST_4 + " (IPv6 /" + RouteTable.WIDEST_6 + "), which --full allows");
        }
        List<IpPrefix> wantedShown = wanted.maps().values().stream()
                .flatMap(List::stream)
                .map(PrefixMap::shown)
                .toList();
        keepMapsWhole(wantedShown);
        Map<IpPrefix, RouteTable.Way> routes = limitNumber();
        if (routes.isEmpty() && problems.isEmpty()) {
            List<IpPrefix> waiting = reach.stream()
                    .map(Reach::prefix)
                    .filter(p -> p.length() == 0)
                    .distinct()
                    .sorted()
                    .toList();
            if (!waiting.isEmpty()) {
                problems.add("not routed: " + some(waiting) + ": everything is routed with --full only");
            }
        }
        asked.retainAll(routes.keySet());
        return new RouteTable(
                routes, wantedShown, wanted.typed() ? Set.copyOf(asked) : Set.of(), List.copyOf(problems));
    }

    /** Of one agent; what only {@code --full} may take does not stand in for the networks inside it. */
    private void reach(Announced.Agent agent, List<IpPrefix> notGranted) {
        reach(agent, agent.networks().stream().filter(RouteChoice::isTooWide).toList(), notGranted);
        reach(agent, agent.networks().stream().filter(p -> !isTooWide(p)).toList(), notGranted);
    }

    private void reach(Announced.Agent agent, List<IpPrefix> networks, List<IpPrefix> notGranted) {
        List<IpPrefix> served = sensitive.widest(networks);
        List<IpPrefix> granted = grants.prefixesFor(agent.name());
        PrefixTable<IpPrefix> by = new PrefixTable<>();
        served.forEach(p -> by.put(p, p));
        Set<IpPrefix> used = new HashSet<>();
        for (IpPrefix prefix : sensitive.intersection(served, granted)) {
            IpPrefix source = by.longestMatch(prefix.network());
            reach(agent, prefix, source == null ? prefix.length() : source.length());
            used.add(source == null ? prefix : source);
        }
        served.stream().filter(p -> !used.contains(p)).forEach(notGranted::add);
    }

    /** As maps show it, and by itself. */
    private void reach(Announced.Agent agent, IpPrefix prefix, int announcedLength) {
        double shown = 0; // of its addresses; no two maps of an agent show the same
        for (PrefixMap map : maps.getOrDefault(agent.name(), List.of())) {
            if (map.real().overlaps(prefix)) {
                IpPrefix part = map.real().covers(prefix) ? prefix : map.real();
                reach.add(new Reach(agent, map.toShown(part), Reach.MAPPED, map));
                shown += Math.pow(2, prefix.length() - part.length());
            }
        }
        (shown >= 1 ? behindMaps : reach).add(new Reach(agent, prefix, announcedLength, null));
    }

    /** Takes a prefix, or what may be taken of it. */
    private void take(IpPrefix prefix, Reach by, Map<IpPrefix, Reach> into) {
        if (isTooWide(prefix) && !wanted.full()) {
            tooWide.add(prefix);
            return;
        }
        // Everything is everything: a default route stays whole.
        boolean whole = prefix.length() == 0 || sensitive.isExplicit(by.there(by.prefix()));
        List<IpPrefix> parts = whole
                ? List.of(prefix)
                : sensitive.outside(by.there(prefix)).stream().map(by::here).toList();
        for (IpPrefix part : parts) {
            if (by.isBetterThan(into.get(part))) {
                into.put(part, by);
            }
        }
    }

    private void ask(Route w) {
        String name = w.agent();
        if (announced.agents().isEmpty()) {
            return; // that nobody is there is said elsewhere
        }
        if (name != null && !announced.agents().containsKey(name)) {
            problems.add(wanted.label(w) + ": "
                    + (grants.mentions(name)
                            ? "no agent '" + name + "' that you may use has connected to the gateway yet"
                            : "this token grants nothing through an agent '" + name + "'"));
            return;
        }
        int wide = tooWide.size();
        Map<IpPrefix, Reach> found = new HashMap<>();
        ask(w, reach, found);
        if (found.isEmpty() && tooWide.size() == wide) {
            ask(w, behindMaps, found);
        }
        found.forEach((prefix, by) -> {
            asked.add(prefix);
            if (name != null) {
                named.put(prefix, by.way());
            } else {
                chosen.put(prefix, by);
            }
        });
        if (found.isEmpty() && tooWide.size() == wide) {
            problems.add(wanted.label(w) + ": " + whyNothing(w));
        }
    }

    private void ask(Route w, List<Reach> of, Map<IpPrefix, Reach> found) {
        for (Reach r : of) {
            boolean its = w.agent() == null || w.agent().equals(r.agent().name());
            boolean meant = w.map() == null || w.map().equals(r.map());
            if (its && meant && r.prefix().overlaps(w.prefix())) {
                take(w.prefix().covers(r.prefix()) ? r.prefix() : w.prefix(), r, found);
            }
        }
    }

    private String whyNothing(Route w) {
        String name = w.agent();
        IpPrefix real = w.map() == null ? w.prefix() : w.map().real();
        boolean served = announced.agents().values().stream()
                .filter(agent -> name == null || name.equals(agent.name()))
                .flatMap(agent -> agent.networks().stream())
                .anyMatch(p -> p.overlaps(real));
        return (served ? "this token grants nothing of it" : "no agent announces it, nor a part of it")
                + (served && name != null ? " through agent '" + name + "'" : "")
                + "; 'client list' shows what there is";
    }

    private void limitShare() {
        if (wanted.full()) {
            return;
        }
        double[] taken = new double[2];
        List<IpPrefix> over = new ArrayList<>();
        for (IpPrefix prefix : chosen.keySet().stream().sorted(NARROWEST_FIRST).toList()) {
            int family = prefix.isIpv6() ? 1 : 0;
            if (taken[family] + share(prefix) > RouteTable.MAX_WIDEST) {
                over.add(prefix);
            } else {
                taken[family] += share(prefix);
            }
        }
        over.forEach(chosen::remove);
        if (!over.isEmpty()) {
            problems.add("not routed: " + some(over)
                    + ": the agents announce more than " + RouteTable.MAX_WIDEST + " times a /" + RouteTable.WIDEST_4
                    + " (IPv6 /"
                    + RouteTable.WIDEST_6 + ") in all; name what you want with --route, or use --full");
        }
    }

    /**
     * What another agent has within a network that a map shows would cut a piece out of it, or take it over while the map's agent is away.
     *
     * @param wantedShown what the user's own maps show, whether or not they are routed now; no {@code --route} goes before these
     */
    private void keepMapsWhole(List<IpPrefix> wantedShown) {
        PrefixTable<Boolean> shown = new PrefixTable<>();
        wantedShown.forEach(prefix -> shown.put(prefix, true));
        Set<IpPrefix> within = new TreeSet<>();
        named.forEach((prefix, way) -> {
            if (way.map() == null && shown.covers(prefix)) {
                within.add(prefix);
            }
        });
        within.forEach(named::remove);
        Stream.concat(chosen.values().stream().map(Reach::way), named.values().stream())
                .map(RouteTable.Way::map)
                .filter(Objects::nonNull)
                .forEach(map -> shown.put(map.shown(), true));
        List<IpPrefix> others = chosen.entrySet().stream()
                .filter(e -> e.getValue().map() == null && shown.covers(e.getKey()))
                .map(Map.Entry::getKey)
                .toList();
        others.forEach(chosen::remove);
        within.addAll(others);
        if (!within.isEmpty()) {
            List<IpPrefix> all = List.copyOf(within);
            problems.add("not routed: " + some(all) + ": these addresses stand for another network here; '--route "
                    + "NETWORK=AGENT:" + all.get(0) + "' shows it under others");
        }
    }

    private Map<IpPrefix, RouteTable.Way> limitNumber() {
        Map<IpPrefix, RouteTable.Way> all = new HashMap<>();
        chosen.forEach((prefix, by) -> all.put(prefix, by.way()));
        all.putAll(named);
        Map<IpPrefix, RouteTable.Way> out = new LinkedHashMap<>();
        // What was asked for comes first, then what covers most.
        all.keySet().stream()
                .sorted(Comparator.comparing((IpPrefix p) -> !asked.contains(p))
                        .thenComparing(NARROWEST_FIRST.reversed()))
                .limit(RouteTable.MAX_ROUTES)
                .forEach(prefix -> out.put(prefix, Objects.requireNonNull(all.get(prefix))));
        if (all.size() > RouteTable.MAX_ROUTES) {
            problems.add("not routed: " + (all.size() - RouteTable.MAX_ROUTES) + " of " + all.size()
                    + " networks; at most " + RouteTable.MAX_ROUTES + " are, name those that you want with --route");
        }
        return out;
    }

    private static int widest(IpPrefix prefix) {
        return prefix.isIpv6() ? RouteTable.WIDEST_6 : RouteTable.WIDEST_4;
    }

    private static boolean isTooWide(IpPrefix prefix) {
        return prefix.length() < widest(prefix);
    }

    /** Which part of a prefix of the widest kind it is. */
    private static double share(IpPrefix prefix) {
        return Math.pow(2, widest(prefix) - prefix.length());
    }

    private static String some(List<IpPrefix> prefixes) {
        return Lines.some(prefixes, SHOWN);
    }

    /**
     * What an agent may answer for.
     *
     * @param prefix as it is seen here
     * @param announced how long the prefix was that the agent announced; what a map shows comes before all that are
     * @param map that shows it; null when it is the agent's own
     */
    private record Reach(
            Announced.Agent agent,
            IpPrefix prefix,
            int announced,
            @Nullable PrefixMap map) {
        /** Longer than any prefix. */
        static final int MAPPED = Integer.MAX_VALUE;

        RouteTable.Way way() {
            return new RouteTable.Way(agent.name(), map);
        }

        IpPrefix there(IpPrefix part) {
            return map == null ? part : map.toReal(part);
        }

        IpPrefix here(IpPrefix part) {
            return map == null ? part : map.toShown(part);
        }

        boolean isBetterThan(@Nullable Reach other) {
            if (other == null || announced != other.announced) {
                return other == null || announced > other.announced;
            }
            if (agent.instances() > 0 != other.agent.instances() > 0) {
                return agent.instances() > 0;
            }
            return agent.name().compareTo(other.agent.name()) < 0;
        }
    }
}
