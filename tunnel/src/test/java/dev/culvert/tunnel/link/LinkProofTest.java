package dev.culvert.tunnel.link;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.util.Base64;
import java.util.HexFormat;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

@NullUnmarked
class LinkProofTest {
    private static final byte[] CERTIFICATE = LinkProof.sha256(new byte[] {1});

    private static KeyPair key() throws Exception {
        return KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
    }

    @Test
    void whatIsSignedIsReadAndVerified() throws Exception {
        KeyPair pair = key();
        for (byte[] certificate : new byte[][] {CERTIFICATE, null}) {
            LinkProof read = LinkProof.parse(
                    LinkProof.sign(pair, "n-1_", "the.token", certificate).header());
            assertThat(read.nonce()).isEqualTo("n-1_");
            assertThat(read.certificate()).isEqualTo(certificate);
            byte[] spki = pair.getPublic().getEncoded();
            assertThat(spki).endsWith(read.key());
            assertThat(read.verify("the.token", RuntimeEd25519::verify)).isTrue();
            assertThat(read.verify("the.tokem", RuntimeEd25519::verify)).isFalse();
        }
    }

    /** The bytes that are signed, as docs/protocol.md says. */
    @Test
    void theSignedTextIsTheDocumentedOne() throws Exception {
        KeyPair pair = key();
        String header = LinkProof.sign(pair, "abc", "t", CERTIFICATE).header();
        byte[] signature = Base64.getUrlDecoder().decode(header.substring(header.lastIndexOf('.') + 1));
        java.security.Signature verifier = java.security.Signature.getInstance("Ed25519");
        verifier.initVerify(pair.getPublic());
        verifier.update("culvert.1 link proof\0\3abc".getBytes(StandardCharsets.US_ASCII));
        verifier.update(LinkProof.sha256(new byte[] {'t'}));
        verifier.update((byte) 1);
        verifier.update(CERTIFICATE);
        assertThat(verifier.verify(signature)).isTrue();
    }

    /** A proof for one place is none for another: nonce, certificate and key are all under the signature. */
    @Test
    void partsOfTwoProofsMakeNone() throws Exception {
        KeyPair pair = key();
        String[] a = LinkProof.sign(pair, "a", "t", CERTIFICATE).header().split("\\.", -1);
        String[] b = LinkProof.sign(key(), "b", "t", LinkProof.sha256(new byte[] {2}))
                .header()
                .split("\\.", -1);
        for (int part = 0; part < 4; part++) {
            String[] mixed = a.clone();
            mixed[part] = b[part];
            assertThat(LinkProof.parse(String.join(".", mixed)).verify("t", RuntimeEd25519::verify))
                    .isFalse();
        }
        String[] none = a.clone();
        none[2] = "";
        assertThat(LinkProof.parse(String.join(".", none)).verify("t", RuntimeEd25519::verify))
                .isFalse();
    }

    @Test
    void otherFormsAreNotRead() throws Exception {
        String good = LinkProof.sign(key(), "a", "t", CERTIFICATE).header();
        assertThat(LinkProof.parse(good)).isNotNull();
        for (String bad : new String[] {
            "",
            ".",
            "...",
            good + ".",
            "." + good,
            good + "=",
            good.substring(1),
            " " + good,
            good + "A".repeat(500),
            good.replaceFirst("^a", "a+"),
            good.replaceFirst("^a", "")
        }) {
            assertThat(LinkProof.parse(bad)).as(bad).isNull();
        }
        // A key that is no point of the curve.
        String[] parts = good.split("\\.");
        parts[1] = Base64.getUrlEncoder()
                .withoutPadding()
                .encodeToString(HexFormat.of().parseHex("ff".repeat(32)));
        assertThat(LinkProof.parse(String.join(".", parts))).isNull();
    }

    /** Of the eight points of low order signatures can be made by anybody; y-coordinates of p and more are second texts. */
    @Test
    void keysOfLowOrderAndSecondTextsOfKeysAreRefused() throws Exception {
        for (String y : new String[] {
            "00".repeat(32),
            "01" + "00".repeat(31),
            "ec" + "ff".repeat(30) + "7f",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "ed" + "ff".repeat(30) + "7f",
            "ee" + "ff".repeat(30) + "7f",
            "f0" + "ff".repeat(30) + "7f",
        }) {
            byte[] key = HexFormat.of().parseHex(y);
            for (int sign : new int[] {0, 0x80}) {
                byte[] signed = key.clone();
                signed[31] |= (byte) sign;
                assertThat(LinkProof.isKey(signed)).as("%s, sign %x", y, sign).isFalse();
            }
        }
        for (int i = 0; i < 100; i++) {
            byte[] spki = key().getPublic().getEncoded();
            assertThat(LinkProof.isKey(java.util.Arrays.copyOfRange(spki, spki.length - 32, spki.length)))
                    .isTrue();
        }
    }

    @Test
    void challengesAreRead() {
        assertThat(LinkProof.nonceOf(LinkProof.challenge("abc_-1"))).isEqualTo("abc_-1");
        assertThat(LinkProof.nonceOf("culvert-proof  nonce=\"x\"")).isEqualTo("x");
        for (String other : new String[] {
            null,
            "",
            "Basic realm=\"x\"",
            "Culvert-Proof",
            "Culvert-Proof nonce=\"\"",
            "Culvert-Proof nonce=\"a b\"",
            "Culvert-Proof nonce=\"" + "a".repeat(201) + "\""
        }) {
            assertThat(LinkProof.nonceOf(other)).as(other).isNull();
        }
    }

    @FuzzTest
    void anyText(byte[] data) {
        String text = new String(data, StandardCharsets.UTF_8);
        LinkProof proof = LinkProof.parse(text);
        if (proof != null && !proof.header().equals(text)) {
            throw new AssertionError("a proof with two texts: " + text);
        }
        if (proof != null) {
            proof.verify("t", RuntimeEd25519::verify);
        }
        LinkProof.nonceOf(text);
    }
}
