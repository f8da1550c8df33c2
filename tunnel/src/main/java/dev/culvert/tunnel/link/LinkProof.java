package dev.culvert.tunnel.link;

import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.Signature;
import java.util.Arrays;
import java.util.Base64;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Proof that whoever shows a token has the Ed25519 key that the token is bound to: a signature over a nonce of the
 * gateway's, the token, and the certificate that the holder sees. So neither the token alone, nor a proof overheard or
 * obtained by another server, makes a link. docs/protocol.md section 1 has the form.
 *
 * <p>The idea is RFC 9449's (DPoP) with its server nonces, without clocks and with a channel binding as in RFC 5929
 * section 4, always by SHA-256.
 */
public final class LinkProof {
    /** The request's header with the proof, and the challenge's scheme in {@code WWW-Authenticate} (RFC 9110 11.6.1). */
    public static final String NAME = "Culvert-Proof";

    /** Sets these signatures apart from all others that a key might make. */
    private static final byte[] CONTEXT = "culvert.1 link proof\0".getBytes(StandardCharsets.US_ASCII);

    private static final int KEY = 32;
    private static final int HASH = 32;
    private static final int SIGNATURE = 64;

    /** The prime of the field, 2^255 - 19. */
    private static final BigInteger P = BigInteger.ONE.shiftLeft(255).subtract(BigInteger.valueOf(19));

    /** The y-coordinate of a point of order 8. */
    private static final BigInteger EIGHTH =
            new BigInteger("7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7", 16);

    /** The y-coordinates of the points whose order is 4, 1, 2, and twice 8. */
    private static final Set<BigInteger> LOW_ORDER =
            Set.of(BigInteger.ZERO, BigInteger.ONE, P.subtract(BigInteger.ONE), EIGHTH, P.subtract(EIGHTH));

    /** A nonce is opaque to the holder; ours have 54 characters. The length must fit the u8 before it. */
    private static final Pattern NONCE = Pattern.compile("[A-Za-z0-9_-]{1,200}");

    private static final Pattern CHALLENGE = Pattern.compile("(?i)" + NAME + " +nonce=\"([A-Za-z0-9_-]{1,200})\"");

    private final String nonce;
    private final byte[] key;
    private final byte @Nullable [] certificate;
    private final byte[] signature;

    private LinkProof(String nonce, byte[] key, byte @Nullable [] certificate, byte[] signature) {
        this.nonce = nonce;
        this.key = key;
        this.certificate = certificate;
        this.signature = signature;
    }

    /** The value of {@code WWW-Authenticate} that asks for a proof with this nonce. */
    public static String challenge(String nonce) {
        return NAME + " nonce=\"" + nonce + '"';
    }

    /** The nonce of a challenge; null when it is another. */
    public static @Nullable String nonceOf(@Nullable String challenge) {
        Matcher m = CHALLENGE.matcher(challenge == null ? "" : challenge);
        return m.matches() ? m.group(1) : null;
    }

    /**
     * Signs. Takes some hundred µs.
     *
     * @param pair an Ed25519 key pair
     * @param certificate SHA-256 of the server's certificate; null without TLS
     */
    public static LinkProof sign(KeyPair pair, String nonce, String token, byte @Nullable [] certificate) {
        byte[] spki = pair.getPublic().getEncoded();
        try {
            Signature signer = Signature.getInstance("Ed25519");
            signer.initSign(pair.getPrivate());
            signer.update(message(nonce, token, certificate));
            return new LinkProof(
                    nonce, Arrays.copyOfRange(spki, spki.length - KEY, spki.length), certificate, signer.sign());
        } catch (GeneralSecurityException e) {
            throw new IllegalArgumentException("not an Ed25519 key pair: " + e.getMessage(), e);
        }
    }

    /** Reads a header's value; null when it is not of the form, to the letter: one proof has one text. */
    public static @Nullable LinkProof parse(String header) {
        String[] parts = header.length() > 512 ? new String[0] : header.split("\\.", -1);
        if (parts.length != 4 || !NONCE.matcher(parts[0]).matches()) {
            return null;
        }
        byte[] key = decode(parts[1], KEY);
        byte[] certificate = parts[2].isEmpty() ? null : decode(parts[2], HASH);
        byte[] signature = decode(parts[3], SIGNATURE);
        return key == null || !isKey(key) || signature == null || certificate == null && !parts[2].isEmpty()
                ? null
                : new LinkProof(parts[0], key, certificate, signature);
    }

    /**
     * Whether these bytes may be somebody's key: a y-coordinate below p, so that one key has one text, and not one of the
     * eight points of low order, of which each signature can be made to fit without a private key (RFC 8032 section 5.1.3
     * and 8.9).
     */
    static boolean isKey(byte[] key) {
        byte[] y = key.clone();
        y[KEY - 1] &= 0x7f; // the sign of x; for a point of low order both are
        byte[] bigEndian = new byte[KEY];
        for (int i = 0; i < KEY; i++) {
            bigEndian[i] = y[KEY - 1 - i];
        }
        BigInteger value = new BigInteger(1, bigEndian);
        return value.compareTo(P) < 0 && !LOW_ORDER.contains(value);
    }

    private static byte @Nullable [] decode(String text, int length) {
        try {
            byte[] bytes = Base64.getUrlDecoder().decode(text);
            return bytes.length == length && encode(bytes).equals(text) ? bytes : null;
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    private static String encode(byte[] bytes) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    /** The header's value. */
    public String header() {
        return nonce
                + '.'
                + encode(key)
                + '.'
                + (certificate == null ? "" : encode(certificate))
                + '.'
                + encode(signature);
    }

    public String nonce() {
        return nonce;
    }

    /** The public key that it claims to be signed by: 32 bytes (RFC 8032 section 5.1.5). */
    public byte[] key() {
        return key.clone();
    }

    /** SHA-256 of the certificate that the holder saw; null when it saw none. */
    public byte @Nullable [] certificate() {
        return certificate == null ? null : certificate.clone();
    }

    /** Checks Ed25519 signatures (RFC 8032 section 5.1.7). */
    public interface Verifier {
        /** Whether a key, of 32 bytes, has signed a message. */
        boolean verify(byte[] key, byte[] message, byte[] signature);
    }

    /** Whether its key has signed it for this token. Nonce and certificate are for the caller to judge. */
    public boolean verify(String token, Verifier verifier) {
        return verifier.verify(key, message(nonce, token, certificate), signature);
    }

    private static byte[] message(String nonce, String token, byte @Nullable [] certificate) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(CONTEXT);
        out.write(nonce.length());
        out.writeBytes(nonce.getBytes(StandardCharsets.US_ASCII));
        out.writeBytes(sha256(token.getBytes(StandardCharsets.US_ASCII)));
        out.write(certificate == null ? 0 : 1);
        if (certificate != null) {
            out.writeBytes(certificate);
        }
        return out.toByteArray();
    }

    /** SHA-256, which every JDK has. */
    public static byte[] sha256(byte[] bytes) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(bytes);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
