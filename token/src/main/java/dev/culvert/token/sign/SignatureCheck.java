package dev.culvert.token.sign;

import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.X509EncodedKeySpec;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.concurrent.atomic.AtomicInteger;
import org.bouncycastle.math.ec.rfc8032.Ed25519;

/**
 * Checks Ed25519 signatures (RFC 8032 section 5.1.7). From any thread; takes processor time, up to some ms, and is not for event loops
 * that carry flows.
 *
 * <p>The runtime's own takes 500 µs once it is warm. BouncyCastle's takes 70, but makes tables first, for 0.4 s. So a process that
 * checks a few, a command or a small gateway, uses the runtime's, and one to which many come makes the tables, beside its work, and
 * uses those from then on (docs/decisions/0035).
 */
public final class SignatureCheck {
    /** After so many the tables are made: the next thousand pay for them. */
    static final int MANY = 256;

    private static final int KEY = 32;
    private static final int SIGNATURE = 64;

    /** SubjectPublicKeyInfo of an Ed25519 key up to the key itself (RFC 8410 section 4). */
    private static final byte[] ED25519_SPKI = HexFormat.of().parseHex("302a300506032b6570032100");

    private static final AtomicInteger checked = new AtomicInteger();
    private static volatile boolean tables;

    private SignatureCheck() {}

    /**
     * Whether a key has signed a message.
     *
     * @param key 32 bytes (RFC 8032 section 5.1.5); that it is none of low order is for the caller to know
     * @param signature 64 bytes; of another length it is none
     */
    public static boolean verify(byte[] key, byte[] message, byte[] signature) {
        if (key.length != KEY || signature.length != SIGNATURE) {
            return false;
        }
        if (tables) {
            return byTables(key, message, signature);
        }
        if (checked.incrementAndGet() == MANY) {
            Thread maker = new Thread(SignatureCheck::makeTables, "ed25519-tables");
            maker.setDaemon(true);
            maker.start();
        }
        return byRuntime(key, message, signature);
    }

    /** {@link #verify(byte[], byte[], byte[])} for a key of the runtime's. */
    static boolean verify(PublicKey key, byte[] message, byte[] signature) {
        byte[] spki = key.getEncoded();
        return verify(Arrays.copyOfRange(spki, spki.length - KEY, spki.length), message, signature);
    }

    private static void makeTables() {
        Ed25519.precompute();
        tables = true;
    }

    static boolean hasTables() {
        return tables;
    }

    static boolean byTables(byte[] key, byte[] message, byte[] signature) {
        return Ed25519.verify(signature, 0, key, 0, message, 0, message.length);
    }

    static boolean byRuntime(byte[] key, byte[] message, byte[] signature) {
        byte[] spki = Arrays.copyOf(ED25519_SPKI, ED25519_SPKI.length + KEY);
        System.arraycopy(key, 0, spki, ED25519_SPKI.length, KEY);
        try {
            Signature verifier = Signature.getInstance("Ed25519");
            verifier.initVerify(KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(spki)));
            verifier.update(message);
            return verifier.verify(signature);
        } catch (GeneralSecurityException e) {
            return false; // bytes that are no point of the curve, a signature out of range
        }
    }
}
