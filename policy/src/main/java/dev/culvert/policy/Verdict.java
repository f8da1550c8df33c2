package dev.culvert.policy;

import org.jspecify.annotations.Nullable;

/**
 * What a policy says about a flow.
 *
 * @param rule the first rule of the file that decides; null when no grant matches, which denies
 */
public record Verdict(boolean allowed, @Nullable Rule rule) {
    /** No grant matches. */
    public static final Verdict NO_GRANT = new Verdict(false, null);

    /** The rule in words, for logs. */
    public String by() {
        return rule == null ? "no grant" : rule.label();
    }
}
