package dev.culvert.client;

import dev.culvert.token.IpPrefix;
import dev.culvert.token.PrefixTable;
import dev.culvert.token.Route;
import dev.culvert.tunnel.Announcement;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Which agent answers for which prefix: computed anew from each announcement and from what the user asked for. Immutable.
 *
 * <p>Without {@code --route} every announced prefix is taken except the default route, which is taken with
 * {@code --full}. With {@code --route} exactly those prefixes are. Where two agents announce one prefix, one that is
 * connected wins, then the one whose name sorts first.
 */
final class RouteTable {
    static final RouteTable EMPTY = new RouteTable(new LinkedHashMap<>(), List.of());

    private final Map<IpPrefix, String> routes;
    private final PrefixTable<String> table = new PrefixTable<>();
    private final List<String> problems;

    private RouteTable(Map<IpPrefix, String> routes, List<String> problems) {
        this.routes = routes;
        this.problems = problems;
        routes.forEach(table::put);
    }

    static RouteTable of(List<Announcement.ReachableAgent> agents, List<Route> wanted, boolean full) {
        Map<IpPrefix, String> routes = new LinkedHashMap<>();
        List<String> problems = new ArrayList<>();
        Map<IpPrefix, Announcement.ReachableAgent> announced = new LinkedHashMap<>();
        for (Announcement.ReachableAgent agent : agents) {
            for (String text : agent.routes()) {
                IpPrefix prefix;
                try {
                    prefix = IpPrefix.parse(text);
                } catch (IllegalArgumentException e) {
                    problems.add("the gateway announced a route that is none: " + e.getMessage());
                    continue;
                }
                announced.merge(prefix, agent, RouteTable::better);
            }
        }
        if (wanted.isEmpty() || full) {
            announced.forEach((prefix, agent) -> {
                if (prefix.length() > 0 || full) {
                    routes.put(prefix, agent.name());
                }
            });
            if (full && routes.keySet().stream().noneMatch(p -> p.length() == 0) && !agents.isEmpty()) {
                problems.add(
                        "--full: no agent announces a default route that this token grants; the agent's token needs --routes 0.0.0.0/0 and yours --allow AGENT:0.0.0.0/0");
            }
        }
        for (Route w : wanted) {
            String agent = w.agent() != null ? w.agent() : announcer(announced, w.prefix());
            if (agent == null) {
                problems.add("--route " + w.prefix() + ": no agent announces it; name one as in --route " + w.prefix()
                        + "=AGENT, or check the agent's routes");
            } else {
                routes.put(w.prefix(), agent);
            }
        }
        return new RouteTable(routes, problems);
    }

    private static Announcement.ReachableAgent better(Announcement.ReachableAgent a, Announcement.ReachableAgent b) {
        if (a.instances() > 0 != b.instances() > 0) {
            return a.instances() > 0 ? a : b;
        }
        return a.name().compareTo(b.name()) <= 0 ? a : b;
    }

    private static @Nullable String announcer(Map<IpPrefix, Announcement.ReachableAgent> announced, IpPrefix wanted) {
        IpPrefix best = null;
        String agent = null;
        for (Map.Entry<IpPrefix, Announcement.ReachableAgent> e : announced.entrySet()) {
            if (e.getKey().covers(wanted) && (best == null || e.getKey().length() > best.length())) {
                best = e.getKey();
                agent = e.getValue().name();
            }
        }
        return agent;
    }

    /** The agent for an address, or null when nothing of ours covers it. */
    @Nullable
    String agentFor(InetAddress address) {
        return table.lookup(address);
    }

    /** Prefixes and their agents. */
    Map<IpPrefix, String> routes() {
        return routes;
    }

    /** One line each, for people. */
    List<String> problems() {
        return problems;
    }
}
