package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A policy file at work: what a client sees and reaches, before and after it changes, without anything restarted. */
@Tag("netns")
final class PolicyIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static final String URL = "http://" + Lab.OFFICE_HOST + ":" + LanServices.HTTP + "/";

    private static void policy(String text) throws Exception {
        Path fresh = Files.writeString(lab.state().resolve("policy.new"), text);
        Files.move(fresh, lab.state().resolve("policy.yaml"), StandardCopyOption.ATOMIC_MOVE);
    }

    private static Outcome curl() throws Exception {
        return lab.run(lab.client, Lab.COMMAND, "curl", "-s", "-o", "/dev/null", "-m", "20", URL);
    }

    private static String list(Path token) throws Exception {
        return lab.must(lab.client, lab.script("client"), "list", "--token-file", token.toString());
    }

    @Test
    void whatThePolicySaysHoldsWhileItIsChanged() throws Exception {
        LanServices.start(lab);
        policy("""
                hosts: {web: 192.168.77.2}
                grants:
                  - {name: web, who: laptop, agents: office, to: [web, 192.168.77.0/24]}
                tests:
                  - {client: laptop, agent: office, allow: ["web:80"]}
                """);
        Program gateway = lab.startGateway();
        lab.startOffice();
        Path laptop = lab.clientToken("laptop", "*:192.168.77.0/24");
        Path stranger = lab.clientToken("stranger", "*:0.0.0.0/0");
        lab.startClient(laptop);
        assertThat(curl().exit()).isZero();
        assertThat(list(laptop))
                .contains("agent office: connected")
                .contains("  networks: 192.168.77.0/24")
                .contains("  web: 192.168.77.2/32, everything");
        assertThat(list(stranger)).contains("nothing").doesNotContain("office");

        policy("grants: [{who: laptop, agents: offce-typo, to: 192.168.77.0/33}]");
        gateway.awaitOutput("policy.yaml:1:", Lab.COMMAND);
        assertThat(gateway.output()).contains("the old one stays");
        assertThat(curl().exit()).isZero();

        policy("grants: [{who: laptop, agents: office, to: 192.168.77.2, ports: 22}]");
        await().atMost(Lab.COMMAND).until(() -> curl().exit() == 7); // could not connect, at once
        assertThat(gateway.isAlive()).isTrue();
    }
}
