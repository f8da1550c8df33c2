package dev.culvert.token;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.Signature;
import java.util.Base64;

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
        String header = TokenCodec.header(token.kind(), key.keyId());
        String input = encode(header.getBytes(StandardCharsets.UTF_8))
                + '.'
                + encode(TokenCodec.encode(token).getBytes(StandardCharsets.UTF_8));
        byte[] signed;
        try {
            Signature signature = Signature.getInstance("Ed25519");
            signature.initSign(key.privateKey());
            signature.update(input.getBytes(StandardCharsets.US_ASCII));
            signed = signature.sign();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("cannot sign token with key " + key.keyId() + ": " + e.getMessage(), e);
        }
        String jwt = input + '.' + encode(signed);
        if (jwt.length() > TokenCodec.MAX_LENGTH) {
            throw new IllegalArgumentException("token has " + jwt.length() + " characters, at most "
                    + TokenCodec.MAX_LENGTH + " are allowed: use fewer or wider grants, or several tokens");
        }
        return jwt;
    }

    private static String encode(byte[] bytes) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }
}
