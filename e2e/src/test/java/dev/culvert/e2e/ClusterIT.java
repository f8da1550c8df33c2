package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Two gateways on one Redis: the office reaches the one, the plant the other; each is a directory with a cluster key only. */
@Tag("netns")
final class ClusterIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static final TwoGateways gateways = new TwoGateways(lab, TwoGateways.REDIS);

    private static Program agent(Host host, String name, Path token) throws Exception {
        return lab.start(
                host,
                name,
                lab.script("agent"),
                "--token-file",
                token.toString(),
                "--state",
                lab.directory().resolve("state-" + name).toString());
    }

    private static Path agentToken(String name, String... more) throws Exception {
        List<String> options = new ArrayList<>(List.of("--routes", "192.168.77.0/24"));
        options.addAll(List.of(more));
        return gateways.holder("agent", name, options.toArray(String[]::new));
    }

    @Test
    void whatOneIsToldBothKnow() throws Exception {
        try (Program redis = TwoGateways.startRedis(lab)) {
            gateways.done("init", "--gateway", TwoGateways.urls("10.71.2.1", "10.71.3.1"));
            gateways.share();
            Program one = gateways.start(0);
            Program two = gateways.start(1);
            assertThat(gateways.state(1).resolve("signing.pub")).doesNotExist();
            assertThat(gateways.state(0).resolve("ca.key")).doesNotExist();

            // One token that is good once, two machines, two gateways, at the same time.
            Path once = agentToken("office", "--enrol");
            Program atOne = agent(lab.office, "agent-office", once);
            Program atTwo = agent(lab.plant, "agent-plant", once);
            await().atMost(TwoGateways.PATIENCE).until(() -> ends(atOne) && ends(atTwo));
            assertThat(List.of(atOne.output(), atTwo.output()))
                    .filteredOn(said -> said.contains("connected to"))
                    .hasSize(1);
            assertThat(List.of(atOne.output(), atTwo.output()))
                    .filteredOn(said -> said.contains("already enrolled by another key"))
                    .hasSize(1);

            // A token that is in use at both: whoever revokes it, from the moment on in which the store knows.
            Path everywhere = agentToken("branch");
            Program hereToo = agent(lab.office, "agent-branch-office", everywhere);
            Program thereToo = agent(lab.plant, "agent-branch-plant", everywhere);
            hereToo.awaitOutput("connected to", TwoGateways.PATIENCE);
            thereToo.awaitOutput("connected to", TwoGateways.PATIENCE);
            gateways.done("revoke", "branch");
            Instant known = Instant.now();
            hereToo.awaitOutput("your token was revoked", TwoGateways.PATIENCE);
            thereToo.awaitOutput("your token was revoked", TwoGateways.PATIENCE);
            System.out.println("ClusterIT: revoked at both, in ms after the command has ended: "
                    + Duration.between(known, Instant.now()).toMillis());

            policyAndRenewedTokenReachAClientAtTheOther();

            // The store goes: nothing stops, what would write says so, and with what code.
            redis.kill();
            Outcome refused = gateways.token("revoke", "office");
            assertThat(refused.exit()).as(refused.output()).isEqualTo(TwoGateways.AWAY);
            assertThat(refused.output()).contains("is away").hasLineCount(1);
            assertThat(one.isAlive()).isTrue();
            assertThat(two.isAlive()).isTrue();
            assertThat(one.terminate()).isEqualTo(143);
            assertThat(two.terminate()).isEqualTo(143);
        }
    }

    private static void policyAndRenewedTokenReachAClientAtTheOther() throws Exception {
        Path token = gateways.holder(
                "client",
                "laptop",
                "--gateway",
                "wss://" + Lab.GATEWAY + ":" + (Lab.PORT + 1),
                "--allow",
                "office:192.168.77.0/24",
                "--enrol",
                "--expires",
                "30d");
        try (Program client = lab.start(lab.client, "client", lab.up(token))) {
            client.awaitOutput("connected to", TwoGateways.PATIENCE);
            assertThat(gateways.ofClient()).isOne();
            int mark = client.mark();
            gateways.push("grants: []\n");
            client.awaitOutputAfter(mark, "the gateway's policy allows you nothing now", TwoGateways.PATIENCE);

            gateways.done("renew", "laptop", "--expires", "90d");
            client.awaitOutputAfter(mark, "the token of 'laptop' was renewed", TwoGateways.PATIENCE);
            assertThat(lab.directory().resolve("client-state/renewed-laptop.token"))
                    .isNotEmptyFile();
            await().atMost(TwoGateways.PATIENCE)
                    .until(() -> Files.readString(gateways.state(1).resolve("audit.jsonl"))
                            .contains("token-handed-over"));
            assertThat(gateways.state(0).resolve("audit.jsonl"))
                    .content()
                    .contains("token-renewed", "policy-pushed")
                    .doesNotContain("token-handed-over");
        }
    }

    private static boolean ends(Program agent) {
        String said = agent.output();
        return said.contains("connected to") || said.contains("already enrolled by another key");
    }
}
