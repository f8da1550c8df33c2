package dev.culvert.token;

import dev.culvert.token.state.Revocations;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What every token says, whatever its kind: whose it is, at which gateways it counts, where they are found, and when.
 *
 * @param id the token's identifier ({@code jti}), unique among all tokens of a key; what a revocation names
 * @param name the holder's name; see {@link HolderName}
 * @param audience the gateways that accept it, each by a URL that it calls itself, in canonical form
 *     ({@link GatewayUrls#canonical}); RFC 7519 section 4.1.3
 * @param gateways where the holder connects, an agent to all, a client to one: {@code wss://host[:port][/path]} or, for laboratories,
 *     {@code ws://}. Often the audience, but a gateway may be reached under addresses that it does not know
 * @param pin SHA-256 of the SubjectPublicKeyInfo of the certificate authority that signs the gateways' certificates, in
 *     base64url without padding; null means certificates of the public web PKI
 * @param issuedAt when it was made
 * @param notBefore from when on it is in force
 * @param expires from when on it is no longer in force
 * @param keyId the key that signed it; empty as long as it is unsigned
 * @param binding what the holder has to show beside the token's text
 */
public record TokenTerms(
        String id,
        String name,
        List<URI> audience,
        List<URI> gateways,
        @Nullable String pin,
        Instant issuedAt,
        Instant notBefore,
        Instant expires,
        String keyId,
        TokenBinding binding) {
    /** So long before its end a token is spoken of at most: time to ask whoever makes tokens. */
    private static final Duration NOTICE = Duration.ofDays(14);

    /** One part in so many of its life at most: one that is made for a day is not at its end from the start. */
    private static final int NOTICE_PART = 10;

    /**
     * Checks all parts, cuts instants to seconds, and brings the audience into canonical form.
     *
     * @throws IllegalArgumentException naming the part that is wrong
     */
    public TokenTerms {
        TokenFields.id(id);
        HolderName.require("holder", name);
        audience = GatewayUrls.canonical(GatewayUrls.require("audience", audience));
        gateways = GatewayUrls.require("gateways", gateways);
        TokenFields.pin(pin);
        issuedAt = TokenFields.seconds("issue time", issuedAt);
        notBefore = TokenFields.seconds("begin", notBefore);
        expires = TokenFields.seconds("expiry", expires);
        TokenFields.lifetime(notBefore, expires);
    }

    /**
     * Terms of an unsigned bearer token with a new id, made now and in force at once, whose audience are the gateways themselves.
     *
     * @param now the present
     * @param expires when it ends
     */
    public static TokenTerms of(String name, List<URI> gateways, @Nullable String pin, Instant now, Instant expires) {
        return new TokenTerms(Token.newId(), name, gateways, gateways, pin, now, now, expires, "", TokenBinding.BEARER);
    }

    /** Whether it is time to think of the end: less than a tenth of its life is left, and less than two weeks. False once it is over. */
    public boolean endsSoon(Instant now) {
        Duration part = Duration.between(notBefore, expires).dividedBy(NOTICE_PART);
        Duration left = Duration.between(now, expires);
        return !left.isNegative() && left.compareTo(part) < 0 && left.compareTo(NOTICE) < 0;
    }

    /** The same for other gateways. */
    public TokenTerms withAudience(List<URI> newAudience) {
        return new TokenTerms(id, name, newAudience, gateways, pin, issuedAt, notBefore, expires, keyId, binding);
    }

    /** The same as issued at another time, which may lie a little ahead; see {@link Revocations#firstIssue}. */
    public TokenTerms withIssuedAt(Instant newIssuedAt) {
        return new TokenTerms(id, name, audience, gateways, pin, newIssuedAt, notBefore, expires, keyId, binding);
    }

    /** The same as signed by another key. */
    public TokenTerms withKeyId(String newKeyId) {
        return new TokenTerms(id, name, audience, gateways, pin, issuedAt, notBefore, expires, newKeyId, binding);
    }

    /** The same tied to the holder in another way. */
    public TokenTerms withBinding(TokenBinding newBinding) {
        return new TokenTerms(id, name, audience, gateways, pin, issuedAt, notBefore, expires, keyId, newBinding);
    }

    /** The same as made anew: with a new id, in force from now on. */
    public TokenTerms renewed(Instant now, Instant newExpires) {
        return new TokenTerms(Token.newId(), name, audience, gateways, pin, now, now, newExpires, "", binding);
    }

    /** The same for gateways that are found there. */
    public TokenTerms withGateways(List<URI> newAudience, List<URI> newGateways) {
        return new TokenTerms(id, name, newAudience, newGateways, pin, issuedAt, notBefore, expires, keyId, binding);
    }
}
