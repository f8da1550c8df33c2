package dev.culvert.gateway.door;

import dev.culvert.tunnel.link.LinkProof;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongSupplier;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * The nonces that holders sign. Nothing is kept of one that was given out: it carries its time and is authenticated by a
 * key of this process, over the token that it is for. What was used is kept until it would be too old: so each is good
 * once. Safe for use by many threads.
 */
final class ProofNonces {
    /** From the challenge to the proof: one round trip, on the slowest of lines. */
    static final Duration LIFE = Duration.ofSeconds(30);

    /** Nonces used within their life: ten thousand peers come back at once after a restart. More must ask again. */
    static final int MAX_USED = 65_536;

    private static final int RANDOM = 16;
    private static final int MAC = 16;
    private static final int LENGTH = 8 + RANDOM + MAC;

    private final SecureRandom random = new SecureRandom();
    private final SecretKeySpec key;
    private final LongSupplier nanoTime;

    /** When each was given out; in the order of use. */
    private final Map<String, Long> used = new LinkedHashMap<>();

    ProofNonces(LongSupplier nanoTime) {
        this.nanoTime = nanoTime;
        byte[] secret = new byte[32];
        random.nextBytes(secret);
        key = new SecretKeySpec(secret, "HmacSHA256");
    }

    /** A nonce for whoever shows this token. */
    String issue(String token) {
        ByteBuffer nonce = ByteBuffer.allocate(LENGTH).putLong(nanoTime.getAsLong());
        byte[] fresh = new byte[RANDOM];
        random.nextBytes(fresh);
        nonce.put(fresh);
        nonce.put(mac(Arrays.copyOf(nonce.array(), 8 + RANDOM), token));
        return Base64.getUrlEncoder().withoutPadding().encodeToString(nonce.array());
    }

    /** Whether the nonce is ours, for this token, young, and unused; it is used then. */
    boolean redeem(String nonce, String token) {
        byte[] bytes;
        try {
            bytes = Base64.getUrlDecoder().decode(nonce);
        } catch (IllegalArgumentException e) {
            return false;
        }
        if (bytes.length != LENGTH
                || !Base64.getUrlEncoder()
                        .withoutPadding()
                        .encodeToString(bytes)
                        .equals(nonce)
                || !MessageDigest.isEqual(
                        mac(Arrays.copyOf(bytes, 8 + RANDOM), token), Arrays.copyOfRange(bytes, 8 + RANDOM, LENGTH))) {
            return false;
        }
        long issued = ByteBuffer.wrap(bytes).getLong();
        synchronized (used) {
            long now = nanoTime.getAsLong();
            if (now - issued > LIFE.toNanos()) {
                return false;
            }
            Iterator<Long> oldest = used.values().iterator();
            while (oldest.hasNext() && now - oldest.next() > LIFE.toNanos()) {
                oldest.remove();
            }
            return used.size() < MAX_USED && used.putIfAbsent(nonce, issued) == null;
        }
    }

    private byte[] mac(byte[] nonce, String token) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(key);
            mac.update(nonce);
            return Arrays.copyOf(mac.doFinal(LinkProof.sha256(token.getBytes(StandardCharsets.UTF_8))), MAC);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has HmacSHA256", e);
        }
    }
}
