package dev.culvert.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.culvert.gateway.TestNetwork.Peer;
import dev.culvert.token.ClientToken;
import dev.culvert.token.Grant;
import dev.culvert.token.Token;
import dev.culvert.token.TokenBinding;
import dev.culvert.token.TokenTerms;
import dev.culvert.token.holder.HolderKey;
import dev.culvert.token.sign.TokenReader;
import dev.culvert.token.state.StateDirectory;
import dev.culvert.tunnel.fixture.TestFlow;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.link.LinkRefusedException;
import java.net.URI;
import java.nio.file.Path;
import java.security.KeyPair;
import java.time.Instant;
import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tokens that are taken back, and keys that they are bound to, over a real gateway on loopback. */
@NullUnmarked
final class RevocationTest {
    @TempDir
    Path dir;

    private static final String REVOKED = "your token was revoked; ask for a new one";

    private static Peer client(TestNetwork net, String jwt) throws Exception {
        return net.connect(jwt, f -> {});
    }

    private static void assertRefused(TestNetwork net, String jwt) {
        assertThatThrownBy(() -> client(net, jwt))
                .hasCauseInstanceOf(LinkRefusedException.class)
                .hasMessageContaining(REVOKED);
    }

    /** Another process revokes, as the token command does; live links and their flows end, others stay. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aRevokedTokenLosesItsLinksAndTheirFlows(boolean byName) throws Exception {
        String lost;
        try (TestNetwork net = new TestNetwork(dir, true, 2)) {
            Peer agent = net.agent("office", TestFlow::echo, "10.0.0.0/24");
            lost = net.clientToken("laptop", Instant.now().plusSeconds(3600), "*:10.0.0.0/24");
            String kept = net.clientToken("desktop", Instant.now().plusSeconds(3600), "*:10.0.0.0/24");
            List<Peer> cut = List.of(client(net, lost), client(net, lost));
            Peer other = client(net, kept);
            TestFlow flow = cut.get(0).open(TestNetwork.open(TestNetwork.tcp("10.0.0.1", 1), "office"));
            TestFlow stays = other.open(TestNetwork.open(TestNetwork.tcp("10.0.0.1", 1), "office"));
            assertThat(flow.refused()).isNull();
            assertThat(stays.refused()).isNull();
            assertThat(agent.flows()).isEqualTo(2);

            var revocations = StateDirectory.open(dir).revocations();
            if (byName) {
                revocations.revokeName(EnumSet.of(Token.Kind.CLIENT), "laptop", "stolen");
            } else {
                revocations.revokeId(TokenReader.read(lost).id(), "stolen");
            }
            assertThat(flow.ended()).isEqualTo(Reason.LINK_LOST);
            for (Peer peer : cut) {
                assertThat(peer.down.get(TestNetwork.PATIENCE, TimeUnit.SECONDS))
                        .isEqualTo(REVOKED);
                assertThat(peer.call(() -> peer.mux.link().peerCloseCode())).isEqualTo(Link.CLOSE_TOKEN_ENDED);
            }
            await().until(() -> agent.flows() == 1);
            assertRefused(net, lost);
            assertThat(other.down).isNotDone();
            stays.send(new byte[] {7});
            stays.finish();
            assertThat(stays.all.get(TestNetwork.PATIENCE, TimeUnit.SECONDS)).containsExactly(7);

            net.gateway.close();
            assertThat(net.audited("token-revoked"))
                    .singleElement()
                    .satisfies(l -> assertThat(l).containsEntry("links", 2));
            assertThat(net.audited("link-down"))
                    .filteredOn(l -> REVOKED.equals(l.get("why")))
                    .hasSize(2);
            assertThat(net.audited("token-refused"))
                    .singleElement()
                    .satisfies(l -> assertThat(l).containsEntry("why", REVOKED).containsEntry("name", "laptop"));
        }
        try (TestNetwork again = new TestNetwork(dir, true, 1)) {
            assertRefused(again, lost);
        }
    }

    /** Keys overlap: tokens of a new one work at once, those of the old one until it is retired; all without a restart. */
    @Test
    void keysRotateAndRetireUnderARunningGateway() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, true, 2)) {
            String old = net.clientToken("laptop", Instant.now().plusSeconds(3600), "*:10.0.0.0/24");
            Peer before = client(net, old);
            StateDirectory command = StateDirectory.open(dir);
            String oldKey = command.signer().keyId();
            command.keys().rotate(null);
            String fresh = net.clientToken("desktop", Instant.now().plusSeconds(3600), "*:10.0.0.0/24");
            assertThat(TokenReader.read(fresh).keyId()).isNotEqualTo(oldKey);
            await().until(() -> {
                try {
                    client(net, fresh);
                    return true;
                } catch (ExecutionException e) {
                    return false; // not read yet
                }
            });
            Peer after = client(net, fresh);
            client(net, old);
            assertThat(before.down).isNotDone();

            command.keys().retire(oldKey);
            assertThat(before.down.get(TestNetwork.PATIENCE, TimeUnit.SECONDS)).contains("key", "retired");
            assertThatThrownBy(() -> client(net, old))
                    .hasCauseInstanceOf(LinkRefusedException.class)
                    .hasMessageContaining("404");
            assertThat(after.down).isNotDone();
            client(net, fresh);
        }
    }

    /** Who the gateway is, it may learn while it runs; a token for another gateway is refused, and its bearer told so. */
    @Test
    void aTokenForAnotherGatewayIsRefused() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, true, 1)) {
            URI elsewhere = URI.create("wss://elsewhere.example:443");
            Instant now = Instant.now();
            String jwt = net.state
                    .signer()
                    .sign(ClientToken.of(
                            TokenTerms.of("laptop", List.of(elsewhere), null, now, now.plusSeconds(600)),
                            List.of(Grant.parse("*:10.0.0.0/24"))));
            assertThatThrownBy(() -> client(net, jwt))
                    .hasCauseInstanceOf(LinkRefusedException.class)
                    .hasMessageContaining("is for the gateway " + elsewhere);
            net.state.setGatewayUrls(List.of(elsewhere));
            await().until(() -> {
                try {
                    client(net, jwt);
                    return true;
                } catch (ExecutionException e) {
                    return false; // not read yet
                }
            });
            client(net, net.clientToken("desktop", now.plusSeconds(600), "*:10.0.0.0/24"));
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aStolenTokenWithoutItsKeyIsOfNoUse(boolean tls) throws Exception {
        KeyPair mine = HolderKey.generate().pair();
        KeyPair thief = HolderKey.generate().pair();
        String jwt;
        try (TestNetwork net = new TestNetwork(dir, tls, 1)) {
            jwt = net.boundToken(
                    "laptop", new TokenBinding.Enrolment(Instant.now().plusSeconds(600)));
            Peer first = net.connect(jwt, mine, f -> {});
            Peer second = net.connect(jwt, mine, f -> {});
            assertThatThrownBy(() -> net.connect(jwt, thief, f -> {}))
                    .hasCauseInstanceOf(LinkRefusedException.class)
                    .hasMessageContaining("already enrolled by another key");
            assertThatThrownBy(() -> net.connect(jwt, f -> {}))
                    .hasCauseInstanceOf(LinkRefusedException.class)
                    .hasMessageContaining("bound to a key");
            assertThat(first.down).isNotDone();
            assertThat(second.down).isNotDone();
            net.gateway.close();
            String thumbprint = (String) net.audited("token-enrolled").get(0).get("key");
            assertThat(net.audited("token-enrolled")).hasSize(1);
            assertThat(net.audited("link-up"))
                    .hasSize(2)
                    .allSatisfy(l -> assertThat(l).containsEntry("key", thumbprint));
        }
        try (TestNetwork again = new TestNetwork(dir, tls, 1)) {
            assertThatThrownBy(() -> again.connect(jwt, thief, f -> {})).hasMessageContaining("already enrolled");
            again.connect(jwt, mine, f -> {});
        }
    }
}
