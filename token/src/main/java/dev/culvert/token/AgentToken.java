package dev.culvert.token;

import java.net.URI;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What an agent shows to the gateway: its name, and the prefixes that it may serve.
 *
 * @param id see {@link Token#id}
 * @param name the agent's name
 * @param gateway where the agent connects
 * @param pin the certificate authority's pin, or null for the public web PKI
 * @param issuedAt when it was made
 * @param notBefore from when on it is in force
 * @param expires from when on it is not
 * @param keyId the key that signed it, or empty
 * @param binding how it is tied to its holder
 * @param routes the prefixes that the agent may serve
 */
public record AgentToken(
        String id,
        String name,
        URI gateway,
        @Nullable String pin,
        Instant issuedAt,
        Instant notBefore,
        Instant expires,
        String keyId,
        TokenBinding binding,
        List<IpPrefix> routes)
        implements Token {

    /**
     * Checks all parts and cuts instants to seconds.
     *
     * @throws IllegalArgumentException naming the part that is wrong
     */
    public AgentToken {
        TokenFields.id(id);
        HolderName.require("agent", name);
        TokenFields.gateway(gateway);
        TokenFields.pin(pin);
        issuedAt = TokenFields.seconds("issue time", issuedAt);
        notBefore = TokenFields.seconds("begin", notBefore);
        expires = TokenFields.seconds("expiry", expires);
        TokenFields.lifetime(notBefore, expires);
        routes = List.copyOf(routes);
        TokenFields.count("routes", routes.size());
    }

    /**
     * An unsigned bearer token with a new id, made now and in force at once.
     *
     * @param now the present
     * @param expires when it ends
     */
    public static AgentToken of(
            String name, URI gateway, @Nullable String pin, Instant now, Instant expires, List<IpPrefix> routes) {
        return new AgentToken(Token.newId(), name, gateway, pin, now, now, expires, "", TokenBinding.BEARER, routes);
    }

    /** The same token as signed by another key. */
    AgentToken withKeyId(String newKeyId) {
        return new AgentToken(id, name, gateway, pin, issuedAt, notBefore, expires, newKeyId, binding, routes);
    }

    @Override
    public AgentToken withBinding(TokenBinding newBinding) {
        return new AgentToken(id, name, gateway, pin, issuedAt, notBefore, expires, keyId, newBinding, routes);
    }

    @Override
    public Kind kind() {
        return Kind.AGENT;
    }
}
