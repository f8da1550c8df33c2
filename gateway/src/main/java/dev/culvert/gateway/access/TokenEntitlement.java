package dev.culvert.gateway.access;

import dev.culvert.policy.PolicySnapshot;
import dev.culvert.token.ClientToken;
import dev.culvert.token.TokenGrants;
import org.jspecify.annotations.Nullable;

/** What a client's token grants, as far as the policy in force allows it. */
public final class TokenEntitlement implements Entitlement {
    private final ClientToken token;
    private final PolicyInForce policy;
    private final ClientRights rights;

    /** The token is compiled here, and not on the loop that moves frames. */
    public TokenEntitlement(ClientToken token, PolicyInForce policy) {
        this.token = token;
        this.policy = policy;
        this.rights = new ClientRights(TokenGrants.of(token, policy.sensitive()), null);
    }

    @Override
    public ClientRights rights() {
        return rights;
    }

    @Override
    public ClientRights now(ClientRights before) {
        PolicySnapshot now = policy.policy();
        return before.under(token, policy.sensitive(), now == null ? null : now.client(token.name()));
    }

    @Override
    public @Nullable String mark() {
        return TokenMark.of(token).text();
    }

    @Override
    public void add(PolicyInForce.Listener listener) {
        policy.add(listener);
    }

    @Override
    public void remove(PolicyInForce.Listener listener) {
        policy.remove(listener);
    }
}
