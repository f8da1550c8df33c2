package dev.culvert.client.uplink;

import dev.culvert.address.IpPrefix;
import dev.culvert.address.PrefixTable;
import dev.culvert.address.SensitiveAddresses;
import dev.culvert.token.Route;
import dev.culvert.token.TokenGrants;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Which agent answers for which prefix: computed anew from each announcement, the grants of the client's own token, and what
 * the user asked for. Immutable.
 *
 * <p>The gateway proposes, the token decides: a prefix is routed only as far as it is both announced and granted, through the
 * same agent. Without {@code --route} all of that is taken; with {@code --route} what lies in those prefixes. Sensitive
 * addresses ({@link SensitiveAddresses}) are cut out unless a grant and the announcement name them. Without {@code --full} no
 * prefix is shorter than {@link #WIDEST_4} or {@link #WIDEST_6}, and all together that nobody asked for cover no more than
 * {@link #MAX_WIDEST} of these. Where two agents have one prefix, the one wins that announced the narrower, then one that is connected,
 * then the one whose name sorts first.
 */
public final class RouteTable {
    static final RouteTable EMPTY = new RouteTable(Map.of(), Set.of(), List.of());

    /** Without {@code --full} no IPv4 prefix is shorter: the widest that has ever been one network. */
    static final int WIDEST_4 = 8;

    /** The same for IPv6, where providers hold /19 and shorter, and organisations /20 and longer. */
    static final int WIDEST_6 = 16;

    /**
     * What is routed without having been asked for covers, in each family, no more than so many of the widest: the private
     * ranges (RFC 1918, RFC 6598) and a company's own have room, while many prefixes of the allowed width cannot make up
     * what only {@code --full} may take.
     */
    static final int MAX_WIDEST = 16;

    /** Prefixes in all: two agents' tokens full of them. The kernel's tool takes a second to lay these. */
    static final int MAX_ROUTES = 2_048;

    /** Of prefixes in a line for people. */
    private static final int SHOWN = 3;

    private static final Comparator<IpPrefix> NARROWEST_FIRST =
            Comparator.comparingDouble(RouteTable::share).thenComparing(Comparator.naturalOrder());

    private final Map<IpPrefix, String> routes;
    private final Set<IpPrefix> asked;
    private final PrefixTable<String> table = new PrefixTable<>();
    private final List<String> problems;

    private RouteTable(Map<IpPrefix, String> routes, Set<IpPrefix> asked, List<String> problems) {
        this.routes = routes;
        this.asked = asked;
        this.problems = problems;
        routes.forEach(table::put);
    }

    static RouteTable of(Announced announced, TokenGrants grants, Wanted wanted) {
        return new Choice(announced, grants, wanted).make();
    }

    /**
     * What shall be routed.
     *
     * @param routes only these; none for all that there is
     * @param typed whether the user typed these, rather than the maker of the token
     * @param full default routes too, and as wide ones as there are
     */
    public record Wanted(List<Route> routes, boolean typed, boolean full) {
        /** All, but default routes. */
        public static final Wanted ALL = new Wanted(List.of(), false, false);

        private String label(Route route) {
            return (typed ? "--route " : "the token's route ") + route;
        }
    }

    /** What an agent may answer for: a prefix, and how wide the network was that the agent announced. */
    private record Reach(Announced.Agent agent, IpPrefix prefix, int announced) {
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

    /** The work of making a table. */
    private static final class Choice {
        private final Announced announced;
        private final TokenGrants grants;
        private final SensitiveAddresses sensitive;
        private final Wanted wanted;
        private final List<Reach> reach = new ArrayList<>();
        private final Map<IpPrefix, Reach> chosen = new HashMap<>();
        private final Map<IpPrefix, String> named = new LinkedHashMap<>();
        private final Set<IpPrefix> asked = new HashSet<>();
        private final Set<IpPrefix> tooWide = new HashSet<>();
        private final List<String> problems;

        Choice(Announced announced, TokenGrants grants, Wanted wanted) {
            this.announced = announced;
            this.grants = grants;
            this.sensitive = grants.sensitiveAddresses();
            this.wanted = wanted;
            this.problems = new ArrayList<>(announced.problems());
        }

        RouteTable make() {
            List<IpPrefix> notGranted = new ArrayList<>();
            for (Announced.Agent agent : announced.agents().values()) {
                reach(agent, notGranted);
            }
            notGranted.sort(null);
            if (!notGranted.isEmpty()) {
                problems.add(
                        "not routed: the gateway announced " + some(notGranted) + ", which this token does not grant");
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
            for (Route w : wanted.routes()) {
                ask(w);
            }
            if (!tooWide.isEmpty()) {
                problems.add("not routed: " + some(tooWide.stream().sorted().toList()) + ": shorter than /" + WIDEST_4
                        + " (IPv6 /" + WIDEST_6 + "), which --full allows");
            }
            Map<IpPrefix, String> routes = limitNumber();
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
            return new RouteTable(routes, wanted.typed() ? Set.copyOf(asked) : Set.of(), List.copyOf(problems));
        }

        /** Of one agent; what only {@code --full} may take does not stand in for the networks inside it. */
        private void reach(Announced.Agent agent, List<IpPrefix> notGranted) {
            reach(agent, agent.networks().stream().filter(RouteTable::isTooWide).toList(), notGranted);
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
                reach.add(new Reach(agent, prefix, source == null ? prefix.length() : source.length()));
                used.add(source == null ? prefix : source);
            }
            served.stream().filter(p -> !used.contains(p)).forEach(notGranted::add);
        }

        /** Takes a prefix, or what may be taken of it. */
        private void take(IpPrefix prefix, Reach by, Map<IpPrefix, Reach> into) {
            if (isTooWide(prefix) && !wanted.full()) {
                tooWide.add(prefix);
                return;
            }
            // Everything is everything: a default route stays whole.
            boolean whole = prefix.length() == 0 || sensitive.isExplicit(by.prefix());
            List<IpPrefix> parts = whole ? List.of(prefix) : sensitive.outside(prefix);
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
            for (Reach r : reach) {
                if ((name == null || name.equals(r.agent().name()))
                        && r.prefix().overlaps(w.prefix())) {
                    take(w.prefix().covers(r.prefix()) ? r.prefix() : w.prefix(), r, found);
                }
            }
            found.forEach((prefix, by) -> {
                asked.add(prefix);
                if (name != null) {
                    named.put(prefix, name);
                } else {
                    chosen.put(prefix, by);
                }
            });
            if (found.isEmpty() && tooWide.size() == wide) {
                problems.add(wanted.label(w) + ": " + whyNothing(w));
            }
        }

        private String whyNothing(Route w) {
            String name = w.agent();
            boolean served = announced.agents().values().stream()
                    .filter(agent -> name == null || name.equals(agent.name()))
                    .flatMap(agent -> agent.networks().stream())
                    .anyMatch(p -> p.overlaps(w.prefix()));
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
            for (IpPrefix prefix :
                    chosen.keySet().stream().sorted(NARROWEST_FIRST).toList()) {
                int family = prefix.isIpv6() ? 1 : 0;
                if (taken[family] + share(prefix) > MAX_WIDEST) {
                    over.add(prefix);
                } else {
                    taken[family] += share(prefix);
                }
            }
            over.forEach(chosen::remove);
            if (!over.isEmpty()) {
                problems.add("not routed: " + some(over)
                        + ": the agents announce more than " + MAX_WIDEST + " times a /" + WIDEST_4 + " (IPv6 /"
                        + WIDEST_6 + ") in all; name what you want with --route, or use --full");
            }
        }

        private Map<IpPrefix, String> limitNumber() {
            Map<IpPrefix, String> all = new HashMap<>();
            chosen.forEach((prefix, by) -> all.put(prefix, by.agent().name()));
            all.putAll(named);
            Map<IpPrefix, String> out = new LinkedHashMap<>();
            // What was asked for comes first, then what covers most.
            all.keySet().stream()
                    .sorted(Comparator.comparing((IpPrefix p) -> !asked.contains(p))
                            .thenComparing(NARROWEST_FIRST.reversed()))
                    .limit(MAX_ROUTES)
                    .forEach(prefix -> out.put(prefix, String.valueOf(all.get(prefix))));
            if (all.size() > MAX_ROUTES) {
                problems.add("not routed: " + (all.size() - MAX_ROUTES) + " of " + all.size() + " networks; at most "
                        + MAX_ROUTES + " are, name those that you want with --route");
            }
            return out;
        }
    }

    private static int widest(IpPrefix prefix) {
        return prefix.isIpv6() ? WIDEST_6 : WIDEST_4;
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

    /** The agent for an address, or null when nothing of ours covers it. */
    public @Nullable String agentFor(InetAddress address) {
        return table.lookup(address);
    }

    /** Prefixes and their agents. */
    public Map<IpPrefix, String> routes() {
        return routes;
    }

    /** Those of {@link #routes} that lie in a network that the user typed. */
    public Set<IpPrefix> asked() {
        return asked;
    }

    /** One line each, for people. */
    public List<String> problems() {
        return problems;
    }
}
