package dev.culvert.gateway.access;

import dev.culvert.address.Transport;
import dev.culvert.policy.ClientPolicy;
import dev.culvert.policy.PolicySnapshot;
import dev.culvert.policy.Reach;
import dev.culvert.policy.Verdict;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.HeldFlow;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Whether a flow may still be that an agent holds, and whose client is not here: by the policy in force, and by what has become of
 * its token. What the token grants was judged when the flow was opened, and does not change. From any thread.
 */
public final class HeldRights {
    private record Asked(PolicySnapshot of, String name, ClientPolicy policy) {}

    private final PolicyInForce policy;
    private volatile @Nullable Asked asked;
    private final Predicate<TokenMark> ended;

    /** @param ended whether a token was revoked, or its key retired, as known now */
    public HeldRights(PolicyInForce policy, Predicate<TokenMark> ended) {
        this.policy = policy;
        this.ended = ended;
    }

    /** @param agent who holds it */
    public boolean allow(String agent, HeldFlow flow) {
        TokenMark token = TokenMark.parse(flow.holder());
        if (token == null) {
            return true; // for all that is known here
        }
        if (ended.test(token)) {
            return false;
        }
        PolicySnapshot now = policy.policy();
        return now == null || allows(client(now, token.name()).through(agent), flow);
    }

    /** Compiled for the first of a client's flows: questions about them come one after another. */
    private ClientPolicy client(PolicySnapshot now, String name) {
        Asked last = asked;
        if (last == null || last.of() != now || !last.name().equals(name)) {
            last = new Asked(now, name, now.client(name));
            asked = last;
        }
        return last.policy();
    }

    /** A name is open by itself or by the address that it was resolved to, unless one of the two is denied. */
    private static boolean allows(Reach reach, HeldFlow flow) {
        Destination d = flow.destination();
        Transport transport = ClientRights.transport(d);
        Verdict byAddress = reach.judge(transport, flow.address(), d.port());
        if (d.address() != null) {
            return byAddress.allowed();
        }
        Verdict byName = reach.judgeName(transport, String.valueOf(d.name()), d.port());
        return (byName.allowed() || byAddress.allowed()) && !denies(byName) && !denies(byAddress);
    }

    private static boolean denies(Verdict verdict) {
        return !verdict.allowed() && verdict.rule() != null;
    }
}
