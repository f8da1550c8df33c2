package dev.culvert.token.sign;

import dev.culvert.token.Token;
import dev.culvert.token.TokenException;

/**
 * Reads tokens <em>without verifying</em> the signature or the time.
 *
 * <p>For holders only: an agent or client learns from its own token where its gateway is and what it may reach, and has no
 * key to verify with. Nothing may be permitted on the strength of what this returns; gateways use {@link TokenVerifier}.
 */
public final class TokenReader {
    private TokenReader() {}

    /**
     * Reads a token of either kind.
     *
     * @throws TokenException if it is not well formed, by the same rules as in {@link TokenVerifier}
     */
    public static Token read(String jwt) throws TokenException {
        return TokenCodec.decode(TokenCodec.split(jwt));
    }

    /**
     * Reads a token of one kind.
     *
     * @throws TokenException if it is not well formed, or of the other kind
     */
    public static Token read(String jwt, Token.Kind kind) throws TokenException {
        TokenCodec.Parts parts = TokenCodec.split(jwt);
        TokenVerifier.requireKind(parts, kind);
        return TokenCodec.decode(parts);
    }

    /**
     * Reads what a token says, without header and signature.
     *
     * @throws TokenException if it is not well formed, by the same rules
     */
    public static Token ofClaims(Token.Kind kind, String keyId, String claims) throws TokenException {
        return TokenCodec.decode(new TokenCodec.Parts(kind, keyId, claims, ""));
    }
}
