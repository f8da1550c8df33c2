package dev.culvert.client.uplink;

import dev.culvert.address.IpPrefix;
import dev.culvert.address.PrefixMap;
import dev.culvert.address.PrefixTable;
import dev.culvert.token.ClientToken;
import dev.culvert.token.Route;
import dev.culvert.token.TokenGrants;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.HashMap;
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
 * addresses ({@link dev.culvert.address.SensitiveAddresses}) are cut out unless a grant and the announcement name them. Without {@code --full} no
 * prefix is shorter than {@link #WIDEST_4} or {@link #WIDEST_6}, and all together that nobody asked for cover no more than
 * {@link #MAX_WIDEST} of these. Where two agents have one prefix, the one wins that announced the narrower, then one that is connected,
 * then the one whose name sorts first.
 *
 * <p>Of a network that a {@link PrefixMap} shows under other addresses, these are routed, and not its own unless {@code --route}
 * names them. Announcements, grants and the gateway's policy speak of its own.
 */
public final class RouteTable {
    static final RouteTable EMPTY = new RouteTable(Map.of(), List.of(), Set.of(), List.of());

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

    /** Of an address that a map shows, while what it stands for is not to be had: no wider route may make another host of it. */
    private static final Way NOWHERE = new Way("", null);

    private final Map<IpPrefix, String> routes = new LinkedHashMap<>();
    private final Set<IpPrefix> asked;
    private final PrefixTable<Way> table = new PrefixTable<>();

    /** By agent and its own networks. */
    private final Map<String, PrefixTable<PrefixMap>> maps = new HashMap<>();

    private final List<String> problems;

    /**
     * @param ways how each prefix is reached
     * @param shown networks that stand for others here: they are reached by a prefix within them, or not at all
     */
    RouteTable(Map<IpPrefix, Way> ways, List<IpPrefix> shown, Set<IpPrefix> asked, List<String> problems) {
        this.asked = asked;
        this.problems = problems;
        shown.forEach(prefix -> table.put(prefix, NOWHERE));
        ways.forEach((prefix, way) -> {
            routes.put(prefix, way.agent());
            table.put(prefix, way);
            PrefixMap map = way.map();
            if (map != null) {
                maps.computeIfAbsent(way.agent(), a -> new PrefixTable<>()).put(map.real(), map);
            }
        });
    }

    static RouteTable of(Announced announced, TokenGrants grants, Wanted wanted) {
        return new RouteChoice(announced, grants, wanted).make();
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

        /** What {@code client up} routes by default. */
        public static Wanted by(ClientToken token) {
            return new Wanted(token.routes(), false, false);
        }

        /** By agent, those that its routes say. */
        Map<String, List<PrefixMap>> maps() {
            Map<String, List<PrefixMap>> all = new HashMap<>();
            for (Route route : routes) {
                if (route.agent() != null && route.map() != null) {
                    all.computeIfAbsent(route.agent(), a -> new ArrayList<>()).add(route.map());
                }
            }
            return all;
        }

        String label(Route route) {
            return (typed ? "--route " : "the token's route ") + route;
        }
    }

    /**
     * How an address is reached.
     *
     * @param agent through which agent
     * @param map by which it is another's there; null when it is its own
     */
    public record Way(String agent, @Nullable PrefixMap map) {
        /** The address that the agent shall dial for this one. */
        InetAddress there(InetAddress seen) {
            return map == null ? seen : map.toReal(seen);
        }

        /** For people, with the prefix that leads this way. */
        public String textOf(IpPrefix prefix) {
            return prefix + " via " + agent + (map == null ? "" : " (there " + map.toReal(prefix) + ")");
        }
    }

    /** The agent for an address, or null when nothing of ours covers it. */
    public @Nullable String agentFor(InetAddress address) {
        Way way = wayTo(address);
        return way == null ? null : way.agent();
    }

    /** How an address is reached, or null when nothing of ours covers it. */
    public @Nullable Way wayTo(InetAddress address) {
        return somewhere(table.lookup(address));
    }

    /** How what is routed by exactly this prefix is reached, or null when nothing is. */
    public @Nullable Way wayOf(IpPrefix prefix) {
        return somewhere(table.get(prefix));
    }

    private static @Nullable Way somewhere(@Nullable Way way) {
        return NOWHERE.equals(way) ? null : way;
    }

    /** The map of this agent that shows this address of its networks, or null when it is seen as it is. */
    public @Nullable PrefixMap mapOf(String agent, InetAddress real) {
        PrefixTable<PrefixMap> its = maps.get(agent);
        return its == null ? null : its.lookup(real);
    }

    /** Whether any network of this agent is shown under other addresses. */
    public boolean hasMaps(String agent) {
        return maps.containsKey(agent);
    }

    /** Prefixes, as they are seen here, and their agents. */
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
