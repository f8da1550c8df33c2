package dev.culvert.token.sign;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.IpPrefix;
import dev.culvert.text.Printable;
import dev.culvert.token.AgentToken;
import dev.culvert.token.ClientToken;
import dev.culvert.token.Grant;
import dev.culvert.token.PublishRight;
import dev.culvert.token.Token;
import dev.culvert.token.TokenException;
import dev.culvert.token.TokenException.Cause;
import dev.culvert.token.TokenTerms;
import dev.culvert.token.state.CertificateAuthority;
import dev.culvert.token.state.Pem;
import java.math.BigInteger;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.Signature;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jose4j.json.JsonUtil;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * Every way that we know to pass one token for another, in every slot (RFC 8725 section 2 and what was reported against
 * libraries). Most forgeries here bear a right signature, which only the key's holder could make: the checks behind it must
 * hold by themselves.
 */
class TokenConfusionTest {
    private static final Instant NOW = Instant.parse("2026-11-22T12:00:00Z");
    private static final URI GATEWAY = URI.create("wss://vpn.example:443");
    private static final SigningKey KEY = SigningKey.generate();
    private static final SigningKey SECOND = SigningKey.generate();
    private static final SigningKey FOREIGN = SigningKey.generate();

    /** The order of Ed25519's base point (RFC 8032 section 5.1). */
    private static final BigInteger ORDER =
            BigInteger.TWO.pow(252).add(new BigInteger("27742317777372353535851937790883648493"));

    private static final Trust TRUST =
            Trust.of(List.of(KEY.verificationKey(), SECOND.verificationKey()), List.of(GATEWAY));
    private static final TokenVerifier VERIFIER = new TokenVerifier(() -> TRUST, Clock.fixed(NOW, ZoneOffset.UTC));

    private static Token token(Token.Kind kind) {
        TokenTerms terms = TokenTerms.of("holder", List.of(GATEWAY), null, NOW, NOW.plus(Duration.ofDays(1)));
        return switch (kind) {
            case CLIENT -> ClientToken.of(terms, List.of(Grant.parse("office:192.168.77.0/24")));
            case AGENT ->
                new AgentToken(
                        terms, List.of(IpPrefix.parse("192.168.77.0/24")), List.of(PublishRight.parse("shop.example")));
        };
    }

    private static String b64(byte[] bytes) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    private static String b64(String text) {
        return b64(text.getBytes(StandardCharsets.UTF_8));
    }

    private static byte[] sign(String algorithm, PrivateKey key, String input) {
        try {
            Signature signature = Signature.getInstance(algorithm);
            signature.initSign(key);
            signature.update(input.getBytes(StandardCharsets.US_ASCII));
            return signature.sign();
        } catch (java.security.GeneralSecurityException e) {
            throw new AssertionError(e);
        }
    }

    /** One attempt: a header, a payload, and who signs; starts out as a good token. */
    private static final class Forgery {
        private final Map<String, Object> header = new LinkedHashMap<>();
        private final Map<String, Object> claims;
        private @Nullable String headerText;
        private @Nullable String payloadText;
        private PrivateKey key = KEY.privateKey();
        private String algorithm = "Ed25519";

        Forgery(Token.Kind kind) throws Exception {
            header.put("alg", "EdDSA");
            header.put("typ", kind.type());
            header.put("kid", KEY.keyId());
            claims = new LinkedHashMap<>(JsonUtil.parseJson(TokenCodec.encode(token(kind))));
        }

        private String input() {
            return b64(headerText != null ? headerText : JsonUtil.toJson(header)) + "."
                    + b64(payloadText != null ? payloadText : JsonUtil.toJson(claims));
        }

        String text() {
            return input() + "." + b64(sign(algorithm, key, input()));
        }

        String mac(byte[] secret) throws Exception {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(secret, "HmacSHA256"));
            return input() + "." + b64(mac.doFinal(input().getBytes(StandardCharsets.US_ASCII)));
        }
    }

    /** Makes the text for a slot. */
    private interface Maker {
        String make(Token.Kind slot) throws Exception;
    }

    private record Attack(String name, Cause expected, Maker maker) {}

    private final List<Attack> attacks = new ArrayList<>();

    private void add(String name, Cause expected, Maker maker) {
        attacks.add(new Attack(name, expected, maker));
    }

    private void change(String name, Cause expected, Consumer<Forgery> change) {
        add(name, expected, slot -> {
            Forgery forgery = new Forgery(slot);
            change.accept(forgery);
            return forgery.text();
        });
    }

    private static Token.Kind other(Token.Kind kind) {
        return kind == Token.Kind.CLIENT ? Token.Kind.AGENT : Token.Kind.CLIENT;
    }

    private void kinds() {
        add("the other kind", Cause.WRONG_KIND, slot -> new TokenSigner(KEY).sign(token(other(slot))));
        add("the other kind's claims under this type", Cause.INVALID_CLAIMS, slot -> {
            Forgery forgery = new Forgery(slot);
            forgery.payloadText = TokenCodec.encode(token(other(slot)));
            return forgery.text();
        });
        add("this kind's claims under the other type", Cause.WRONG_KIND, slot -> {
            Forgery forgery = new Forgery(slot);
            forgery.header.put("typ", other(slot).type());
            return forgery.text();
        });
        add("both kinds' claims", Cause.INVALID_CLAIMS, slot -> {
            Forgery forgery = new Forgery(slot);
            forgery.claims.putAll(JsonUtil.parseJson(TokenCodec.encode(token(Token.Kind.CLIENT))));
            forgery.claims.putAll(JsonUtil.parseJson(TokenCodec.encode(token(Token.Kind.AGENT))));
            return forgery.text();
        });
        for (Object type :
                new Object[] {"JWT", "jwt", "", "at+jwt", "culvert-client", "application/culvert-client+jwt", 1}) {
            change("type " + type, Cause.WRONG_KIND, f -> f.header.put("typ", type));
        }
        add("type in capitals", Cause.WRONG_KIND, slot -> {
            Forgery forgery = new Forgery(slot);
            forgery.header.put("typ", slot.type().toUpperCase(java.util.Locale.ROOT));
            return forgery.text();
        });
    }

    private void keys() {
        change("signed by an unknown key", Cause.UNKNOWN_KEY, f -> {
            f.key = FOREIGN.privateKey();
            f.header.put("kid", FOREIGN.keyId());
        });
        change("unknown key under a known id", Cause.BAD_SIGNATURE, f -> f.key = FOREIGN.privateKey());
        change("another known key's id", Cause.BAD_SIGNATURE, f -> f.header.put("kid", SECOND.keyId()));
        change("unknown id", Cause.UNKNOWN_KEY, f -> f.header.put("kid", "AAAAAAAAAAAAAAAA"));
        String id = KEY.keyId();
        for (Object kid : new Object[] {
            "",
            " " + id,
            id + "\n",
            "../" + id,
            "/dev/null",
            "' OR 1=1",
            "\u0000",
            "x".repeat(65),
            "\u202e",
            7,
            true,
            List.of(id)
        }) {
            change("key id " + Printable.shorten(kid.toString()), Cause.MALFORMED, f -> f.header.put("kid", kid));
        }
        change("key id in other case", Cause.UNKNOWN_KEY, f -> f.header.put("kid", swapCase(id)));
        change("no key id", Cause.MALFORMED, f -> f.header.remove("kid"));
        change("null as key id", Cause.MALFORMED, f -> f.header.put("kid", null));
        Map<String, Object> jwk = Map.of(
                "kty",
                "OKP",
                "crv",
                "Ed25519",
                "x",
                b64(FOREIGN.verificationKey().key().getEncoded()));
        for (Map.Entry<String, Object> extra : Map.<String, Object>of(
                        "jwk", jwk,
                        "jku", "https://evil.example/keys",
                        "x5u", "https://evil.example/cert",
                        "x5c", List.of("MIIB"),
                        "x5t", "AAAA",
                        "crit", List.of("exp"),
                        "b64", false,
                        "zip", "DEF",
                        "cty", "JWT",
                        "iss", "me")
                .entrySet()) {
            change("header " + extra.getKey(), Cause.MALFORMED, f -> {
                f.header.put(extra.getKey(), extra.getValue());
                f.key = FOREIGN.privateKey();
            });
        }
    }

    private static String swapCase(String text) {
        StringBuilder out = new StringBuilder();
        text.chars()
                .map(c -> Character.isUpperCase(c) ? Character.toLowerCase(c) : Character.toUpperCase(c))
                .forEach(c -> out.append((char) c));
        return out.toString();
    }

    private void algorithms() {
        for (Object alg : new Object[] {
            "none",
            "None",
            "NONE",
            "nOnE",
            "",
            " EdDSA",
            "eddsa",
            "EDDSA",
            "EdDSA\u0000",
            "Ed25519",
            "Ed448",
            "HS256",
            "hs256",
            "HS384",
            "HS512",
            "RS256",
            "PS256",
            "ES256",
            "ES256K",
            0,
            true,
            List.of("EdDSA"),
            Map.of()
        }) {
            change(
                    "algorithm " + Printable.shorten(alg.toString()),
                    Cause.BAD_ALGORITHM,
                    f -> f.header.put("alg", alg));
            add("algorithm " + Printable.shorten(alg.toString()) + ", no signature", Cause.MALFORMED, slot -> {
                Forgery forgery = new Forgery(slot);
                forgery.header.put("alg", alg);
                return forgery.input() + ".";
            });
        }
        change("no algorithm", Cause.BAD_ALGORITHM, f -> f.header.remove("alg"));
        change("null as algorithm", Cause.BAD_ALGORITHM, f -> f.header.put("alg", null));
        byte[] der = KEY.verificationKey().key().getEncoded();
        byte[] raw = java.util.Arrays.copyOfRange(der, der.length - 32, der.length);
        List<byte[]> secrets = List.of(
                der,
                raw,
                b64(raw).getBytes(StandardCharsets.US_ASCII),
                Pem.text("PUBLIC KEY", der).getBytes(StandardCharsets.US_ASCII),
                new byte[1]);
        for (int i = 0; i < secrets.size(); i++) {
            byte[] secret = secrets.get(i);
            for (String alg : new String[] {"HS256", "EdDSA"}) {
                add(
                        "a MAC with the public key in form " + i + " as " + alg,
                        alg.equals("EdDSA") ? Cause.BAD_SIGNATURE : Cause.BAD_ALGORITHM,
                        slot -> {
                            Forgery forgery = new Forgery(slot);
                            forgery.header.put("alg", alg);
                            return forgery.mac(secret);
                        });
            }
        }
        KeyPair p256 = CertificateAuthority.newKey();
        for (String alg : new String[] {"ES256", "EdDSA"}) {
            change(
                    "signed with P-256 as " + alg,
                    alg.equals("EdDSA") ? Cause.BAD_SIGNATURE : Cause.BAD_ALGORITHM,
                    f -> {
                        f.header.put("alg", alg);
                        f.key = p256.getPrivate();
                        f.algorithm = "SHA256withECDSA";
                    });
        }
        for (int length : new int[] {1, 32, 63, 64, 65, 128}) {
            add(
                    "a signature of " + length + " zeros",
                    Cause.BAD_SIGNATURE,
                    slot -> new Forgery(slot).input() + "." + b64(new byte[length]));
        }
        // RFC 8032 section 5.1.7: S must be below the order, or one signature has many forms.
        add("a signature with S + L", Cause.BAD_SIGNATURE, slot -> {
            Forgery forgery = new Forgery(slot);
            byte[] signature = sign("Ed25519", KEY.privateKey(), forgery.input());
            byte[] bigEndian = new byte[33];
            for (int i = 0; i < 32; i++) {
                bigEndian[32 - i] = signature[32 + i];
            }
            byte[] sum = new BigInteger(bigEndian).add(ORDER).toByteArray();
            for (int i = 0; i < 32; i++) {
                signature[32 + i] = i < sum.length ? sum[sum.length - 1 - i] : 0;
            }
            return forgery.input() + "." + b64(signature);
        });
    }

    private void placesAndTimes() {
        for (String url : new String[] {
            "wss://other.example:443",
            "wss://vpn.example:8443",
            "ws://vpn.example:443",
            "wss://vpn.example.org:443",
            "wss://xvpn.example:443",
            "wss://vpn.example:443/other"
        }) {
            change("audience " + url, Cause.WRONG_AUDIENCE, f -> f.claims.put("aud", List.of(url)));
        }
        for (Object aud : new Object[] {
            GATEWAY.toString(),
            List.of(),
            List.of(1),
            Map.of(),
            "",
            List.of("*"),
            List.of("wss://*:443"),
            List.of(List.of(GATEWAY.toString()))
        }) {
            change("audience " + aud, Cause.INVALID_CLAIMS, f -> f.claims.put("aud", aud));
        }
        long now = NOW.getEpochSecond();
        change("expired", Cause.EXPIRED, f -> {
            f.claims.put("nbf", now - 7200);
            f.claims.put("exp", now - 3600);
        });
        change("not yet valid", Cause.NOT_YET_VALID, f -> f.claims.put("nbf", now + 3600));
        change("ends before it begins", Cause.INVALID_CLAIMS, f -> f.claims.put("exp", now - 1));
        for (String claim : new String[] {"iat", "nbf", "exp"}) {
            for (String number : new String[] {
                "1e400",
                "1e10",
                "99999999999999999999999",
                "-1",
                "-0.5",
                "1.0",
                "9223372036854775808",
                "253402300800",
                "\"" + now + "\"",
                "true",
                "null",
                "[" + now + "]",
                "{}"
            }) {
                add(claim + " = " + number, Cause.INVALID_CLAIMS, slot -> {
                    Forgery forgery = new Forgery(slot);
                    forgery.claims.put(claim, "@");
                    forgery.payloadText = JsonUtil.toJson(forgery.claims).replace("\"@\"", number);
                    return forgery.text();
                });
            }
        }
    }

    private void shapes() {
        change("unknown claim", Cause.INVALID_CLAIMS, f -> f.claims.put("admin", true));
        change("critical claim", Cause.INVALID_CLAIMS, f -> f.claims.put("crit", List.of("mfa")));
        change("issuer", Cause.INVALID_CLAIMS, f -> f.claims.put("iss", "culvert"));
        add("duplicate claim", Cause.MALFORMED, slot -> {
            Forgery forgery = new Forgery(slot);
            String good = JsonUtil.toJson(forgery.claims);
            forgery.payloadText = good.substring(0, good.length() - 1) + ",\"sub\":\"root\"}";
            return forgery.text();
        });
        add("duplicate claim, escaped", Cause.MALFORMED, slot -> {
            Forgery forgery = new Forgery(slot);
            String good = JsonUtil.toJson(forgery.claims);
            forgery.payloadText = good.substring(0, good.length() - 1) + ",\"\\u0073ub\":\"root\"}";
            return forgery.text();
        });
        for (String member : new String[] {"\"alg\":\"none\"", "\"kid\":\"x\"", "\"typ\":\"JWT\""}) {
            add("duplicate header " + member, Cause.MALFORMED, slot -> {
                Forgery forgery = new Forgery(slot);
                String good = JsonUtil.toJson(forgery.header);
                forgery.headerText = "{" + member + "," + good.substring(1);
                return forgery.text();
            });
        }
        for (String json : new String[] {
            "",
            " ",
            "null",
            "true",
            "0",
            "\"x\"",
            "[]",
            "{",
            "}",
            "{}x",
            "{}{}",
            "\ufeff{}",
            "[".repeat(6000),
            "{\"a\":".repeat(2000),
            "{\"a\":" + "[".repeat(4000) + "]".repeat(4000) + "}"
        }) {
            String shown = json.length() > 20 ? json.substring(0, 6) + "..." + json.length() : json;
            change(
                    "payload " + shown,
                    json.startsWith("{\"a\":[") ? Cause.INVALID_CLAIMS : Cause.MALFORMED,
                    f -> f.payloadText = json);
            change(
                    "header " + shown,
                    json.startsWith("{\"a\":[") ? Cause.BAD_ALGORITHM : Cause.MALFORMED,
                    f -> f.headerText = json);
        }
        Maker good = slot -> new TokenSigner(KEY).sign(token(slot));
        add("a megabyte", Cause.MALFORMED, slot -> "A".repeat(1 << 20));
        add("a megabyte behind a good token", Cause.MALFORMED, slot -> good.make(slot) + "A".repeat(1 << 20));
        add("a megabyte of dots", Cause.MALFORMED, slot -> ".".repeat(1 << 20));
        change(
                "a payload beyond the limit",
                Cause.MALFORMED,
                f -> f.claims.put("sub", "a".repeat(TokenCodec.MAX_LENGTH)));
        add("padding", Cause.MALFORMED, slot -> good.make(slot) + "=");
        add("padding of each part", Cause.MALFORMED, slot -> good.make(slot).replace(".", "=.") + "==");
        add("a blank in front", Cause.MALFORMED, slot -> " " + good.make(slot));
        add("a newline behind", Cause.MALFORMED, slot -> good.make(slot) + "\n");
        add("a newline within", Cause.MALFORMED, slot -> good.make(slot).replace(".", ".\n"));
        add("ordinary base64", Cause.MALFORMED, slot -> good.make(slot).replaceFirst("^..", "+/"));
        add("bits behind the last byte", Cause.MALFORMED, slot -> {
            String jwt = good.make(slot); // 64 bytes end in a character with four spare bits, which must be 0
            return jwt.substring(0, jwt.length() - 1) + (char) (jwt.charAt(jwt.length() - 1) + 1);
        });
        add(
                "two parts",
                Cause.MALFORMED,
                slot -> good.make(slot).substring(0, good.make(slot).lastIndexOf('.')));
        add("four parts", Cause.MALFORMED, slot -> good.make(slot) + ".AAAA");
        add("five parts, as an encrypted one", Cause.MALFORMED, slot -> good.make(slot) + ".AAAA.AAAA");
        add("no header", Cause.MALFORMED, slot -> good.make(slot).replaceFirst("^[^.]*", ""));
        add("no payload", Cause.MALFORMED, slot -> good.make(slot).replaceFirst("\\..*\\.", ".."));
        add("a JSON serialization", Cause.MALFORMED, slot -> "{\"payload\":\"" + good.make(slot) + "\"}");
        add("parts of two tokens", Cause.BAD_SIGNATURE, slot -> {
            String[] one = good.make(slot).split("\\.");
            String[] two = good.make(slot).split("\\.");
            return one[0] + "." + one[1] + "." + two[2];
        });
    }

    @TestFactory
    Stream<DynamicTest> everyForgeryIsRefusedInEverySlot() {
        kinds();
        keys();
        algorithms();
        placesAndTimes();
        shapes();
        assertThat(attacks).hasSizeGreaterThan(190);
        return attacks.stream()
                .flatMap(attack -> Stream.of(Token.Kind.values())
                        .map(slot -> DynamicTest.dynamicTest(
                                slot + " slot: " + attack.name,
                                () -> refused(attack.maker.make(slot), slot, attack.expected))));
    }

    private static void refused(String jwt, Token.Kind slot, @Nullable Cause expected) {
        for (boolean slotKnown : new boolean[] {true, false}) {
            try {
                Token token = slotKnown ? VERIFIER.verify(jwt, slot) : VERIFIER.verify(jwt);
                // Where both kinds may come, a good token of the other kind is what it says, no more.
                assertThat(slotKnown).as("accepted: %s", token).isFalse();
                assertThat(expected).isEqualTo(Cause.WRONG_KIND);
                assertThat(token.kind()).isEqualTo(other(slot));
            } catch (TokenException e) {
                assertThat(e.getMessage()).doesNotContain("\n").hasSizeLessThan(600);
                // Without a known slot, what was the wrong kind there may be another fault here.
                if (expected != null && (slotKnown || expected != Cause.WRONG_KIND)) {
                    assertThat(e.reason()).isEqualTo(expected);
                }
            }
        }
    }

    @Test
    void theUnalteredOnesAreAcceptedInTheirSlots() throws Exception {
        for (Token.Kind slot : Token.Kind.values()) {
            assertThat(VERIFIER.verify(new Forgery(slot).text(), slot).kind()).isEqualTo(slot);
            assertThat(VERIFIER.verify(new TokenSigner(SECOND).sign(token(slot)), slot)
                            .keyId())
                    .isEqualTo(SECOND.keyId());
        }
    }

    @Test
    void cutAtEveryLengthAndChangedAtEveryCharacter() {
        for (Token.Kind slot : Token.Kind.values()) {
            String jwt = new TokenSigner(KEY).sign(token(slot));
            for (int i = 0; i < jwt.length(); i++) {
                refused(jwt.substring(0, i), slot, null);
                refused(jwt.substring(0, i) + jwt.substring(i + 1), slot, null);
                char c = jwt.charAt(i);
                refused(jwt.substring(0, i) + (c == 'A' ? 'B' : 'A') + jwt.substring(i + 1), slot, null);
                String swapped = Character.isLetter(c) ? swapCase(String.valueOf(c)) : c == '-' ? "_" : "-";
                refused(jwt.substring(0, i) + swapped + jwt.substring(i + 1), slot, null);
            }
        }
    }
}
