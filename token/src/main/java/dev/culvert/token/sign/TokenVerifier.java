package dev.culvert.token.sign;

import dev.culvert.text.Printable;
import dev.culvert.token.AgentToken;
import dev.culvert.token.ClientToken;
import dev.culvert.token.Token;
import dev.culvert.token.TokenException;
import dev.culvert.token.TokenException.Cause;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.function.Supplier;

/**
 * Decides whether a token is genuine and in force. Safe for use by many threads.
 *
 * <p>A signature takes some ms to check at first (see {@link SignatureCheck}), so verify once per link and not on an event loop that
 * carries flows.
 *
 * <p>Order of checks: shape and header, kind, key, signature, claims, audience, time. Claims of a token with a wrong signature are
 * never looked at. Only EdDSA is accepted (RFC 8725 section 3.1): neither {@code none} nor a MAC keyed with the public key.
 * The signature goes straight to Ed25519, so the header's {@code alg} never selects code.
 */
public final class TokenVerifier {
    /** How far the clocks of the signer and of this machine may differ, in either direction. */
    public static final Duration CLOCK_SKEW = Duration.ofSeconds(60);

    private final Supplier<Trust> trust;
    private final Clock clock;

    /**
     * Accepts tokens of these keys that are meant for this gateway.
     *
     * @param trust asked for each token, so that keys may change; must not block
     * @param clock what tells the time
     */
    public TokenVerifier(Supplier<Trust> trust, Clock clock) {
        this.trust = trust;
        this.clock = clock;
    }

    /**
     * Verifies a token of either kind.
     *
     * @throws TokenException if it is refused; {@link TokenException#reason} says why
     */
    public Token verify(String jwt) throws TokenException {
        return verify(TokenCodec.split(jwt));
    }

    /**
     * Verifies a token that must be of one kind.
     *
     * @throws TokenException if it is refused; {@link TokenException#reason} says why
     */
    public Token verify(String jwt, Token.Kind kind) throws TokenException {
        TokenCodec.Parts parts = TokenCodec.split(jwt);
        requireKind(parts, kind);
        return verify(parts);
    }

    /** {@link #verify(String, Token.Kind)} for a client's token. */
    public ClientToken verifyClient(String jwt) throws TokenException {
        return (ClientToken) verify(jwt, Token.Kind.CLIENT);
    }

    /** {@link #verify(String, Token.Kind)} for an agent's token. */
    public AgentToken verifyAgent(String jwt) throws TokenException {
        return (AgentToken) verify(jwt, Token.Kind.AGENT);
    }

    static void requireKind(TokenCodec.Parts parts, Token.Kind kind) throws TokenException {
        if (parts.kind() != kind) {
            throw new TokenException(
                    Cause.WRONG_KIND,
                    "token is for " + parts.kind() + "s and cannot be used by "
                            + (kind == Token.Kind.AGENT ? "an " : "a ") + kind + ": make one with token " + kind);
        }
    }

    /**
     * Verifies only that one of our keys signed a token, whenever and for whatever gateway: for who wants to revoke it.
     *
     * @throws TokenException if none did
     */
    public Token signed(String jwt) throws TokenException {
        return signed(TokenCodec.split(jwt), trust.get());
    }

    private Token verify(TokenCodec.Parts parts) throws TokenException {
        Trust current = trust.get();
        Token token = signed(parts, current);
        if (!current.isAddressed(token.terms().audience())) {
            throw new TokenException(
                    Cause.WRONG_AUDIENCE,
                    "token of " + token.name() + " is for the gateway "
                            + some(token.terms().audience()) + ", this one is "
                            + (current.audience().isEmpty() ? "not named yet" : some(current.audience()))
                            + ": give it to its own gateway, or name this one with token init --gateway URL");
        }
        Instant now = clock.instant();
        if (!now.isBefore(token.expires().plus(CLOCK_SKEW))) {
            throw new TokenException(
                    Cause.EXPIRED,
                    "token of " + token.name() + " expired at " + token.expires() + ", it is " + now
                            + ": make a new one with token " + token.kind());
        }
        if (now.isBefore(token.notBefore().minus(CLOCK_SKEW))) {
            throw new TokenException(
                    Cause.NOT_YET_VALID,
                    "token of " + token.name() + " is valid from " + token.notBefore() + ", it is " + now
                            + ": wait, or set the clock of the machine that is wrong");
        }
        return token;
    }

    private static Token signed(TokenCodec.Parts parts, Trust current) throws TokenException {
        VerificationKey key = current.key(parts.keyId());
        if (key == null) {
            throw new TokenException(
                    Cause.UNKNOWN_KEY,
                    "token is signed by key '" + Printable.shorten(parts.keyId())
                            + "', which is not trusted here, or no longer: make a new one with the signing key of this"
                            + " gateway, or add that key to signing.pub");
        }
        if (!SignatureCheck.verify(key.key(), parts.signedBytes(), parts.signature())) {
            throw new TokenException(Cause.BAD_SIGNATURE, badSignature());
        }
        return TokenCodec.decode(parts);
    }

    private static String some(Collection<URI> urls) {
        URI first = urls.iterator().next();
        return urls.size() == 1 ? first.toString() : first + " (or " + (urls.size() - 1) + " others)";
    }

    private static String badSignature() {
        return "token has a wrong signature, it was changed or cut: give the whole text that token client or token agent"
                + " printed";
    }
}
