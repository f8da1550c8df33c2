package dev.culvert.policy;

import dev.culvert.address.HostPattern;
import dev.culvert.address.IpPrefix;
import dev.culvert.address.SensitiveAddresses;
import dev.culvert.address.Target;
import java.net.InetAddress;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Why a policy decides as it does, in words. Reads the rules one by one, and not what is compiled from them.
 *
 * @param allowed what the policy says
 * @param rule the rule that decides, or null when no grant matches
 * @param reasons one sentence a line: first what decides, then what came near
 */
public record Explanation(boolean allowed, @Nullable Rule rule, List<String> reasons) {
    /** Near misses that are told: the nearest say what to change, a thousand others do not. */
    private static final int MAX_NEAR = 5;

    /** Freezes the list. */
    public Explanation {
        reasons = List.copyOf(reasons);
    }

    /**
     * Explains one flow.
     *
     * @param now when it is asked for
     */
    public static Explanation of(
            Policy policy, SensitiveAddresses sensitive, String client, String agent, Flow flow, Instant now) {
        String asked = client + " to " + flow + " through " + agent;
        for (Rule rule : policy.denies()) {
            if (near(policy, sensitive, rule, client, agent, flow, now) == null) {
                return new Explanation(
                        false,
                        rule,
                        List.of("denied: " + asked, "by " + matching(policy, sensitive, rule, client, agent, flow)));
            }
        }
        List<Near> misses = new ArrayList<>();
        for (Rule rule : policy.grants()) {
            Near near = near(policy, sensitive, rule, client, agent, flow, now);
            if (near == null) {
                return new Explanation(
                        true,
                        rule,
                        List.of("allowed: " + asked, "by " + matching(policy, sensitive, rule, client, agent, flow)));
            }
            misses.add(near);
        }
        List<String> reasons = new ArrayList<>(List.of("denied: " + asked, "because no grant matches"));
        misses.stream()
                .filter(n -> n.passed() > 0)
                .sorted((a, b) -> b.passed() - a.passed())
                .limit(MAX_NEAR)
                .forEach(n -> reasons.add("near: " + n.why()));
        return new Explanation(false, null, reasons);
    }

    /** How many conditions a rule meets before the first that it does not, and that one. */
    private record Near(int passed, String why) {}

    private static @Nullable Near near(
            Policy policy,
            SensitiveAddresses sensitive,
            Rule rule,
            String client,
            String agent,
            Flow flow,
            Instant now) {
        String label = rule.label();
        if (policy.selecting(rule.who(), client) == null) {
            return new Near(0, label + " is for " + Selector.list(rule.who()) + ", not for client " + client);
        }
        if (policy.selecting(rule.agents(), agent) == null) {
            return new Near(
                    1, label + " goes through " + Selector.list(rule.agents()) + ", not through agent " + agent);
        }
        if (target(rule, sensitive, flow) == null) {
            return new Near(2, label + whyNotThere(rule, flow));
        }
        if (!rule.ports().permits(flow.transport(), flow.port())) {
            return new Near(
                    3,
                    label + " opens " + rule.ports() + ", not "
                            + (flow.port() == 0 ? flow.transport() : flow.port() + "/" + flow.transport()));
        }
        if (rule.isOver(now)) {
            return new Near(4, label + " ended at " + rule.until());
        }
        if (!rule.isInForce(now)) {
            return new Near(
                    4,
                    label + " holds only "
                            + String.join(
                                    " or ",
                                    rule.when().stream().map(Object::toString).toList()) + ", and it is " + now);
        }
        return null;
    }

    private static String whyNotThere(Rule rule, Flow flow) {
        InetAddress address = flow.address();
        boolean wide = address != null
                && rule.to().stream().anyMatch(t -> t.target() instanceof IpPrefix p && p.contains(address));
        if (wide) {
            return " holds " + flow.host()
                    + " only in a wide prefix, and such an address (loopback, link-local, multicast,"
                    + " metadata, the gateway's own) must be named itself";
        }
        if (flow.name() != null && rule.to().stream().anyMatch(t -> t.target() instanceof IpPrefix)) {
            return " opens addresses, to which the agent must find " + flow.host() + " resolved";
        }
        int shown = Math.min(rule.to().size(), 3);
        return " leads to "
                + String.join(
                        ", ",
                        rule.to().subList(0, shown).stream()
                                .map(Object::toString)
                                .toList())
                + (rule.to().size() > shown ? ", ..." : "") + ", not to " + flow.host();
    }

    private static Rule.@Nullable NamedTarget target(Rule rule, SensitiveAddresses sensitive, Flow flow) {
        for (Rule.NamedTarget to : rule.to()) {
            if (holds(rule, sensitive, to.target(), flow)) {
                return to;
            }
        }
        return null;
    }

    private static boolean holds(Rule rule, SensitiveAddresses sensitive, Target target, Flow flow) {
        InetAddress address = flow.address();
        if (address == null) {
            return target instanceof HostPattern host && host.matches(String.valueOf(flow.name()));
        }
        return target instanceof IpPrefix prefix
                && (rule.effect() == Rule.Effect.DENY ? prefix.contains(address) : sensitive.permits(prefix, address));
    }

    private static String matching(
            Policy policy, SensitiveAddresses sensitive, Rule rule, String client, String agent, Flow flow) {
        return rule.label() + ": who " + policy.selecting(rule.who(), client) + ", agents "
                + policy.selecting(rule.agents(), agent) + ", to " + target(rule, sensitive, flow) + ", ports "
                + rule.ports()
                + (rule.when().isEmpty() ? "" : ", when " + rule.hours())
                + (rule.until() == null ? "" : ", until " + rule.until());
    }
}
