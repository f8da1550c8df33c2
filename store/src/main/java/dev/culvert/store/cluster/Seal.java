package dev.culvert.store.cluster;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.HexFormat;
import javax.crypto.Cipher;
import javax.crypto.Mac;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/**
 * Closes what is given to the engine, and opens what comes back: AES-256-GCM under a key that is derived of the
 * {@link ClusterKey} (HKDF, RFC 5869, with SHA-256). What is authenticated beside the text is where it lies and its revision, so
 * that a value is good at no other place and under no other number.
 *
 * <pre>
 * 1 byte  form, 1
 * 8 bytes revision: how often the document was written; of a binding, when it was made, in ms since 1970
 * 12 bytes nonce, random: 2^32 writings under one key are safe (NIST SP 800-38D section 8.3), a thousand a second for 49 days;
 *         a cluster has some an hour
 * rest    ciphertext and tag
 * </pre>
 *
 * The first 21 bytes are other ones each time: they tell one writing from another. From any thread.
 */
final class Seal {
    private static final byte FORM = 1;
    private static final int NONCE = 12;
    private static final int TAG = 16;
    private static final byte[] PURPOSE = "culvert store value 1".getBytes(StandardCharsets.US_ASCII);

    /** Bytes before the ciphertext. */
    static final int HEADER = 1 + Long.BYTES + NONCE;

    /** How much longer a closed text is than an open one. */
    static final int OVERHEAD = HEADER + TAG;

    private final SecretKeySpec key;
    private final SecureRandom random = new SecureRandom();

    Seal(ClusterKey cluster) {
        key = new SecretKeySpec(hkdf(cluster.secret(), PURPOSE), "AES");
    }

    /**
     * What was in it.
     *
     * @param revision how often it had been written; of a binding, when
     */
    record Opened(long revision, String text) {}

    /** One block of HKDF, without salt. */
    static byte[] hkdf(byte[] secret, byte[] info) {
        byte[] extracted = hmac(new byte[32], secret);
        byte[] input = Arrays.copyOf(info, info.length + 1);
        input[info.length] = 1;
        return hmac(extracted, input);
    }

    private static byte[] hmac(byte[] key, byte[] text) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key, "HmacSHA256"));
            return mac.doFinal(text);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has HMAC-SHA-256", e);
        }
    }

    /**
     * Closes a text.
     *
     * @param place where it will lie
     */
    byte[] close(String place, long revision, String text) {
        byte[] nonce = new byte[NONCE];
        random.nextBytes(nonce);
        byte[] plain = text.getBytes(StandardCharsets.UTF_8);
        ByteBuffer out = ByteBuffer.allocate(OVERHEAD + plain.length)
                .put(FORM)
                .putLong(revision)
                .put(nonce);
        try {
            cipher(Cipher.ENCRYPT_MODE, place, out.array()).doFinal(ByteBuffer.wrap(plain), out);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has AES-GCM", e);
        }
        return out.array();
    }

    /** What is in it; null if nobody who has the key has closed it for this place. */
    @Nullable
    Opened open(String place, byte[] closed) {
        if (closed.length < OVERHEAD || closed[0] != FORM) {
            return null;
        }
        try {
            byte[] plain = cipher(Cipher.DECRYPT_MODE, place, closed).doFinal(closed, HEADER, closed.length - HEADER);
            return new Opened(revision(closed), new String(plain, StandardCharsets.UTF_8));
        } catch (GeneralSecurityException e) {
            return null;
        }
    }

    /** What it says its revision is; only {@link #open} makes sure. */
    static long revision(byte[] closed) {
        return ByteBuffer.wrap(closed, 1, Long.BYTES).getLong();
    }

    /** Tells this writing from all others. */
    static String version(byte[] header) {
        return HexFormat.of().formatHex(header, 0, Math.min(header.length, HEADER));
    }

    private Cipher cipher(int mode, String place, byte[] header) throws GeneralSecurityException {
        Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
        cipher.init(mode, key, new GCMParameterSpec(8 * TAG, header, HEADER - NONCE, NONCE));
        cipher.updateAAD(header, 0, HEADER - NONCE);
        cipher.updateAAD(place.getBytes(StandardCharsets.UTF_8));
        return cipher;
    }
}
