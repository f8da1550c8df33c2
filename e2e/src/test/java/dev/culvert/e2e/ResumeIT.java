package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What applications see of a link, or a gateway, that goes and comes back: a pause. */
@Tag("netns")
final class ResumeIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    /** A transfer that takes a few seconds, so that it is in its middle when something happens. */
    private static final String MIB = "256";

    private static final Probes probes = new Probes(lab);
    private static Program gateway;
    private static Program client;

    @BeforeEach
    void allIsWell() throws Exception {
        if (gateway == null) {
            lab.startProbe(lab.officeHost, "serve", lab.directory().toString()).awaitOutput("READY", Lab.START);
            gateway = lab.startGateway();
            lab.startOffice();
            client = lab.startLaptop();
        }
        await().atMost(Probes.PATIENCE).ignoreExceptions().until(probes::isOfficeThere);
    }

    @ParameterizedTest
    @ValueSource(strings = {"kill", "terminate"})
    void aGatewayIsRestartedInTheMiddleOfATransfer(String how) throws Exception {
        Program copy = probes.begin("copy", Lab.OFFICE_HOST, "7003", MIB);
        Program idle = probes.begin("wait", Lab.OFFICE_HOST, "7003");
        Program datagrams = probes.begin("udpwait", Lab.OFFICE_HOST, "7005");
        String first = Probes.port(datagrams);
        copy.awaitOutput("HALF", Probes.PATIENCE);
        int mark = client.mark();
        if (how.equals("kill")) {
            gateway.kill();
        } else {
            assertThat(gateway.terminate()).isEqualTo(143);
        }
        gateway = lab.startGateway();
        assertThat(copy.exitWithin(Probes.PATIENCE)).isZero();
        assertThat(copy.output()).contains("SAME");
        Probes.answers(idle, "still-there");
        assertThat(Probes.port(datagrams)).as("the same port as before").isEqualTo(first);
        assertThat(client.output().substring(mark)).contains("are held").contains("go on");
    }

    @Test
    void theClientsWayIsCutForAMinute() throws Exception {
        Program copy = probes.begin("copy", Lab.OFFICE_HOST, "7003", MIB);
        Program idle = probes.begin("wait", Lab.OFFICE_HOST, "7003");
        copy.awaitOutput("HALF", Probes.PATIENCE);
        lab.must(lab.client, "ip", "link", "set", "gw", "down");
        try {
            await().pollDelay(Duration.ofSeconds(60))
                    .atMost(Duration.ofSeconds(90))
                    .until(() -> true);
        } finally {
            lab.shell(
                    lab.client,
                    Lab.COMMAND,
                    "ip link set gw up; ip addr add fd71:1::2/64 dev gw nodad 2>/dev/null;"
                            + " ip route replace default via " + Lab.GATEWAY);
        }
        assertThat(copy.exitWithin(Probes.PATIENCE)).isZero();
        assertThat(copy.output()).contains("SAME");
        Probes.answers(idle, "still-there");
    }

    /** As when a router on the way has forgotten the connection: nothing is reset, and a new one works. */
    @ParameterizedTest
    @ValueSource(strings = {"client", "agent"})
    void aConnectionGoesSilentAndAnotherTakesItsPlace(String whose) throws Exception {
        Host host = whose.equals("client") ? lab.client : lab.office;
        Program copy = probes.copyHalfDone(MIB);
        lab.shell(
                host,
                Lab.COMMAND,
                "port=$(ss -Htn state established dport = :8443 | awk '{print $3}' | sed 's/.*://')"
                        + " && test -n \"$port\" && nft add table inet hole"
                        + " && nft 'add chain inet hole out { type filter hook output priority 0; }'"
                        + " && nft 'add chain inet hole in { type filter hook input priority 0; }'"
                        + " && nft add rule inet hole out tcp sport $port drop"
                        + " && nft add rule inet hole in tcp dport $port drop");
        try {
            assertThat(copy.exitWithin(Probes.PATIENCE)).isZero();
            assertThat(copy.output()).contains("SAME");
        } finally {
            lab.shell(host, Lab.COMMAND, "nft delete table inet hole");
        }
    }

    @Test
    void theAgentsWayIsCutForAMinute() throws Exception {
        Program copy = probes.copyHalfDone(MIB);
        lab.must(lab.gateway, "ip", "link", "set", "office", "down");
        try {
            await().pollDelay(Duration.ofSeconds(60))
                    .atMost(Duration.ofSeconds(90))
                    .until(() -> true);
        } finally {
            lab.must(lab.gateway, "ip", "link", "set", "office", "up");
        }
        assertThat(copy.exitWithin(Probes.PATIENCE)).isZero();
        assertThat(copy.output()).contains("SAME");
    }
}
