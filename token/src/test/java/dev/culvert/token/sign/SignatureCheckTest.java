package dev.culvert.token.sign;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.math.BigInteger;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Signature;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

final class SignatureCheckTest {
    /** The order of the base point, RFC 8032 section 5.1. */
    private static final BigInteger L =
            BigInteger.ONE.shiftLeft(252).add(new BigInteger("27742317777372353535851937790883648493"));

    private static KeyPair pair;
    private static byte[] key;

    @BeforeAll
    static void make() throws Exception {
        pair = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
        byte[] spki = pair.getPublic().getEncoded();
        key = Arrays.copyOfRange(spki, spki.length - 32, spki.length);
    }

    private static byte[] sign(byte[] message) throws Exception {
        Signature signer = Signature.getInstance("Ed25519");
        signer.initSign(pair.getPrivate());
        signer.update(message);
        return signer.sign();
    }

    private static void both(byte[] key, byte[] message, byte[] signature, boolean expected) {
        assertThat(SignatureCheck.byRuntime(key, message, signature)).isEqualTo(expected);
        assertThat(SignatureCheck.byTables(key, message, signature)).isEqualTo(expected);
    }

    /** RFC 8032 section 7.1, test 3. */
    @Test
    void theStandardsExample() {
        HexFormat hex = HexFormat.of();
        both(
                hex.parseHex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"),
                hex.parseHex("af82"),
                hex.parseHex("6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
                        + "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
                true);
    }

    @Test
    void bothWaysAgreeOnWhatWasChanged() throws Exception {
        Random random = new Random(7);
        for (int i = 0; i < 60; i++) {
            byte[] message = new byte[random.nextInt(700)];
            random.nextBytes(message);
            byte[] signature = sign(message);
            both(key, message, signature, true);
            byte[] other = signature.clone();
            other[random.nextInt(64)] ^= (byte) (1 << random.nextInt(8));
            both(key, message, other, false);
            byte[] longer = Arrays.copyOf(message, message.length + 1);
            both(key, longer, signature, false);
            byte[] another = key.clone();
            another[random.nextInt(32)] ^= (byte) (1 << random.nextInt(8));
            both(another, message, signature, false);
        }
    }

    /** S and S + L are the same to the curve: one signature would have two texts (RFC 8032 section 8.4). */
    @Test
    void aSignatureHasOneText() throws Exception {
        byte[] message = {1, 2, 3};
        byte[] signature = sign(message);
        byte[] s = new byte[33];
        for (int i = 0; i < 32; i++) {
            s[32 - i] = signature[32 + i];
        }
        byte[] more = new BigInteger(s).add(L).toByteArray();
        byte[] other = signature.clone();
        for (int i = 0; i < 32; i++) {
            int at = more.length - 1 - i;
            other[32 + i] = at < 0 ? 0 : more[at];
        }
        both(key, message, other, false);
    }

    @Test
    void whatIsNoneIsNone() throws Exception {
        byte[] message = {1};
        byte[] signature = sign(message);
        assertThat(SignatureCheck.verify(key, message, Arrays.copyOf(signature, 63)))
                .isFalse();
        assertThat(SignatureCheck.verify(key, message, Arrays.copyOf(signature, 65)))
                .isFalse();
        assertThat(SignatureCheck.verify(Arrays.copyOf(key, 31), message, signature))
                .isFalse();
        both(new byte[32], message, new byte[64], false);
        byte[] beyond = new byte[32];
        Arrays.fill(beyond, (byte) 0xff); // more than p, and a sign for it
        both(beyond, message, signature, false);
    }

    /** Whoever goes on meanwhile notices nothing. */
    @Test
    void manyAreCheckedByTables() throws Exception {
        byte[] message = {4, 5};
        byte[] signature = sign(message);
        byte[] wrong = sign(new byte[] {4, 6});
        for (int i = 0; i < SignatureCheck.MANY; i++) {
            assertThat(SignatureCheck.verify(pair.getPublic(), message, signature))
                    .isTrue();
        }
        await().atMost(Duration.ofMinutes(1)).until(SignatureCheck::hasTables);
        assertThat(SignatureCheck.verify(pair.getPublic(), message, signature)).isTrue();
        assertThat(SignatureCheck.verify(pair.getPublic(), message, wrong)).isFalse();
    }
}
