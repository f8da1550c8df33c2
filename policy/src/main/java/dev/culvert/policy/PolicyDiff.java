package dev.culvert.policy;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What two policies say differently, statement by statement, with groups, tags and named hosts put in: moving lines,
 * renaming a group or joining two grants is no difference.
 *
 * @param removed what only the old one says
 * @param added what only the new one says
 */
public record PolicyDiff(List<String> removed, List<String> added) {
    /** Freezes the lists. */
    public PolicyDiff {
        removed = List.copyOf(removed);
        added = List.copyOf(added);
    }

    /** Compares. */
    public static PolicyDiff of(Policy before, Policy after) {
        Set<String> old = statements(before);
        Set<String> now = statements(after);
        Set<String> removed = new TreeSet<>(old);
        removed.removeAll(now);
        Set<String> added = new TreeSet<>(now);
        added.removeAll(old);
        return new PolicyDiff(new ArrayList<>(removed), new ArrayList<>(added));
    }

    /** True if both say the same. */
    public boolean isEmpty() {
        return removed.isEmpty() && added.isEmpty();
    }

    private static Set<String> statements(Policy policy) {
        Set<String> out = new LinkedHashSet<>();
        for (List<Rule> rules : List.of(policy.denies(), policy.grants())) {
            for (Rule rule : rules) {
                String tail = rule.when().isEmpty() && rule.until() == null
                        ? ""
                        : " " + rule.hours() + (rule.until() == null ? "" : " until " + rule.until());
                for (String who : holders(policy, rule.who())) {
                    for (String agent : holders(policy, rule.agents())) {
                        for (Rule.NamedTarget to : rule.to()) {
                            for (String ports : rule.ports().toString().split(" ")) {
                                out.add(rule.effect() + " " + who + " through " + agent + " to " + to.target() + " "
                                        + ports + tail);
                            }
                        }
                    }
                }
            }
        }
        for (PublishRule rule : policy.publish()) {
            for (String agent : holders(policy, rule.agents())) {
                rule.hosts().forEach(host -> out.add("publish by " + agent + " of " + host));
                if (!rule.ports().isEmpty()) {
                    out.add("publish by " + agent + " on " + rule.ports());
                }
            }
        }
        policy.publications().forEach(p -> out.add("publication of " + p));
        policy.maps().forEach(m -> out.add("map of " + m));
        // The first entry that names a client counts, so its place is part of what it says.
        int place = 1;
        for (ClientLimits limits : policy.limits()) {
            out.add("limit " + place++ + " of " + String.join(",", holders(policy, limits.who())) + ": flows "
                    + text(limits.flows()) + ", new-flows-per-second " + text(limits.newFlowsPerSecond())
                    + ", bandwidth up " + text(limits.up()) + ", down " + text(limits.down()));
        }
        return out;
    }

    private static String text(int limit) {
        return limit == ClientLimits.UNLIMITED ? "any" : Integer.toString(limit);
    }

    private static String text(@Nullable BitRate limit) {
        return limit == null ? "any" : limit.toString();
    }

    private static Set<String> holders(Policy policy, List<Selector> selectors) {
        Set<String> out = new TreeSet<>();
        for (Selector selector : selectors) {
            switch (selector.kind()) {
                case GROUP -> out.addAll(policy.members(selector.name()));
                case TAG -> out.addAll(policy.tags().getOrDefault(selector.name(), List.of()));
                default -> out.add(selector.toString());
            }
        }
        return out;
    }
}
