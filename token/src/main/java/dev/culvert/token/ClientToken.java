package dev.culvert.token;

import java.net.URI;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a client shows to the gateway: who it is, and the grants that its flows are checked against.
 *
 * @param id see {@link Token#id}
 * @param name the client's name
 * @param gateway where the client connects
 * @param pin the certificate authority's pin, or null for the public web PKI
 * @param issuedAt when it was made
 * @param notBefore from when on it is in force
 * @param expires from when on it is not
 * @param keyId the key that signed it, or empty
 * @param binding how it is tied to its holder
 * @param grants what the client may reach; everything else is denied
 */
public record ClientToken(
        String id,
        String name,
        URI gateway,
        @Nullable String pin,
        Instant issuedAt,
        Instant notBefore,
        Instant expires,
        String keyId,
        TokenBinding binding,
        List<Grant> grants)
        implements Token {

    /**
     * Checks all parts and cuts instants to seconds.
     *
     * @throws IllegalArgumentException naming the part that is wrong
     */
    public ClientToken {
        TokenFields.id(id);
        HolderName.require("client", name);
        TokenFields.gateway(gateway);
        TokenFields.pin(pin);
        issuedAt = TokenFields.seconds("issue time", issuedAt);
        notBefore = TokenFields.seconds("begin", notBefore);
        expires = TokenFields.seconds("expiry", expires);
        TokenFields.lifetime(notBefore, expires);
        grants = List.copyOf(grants);
        TokenFields.count("grants", grants.size());
    }

    /**
     * An unsigned bearer token with a new id, made now and in force at once.
     *
     * @param now the present
     * @param expires when it ends
     */
    public static ClientToken of(
            String name, URI gateway, @Nullable String pin, Instant now, Instant expires, List<Grant> grants) {
        return new ClientToken(Token.newId(), name, gateway, pin, now, now, expires, "", TokenBinding.BEARER, grants);
    }

    /** The same token as signed by another key. */
    ClientToken withKeyId(String newKeyId) {
        return new ClientToken(id, name, gateway, pin, issuedAt, notBefore, expires, newKeyId, binding, grants);
    }

    @Override
    public ClientToken withBinding(TokenBinding newBinding) {
        return new ClientToken(id, name, gateway, pin, issuedAt, notBefore, expires, keyId, newBinding, grants);
    }

    @Override
    public Kind kind() {
        return Kind.CLIENT;
    }
}
