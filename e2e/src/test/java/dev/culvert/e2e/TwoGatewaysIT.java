package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The agent is attached to two gateways, and the client to one of them: whichever goes, flows go on by the other. */
@Tag("netns")
final class TwoGatewaysIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static final String MIB = "256";

    private static final Probes probes = new Probes(lab);
    private static final TwoGateways gateways = new TwoGateways(lab, null);
    private static Program client;

    @BeforeEach
    void allIsWell() throws Exception {
        if (client == null) {
            lab.startProbe(lab.officeHost, "serve", lab.directory().toString()).awaitOutput("READY", Lab.START);
            gateways.done("init", "--gateway", TwoGateways.urls(Lab.GATEWAY));
            Path agentToken = gateways.holder(
                    "agent",
                    "office",
                    "--gateway",
                    TwoGateways.urls("10.71.2.1"),
                    "--routes",
                    "192.168.77.0/24,fd77::/64");
            Path clientToken = gateways.holder("client", "laptop", "--allow", "office:192.168.77.0/24");
            gateways.share();
            gateways.start(0);
            gateways.start(1);
            lab.startAgent(lab.office, agentToken);
            client = lab.startClient(clientToken);
        }
        gateways.awaitAttached(1);
        await().atMost(Probes.PATIENCE).ignoreExceptions().until(probes::isOfficeThere);
    }

    @Test
    void eachIsKilledInTheMiddleOfATransfer() throws Exception {
        Program idle = probes.begin("wait", Lab.OFFICE_HOST, "7003");
        Program datagrams = probes.begin("udpwait", Lab.OFFICE_HOST, "7005");
        String first = Probes.port(datagrams);
        for (int round = 0; round < 2; round++) {
            Program copy = probes.copyHalfDone(MIB);
            int gone = gateways.ofClient();
            int mark = client.mark();
            gateways.get(gone).kill();
            assertThat(copy.exitWithin(Probes.PATIENCE)).isZero();
            assertThat(copy.output()).contains("SAME");
            client.awaitOutputAfter(mark, "go on", Probes.PATIENCE);
            assertThat(gateways.ofClient()).as("by the other").isEqualTo(1 - gone);
            Probes.answers(idle, "still-there-" + round);
            assertThat(Probes.port(datagrams)).as("the same port as before").isEqualTo(first);
            gateways.start(gone);
            gateways.awaitAttached(1);
        }
    }

    /** Make before break: who goes says so, and clients leave it for the other while it still serves them. */
    @Test
    void bothAreRestartedOneAfterTheOtherAndNothingFails() throws Exception {
        Program visits = lab.start(
                lab.client,
                "visits",
                "bash",
                "-c",
                "n=0; while [ ! -e " + lab.directory() + "/enough ]; do n=$((n+1));"
                        + " { exec 3<>/dev/tcp/" + Lab.OFFICE_HOST + "/7001 && read -t 60 -u 3 line; } || echo FAILED;"
                        + " exec 3<&-; done; echo \"$n visits\"");
        Program copy = probes.copyHalfDone("512");
        for (int round = 0; round < 2; round++) {
            int gone = gateways.ofClient();
            int mark = client.mark();
            assertThat(gateways.get(gone).terminate()).isEqualTo(143);
            client.awaitOutputAfter(mark, "another takes its place", Probes.PATIENCE);
            client.awaitOutputAfter(mark, "connected to the gateway", Probes.PATIENCE);
            assertThat(gateways.ofClient()).isEqualTo(1 - gone);
            gateways.start(gone);
            gateways.awaitAttached(1);
        }
        Lab.must("touch", lab.directory().resolve("enough").toString());
        assertThat(visits.exitWithin(Probes.PATIENCE)).isZero();
        assertThat(visits.output()).contains(" visits").doesNotContain("FAILED");
        assertThat(copy.exitWithin(Probes.PATIENCE)).isZero();
        assertThat(copy.output()).contains("SAME");
    }

    /** Nothing is reset: packets of it just come no more. */
    @Test
    void oneGoesSilent() throws Exception {
        Program talk = probes.begin("talk", Lab.OFFICE_HOST, "7003");
        Program copy = probes.copyHalfDone("512");
        int gone = gateways.ofClient();
        gateways.silence(gone);
        try {
            assertThat(copy.exitWithin(Probes.PATIENCE)).isZero();
            assertThat(copy.output()).contains("SAME");
            // The copy may have been over before; and of a connection that was given up the kernel goes on trying to
            // tell.
            await("the other").atMost(Probes.PATIENCE).until(() -> gateways.ofClient() == 1 - gone);
            talk.input("\n");
            assertThat(talk.exitWithin(Probes.PATIENCE)).isZero();
            System.out.println("TwoGatewaysIT: one goes silent; of a talk, in ms: "
                    + talk.output().strip());
        } finally {
            gateways.heal();
        }
    }
}
