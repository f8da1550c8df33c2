package dev.culvert.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.IpPrefix;
import dev.culvert.token.AgentToken;
import dev.culvert.token.ClientToken;
import dev.culvert.token.Grant;
import dev.culvert.token.Token;
import dev.culvert.token.TokenTerms;
import dev.culvert.token.sign.SigningKey;
import dev.culvert.token.sign.TokenSigner;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Instant;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Forged and misplaced tokens at the gateway's own door. The whole table of them is the token module's; here it is shown
 * that the door judges by it, and what it says: nothing to strangers, the reason to the bearer of a token of ours.
 */
@NullUnmarked
class TokenUpgradeTest {
    @TempDir
    Path dir;

    private static String b64(byte[] bytes) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    private PrivateKey signingKey() throws Exception {
        String pem = Files.readString(dir.resolve("signing.key")).replaceAll("-----[^-]+-----", "");
        return KeyFactory.getInstance("Ed25519")
                .generatePrivate(new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(pem)));
    }

    /** Signs anything, as the holder of the gateway's own signing key could. */
    private String forge(String header, String payload) throws Exception {
        String input =
                b64(header.getBytes(StandardCharsets.UTF_8)) + "." + b64(payload.getBytes(StandardCharsets.UTF_8));
        Signature signature = Signature.getInstance("Ed25519");
        signature.initSign(signingKey());
        signature.update(input.getBytes(StandardCharsets.US_ASCII));
        return input + "." + b64(signature.sign());
    }

    private record Answer(int status, String text) {}

    private static Answer upgrade(URI gateway, String token) throws IOException {
        try (Socket socket = new Socket(gateway.getHost(), gateway.getPort())) {
            socket.setSoTimeout(TestNetwork.PATIENCE * 1000);
            socket.getOutputStream()
                    .write(("GET /link HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                                    + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                                    + "Sec-WebSocket-Protocol: culvert.1\r\nAuthorization: Bearer " + token
                                    + "\r\n\r\n")
                            .getBytes(StandardCharsets.ISO_8859_1));
            InputStream in = socket.getInputStream();
            String head = new String(in.readNBytes(12), StandardCharsets.US_ASCII);
            int status = Integer.parseInt(head.substring(9, 12));
            return new Answer(status, status == 101 ? "" : new String(in.readAllBytes(), StandardCharsets.UTF_8));
        }
    }

    @Test
    void forgeriesAreRefusedAndTheGoodOnesAreNot() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, false, 1)) {
            Instant now = Instant.now();
            TokenTerms terms = TokenTerms.of("holder", List.of(net.uri()), null, now, now.plusSeconds(600))
                    .withAudience(List.of(TestNetwork.NAME));
            Token client = ClientToken.of(terms, List.of(Grant.parse("*:10.0.0.0/8")));
            Token agent = AgentToken.of(terms, List.of(IpPrefix.parse("10.0.0.0/8")));
            TokenSigner signer = net.state.signer();
            TokenSigner foreign = new TokenSigner(SigningKey.generate());
            Map<String, String> strangers = new LinkedHashMap<>();
            Map<String, String> ours = new LinkedHashMap<>();
            for (Token token : List.of(client, agent)) {
                String kind = token.kind() + ": ";
                String jwt = signer.sign(token);
                String[] parts = jwt.split("\\.");
                String header = new String(Base64.getUrlDecoder().decode(parts[0]), StandardCharsets.UTF_8);
                String payload = new String(Base64.getUrlDecoder().decode(parts[1]), StandardCharsets.UTF_8);
                Token other = token == client ? agent : client;
                strangers.put(kind + "foreign key", foreign.sign(token));
                strangers.put(
                        kind + "foreign key under our id", foreign.sign(token).replaceFirst("^[^.]*", parts[0]));
                strangers.put(
                        kind + "the other's type",
                        forge(header.replace(token.kind().type(), other.kind().type()), payload));
                strangers.put(kind + "alg none", forge(header.replace("EdDSA", "none"), payload));
                strangers.put(kind + "no signature", parts[0] + "." + parts[1] + ".");
                Mac mac = Mac.getInstance("HmacSHA256");
                mac.init(new SecretKeySpec(
                        net.state.keys().accepted().get(0).key().key().getEncoded(), "HmacSHA256"));
                String hs = b64(header.replace("EdDSA", "HS256").getBytes(StandardCharsets.UTF_8)) + "." + parts[1];
                strangers.put(
                        kind + "a MAC with the public key",
                        hs + "." + b64(mac.doFinal(hs.getBytes(StandardCharsets.US_ASCII))));
                strangers.put(kind + "unknown claim", forge(header, payload.replaceFirst("\\{", "{\"admin\":true,")));
                strangers.put(kind + "claim twice", forge(header, payload.replaceFirst("\\{", "{\"sub\":\"root\",")));
                strangers.put(
                        kind + "critical header", forge(header.replaceFirst("\\{", "{\"crit\":[\"exp\"],"), payload));
                strangers.put(kind + "cut", jwt.substring(0, jwt.length() - 1));
                strangers.put(
                        kind + "changed",
                        parts[0] + "." + parts[1] + "." + (parts[2].charAt(0) == 'A' ? 'B' : 'A')
                                + parts[2].substring(1));
                strangers.put(kind + "padded", jwt + "=");
                strangers.put(kind + "two in one", jwt + "," + jwt);
                ours.put(
                        kind + "another gateway",
                        signer.sign(token.withTerms(terms.withAudience(List.of(URI.create("wss://other.example"))))));
                ours.put(
                        kind + "expired",
                        signer.sign(token.withTerms(new TokenTerms(
                                terms.id(),
                                "holder",
                                terms.audience(),
                                terms.gateways(),
                                null,
                                now.minusSeconds(9000),
                                now.minusSeconds(9000),
                                now.minusSeconds(600),
                                "",
                                terms.binding()))));
                ours.put(
                        kind + "not yet valid",
                        signer.sign(token.withTerms(new TokenTerms(
                                terms.id(),
                                "holder",
                                terms.audience(),
                                terms.gateways(),
                                null,
                                now,
                                now.plusSeconds(900),
                                now.plusSeconds(9000),
                                "",
                                terms.binding()))));
                assertThat(upgrade(net.uri(), jwt).status).as(kind + "good").isEqualTo(101);
            }
            for (Map.Entry<String, String> attempt : strangers.entrySet()) {
                Answer answer = upgrade(net.uri(), attempt.getValue());
                assertThat(answer.status).as(attempt.getKey()).isEqualTo(404);
                assertThat(answer.text)
                        .as(attempt.getKey())
                        .doesNotContain("token")
                        .doesNotContain("key");
            }
            for (Map.Entry<String, String> attempt : ours.entrySet()) {
                Answer answer = upgrade(net.uri(), attempt.getValue());
                assertThat(answer.status).as(attempt.getKey()).isEqualTo(403);
                assertThat(answer.text).as(attempt.getKey()).contains("holder").doesNotContain(attempt.getValue());
            }
            assertThat(net.presence().agentCount()).isZero();
        }
    }
}
