package dev.culvert.token.sign;

import dev.culvert.token.GatewayUrls;
import java.net.URI;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * By what a gateway judges tokens: the keys that it trusts, and the names that it goes by. Immutable.
 *
 * @param keys by key id, in the order of the file: the first is the newest
 * @param audience its own URLs in canonical form; with none, no token is for it
 */
public record Trust(Map<String, VerificationKey> keys, Set<URI> audience) {
    /** Takes copies; key ids must be the keys' own. */
    public Trust {
        keys = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(keys));
        audience = Set.copyOf(audience);
    }

    /** Trust in these keys, for a gateway of these URLs. */
    public static Trust of(Collection<VerificationKey> keys, Collection<URI> urls) {
        Map<String, VerificationKey> byId = new LinkedHashMap<>();
        keys.forEach(key -> byId.putIfAbsent(key.keyId(), key));
        return new Trust(byId, new HashSet<>(GatewayUrls.canonical(urls)));
    }

    /** The key of that id; null if it is not trusted, or no longer. */
    public @Nullable VerificationKey key(String keyId) {
        return keys.get(keyId);
    }

    /** True if a token of this audience is meant for this gateway, among others perhaps. */
    public boolean isAddressed(Collection<URI> tokenAudience) {
        return tokenAudience.stream().anyMatch(audience::contains);
    }
}
