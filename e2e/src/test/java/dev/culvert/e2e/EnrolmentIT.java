package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.token.Token;
import dev.culvert.token.state.StateDirectory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Tokens that bind themselves to the machine that uses them first, and tokens that are taken back, by the real programs. */
@Tag("netns")
final class EnrolmentIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static String fetch() throws Exception {
        return lab.shell(
                lab.client,
                Lab.COMMAND,
                "curl -s -m 20 -o /dev/null -w '%{http_code}' http://" + Lab.OFFICE_HOST + ":" + LanServices.HTTP
                        + "/small || true");
    }

    private static String[] list(Path token) {
        return new String[] {
            lab.script("client"),
            "list",
            "--token-file",
            token.toString(),
            "--state",
            lab.directory().resolve("client-state").toString()
        };
    }

    @Test
    void aCopiedTokenIsOfNoUseAndARevokedOneNeither() throws Exception {
        LanServices.start(lab);
        Program gateway = lab.startGateway();
        Path agentToken = lab.agentToken("office", Lab.OFFICE_GATEWAY, "192.168.77.0/24", "--enrol");
        Program agent = lab.startAgent(lab.office, agentToken);
        Path clientToken = lab.clientToken("laptop", "office:192.168.77.0/24", "--enrol");
        // Who asks first must not become the holder: perhaps it is another user than who will be up.
        assertThat(lab.run(lab.client, Lab.START, list(clientToken)).output()).contains("the first 'up' makes it");
        Program client = lab.startClient(clientToken);
        assertThat(lab.run(lab.client, Lab.START, list(clientToken)).output()).contains("agent office: connected");
        assertThat(fetch()).isEqualTo("200");

        // A copy of the token on another machine.
        Outcome thief = lab.run(
                lab.plant,
                Lab.START,
                lab.script("client"),
                "up",
                "--token-file",
                clientToken.toString(),
                "--state",
                lab.directory().resolve("thief-state").toString());
        assertThat(thief.exit()).isEqualTo(1);
        assertThat(thief.output()).contains("already enrolled by another key");
        // An agent is a service: it says why, and asks on.
        try (Program thiefsAgent = lab.start(
                lab.gateway,
                "thiefs-agent",
                lab.script("agent"),
                "--token-file",
                agentToken.toString(),
                "--state",
                lab.directory().resolve("thief-state").toString())) {
            thiefsAgent.awaitOutput("already enrolled by another key", Lab.START);
            assertThat(thiefsAgent.terminate()).isEqualTo(143);
        }
        assertThat(fetch()).isEqualTo("200");

        // Its own program comes back with its key, and the gateway remembers after a restart.
        assertThat(gateway.terminate()).isEqualTo(143);
        gateway = lab.startGateway();
        client.awaitOutput("link lost", Lab.START);
        for (int i = 0; i < 30 && !fetch().equals("200"); i++) {
            assertThat(client.isAlive()).isTrue();
        }
        assertThat(fetch()).isEqualTo("200");

        StateDirectory.open(lab.state())
                .revocations()
                .revokeName(EnumSet.of(Token.Kind.CLIENT), "laptop", "the laptop was stolen");
        client.awaitOutput("your token was revoked; ask for a new one", Lab.START);
        assertThat(fetch()).isEqualTo("000");
        assertThat(client.isAlive()).isTrue();
        StateDirectory.open(lab.state()).revocations().revokeName(EnumSet.of(Token.Kind.AGENT), "office", "");
        agent.awaitOutput("your token was revoked; ask for a new one", Lab.START);
        assertThat(client.terminate()).isEqualTo(143);
        assertThat(gateway.terminate()).isEqualTo(143);

        List<String> audit = Files.readAllLines(lab.state().resolve("audit.jsonl"));
        assertThat(audit).filteredOn(l -> l.contains("\"token-enrolled\"")).hasSize(2);
        assertThat(audit).filteredOn(l -> l.contains("\"token-revoked\"")).hasSize(2);
        assertThat(audit)
                .filteredOn(l -> l.contains("\"token-refused\""))
                .hasSizeGreaterThanOrEqualTo(2)
                .anySatisfy(l -> assertThat(l).contains("already enrolled by another key", "\"laptop\""));
        assertThat(Files.readAllLines(lab.state().resolve("audit-flows.jsonl")))
                .filteredOn(l -> l.contains("\"event\":\"flow\""))
                .anySatisfy(l -> assertThat(l).contains("\"end\":\"finished\"", "\"host\":\"192.168.77.2\""));
    }
}
