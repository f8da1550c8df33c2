package dev.culvert.token.sign;

import dev.culvert.token.TokenFields;
import java.security.InvalidKeyException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.NoSuchAlgorithmException;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.SignatureException;

/** A private Ed25519 key together with its public half. Whoever has it can mint every token of the house. */
public final class SigningKey {
    private static final byte[] PROBE = {'c', 'u', 'l', 'v', 'e', 'r', 't'};

    private final PrivateKey privateKey;
    private final VerificationKey verificationKey;

    private SigningKey(PrivateKey privateKey, VerificationKey verificationKey) {
        this.privateKey = privateKey;
        this.verificationKey = verificationKey;
    }

    /** A new key from the runtime's secure random source. */
    public static SigningKey generate() {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("Ed25519");
            while (true) {
                KeyPair pair = generator.generateKeyPair();
                VerificationKey verificationKey = VerificationKey.of(pair.getPublic());
                if (!TokenFields.looksLikeOption(verificationKey.keyId())) {
                    return new SigningKey(pair.getPrivate(), verificationKey);
                }
            }
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(
                    "this Java runtime has no Ed25519: use Java 17 or later with module java.base", e);
        }
    }

    /**
     * Joins the halves of a key.
     *
     * @throws IllegalArgumentException if they are not Ed25519, or not of one key
     */
    public static SigningKey of(PrivateKey privateKey, PublicKey publicKey) {
        VerificationKey verification = VerificationKey.of(publicKey);
        try {
            Signature signature = Signature.getInstance("Ed25519");
            signature.initSign(privateKey);
            signature.update(PROBE);
            byte[] signed = signature.sign();
            signature.initVerify(publicKey);
            signature.update(PROBE);
            if (signature.verify(signed)) {
                return new SigningKey(privateKey, verification);
            }
        } catch (NoSuchAlgorithmException | InvalidKeyException | SignatureException e) {
            throw new IllegalArgumentException("private key is not a usable Ed25519 key: " + e.getMessage(), e);
        }
        throw new IllegalArgumentException("private and public key are not halves of one key");
    }

    /** The public half. */
    public VerificationKey verificationKey() {
        return verificationKey;
    }

    /** The id of the key. */
    public String keyId() {
        return verificationKey.keyId();
    }

    public PrivateKey privateKey() {
        return privateKey;
    }

    /** Names the key without showing it. */
    @Override
    public String toString() {
        return "SigningKey[" + keyId() + "]";
    }
}
