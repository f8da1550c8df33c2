package dev.culvert.token.sign;

import dev.culvert.text.Printable;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.PublicKey;
import java.security.interfaces.EdECPublicKey;
import java.util.Arrays;
import java.util.Base64;

/**
 * A public Ed25519 key and the id by which tokens name it.
 *
 * <p>The id is derived from the key: the first 96 bits of SHA-256 over its SubjectPublicKeyInfo, in base64url. So a key id
 * cannot be given to another key by mistake.
 *
 * @param keyId the id
 * @param key the key
 */
public record VerificationKey(String keyId, PublicKey key) {
    /** 96 bits: short enough to read aloud, too many to collide. */
    private static final int ID_BYTES = 12;

    /**
     * Checks that the key is Ed25519 and the id its own.
     *
     * @throws IllegalArgumentException if not
     */
    public VerificationKey {
        requireEd25519(key);
        if (!keyId.equals(idOf(key))) {
            throw new IllegalArgumentException("key id '" + Printable.shorten(keyId) + "' does not belong to the key");
        }
    }

    /** The verification key for a public Ed25519 key. */
    public static VerificationKey of(PublicKey key) {
        requireEd25519(key);
        return new VerificationKey(idOf(key), key);
    }

    private static void requireEd25519(PublicKey key) {
        if (!(key instanceof EdECPublicKey ed) || !ed.getParams().getName().equals("Ed25519")) {
            throw new IllegalArgumentException(
                    "signing keys are Ed25519, this one is " + key.getAlgorithm() + ": make one with token init");
        }
    }

    private static String idOf(PublicKey key) {
        return Base64.getUrlEncoder()
                .withoutPadding()
                .encodeToString(Arrays.copyOf(sha256(key.getEncoded()), ID_BYTES));
    }

    public static byte[] sha256(byte[] data) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(data);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("this Java runtime has no SHA-256, which every runtime must have", e);
        }
    }
}
