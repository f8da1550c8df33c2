package dev.culvert.gateway.publish;

import dev.culvert.address.SensitiveAddresses;
import dev.culvert.gateway.access.ClientRights;
import dev.culvert.gateway.access.Entitlement;
import dev.culvert.gateway.access.PolicyInForce;
import dev.culvert.token.Grant;
import dev.culvert.token.TokenGrants;
import dev.culvert.tunnel.frame.Destination;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * What the gateway's own ends may open: the targets of what is published, each as a grant. A target is named by whoever publishes it,
 * so an address that needs an explicit grant has one. From any thread.
 */
final class PublishedRights implements Entitlement {
    private final PolicyInForce policy;
    private final Set<PolicyInForce.Listener> listeners = ConcurrentHashMap.newKeySet();
    private volatile List<Grant> targets = List.of();
    private volatile @Nullable Compiled compiled;

    private record Compiled(List<Grant> of, SensitiveAddresses sensitive, TokenGrants grants) {}

    /** @param policy knows which addresses are sensitive */
    PublishedRights(PolicyInForce policy) {
        this.policy = policy;
    }

    /** From now on these, and no others: flows to what is published no more are ended. */
    void targets(List<Grant> now) {
        boolean less = !new HashSet<>(now).containsAll(targets);
        targets = List.copyOf(now);
        grants(); // compiled here, and not on a loop that moves frames
        if (less) { // what there is more is seen when it is asked for
            listeners.forEach(PolicyInForce.Listener::policyChanged);
        }
    }

    @Override
    public ClientRights rights() {
        return new ClientRights(grants(), null);
    }

    @Override
    public ClientRights now(ClientRights before) {
        return rights();
    }

    @Override
    public boolean isNewerThan(ClientRights rights) {
        return !rights.areOf(grants());
    }

    private TokenGrants grants() {
        List<Grant> of = targets;
        SensitiveAddresses sensitive = policy.sensitive();
        Compiled last = compiled;
        if (last == null || last.of() != of || last.sensitive() != sensitive) {
            last = new Compiled(of, sensitive, TokenGrants.of(of, sensitive));
            compiled = last;
        }
        return last.grants();
    }

    /** Each target has its own: who comes in thousands to one takes nothing from the others. */
    @Override
    public String countsFor(String client, String agent, Destination destination) {
        return client + ' ' + agent + ' ' + destination;
    }

    /** What was published when a session ended is not known any more. */
    @Override
    public boolean mayHaveUsed(ClientRights rights, String agent) {
        return true;
    }

    /** Agents need not ask: the gateway's end tells them itself, or its successor does. */
    @Override
    public @Nullable String mark() {
        return null;
    }

    @Override
    public void add(PolicyInForce.Listener listener) {
        listeners.add(listener);
        policy.add(listener);
    }

    @Override
    public void remove(PolicyInForce.Listener listener) {
        listeners.remove(listener);
        policy.remove(listener);
    }
}
