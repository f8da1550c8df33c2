package dev.culvert.token.sign;

import dev.culvert.token.Token;
import org.jose4j.jws.JsonWebSignature;
import org.jose4j.lang.JoseException;

/** Turns tokens into their signed form. Safe for use by many threads. */
public final class TokenSigner {
    private final SigningKey key;

    /** Signs with this key. */
    public TokenSigner(SigningKey key) {
        this.key = key;
    }

    /** The id of the key, which every token signed here carries. */
    public String keyId() {
        return key.keyId();
    }

    /** The token as it will be once it is signed: with this signer's {@link Token#keyId}. */
    public Token named(Token token) {
        return token.withTerms(token.terms().withKeyId(key.keyId()));
    }

    /**
     * Signs a token. Its {@link Token#keyId} is replaced by this signer's.
     *
     * @return a JWT in compact form (RFC 7515 section 7.1), at most 16384 characters
     * @throws IllegalArgumentException if the token is too large
     */
    public String sign(Token token) {
        JsonWebSignature jws = new JsonWebSignature();
        jws.setAlgorithmHeaderValue(TokenCodec.ALGORITHM);
        jws.setHeader("typ", token.kind().type());
        jws.setKeyIdHeaderValue(key.keyId());
        jws.setPayload(TokenCodec.encode(token));
        jws.setKey(key.privateKey());
        String jwt;
        try {
            jwt = jws.getCompactSerialization();
        } catch (JoseException e) {
            throw new IllegalStateException("cannot sign token with key " + key.keyId() + ": " + e.getMessage(), e);
        }
        if (jwt.length() > TokenCodec.MAX_LENGTH) {
            throw new IllegalArgumentException("token has " + jwt.length() + " characters, at most "
                    + TokenCodec.MAX_LENGTH + " are allowed: use fewer or wider grants, or several tokens");
        }
        return jwt;
    }
}
