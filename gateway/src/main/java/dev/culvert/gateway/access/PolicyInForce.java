package dev.culvert.gateway.access;

import dev.culvert.address.SensitiveAddresses;
import dev.culvert.policy.PolicySnapshot;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * What all clients are judged by now: the policy, and the addresses that need an explicit grant, the gateway's own among
 * them. From any thread.
 */
public final class PolicyInForce {
    /** Who judges by it. */
    public interface Listener {
        /** It is another now: what is open is to be judged again. From any thread. */
        void policyChanged();
    }

    private final Set<Listener> listeners = ConcurrentHashMap.newKeySet();
    private volatile SensitiveAddresses sensitive;
    private volatile @Nullable PolicySnapshot policy;

    public PolicyInForce(SensitiveAddresses sensitive) {
        this.sensitive = sensitive;
    }

    /** To be called before it is read: whoever changes it from then on says so to {@code listener}. */
    public void add(Listener listener) {
        listeners.add(listener);
    }

    public void remove(Listener listener) {
        listeners.remove(listener);
    }

    /** Addresses that need an explicit grant. */
    public SensitiveAddresses sensitive() {
        return sensitive;
    }

    /** Others need an explicit grant: all that is open is judged again. */
    public void sensitive(SensitiveAddresses now) {
        sensitive = now;
        listeners.forEach(Listener::policyChanged);
    }

    /** The policy; null when there is no policy file. */
    public @Nullable PolicySnapshot policy() {
        return policy;
    }

    /** Puts a policy in force: what is opened from now on is judged by it, and what is open is judged again. */
    public void policy(PolicySnapshot next) {
        policy = next;
        listeners.forEach(Listener::policyChanged);
    }
}
