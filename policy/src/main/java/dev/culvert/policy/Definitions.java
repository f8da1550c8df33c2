package dev.culvert.policy;

import dev.culvert.address.HostPattern;
import dev.culvert.address.PortRanges;
import dev.culvert.address.Target;
import dev.culvert.policy.YamlNode.Mapping;
import dev.culvert.policy.YamlNode.Scalar;
import dev.culvert.text.Printable;
import dev.culvert.token.HolderName;
import dev.culvert.token.PortRules;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The words that a policy defines (groups, tags, hosts, services) and the reading of texts in which they occur. A word that
 * is meant as one of them but not defined is an error, because it would otherwise silently be something else.
 */
final class Definitions {
    private static final List<String> TRANSPORTS = List.of("tcp", "udp", "icmp");

    private final Problems problems;
    final Map<String, List<Selector>> groups = new LinkedHashMap<>();
    final Map<String, List<String>> tags = new LinkedHashMap<>();
    final Map<String, List<Target>> hosts = new LinkedHashMap<>();
    final Map<String, PortRules> services = new LinkedHashMap<>();

    Definitions(Problems problems) {
        this.problems = problems;
    }

    // ---- the sections ----

    void readGroups(YamlNode node) {
        Map<Scalar, YamlNode> section = section(node, "groups", "group");
        section.keySet().forEach(key -> groups.put(key.text(), List.of())); // they may name each other
        section.forEach((key, value) -> {
            List<Selector> members = new ArrayList<>();
            for (Scalar member : Fields.texts(problems, value, "group '" + key.text() + "'")) {
                Selector selector = client(member);
                if (selector != null && selector.kind() == Selector.Kind.ALL) {
                    problems.add(member, "a group cannot hold '*'; write '*' where the group is used");
                } else if (selector != null) {
                    members.add(selector);
                }
            }
            groups.put(key.text(), members);
        });
        section.keySet().forEach(this::refuseCircle);
    }

    /** What holds itself says nothing, so somebody has meant something else. */
    private void refuseCircle(Scalar group) {
        Set<String> seen = new LinkedHashSet<>();
        ArrayDeque<String> open = new ArrayDeque<>(List.of(group.text()));
        while (!open.isEmpty()) {
            for (Selector member : groups.getOrDefault(open.pop(), List.of())) {
                if (member.kind() == Selector.Kind.GROUP && member.name().equals(group.text())) {
                    problems.add(
                            group,
                            "group '" + group.text() + "' holds itself"
                                    + (seen.isEmpty() ? "" : " through " + String.join(", ", seen))
                                    + "; remove one of them");
                    return;
                }
                if (member.kind() == Selector.Kind.GROUP && seen.add(member.name())) {
                    open.push(member.name());
                }
            }
        }
    }

    void readTags(YamlNode node) {
        section(node, "tags", "tag").forEach((key, value) -> {
            List<String> agents = new ArrayList<>();
            for (Scalar agent : Fields.texts(problems, value, "tag '" + key.text() + "'")) {
                if (holder("agent", agent)) {
                    agents.add(agent.text());
                }
            }
            tags.put(key.text(), agents);
        });
    }

    void readHosts(YamlNode node) {
        section(node, "hosts", "host").forEach((key, value) -> {
            List<Target> targets = new ArrayList<>();
            for (Scalar text : Fields.texts(problems, value, "host '" + key.text() + "'")) {
                try {
                    targets.add(Target.parse(text.text()));
                } catch (IllegalArgumentException e) {
                    problems.add(text, e);
                }
            }
            hosts.put(key.text(), targets);
        });
    }

    void readServices(YamlNode node) {
        section(node, "services", "service").forEach((key, value) -> {
            if (TRANSPORTS.contains(key.text()) || key.text().chars().allMatch(Character::isDigit)) {
                problems.add(
                        key, "service '" + key.text() + "' would hide what the word means already; name it otherwise");
            }
            PortRules ports = PortRules.NONE;
            for (Scalar text : Fields.texts(problems, value, "service '" + key.text() + "'")) {
                ports = ports.union(ports(text, false));
            }
            services.put(key.text(), ports);
        });
    }

    private Map<Scalar, YamlNode> section(YamlNode node, String section, String one) {
        if (!(node instanceof Mapping mapping)) {
            problems.add(node, "'" + section + "' is " + node.kind() + "; write one line for each, like '  name: ...'");
            return Map.of();
        }
        Map<Scalar, YamlNode> out = Fields.unique(problems, mapping, "'" + section + "'");
        out.keySet().removeIf(key -> !holder(one, key));
        return out;
    }

    // ---- texts ----

    private boolean holder(String what, Scalar text) {
        try {
            HolderName.require(what, text.text());
            return true;
        } catch (IllegalArgumentException e) {
            problems.add(text, e);
            return false;
        }
    }

    /** A client, a group or {@code *}; null when it is neither. */
    @Nullable
    Selector client(Scalar text) {
        return selector(text, "client", Selector.Kind.GROUP, "group", Selector.GROUP_PREFIX, groups.keySet());
    }

    /** An agent, a tag or {@code *}; null when it is neither. */
    @Nullable
    Selector agent(Scalar text) {
        return selector(text, "agent", Selector.Kind.TAG, "tag", Selector.TAG_PREFIX, tags.keySet());
    }

    private @Nullable Selector selector(
            Scalar text, String one, Selector.Kind kind, String many, String prefix, Set<String> known) {
        String word = text.text();
        if (word.equals("*")) {
            return Selector.ALL;
        }
        if (word.startsWith(prefix)) {
            String name = word.substring(prefix.length());
            if (!known.contains(name)) {
                problems.add(
                        text,
                        many + " '" + Printable.shorten(name) + "' is not defined; " + Problems.meant(name, known));
                return null;
            }
            return new Selector(kind, name);
        }
        if (known.contains(word)) {
            problems.add(text, "'" + Printable.shorten(word) + "' is a " + many + "; write " + prefix + word);
            return null;
        }
        if (word.indexOf(':') >= 0) {
            problems.add(
                    text,
                    "'" + Printable.shorten(word) + "' is no " + one + "; write a name, " + prefix + "NAME or \"*\"");
            return null;
        }
        return holder(one, text) ? new Selector(Selector.Kind.NAME, word) : null;
    }

    /** Where a rule leads: a host of the file's, or addresses or names written out. */
    List<Rule.NamedTarget> targets(Scalar text) {
        List<Target> named = hosts.get(text.text());
        if (named != null) {
            return named.stream().map(t -> new Rule.NamedTarget(text.text(), t)).toList();
        }
        try {
            Target target = Target.parse(text.text());
            // One label is far more often a misspelt host of the file's than a name that the agent shall look up.
            if (target instanceof HostPattern host
                    && !host.isWildcard()
                    && host.name().indexOf('.') < 0) {
                problems.add(
                        text,
                        "host '" + Printable.shorten(text.text()) + "' is not defined; "
                                + Problems.meant(text.text(), hosts.keySet())
                                + " A name without a dot stands under 'hosts:'");
                return List.of();
            }
            return List.of(new Rule.NamedTarget(null, target));
        } catch (IllegalArgumentException e) {
            problems.add(text, e);
            return List.of();
        }
    }

    /** {@code 443}, {@code 80,443/tcp}, {@code 53/udp}, {@code tcp}, {@code icmp}, {@code *}, or a service. */
    PortRules ports(Scalar text, boolean withServices) {
        String word = text.text();
        PortRules service = services.get(word);
        if (withServices && service != null) {
            return service;
        }
        if (word.equals("*")) {
            return PortRules.ALL;
        }
        int slash = word.indexOf('/');
        String list = slash < 0 ? word : word.substring(0, slash);
        String over = slash < 0 ? "tcp,udp" : word.substring(slash + 1);
        if (TRANSPORTS.contains(word)) {
            list = "*";
            over = word;
        }
        try {
            boolean number = !list.isEmpty() && (list.charAt(0) == '*' || Character.isDigit(list.charAt(0)));
            if (!number) {
                Set<String> known = new LinkedHashSet<>(TRANSPORTS);
                known.addAll(services.keySet());
                problems.add(
                        text,
                        (withServices ? "service '" : "port '") + Printable.shorten(word) + "' is not known; "
                                + (withServices
                                        ? Problems.meant(word, known)
                                                + " Ports are written like 443, 80,443/tcp or 8000-8100/udp"
                                        : "write ports like 443, 80,443/tcp or 8000-8100/udp, or icmp"));
                return PortRules.NONE;
            }
            PortRanges ports = PortRanges.parse(list);
            boolean tcp = false;
            boolean udp = false;
            boolean icmp = false;
            for (String name : over.split(",", -1)) {
                switch (dev.culvert.address.Transport.parse(name)) {
                    case TCP -> tcp = true;
                    case UDP -> udp = true;
                    case ICMP -> icmp = true;
                }
            }
            return new PortRules(tcp ? ports : PortRanges.NONE, udp ? ports : PortRanges.NONE, icmp);
        } catch (IllegalArgumentException e) {
            problems.add(text, e);
            return PortRules.NONE;
        }
    }
}
