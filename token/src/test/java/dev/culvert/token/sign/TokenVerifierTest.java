package dev.culvert.token.sign;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.culvert.address.IpPrefix;
import dev.culvert.address.SeededRandom;
import dev.culvert.token.AgentToken;
import dev.culvert.token.ClientToken;
import dev.culvert.token.Grant;
import dev.culvert.token.PublishRight;
import dev.culvert.token.Route;
import dev.culvert.token.Token;
import dev.culvert.token.TokenBinding;
import dev.culvert.token.TokenException;
import dev.culvert.token.TokenException.Cause;
import dev.culvert.token.TokenFields;
import dev.culvert.token.TokenTerms;
import dev.culvert.token.state.CertificateAuthority;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.Signature;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.jose4j.json.JsonUtil;
import org.jose4j.jwa.AlgorithmConstraints;
import org.jose4j.jws.JsonWebSignature;
import org.jose4j.keys.HmacKey;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class TokenVerifierTest {
    private static final Instant NOW = Instant.parse("2026-11-22T12:00:00Z");
    private static final URI GATEWAY = URI.create("wss://vpn.example:443");
    private static final String PIN = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
    private static final SigningKey KEY = SigningKey.generate();
    private static final TokenSigner SIGNER = new TokenSigner(KEY);
    private static final SigningKey OTHER = SigningKey.generate();

    private static final ClientToken CLIENT = new ClientToken(
            TokenTerms.of(
                    "laptop", List.of(GATEWAY, URI.create("ws://10.0.0.1/x")), PIN, NOW, NOW.plus(Duration.ofDays(1))),
            List.of(Grant.parse("office:192.168.77.0/24"), Grant.parse("*:db.internal:5432/tcp")),
            List.of(
                    Route.parse("192.168.77.0/24"),
                    Route.parse("fd77::/64=office"),
                    Route.parse("10.77.0.0/24=office:192.168.1.0/24")),
            List.of("corp.example"));
    private static final AgentToken AGENT = new AgentToken(
            TokenTerms.of("office", List.of(GATEWAY), null, NOW, NOW.plus(Duration.ofDays(1))),
            List.of(IpPrefix.parse("192.168.77.0/24")),
            List.of(PublishRight.parse("*.apps.example"), PublishRight.parse(":2200-2299,8443/tcp,udp")));
    private static final Set<String> OPTIONAL_OF_CLIENT = Set.of("pin", "routes", "domains");
    private static final Set<String> OPTIONAL_OF_AGENT = Set.of("pin", "publish");

    private static TokenVerifier at(Instant now, SigningKey... keys) {
        Trust trust =
                Trust.of(Arrays.stream(keys).map(SigningKey::verificationKey).toList(), List.of(GATEWAY));
        return new TokenVerifier(() -> trust, Clock.fixed(now, ZoneOffset.UTC));
    }

    private static final TokenVerifier VERIFIER = at(NOW, KEY);

    private static Cause refusal(String jwt) {
        TokenException e = catchThrowableOfType(TokenException.class, () -> VERIFIER.verify(jwt));
        assertThat(e).as("must be refused: %s", jwt).isNotNull();
        assertThat(e.getMessage()).doesNotContain("\n").hasSizeLessThan(600);
        return e.reason();
    }

    private static Map<String, Object> claims(Token token) throws Exception {
        return new LinkedHashMap<>(JsonUtil.parseJson(TokenCodec.encode(token)));
    }

    private static Map<String, Object> header(Token.Kind kind) {
        Map<String, Object> header = new LinkedHashMap<>();
        header.put("alg", "EdDSA");
        header.put("typ", kind.type());
        header.put("kid", KEY.keyId());
        return header;
    }

    private static String b64(String text) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }

    /** Signs anything at all with the right key: what only the key's holder could make. */
    private static String forge(String header, String payload) throws Exception {
        String input = b64(header) + "." + b64(payload);
        Signature signature = Signature.getInstance("Ed25519");
        signature.initSign(KEY.privateKey());
        signature.update(input.getBytes(StandardCharsets.US_ASCII));
        return input + "." + Base64.getUrlEncoder().withoutPadding().encodeToString(signature.sign());
    }

    private static String withClaims(Token token, Consumer<Map<String, Object>> change) throws Exception {
        Map<String, Object> claims = claims(token);
        change.accept(claims);
        return forge(JsonUtil.toJson(header(token.kind())), JsonUtil.toJson(claims));
    }

    private static String withHeader(Consumer<Map<String, Object>> change) throws Exception {
        Map<String, Object> header = header(Token.Kind.CLIENT);
        change.accept(header);
        return forge(JsonUtil.toJson(header), TokenCodec.encode(CLIENT));
    }

    @Test
    void giveBackWhatWasSigned() throws Exception {
        assertThat(VERIFIER.verify(SIGNER.sign(CLIENT))).isEqualTo(SIGNER.named(CLIENT));
        assertThat(VERIFIER.verify(SIGNER.sign(AGENT))).isEqualTo(SIGNER.named(AGENT));
        assertThat(VERIFIER.verifyClient(SIGNER.sign(CLIENT)).pin()).isEqualTo(PIN);
        assertThat(VERIFIER.verifyAgent(SIGNER.sign(AGENT)).pin()).isNull();
        assertThat(TokenReader.read(SIGNER.sign(CLIENT))).isEqualTo(SIGNER.named(CLIENT));
        assertThat(at(NOW, OTHER, KEY).verify(SIGNER.sign(CLIENT)).keyId()).isEqualTo(KEY.keyId());
    }

    @Test
    void bindingsAreKept() throws Exception {
        for (TokenBinding binding : List.of(
                TokenBinding.BEARER, new TokenBinding.Enrolment(NOW.plusSeconds(3600)), new TokenBinding.Key(PIN))) {
            for (Token token : List.of(CLIENT, AGENT)) {
                Token read = VERIFIER.verify(SIGNER.sign(token.withBinding(binding)));
                assertThat(read.binding()).isEqualTo(binding);
                assertThat(read.withBinding(TokenBinding.BEARER).id()).isEqualTo(token.id());
            }
        }
    }

    /** A binding that is not understood is a restriction that must not be skipped. */
    @Test
    void otherBindingsAreRefused() throws Exception {
        for (Object cnf : new Object[] {
            PIN,
            List.of(PIN),
            Map.of(),
            Map.of("kid", "a"),
            Map.of("jkt", 1),
            Map.of("jkt", PIN, "kid", "a"),
            Map.of("jkt", PIN + "A"),
            Map.of("jkt", "")
        }) {
            assertThat(refusal(withClaims(CLIENT, c -> c.put("cnf", cnf)))).isEqualTo(Cause.INVALID_CLAIMS);
        }
        for (Object enrol : new Object[] {"1", true, -1, 1.5, Long.MAX_VALUE, List.of()}) {
            assertThat(refusal(withClaims(AGENT, c -> c.put("enrol", enrol)))).isEqualTo(Cause.INVALID_CLAIMS);
        }
        assertThat(refusal(withClaims(CLIENT, c -> {
                    c.put("enrol", NOW.getEpochSecond());
                    c.put("cnf", Map.of("jkt", PIN));
                })))
                .isEqualTo(Cause.INVALID_CLAIMS);
    }

    @Test
    void anIndependentLibraryAcceptsTheSignature() throws Exception {
        JsonWebSignature jws = new JsonWebSignature();
        jws.setCompactSerialization(SIGNER.sign(CLIENT));
        jws.setKey(KEY.verificationKey().key());
        assertThat(jws.verifySignature()).isTrue();
        assertThat(jws.getHeader("typ")).isEqualTo("culvert-client+jwt");
        JsonWebSignature theirs = new JsonWebSignature();
        theirs.setAlgorithmHeaderValue("EdDSA");
        theirs.setHeader("typ", Token.Kind.AGENT.type());
        theirs.setKeyIdHeaderValue(KEY.keyId());
        theirs.setPayload(TokenCodec.encode(AGENT));
        theirs.setKey(KEY.privateKey());
        assertThat(VERIFIER.verify(theirs.getCompactSerialization())).isEqualTo(SIGNER.named(AGENT));
    }

    @ParameterizedTest
    @EnumSource(Token.Kind.class)
    void neitherKindPassesForTheOther(Token.Kind kind) throws Exception {
        Token token = kind == Token.Kind.CLIENT ? CLIENT : AGENT;
        Token.Kind other = kind == Token.Kind.CLIENT ? Token.Kind.AGENT : Token.Kind.CLIENT;
        String jwt = SIGNER.sign(token);
        assertThat(VERIFIER.verify(jwt, kind).kind()).isEqualTo(kind);
        assertThat(catchThrowableOfType(TokenException.class, () -> VERIFIER.verify(jwt, other))
                        .reason())
                .isEqualTo(Cause.WRONG_KIND);
        assertThat(catchThrowableOfType(TokenException.class, () -> TokenReader.read(jwt, other))
                        .reason())
                .isEqualTo(Cause.WRONG_KIND);
        // the other's type over this one's claims, even rightly signed
        assertThat(refusal(forge(JsonUtil.toJson(header(other)), TokenCodec.encode(token))))
                .isEqualTo(Cause.INVALID_CLAIMS);
    }

    @Test
    void refusesOtherAlgorithms() throws Exception {
        for (String alg : new String[] {"none", "None", "HS256", "ES256", "RS256", "Ed25519", "eddsa", ""}) {
            assertThat(refusal(withHeader(h -> h.put("alg", alg)))).as(alg).isEqualTo(Cause.BAD_ALGORITHM);
        }
        assertThat(refusal(withHeader(h -> h.remove("alg")))).isEqualTo(Cause.BAD_ALGORITHM);
        assertThat(refusal(withHeader(h -> h.put("alg", List.of("EdDSA"))))).isEqualTo(Cause.BAD_ALGORITHM);
        // alg=none with an empty signature
        Map<String, Object> none = header(Token.Kind.CLIENT);
        none.put("alg", "none");
        String unsigned = b64(JsonUtil.toJson(none)) + "." + b64(TokenCodec.encode(CLIENT)) + ".";
        assertThat(refusal(unsigned)).isEqualTo(Cause.MALFORMED);
    }

    @Test
    void refusesAMacKeyedWithThePublicKey() throws Exception {
        JsonWebSignature jws = new JsonWebSignature();
        jws.setAlgorithmConstraints(AlgorithmConstraints.NO_CONSTRAINTS);
        jws.setAlgorithmHeaderValue("HS256");
        jws.setHeader("typ", Token.Kind.CLIENT.type());
        jws.setKeyIdHeaderValue(KEY.keyId());
        jws.setPayload(TokenCodec.encode(CLIENT));
        jws.setKey(new HmacKey(KEY.verificationKey().key().getEncoded()));
        assertThat(refusal(jws.getCompactSerialization())).isEqualTo(Cause.BAD_ALGORITHM);
    }

    @Test
    void refusesKeysThatAreUnknownOrSwapped() throws Exception {
        String foreign = new TokenSigner(OTHER).sign(CLIENT);
        assertThat(refusal(foreign)).isEqualTo(Cause.UNKNOWN_KEY);
        String[] parts = foreign.split("\\.");
        String swapped = b64(JsonUtil.toJson(header(Token.Kind.CLIENT))) + "." + parts[1] + "." + parts[2];
        assertThat(refusal(swapped)).isEqualTo(Cause.BAD_SIGNATURE);
        assertThat(refusal(withHeader(h -> h.put("kid", OTHER.keyId())))).isEqualTo(Cause.UNKNOWN_KEY);
        assertThat(catchThrowableOfType(
                                TokenException.class,
                                () -> at(NOW, KEY, OTHER).verify(withHeader(h -> h.put("kid", OTHER.keyId()))))
                        .reason())
                .isEqualTo(Cause.BAD_SIGNATURE);
    }

    @Test
    void refusesOtherHeaders() throws Exception {
        for (String name : new String[] {"jwk", "jku", "x5c", "x5u", "crit", "b64", "cty", "zip"}) {
            assertThat(refusal(withHeader(h -> h.put(name, "x")))).as(name).isEqualTo(Cause.MALFORMED);
        }
        assertThat(refusal(withHeader(h -> h.remove("kid")))).isEqualTo(Cause.MALFORMED);
        assertThat(refusal(withHeader(h -> h.put("kid", 7)))).isEqualTo(Cause.MALFORMED);
        assertThat(refusal(withHeader(h -> h.put("kid", "\u001b[2J")))).isEqualTo(Cause.MALFORMED);
        assertThat(refusal(withHeader(h -> h.put("typ", "JWT")))).isEqualTo(Cause.WRONG_KIND);
        assertThat(refusal(withHeader(h -> h.put("typ", "CULVERT-CLIENT+JWT")))).isEqualTo(Cause.WRONG_KIND);
    }

    @Test
    void everyChangedCharacterIsNoticed() {
        String jwt = SIGNER.sign(CLIENT);
        for (int i = 0; i < jwt.length(); i++) {
            char c = jwt.charAt(i);
            String changed = jwt.substring(0, i) + (c == 'A' ? 'B' : 'A') + jwt.substring(i + 1);
            assertThat(refusal(changed)).as("at %d", i).isNotNull();
            assertThat(refusal(jwt.substring(0, i))).as("cut at %d", i).isNotNull();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ".", "..", "...", "a.b.c", "a.b", "e30.e30.e30", "!.!.!", " ", "e30=.e30=.e30="})
    void refusesWhatIsNoToken(String text) {
        assertThat(refusal(text)).isIn(Cause.MALFORMED, Cause.BAD_ALGORITHM);
    }

    @Test
    void oneTokenHasOneText() {
        String jwt = SIGNER.sign(CLIENT);
        assertThat(refusal(jwt + "=")).isEqualTo(Cause.MALFORMED);
        assertThat(refusal(jwt + "\n")).isEqualTo(Cause.MALFORMED);
        assertThat(refusal(jwt.substring(0, jwt.length() - 1) + (char) (jwt.charAt(jwt.length() - 1) + 1)))
                .isIn(Cause.MALFORMED, Cause.BAD_SIGNATURE);
    }

    @Test
    void livesFromBeginToExpiryWithASmallAllowanceForClocks() throws Exception {
        String jwt = SIGNER.sign(CLIENT);
        Duration skew = TokenVerifier.CLOCK_SKEW;
        at(NOW.minus(skew), KEY).verify(jwt);
        at(CLIENT.expires().plus(skew).minusSeconds(1), KEY).verify(jwt);
        assertThat(catchThrowableOfType(
                                TokenException.class,
                                () -> at(CLIENT.expires().plus(skew), KEY).verify(jwt))
                        .reason())
                .isEqualTo(Cause.EXPIRED);
        assertThat(catchThrowableOfType(
                                TokenException.class,
                                () -> at(NOW.minus(skew).minusSeconds(1), KEY).verify(jwt))
                        .reason())
                .isEqualTo(Cause.NOT_YET_VALID);
    }

    @Test
    void isForItsAudienceOnly() throws Exception {
        for (String other : new String[] {
            "wss://vpn.example:444", "ws://vpn.example:443", "wss://vpn.example.org", "wss://vpn.example/path"
        }) {
            String jwt = withClaims(CLIENT, c -> c.put("aud", List.of(other)));
            assertThat(refusal(jwt)).as(other).isEqualTo(Cause.WRONG_AUDIENCE);
            assertThat(refusal(withClaims(AGENT, c -> c.put("aud", List.of(other)))))
                    .as(other)
                    .isEqualTo(Cause.WRONG_AUDIENCE);
        }
        for (String same : new String[] {"wss://vpn.example", "WSS://VPN.example:443/", "wss://vpn.example/"}) {
            VERIFIER.verify(withClaims(CLIENT, c -> c.put("aud", List.of("wss://other.example", same))));
        }
        Trust nameless = Trust.of(List.of(KEY.verificationKey()), List.of());
        TokenException e = catchThrowableOfType(
                TokenException.class,
                () -> new TokenVerifier(() -> nameless, Clock.fixed(NOW, ZoneOffset.UTC)).verify(SIGNER.sign(CLIENT)));
        assertThat(e.reason()).as("a gateway without a name accepts nothing").isEqualTo(Cause.WRONG_AUDIENCE);
        assertThat(e.isGenuine()).isTrue();
    }

    @Test
    void keysAndNamesMayChangeUnderARunningVerifier() throws Exception {
        AtomicReference<Trust> trust =
                new AtomicReference<>(Trust.of(List.of(OTHER.verificationKey()), List.of(GATEWAY)));
        TokenVerifier verifier = new TokenVerifier(trust::get, Clock.fixed(NOW, ZoneOffset.UTC));
        String jwt = SIGNER.sign(CLIENT);
        assertThatThrownBy(() -> verifier.verify(jwt)).hasMessageContaining("not trusted");
        trust.set(Trust.of(List.of(OTHER.verificationKey(), KEY.verificationKey()), List.of(GATEWAY)));
        verifier.verify(jwt);
        trust.set(Trust.of(List.of(OTHER.verificationKey()), List.of(GATEWAY)));
        assertThatThrownBy(() -> verifier.verify(jwt)).hasMessageContaining("no longer");
    }

    @Test
    void everyClaimIsNeededAndHasItsType() throws Exception {
        for (Token token : List.of(CLIENT, AGENT)) {
            for (String name : claims(token).keySet()) {
                if (!(token == CLIENT ? OPTIONAL_OF_CLIENT : OPTIONAL_OF_AGENT).contains(name)) {
                    assertThat(refusal(withClaims(token, c -> c.remove(name))))
                            .as(name)
                            .isEqualTo(Cause.INVALID_CLAIMS);
                }
                for (Object wrong :
                        new Object[] {true, 1.5, -1, Map.of(), List.of(), List.of(1), "", "\u0000", "a b"}) {
                    assertThat(refusal(withClaims(token, c -> c.put(name, wrong))))
                            .as("%s=%s", name, wrong)
                            .isEqualTo(Cause.INVALID_CLAIMS);
                }
                assertThat(refusal(withClaims(token, c -> c.put(name, null))))
                        .as(name)
                        .isEqualTo(Cause.INVALID_CLAIMS);
            }
            assertThat(refusal(withClaims(token, c -> c.put("admin", true)))).isEqualTo(Cause.INVALID_CLAIMS);
            assertThat(refusal(withClaims(token, c -> c.put("exp", Long.MAX_VALUE))))
                    .isEqualTo(Cause.INVALID_CLAIMS);
            assertThat(refusal(withClaims(token, c -> c.put("exp", NOW.getEpochSecond()))))
                    .isEqualTo(Cause.INVALID_CLAIMS);
            assertThat(refusal(withClaims(token, c -> c.put("aud", GATEWAY.toString()))))
                    .isEqualTo(Cause.INVALID_CLAIMS);
            for (String url : new String[] {
                "http://x",
                "wss:/x",
                "wss://",
                "wss://u@x",
                "wss://x?q",
                "wss://x#f",
                "wss://x:0",
                "wss://x:70000",
                "wss://x/é"
            }) {
                assertThat(refusal(withClaims(token, c -> c.put("gateways", List.of(url)))))
                        .as(url)
                        .isEqualTo(Cause.INVALID_CLAIMS);
                assertThat(refusal(withClaims(token, c -> c.put("aud", List.of(GATEWAY.toString(), url)))))
                        .as(url)
                        .isEqualTo(Cause.INVALID_CLAIMS);
            }
        }
        assertThat(refusal(withClaims(CLIENT, c -> c.put("publish", List.of("shop.example")))))
                .isEqualTo(Cause.INVALID_CLAIMS);
        assertThat(refusal(withClaims(AGENT, c -> c.put("grants", List.of("a:10.0.0.0/8")))))
                .isEqualTo(Cause.INVALID_CLAIMS);
    }

    @Test
    void refusesJsonThatCanBeReadInTwoWays() throws Exception {
        String header = JsonUtil.toJson(header(Token.Kind.CLIENT));
        String payload = TokenCodec.encode(CLIENT);
        String twice = payload.substring(0, payload.length() - 1) + ",\"sub\":\"root\"}";
        assertThat(refusal(forge(header, twice))).isEqualTo(Cause.MALFORMED);
        assertThat(refusal(forge(header, payload + "{}"))).isEqualTo(Cause.MALFORMED);
        assertThat(refusal(forge(header, "[]"))).isEqualTo(Cause.MALFORMED);
        assertThat(refusal(forge(header, "[".repeat(5000)))).isEqualTo(Cause.MALFORMED);
    }

    @Test
    void boundsSizeAndNumberOfEntries() throws Exception {
        assertThat(refusal("a".repeat(TokenCodec.MAX_LENGTH + 1))).isEqualTo(Cause.MALFORMED);
        List<String> many = IntStream.rangeClosed(0, TokenFields.MAX_ENTRIES)
                .mapToObj(i -> "::")
                .toList();
        assertThat(refusal(withClaims(AGENT, c -> c.put("routes", many)))).isEqualTo(Cause.INVALID_CLAIMS);
        List<Grant> wide = IntStream.range(0, 1000)
                .mapToObj(i -> Grant.parse("office:host-" + i + ".internal.example:443/tcp"))
                .toList();
        ClientToken large = ClientToken.of(CLIENT.terms(), wide);
        assertThatThrownBy(() -> SIGNER.sign(large))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("16384");
    }

    @Test
    void idsCanBeWrittenAsArguments() {
        assertThat(java.util.stream.Stream.generate(Token::newId).limit(2000)).noneMatch(id -> id.startsWith("-"));
        assertThat(java.util.stream.Stream.generate(SigningKey::generate).limit(300))
                .noneMatch(key -> key.keyId().startsWith("-"));
    }

    @Test
    void keysMustBeEd25519AndHalvesOfOne() throws Exception {
        var p256 = CertificateAuthority.newKey();
        assertThatThrownBy(() -> VerificationKey.of(p256.getPublic())).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> VerificationKey.of(java.security.KeyPairGenerator.getInstance("Ed448")
                        .generateKeyPair()
                        .getPublic()))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() ->
                        SigningKey.of(KEY.privateKey(), OTHER.verificationKey().key()))
                .hasMessageContaining("not halves");
        assertThat(KEY.toString()).isEqualTo("SigningKey[" + KEY.keyId() + "]");
    }

    @Test
    void randomClaimsNeverEscapeAsOtherExceptions() throws Exception {
        SeededRandom random = SeededRandom.create();
        String payload = TokenCodec.encode(CLIENT);
        String header = JsonUtil.toJson(header(Token.Kind.CLIENT));
        int refused = 0;
        for (int i = 0; i < 3000; i++) {
            StringBuilder changed = new StringBuilder(payload);
            for (int n = 1 + random.nextInt(3); n > 0; n--) {
                int at = random.nextInt(changed.length());
                switch (random.nextInt(3)) {
                    case 0 -> changed.setCharAt(at, (char) random.nextInt(random.nextBoolean() ? 128 : 65536));
                    case 1 -> changed.deleteCharAt(at);
                    default -> changed.insert(at, "\"{}[],:0-".charAt(random.nextInt(9)));
                }
            }
            try {
                VERIFIER.verify(forge(header, changed.toString()));
            } catch (TokenException e) {
                refused++;
            }
        }
        assertThat(refused).as("seed %d", random.seed).isGreaterThan(1500);
    }
}
