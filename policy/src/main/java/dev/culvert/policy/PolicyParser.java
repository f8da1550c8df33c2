package dev.culvert.policy;

import dev.culvert.address.HostPattern;
import dev.culvert.address.IpLiteral;
import dev.culvert.address.IpPrefix;
import dev.culvert.address.Target;
import dev.culvert.policy.YamlNode.Scalar;
import dev.culvert.policy.YamlNode.Sequence;
import dev.culvert.text.Printable;
import dev.culvert.token.PortRules;
import java.net.InetAddress;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Reads a policy file and checks it. Unknown keys, words that are not defined and empty lists are errors: a policy that
 * means something else than it seems to is worse than none. All errors are told at once. The language is described in
 * {@code docs/policy.md}.
 */
public final class PolicyParser {
    private static final List<String> SECTIONS = List.of(
            "grants",
            "deny",
            "groups",
            "tags",
            "hosts",
            "services",
            "publish",
            "publications",
            "maps",
            "limits",
            "tests");

    private static final List<String> RULE = List.of("who", "agents", "to", "ports", "name", "when", "until");
    private static final List<String> PUBLISH = List.of("agents", "hosts", "ports");
    private static final List<String> LIMITS = List.of("who", "flows", "new-flows-per-second", "bandwidth");
    private static final List<String> BANDWIDTH = List.of("up", "down");
    private static final List<String> TEST =
            List.of("client", "agent", "at", "allow", "deny", "may-publish", "may-not-publish");

    /** The longest a rule's name is shown. */
    private static final int MAX_NAME = 100;

    private final Problems problems = new Problems();
    private final Definitions definitions = new Definitions(problems);
    private final TimeParser times = new TimeParser(problems);
    private final Map<String, Integer> ruleNames = new HashMap<>();

    private PolicyParser() {}

    /**
     * Reads the text of a file. Its tests are not run; see {@link PolicyTests}.
     *
     * @throws PolicyException with all that is wrong, by line and column
     */
    public static Policy parse(String text) throws PolicyException {
        return new PolicyParser().read(YamlReader.read(text));
    }

    private Policy read(YamlNode root) throws PolicyException {
        Fields sections = new Fields(problems, root, "a policy", SECTIONS);
        section(sections, "groups", definitions::readGroups);
        section(sections, "tags", definitions::readTags);
        section(sections, "hosts", definitions::readHosts);
        section(sections, "services", definitions::readServices);
        if (sections.get("grants") == null) {
            problems.add(root, "a policy lacks 'grants:'; a policy that denies everything says 'grants: []'");
        }
        List<Rule> denies = new ArrayList<>();
        for (YamlNode item : items(sections, "deny")) {
            denies.add(rule(item, Rule.Effect.DENY, denies.size()));
        }
        List<Rule> grants = new ArrayList<>();
        for (YamlNode item : items(sections, "grants")) {
            grants.add(rule(item, Rule.Effect.GRANT, grants.size()));
        }
        List<PublishRule> publish =
                items(sections, "publish").stream().map(this::publish).toList();
        List<PolicyPublication> publications =
                new PublicationReader(problems).ofPolicy(items(sections, "publications"));
        List<PolicyMap> maps = new MapReader(problems).read(items(sections, "maps"));
        List<ClientLimits> limits =
                items(sections, "limits").stream().map(this::limits).toList();
        List<PolicyTest> tests =
                items(sections, "tests").stream().map(this::test).toList();
        problems.throwIfAny();
        return new Policy(
                definitions.groups,
                definitions.tags,
                definitions.hosts,
                denies,
                grants,
                publish,
                publications,
                maps,
                limits,
                tests);
    }

    private static void section(Fields sections, String name, java.util.function.Consumer<YamlNode> reader) {
        YamlNode node = sections.get(name);
        if (node != null) {
            reader.accept(node);
        }
    }

    private List<YamlNode> items(Fields sections, String name) {
        YamlNode node = sections.get(name);
        if (node instanceof Sequence list) {
            return list.items();
        }
        if (node != null) {
            problems.add(node, "'" + name + "' is " + node.kind() + "; write a list, each entry beginning with '- '");
        }
        return List.of();
    }

    private Rule rule(YamlNode node, Rule.Effect effect, int index) {
        String what = effect == Rule.Effect.GRANT ? "a grant" : "a deny";
        Fields fields = new Fields(problems, node, what, RULE);
        boolean deny = effect == Rule.Effect.DENY;
        List<Selector> who = deny && fields.get("who") == null
                ? List.of(Selector.ALL)
                : all(fields.required("who", "name clients, group:NAME, or \"*\" for all"), definitions::client);
        List<Selector> agents = deny && fields.get("agents") == null
                ? List.of(Selector.ALL)
                : all(fields.required("agents", "name agents, tag:NAME, or \"*\" for all"), definitions::agent);
        List<Rule.NamedTarget> to = new ArrayList<>();
        for (Scalar text :
                fields.required("to", "name hosts, or write prefixes like 192.168.77.0/24 or \"*.corp.example\"")) {
            to.addAll(definitions.targets(text));
        }
        return new Rule(
                effect,
                index,
                name(fields.text("name")),
                node.line(),
                who,
                agents,
                List.copyOf(new LinkedHashSet<>(to)),
                ports(fields),
                times.windows(fields.get("when")),
                times.instant(fields.text("until")));
    }

    private String name(@Nullable Scalar text) {
        if (text == null) {
            return "";
        }
        String name = text.text();
        if (name.length() > MAX_NAME || !Printable.escape(name).equals(name) || name.indexOf('\'') >= 0) {
            problems.add(
                    text,
                    "name '" + Printable.shorten(name) + "' does not fit into a log line; use up to " + MAX_NAME
                            + " printable characters without '");
        }
        Integer before = ruleNames.putIfAbsent(name, text.line());
        if (before != null) {
            problems.add(
                    text,
                    "name '" + Printable.shorten(name) + "' stands on line " + before
                            + " already; logs could not tell the two apart");
        }
        return name;
    }

    private PortRules ports(Fields fields) {
        if (fields.get("ports") == null) {
            return PortRules.ALL;
        }
        PortRules ports = PortRules.NONE;
        for (Scalar text : fields.required("ports", "leave 'ports' out for all of them")) {
            ports = ports.union(definitions.ports(text, true));
        }
        return ports;
    }

    private static <T> List<T> all(List<Scalar> texts, Function<Scalar, @Nullable T> reader) {
        Set<T> out = new LinkedHashSet<>();
        for (Scalar text : texts) {
            T value = reader.apply(text);
            if (value != null) {
                out.add(value);
            }
        }
        return List.copyOf(out);
    }

    private PublishRule publish(YamlNode node) {
        Fields fields = new Fields(problems, node, "a publish right", PUBLISH);
        List<Selector> agents =
                all(fields.required("agents", "name agents, tag:NAME, or \"*\" for all"), definitions::agent);
        if (node instanceof YamlNode.Mapping && fields.get("hosts") == null && fields.get("ports") == null) {
            problems.add(node, "a publish right lacks 'hosts' and 'ports'; name what may be published");
        }
        PortRules ports = fields.get("ports") == null ? PortRules.NONE : ports(fields);
        if (ports.icmp()) {
            problems.add(node, "a publish right cannot hold icmp; write ports with /tcp or /udp");
        }
        return new PublishRule(node.line(), agents, all(fields.texts("hosts"), this::publicName), ports);
    }

    private @Nullable HostPattern publicName(Scalar text) {
        try {
            return HostPattern.parse(text.text());
        } catch (IllegalArgumentException e) {
            problems.add(
                    text,
                    "public name '" + Printable.shorten(text.text())
                            + "' is not a host name; write wiki.example.com or \"*.apps.example.com\"");
            return null;
        }
    }

    private ClientLimits limits(YamlNode node) {
        Fields fields = new Fields(problems, node, "a limit", LIMITS);
        List<Selector> who =
                all(fields.required("who", "name clients, group:NAME, or \"*\" for all"), definitions::client);
        int flows = number(fields.text("flows"));
        int rate = number(fields.text("new-flows-per-second"));
        YamlNode bandwidth = fields.get("bandwidth");
        BitRate up;
        BitRate down;
        if (bandwidth instanceof YamlNode.Mapping) {
            Fields each = new Fields(problems, bandwidth, "a bandwidth", BANDWIDTH);
            up = bitRate(each.text("up"));
            down = bitRate(each.text("down"));
            if (each.get("up") == null && each.get("down") == null) {
                problems.add(bandwidth, "a bandwidth limits nothing; add 'up' or 'down', each like 20 Mbit/s");
            }
        } else {
            up = down = bitRate(fields.text("bandwidth"));
        }
        if (node instanceof YamlNode.Mapping
                && fields.get("flows") == null
                && fields.get("new-flows-per-second") == null
                && bandwidth == null) {
            problems.add(node, "a limit limits nothing; add 'flows', 'new-flows-per-second' or 'bandwidth'");
        }
        return new ClientLimits(who, flows, rate, up, down);
    }

    private @Nullable BitRate bitRate(@Nullable Scalar text) {
        if (text != null) {
            try {
                return BitRate.parse(text.text());
            } catch (IllegalArgumentException e) {
                problems.add(text, e);
            }
        }
        return null;
    }

    private int number(@Nullable Scalar text) {
        if (text == null) {
            return ClientLimits.UNLIMITED;
        }
        String t = text.text();
        if (!t.isEmpty() && t.length() <= 9 && t.chars().allMatch(c -> c >= '0' && c <= '9')) {
            int value = Integer.parseInt(t);
            if (value > 0) {
                return value;
            }
        }
        problems.add(text, "'" + Printable.shorten(t) + "' is no limit; write a number from 1 to 999999999");
        return ClientLimits.UNLIMITED;
    }

    private PolicyTest test(YamlNode node) {
        Fields fields = new Fields(problems, node, "a test", TEST);
        Scalar client = fields.text("client");
        Scalar agent = fields.text("agent");
        Instant at = times.instant(fields.text("at"));
        List<Flow> allow = flows(fields.texts("allow"));
        List<Flow> deny = flows(fields.texts("deny"));
        List<HostPattern> may = all(fields.texts("may-publish"), this::publicName);
        List<HostPattern> mayNot = all(fields.texts("may-not-publish"), this::publicName);
        if (node instanceof YamlNode.Mapping) {
            if (agent == null) {
                problems.add(node, "a test lacks 'agent'; name the agent through which it asks");
            } else if (!isOne(definitions.agent(agent))) {
                problems.add(agent, "a test asks through one agent; name it");
            }
            if (client != null && !isOne(definitions.client(client))) {
                problems.add(client, "a test asks as one client; name it");
            }
            if (client == null && (fields.get("allow") != null || fields.get("deny") != null)) {
                problems.add(node, "a test lacks 'client'; name the one that asks");
            }
            if (allow.isEmpty() && deny.isEmpty() && may.isEmpty() && mayNot.isEmpty()) {
                problems.add(node, "a test expects nothing; add 'allow', 'deny', 'may-publish' or 'may-not-publish'");
            }
        }
        return new PolicyTest(
                node.line(),
                client == null ? "" : client.text(),
                agent == null ? "" : agent.text(),
                at,
                allow,
                deny,
                may,
                mayNot);
    }

    /** Whether it is one holder, or has been found to be none already. */
    private static boolean isOne(@Nullable Selector selector) {
        return selector == null || selector.kind() == Selector.Kind.NAME;
    }

    /** Destinations; a host of the file's stands for the first address of each of its targets. */
    private List<Flow> flows(List<Scalar> texts) {
        List<Flow> out = new ArrayList<>();
        for (Scalar text : texts) {
            try {
                Flow.Parts parts = Flow.parts(text.text());
                List<Target> named = definitions.hosts.get(parts.host());
                if (named != null) {
                    for (Target target : named) {
                        if (target instanceof IpPrefix prefix) {
                            out.add(parts.to(prefix.network()));
                        } else {
                            HostPattern host = (HostPattern) target;
                            out.add(parts.toName(host.isWildcard() ? "any." + host.name() : host.name()));
                        }
                    }
                    continue;
                }
                InetAddress address = IpLiteral.parse(parts.host());
                if (address == null && parts.host().indexOf('.') < 0) {
                    problems.add(
                            text,
                            "host '" + Printable.shorten(parts.host()) + "' is not defined; "
                                    + Problems.meant(parts.host(), definitions.hosts.keySet()));
                    continue;
                }
                out.add(Flow.parse(text.text()));
            } catch (IllegalArgumentException e) {
                problems.add(text, e);
            }
        }
        return out;
    }
}
