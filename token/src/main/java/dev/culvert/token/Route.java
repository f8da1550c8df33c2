package dev.culvert.token;

import dev.culvert.address.IpPrefix;
import dev.culvert.address.PrefixMap;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A prefix that a client routes into the tunnel, written {@code 10.0.0.0/8}, {@code 10.0.0.0/8=office}, or, where it stands for
 * another network behind that agent, {@code 10.77.0.0/24=office:192.168.1.0/24}.
 *
 * @param prefix the prefix
 * @param agent through which agent; null means whoever announces it
 * @param map that it is the shown side of; null when it is the network's own
 */
public record Route(
        IpPrefix prefix, @Nullable String agent, @Nullable PrefixMap map) {
    /**
     * Checks the agent's name.
     *
     * @throws IllegalArgumentException if it cannot be one
     */
    public Route {
        if (agent != null) {
            HolderName.require("agent", agent);
        }
        if (map != null && (agent == null || !map.shown().equals(prefix))) {
            throw new IllegalArgumentException("a map belongs to an agent and to the prefix that it shows");
        }
    }

    /** Of a network under its own addresses. */
    public Route(IpPrefix prefix, @Nullable String agent) {
        this(prefix, agent, null);
    }

    /**
     * Reads the text form.
     *
     * @throws IllegalArgumentException with one line that says what is wrong
     */
    public static Route parse(String text) {
        int equals = text.indexOf('=');
        if (equals < 0) {
            return new Route(IpPrefix.parse(text), null);
        }
        IpPrefix prefix = IpPrefix.parse(text.substring(0, equals));
        int colon = text.indexOf(':', equals);
        return colon < 0
                ? new Route(prefix, text.substring(equals + 1))
                : new Route(
                        prefix,
                        text.substring(equals + 1, colon),
                        new PrefixMap(prefix, IpPrefix.parse(bare(text.substring(colon + 1)))));
    }

    /** IPv6 may have the brackets that it needs in a grant. */
    private static String bare(String text) {
        return text.startsWith("[") && text.endsWith("]") ? text.substring(1, text.length() - 1) : text;
    }

    /**
     * Sees to it that each address has one meaning: no route lies in what another shows of a map, and no two maps show a network
     * of one agent twice.
     *
     * @throws IllegalArgumentException naming the two, in one line
     */
    public static void requireClear(List<Route> routes) {
        for (Route one : routes) {
            for (Route other : one.map == null ? List.<Route>of() : routes) {
                if (one.equals(other)) {
                    continue;
                }
                if (one.prefix.covers(other.prefix)) {
                    throw new IllegalArgumentException(one + " and " + other
                            + ": an address can stand for one only; choose another network for one");
                }
                if (one.map != null
                        && other.map != null
                        && Objects.equals(one.agent, other.agent)
                        && one.map.real().overlaps(other.map.real())) {
                    throw new IllegalArgumentException(
                            one + " and " + other + ": what agent '" + one.agent + "' serves can be shown once only");
                }
            }
        }
    }

    @Override
    public String toString() {
        return prefix + (agent == null ? "" : "=" + agent) + (map == null ? "" : ":" + map.real());
    }
}
