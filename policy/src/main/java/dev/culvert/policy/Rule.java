package dev.culvert.policy;

import dev.culvert.address.Target;
import dev.culvert.token.PortRules;
import java.time.Instant;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * One grant or one deny of a policy: who, through which agents, to which destinations, and when.
 *
 * @param index its place among the rules of its effect, from 0: of several that match, the first decides
 * @param name what its author calls it; empty for none
 * @param line where it begins in the file
 * @param who clients
 * @param when windows of which one must be open; empty for always
 * @param until from when on it is no longer in force, or null
 */
public record Rule(
        Effect effect,
        int index,
        String name,
        int line,
        List<Selector> who,
        List<Selector> agents,
        List<NamedTarget> to,
        PortRules ports,
        List<TimeWindow> when,
        @Nullable Instant until) {
    /** What a rule does to the flows that it matches. */
    public enum Effect {
        GRANT("grant"),
        DENY("deny");

        private final String text;

        Effect(String text) {
            this.text = text;
        }

        @Override
        public String toString() {
            return text;
        }
    }

    /**
     * A destination.
     *
     * @param host its name in the file's {@code hosts}, or null when it is written out
     */
    public record NamedTarget(@Nullable String host, Target target) {
        @Override
        public String toString() {
            return host == null ? target.toString() : host + " (" + target + ")";
        }
    }

    /** The windows in words, several apart by {@code or}; empty for always. */
    String hours() {
        return when.stream().map(TimeWindow::toString).collect(Collectors.joining(" or "));
    }

    /** Whether its time conditions hold at this moment. */
    public boolean isInForce(Instant now) {
        return !isOver(now) && (when.isEmpty() || when.stream().anyMatch(w -> w.contains(now)));
    }

    /** Whether its {@code until} has passed. */
    public boolean isOver(Instant now) {
        return until != null && !now.isBefore(until);
    }

    /** The first moment after this one at which {@link #isInForce} may change, or null. */
    public @Nullable Instant nextChange(Instant now) {
        if (isOver(now)) {
            return null;
        }
        Instant next = until;
        for (TimeWindow window : when) {
            Instant change = window.nextChange(now);
            if (change != null && (next == null || change.isBefore(next))) {
                next = change;
            }
        }
        return next;
    }

    /** How messages and the audit log call it: {@code grant 'staff-web' (line 12)}. */
    public String label() {
        return name.isEmpty() ? effect + " on line " + line : effect + " '" + name + "' (line " + line + ")";
    }
}
