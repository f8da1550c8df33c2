package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The programs are upgraded as docs/operations.md says, while a transfer runs: their files are replaced, and they are restarted. */
@Tag("netns")
final class UpgradeIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static final Duration PATIENCE = Duration.ofSeconds(120);

    /** A transfer that takes a few seconds. */
    private static final String MIB = "256";

    private Path installation() {
        return lab.directory().resolve("culvert");
    }

    private String script(String name) {
        return installation().resolve("scripts").resolve(name).toString();
    }

    /** Beside the one that runs, if one does; a program of it then takes its place. */
    private void install() throws Exception {
        Path fresh = lab.directory().resolve("culvert.new");
        String repository = Path.of(lab.script("..")).normalize().toString();
        lab.shell(
                lab.gateway,
                PATIENCE,
                "mkdir -p '" + fresh + "/target' && cp -a '" + repository + "/scripts' '" + fresh + "' && cp -a '"
                        + repository + "/target/culvert' '" + fresh + "/target'");
        lab.shell(
                lab.gateway,
                PATIENCE,
                "cd '" + lab.directory() + "' && rm -rf culvert.old && { [ ! -e culvert ] || mv culvert culvert.old; }"
                        + " && mv culvert.new culvert");
    }

    private Program startGateway() throws Exception {
        Program p = lab.start(
                lab.gateway,
                "gateway",
                script("gateway"),
                "--state",
                lab.state().toString(),
                "--listen",
                ":" + Lab.PORT);
        p.awaitOutput("listening on", Lab.START);
        return p;
    }

    private Program startAgent(Path token) throws Exception {
        Program p = lab.start(
                lab.office,
                "agent",
                script("agent"),
                "--token-file",
                token.toString(),
                "--state",
                lab.directory().resolve("agent-state").toString());
        p.awaitOutput("connected to", Lab.START);
        return p;
    }

    private Program startClient(Path token) throws Exception {
        String[] line = lab.up(token);
        line[0] = script("client");
        Program p = lab.start(lab.client, "client", Map.of("CULVERT_JAVA_OPTS", "-Dculvert.terminal=true"), line);
        p.awaitOutput("routes: ", Lab.START);
        await().atMost(PATIENCE)
                .ignoreExceptions()
                .until(() ->
                        lab.probe(lab.client, "banner", Lab.OFFICE_HOST, "7001").startsWith("220 "));
        return p;
    }

    private Program halfACopy() throws Exception {
        Program copy = lab.startProbe(lab.client, "copy", Lab.OFFICE_HOST, "7003", MIB);
        copy.awaitOutput("HALF", PATIENCE);
        return copy;
    }

    @Test
    void theGatewayThenTheAgentThenTheClient() throws Exception {
        install();
        Path agentToken = lab.agentToken("office", "wss://10.71.2.1:" + Lab.PORT, "192.168.77.0/24,fd77::/64");
        Path clientToken = lab.clientToken("laptop", "office:192.168.77.0/24");
        lab.startProbe(lab.officeHost, "serve", lab.directory().toString()).awaitOutput("READY", Lab.START);
        Program gateway = startGateway();
        Program agent = startAgent(agentToken);
        Program client = startClient(clientToken);

        Program copy = halfACopy();
        install();
        assertThat(gateway.terminate()).isEqualTo(143);
        gateway = startGateway();
        assertThat(copy.exitWithin(PATIENCE)).as("goes on").isZero();
        assertThat(copy.output()).contains("SAME");

        copy = halfACopy();
        install();
        assertThat(agent.terminate()).isEqualTo(143);
        copy.exitWithin(PATIENCE);
        assertThat(copy.output()).contains("Connection reset by peer").doesNotContain("SAME");
        startAgent(agentToken);
        await().atMost(PATIENCE)
                .ignoreExceptions()
                .until(() ->
                        lab.probe(lab.client, "banner", Lab.OFFICE_HOST, "7001").startsWith("220 "));

        copy = halfACopy();
        install();
        assertThat(client.terminate()).isEqualTo(143);
        copy.exitWithin(PATIENCE);
        assertThat(copy.output()).contains("Connection reset by peer").doesNotContain("SAME");
        startClient(clientToken);
        copy = halfACopy();
        assertThat(copy.exitWithin(PATIENCE)).isZero();
        assertThat(copy.output()).contains("SAME");
        assertThat(gateway.isAlive()).isTrue();
    }
}
