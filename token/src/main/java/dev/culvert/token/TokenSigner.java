package dev.culvert.token;

import org.jose4j.jws.AlgorithmIdentifiers;
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

    /**
     * Signs a token. Its {@link Token#keyId} is replaced by this signer's.
     *
     * @return a JWT in compact form, at most 16384 characters
     * @throws IllegalArgumentException if the token is too large
     */
    public String sign(Token token) {
        JsonWebSignature jws = new JsonWebSignature();
        jws.setAlgorithmHeaderValue(AlgorithmIdentifiers.EDDSA);
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
