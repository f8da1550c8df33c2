package dev.culvert.policy;

import dev.culvert.address.IpPrefix;
import dev.culvert.address.PrefixMap;
import dev.culvert.policy.YamlNode.Mapping;
import dev.culvert.policy.YamlNode.Scalar;
import dev.culvert.token.HolderName;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads the maps of a policy file: each address that is shown has one meaning, and each network of an agent is shown once. */
final class MapReader {
    private static final String AGENT = "agent";
    private static final String NETWORK = "network";
    private static final String AS = "as";
    private static final String WHAT = "a map";

    private final Problems problems;

    MapReader(Problems problems) {
        this.problems = problems;
    }

    List<PolicyMap> read(List<YamlNode> items) {
        List<PolicyMap> out = new ArrayList<>();
        for (YamlNode node : items) {
            PolicyMap map = map(node);
            if (map != null && isClear(node, map, out)) {
                out.add(map);
            }
        }
        return out;
    }

    private @Nullable PolicyMap map(YamlNode node) {
        Fields fields = new Fields(problems, node, WHAT, List.of(AGENT, NETWORK, AS));
        Scalar agent = required(node, fields, AGENT, "name the one agent behind which the network is");
        IpPrefix real = prefix(required(node, fields, NETWORK, "write the network's own prefix, like 192.168.1.0/24"));
        Scalar as = required(
                node, fields, AS, "write a private prefix of the same size that nobody uses, like 10.77.0.0/24");
        IpPrefix shown = prefix(as);
        if (agent != null && !HolderName.isValid(agent.text())) {
            problems.add(agent, "a network is behind one agent; name it, without tag: or \"*\"");
            return null;
        }
        if (agent == null || as == null || real == null || shown == null) {
            return null;
        }
        try {
            PrefixMap map = new PrefixMap(shown, real);
            if (!map.isPrivate()) {
                problems.add(
                        as,
                        shown + " is not private, and clients take no other from a gateway; choose one in 10.0.0.0/8,"
                                + " 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10 or fc00::/7");
                return null;
            }
            return new PolicyMap(node.line(), agent.text(), map);
        } catch (IllegalArgumentException e) {
            problems.add(as, e);
            return null;
        }
    }

    private boolean isClear(YamlNode node, PolicyMap map, List<PolicyMap> before) {
        for (PolicyMap other : before) {
            if (map.map().shown().overlaps(other.map().shown())) {
                problems.add(
                        node,
                        map.map().shown() + " overlaps " + other.map().shown() + ", which line " + other.line()
                                + " has; an address can stand for one only");
                return false;
            }
            if (map.agent().equals(other.agent())
                    && map.map().real().overlaps(other.map().real())) {
                problems.add(
                        node,
                        map.map().real() + " overlaps " + other.map().real() + ", which line " + other.line()
                                + " shows; what an agent serves can be shown once only");
                return false;
            }
        }
        return true;
    }

    private @Nullable Scalar required(YamlNode node, Fields fields, String key, String cure) {
        if (fields.get(key) == null && node instanceof Mapping) {
            problems.add(node, WHAT + " lacks '" + key + "'; " + cure);
        }
        return fields.text(key);
    }

    private @Nullable IpPrefix prefix(@Nullable Scalar text) {
        if (text != null) {
            try {
                return IpPrefix.parse(text.text());
            } catch (IllegalArgumentException e) {
                problems.add(text, e);
            }
        }
        return null;
    }
}
