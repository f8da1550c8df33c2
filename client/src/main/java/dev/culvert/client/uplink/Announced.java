package dev.culvert.client.uplink;

import dev.culvert.address.HostPattern;
import dev.culvert.address.IpPrefix;
import dev.culvert.address.PrefixMap;
import dev.culvert.text.Printable;
import dev.culvert.token.HolderName;
import dev.culvert.tunnel.frame.Announcement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * What a gateway said is there, read with care: names that are none, networks that are none, and what is beyond the limits
 * are left out. Whether it may be used is {@link RouteTable}'s to say.
 *
 * @param agents by name
 * @param barred whether there will be none, because the gateway's policy allows this client nothing
 * @param elsewhere URLs of gateways that have more of the agents, as they were said
 * @param problems one line for people, or none
 */
record Announced(Map<String, Agent> agents, boolean barred, List<String> elsewhere, List<String> problems) {
    /** Agents that a client hears of: as many as a token can hold grants. */
    static final int MAX_AGENTS = 1_024;

    /** Networks of one agent: as many as its token can hold routes. */
    static final int MAX_NETWORKS = 1_024;

    /** Of all agents. */
    static final int MAX_MAPS = 256;

    /**
     * An agent.
     *
     * @param instances how many are connected
     * @param networks in order
     * @param maps of them; of no two the networks overlap
     * @param domains that it has; in their compared form, of two labels or more
     */
    record Agent(String name, int instances, List<IpPrefix> networks, List<PrefixMap> maps, List<String> domains) {
        /** One without domains. */
        Agent(String name, int instances, List<IpPrefix> networks, List<PrefixMap> maps) {
            this(name, instances, networks, maps, List.of());
        }
    }

    static Announced of(Announcement.Reachable said) {
        Map<String, Agent> agents = new LinkedHashMap<>();
        String first = null;
        int leftOut = 0;
        List<PrefixMap> shown = new ArrayList<>();
        for (Announcement.ReachableAgent agent : said.agents()) {
            if (!HolderName.isValid(agent.name())) {
                first = first != null ? first : "'" + Printable.shorten(agent.name()) + "' is no agent's name";
                leftOut++;
                continue;
            }
            if (agents.containsKey(agent.name()) || agents.size() == MAX_AGENTS) {
                first = first != null ? first : "agent '" + agent.name() + "' is one too many";
                leftOut++;
                continue;
            }
            TreeSet<IpPrefix> networks = new TreeSet<>();
            for (String text : agent.routes()) {
                try {
                    if (networks.size() == MAX_NETWORKS) {
                        throw new IllegalArgumentException(
                                "agent '" + agent.name() + "' has more than " + MAX_NETWORKS + " networks");
                    }
                    networks.add(IpPrefix.parse(text));
                } catch (IllegalArgumentException e) {
                    first = first != null ? first : String.valueOf(e.getMessage());
                    leftOut++;
                }
            }
            List<PrefixMap> maps = new ArrayList<>();
            for (Announcement.ReachableMap map : agent.maps()) {
                try {
                    add(map, maps, shown);
                } catch (IllegalArgumentException e) {
                    first = first != null ? first : String.valueOf(e.getMessage());
                    leftOut++;
                }
            }
            List<String> domains = agent.domains().stream()
                    .filter(domain -> domain.equals(HostPattern.normalize(domain)) && domain.indexOf('.') > 0)
                    .limit(Announcement.Agent.MAX_DOMAINS)
                    .toList();
            agents.put(
                    agent.name(),
                    new Agent(agent.name(), agent.instances(), List.copyOf(networks), List.copyOf(maps), domains));
        }
        List<String> problems = new ArrayList<>();
        if (first != null) {
            problems.add(
                    "of what the gateway announced " + leftOut + " entries are left out, the first because " + first);
        }
        return new Announced(
                agents,
                said.barred(),
                said.elsewhere().stream()
                        .limit(Announcement.Reachable.MAX_ELSEWHERE)
                        .toList(),
                List.copyOf(problems));
    }

    /** The same as a gateway would say it to one who has nothing to look for elsewhere. */
    Announcement.Reachable asSaid(String client) {
        return new Announcement.Reachable(
                client, agents.values().stream().map(Announced::asSaid).toList(), barred);
    }

    private static Announcement.ReachableAgent asSaid(Agent agent) {
        return new Announcement.ReachableAgent(
                agent.name(),
                agent.instances(),
                agent.networks().stream().map(IpPrefix::toString).toList(),
                List.of(),
                agent.maps().stream()
                        .map(map -> new Announcement.ReachableMap(
                                map.real().toString(), map.shown().toString()))
                        .toList(),
                agent.domains());
    }

    /**
     * A gateway's word is enough for a private network only: grants speak of a network's own addresses, and not of what is to stand for
     * them.
     */
    private static void add(Announcement.ReachableMap said, List<PrefixMap> its, List<PrefixMap> shown) {
        PrefixMap map = new PrefixMap(IpPrefix.parse(said.as()), IpPrefix.parse(said.network()));
        if (!map.isPrivate()) {
            throw new IllegalArgumentException(map.shown() + " is not private, and stands for " + map.real());
        }
        if (shown.size() >= MAX_MAPS) {
            throw new IllegalArgumentException("there are more than " + MAX_MAPS + " maps");
        }
        if (shown.stream().anyMatch(other -> other.shown().overlaps(map.shown()))
                || its.stream().anyMatch(other -> other.real().overlaps(map.real()))) {
            throw new IllegalArgumentException("two maps overlap, one of them " + map);
        }
        its.add(map);
        shown.add(map);
    }
}
