package dev.culvert.gateway.access;

import dev.culvert.policy.Verdict;
import dev.culvert.tunnel.frame.OpenRequest.Restriction;
import org.jspecify.annotations.Nullable;

/**
 * What becomes of one OPEN.
 *
 * @param allowed whether the flow may be opened
 * @param rule what decided, for logs: {@code token}, or a rule of the policy such as {@code grant 'web' (line 12)}
 * @param restriction which addresses the agent may dial for a name; null for any that it serves
 */
public record Judgement(
        boolean allowed, String rule, @Nullable Restriction restriction) {
    /** The token grants it, and there is no policy file. */
    static final Judgement BY_TOKEN = new Judgement(true, "token", null);

    /** No grant of the token names it. */
    static final Judgement NOT_IN_TOKEN = new Judgement(false, "no grant of the token", null);

    /** Questions for an agent's own resolver, about a domain that token and policy let this client ask about. */
    static final Judgement BY_DOMAIN = new Judgement(true, "the domain", null);

    /** A name that no rule names, while rules open addresses: which, the restriction says. */
    static final Judgement BY_ADDRESSES = new Judgement(true, "grants of addresses", null);

    /** They do not fit an OPEN. */
    static final Judgement TOO_MANY_PREFIXES = new Judgement(
            false,
            "more granted or denied prefixes than an agent can be told of; grant the name or join prefixes",
            null);

    /** Too many new questions at once; it may be asked again. */
    public static final Judgement NOT_NOW =
            new Judgement(false, "names on too many ports at once; try again in a moment", null);

    static Judgement of(Verdict verdict) {
        return new Judgement(verdict.allowed(), verdict.rule() == null ? "no grant of the policy" : verdict.by(), null);
    }

    public Judgement with(@Nullable Restriction to) {
        return to == null ? this : new Judgement(allowed, rule, to);
    }
}
