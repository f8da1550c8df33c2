package dev.culvert.token.holder;

import dev.culvert.store.Document;
import dev.culvert.store.FileStore;
import dev.culvert.store.StateException;
import dev.culvert.token.Token;
import dev.culvert.token.TokenBinding;
import dev.culvert.token.sign.SigningKey;
import dev.culvert.token.sign.VerificationKey;
import dev.culvert.token.state.Pem;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.NoSuchAlgorithmException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Base64;
import org.jspecify.annotations.Nullable;

/**
 * The Ed25519 key pair of a token's holder, made on the holder's machine and never leaving it. A token that is bound to it
 * ({@link TokenBinding}) is of no use to whoever has only the token.
 */
public final class HolderKey {
    /** Bytes of a raw public key (RFC 8032 section 5.1.5), the end of its SubjectPublicKeyInfo (RFC 8410 section 4). */
    static final int RAW = 32;

    private final KeyPair pair;

    private HolderKey(KeyPair pair) {
        this.pair = pair;
    }

    /** A new key pair. */
    public static HolderKey generate() {
        try {
            return new HolderKey(KeyPairGenerator.getInstance("Ed25519").generateKeyPair());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("this Java runtime has no Ed25519: use Java 17 or later", e);
        }
    }

    /**
     * The key that a token needs: null for a bearer token; for one that is to be enrolled the key in the directory, made
     * the first time; for one that is bound to a key that key. Reads and writes files. Safe against other processes.
     *
     * @param directory the holder's own; made when it is needed
     * @throws StateException if the key cannot be read, written, or is not here
     */
    public static @Nullable HolderKey forToken(Path directory, Token token) throws StateException {
        return token.binding() instanceof TokenBinding.Enrolment
                ? loadOrMake(directory, token.id())
                : existing(directory, token);
    }

    /**
     * The key that a token needs, as {@link #forToken} has it, but none is made: for who only asks, and must not bind the
     * token to a key that is not the one of its later use.
     *
     * @throws StateException if the key cannot be read, or is not here
     */
    public static @Nullable HolderKey existing(Path directory, Token token) throws StateException {
        if (token.binding() instanceof TokenBinding.Enrolment) {
            FileStore files = new FileStore(directory);
            Document file = document(token.id());
            if (!files.exists(file)) {
                throw new StateException("the token of '" + token.name() + "' has no key in " + directory
                        + " yet; the first 'up' makes it: run that first, and this as the same user (with sudo, if that was"
                        + " with sudo) and with the same --state");
            }
            return load(files, file);
        }
        if (!(token.binding() instanceof TokenBinding.Key key)) {
            return null;
        }
        FileStore files = new FileStore(directory);
        Document file = document(key.thumbprint());
        if (!files.exists(file)) {
            throw new StateException("the token of '" + token.name() + "' is bound to a key that is not here ("
                    + files.where(file) + "): use it where its key was made, or ask for a new token");
        }
        return load(files, file);
    }

    private static HolderKey loadOrMake(Path directory, String tokenId) throws StateException {
        FileStore files = new FileStore(directory);
        Document file = document(tokenId);
        files.createDirectory();
        return files.locked(() -> {
            if (!files.exists(file)) {
                HolderKey made = generate();
                made.write(files, file);
                return made;
            }
            return load(files, file);
        });
    }

    /** Writes a new key pair into the directory, for a token that will be bound to it. */
    public static HolderKey make(Path directory) throws StateException {
        FileStore files = new FileStore(directory);
        files.createDirectory();
        HolderKey made = generate();
        made.write(files, document(made.thumbprint()));
        return made;
    }

    private static Document document(String id) {
        return Document.secret("holder-" + id + ".key");
    }

    private void write(FileStore files, Document file) throws StateException {
        String text = Pem.text(Pem.PRIVATE_KEY, pair.getPrivate().getEncoded())
                + Pem.text(Pem.PUBLIC_KEY, pair.getPublic().getEncoded());
        files.put(file, text);
    }

    private static HolderKey load(FileStore files, Document file) throws StateException {
        files.requireOurs(file);
        try {
            KeyFactory factory = KeyFactory.getInstance("Ed25519");
            KeyPair pair = new KeyPair(
                    factory.generatePublic(new X509EncodedKeySpec(
                            Pem.read(files, file, Pem.PUBLIC_KEY).get(0).der())),
                    factory.generatePrivate(new PKCS8EncodedKeySpec(
                            Pem.read(files, file, Pem.PRIVATE_KEY).get(0).der())));
            SigningKey.of(pair.getPrivate(), pair.getPublic()); // halves of one key
            return new HolderKey(pair);
        } catch (GeneralSecurityException | IllegalArgumentException e) {
            throw new StateException(
                    files.where(file) + " does not hold a key pair: restore it from a backup, or ask for a new token",
                    e);
        }
    }

    /** For signing proofs. */
    public KeyPair pair() {
        return pair;
    }

    /** The name of the public half; see {@link #thumbprint(byte[])}. */
    public String thumbprint() {
        byte[] spki = pair.getPublic().getEncoded();
        return thumbprint(java.util.Arrays.copyOfRange(spki, spki.length - RAW, spki.length));
    }

    /**
     * The JWK thumbprint (RFC 7638) of an Ed25519 public key (RFC 8037 section 2), in base64url: 43 characters.
     *
     * @param raw the 32 bytes of the key
     */
    public static String thumbprint(byte[] raw) {
        if (raw.length != RAW) {
            throw new IllegalArgumentException("an Ed25519 public key has 32 bytes, not " + raw.length);
        }
        Base64.Encoder base64 = Base64.getUrlEncoder().withoutPadding();
        // RFC 7638 section 3: the required members, in this order, without white space.
        String jwk = "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"" + base64.encodeToString(raw) + "\"}";
        return base64.encodeToString(VerificationKey.sha256(jwk.getBytes(StandardCharsets.US_ASCII)));
    }

    /** Names the key without showing it. */
    @Override
    public String toString() {
        return "HolderKey[" + thumbprint() + "]";
    }
}
