package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Nobody's trouble is anybody else's, and what is over is forgotten. */
@Tag("netns")
final class IsolationIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    /** An undisturbed exchange takes milliseconds; two busy cores and a garbage collection may add this. */
    private static final int DISTURBED_MILLIS = 2_000;

    private static final Duration MINUTE = Duration.ofSeconds(60);

    private static Program gateway;
    private static Program agent;
    private static Program client;

    @BeforeAll
    static void start() throws Exception {
        LanServices.start(lab);
        gateway = lab.startGateway();
        agent = lab.startOffice();
        client = lab.startLaptop();
    }

    private static Program talk() throws Exception {
        Program talk = lab.startProbe(lab.client, "talk", Lab.OFFICE_HOST, Integer.toString(LanServices.ECHO));
        talk.awaitOutput("CONNECTED", Lab.COMMAND);
        return talk;
    }

    private static void assertUndisturbed(Program talk) throws Exception {
        talk.input("\n");
        assertThat(talk.exitWithin(Lab.COMMAND)).as(talk.output()).isZero();
        String last = talk.output().strip().lines().reduce((a, b) -> b).orElse("");
        assertThat(last).startsWith("LONGEST ");
        assertThat(Integer.parseInt(last.split(" ")[1])).as(talk.output()).isLessThan(DISTURBED_MILLIS);
        assertThat(Integer.parseInt(last.split(" ")[3])).as("exchanges").isPositive();
    }

    @Test
    void aReaderThatStallsForTenSecondsDisturbsNobodyAndLosesNothing() throws Exception {
        Program talk = talk();
        Program stall =
                lab.startProbe(lab.client, "stall", Lab.OFFICE_HOST, Integer.toString(LanServices.STALLED), "60000000");
        stall.awaitOutput("CONNECTED", Lab.COMMAND);
        for (int i = 0; i < 3; i++) {
            assertThat(lab.must(lab.client, "curl", "-sS", "-m", "20", "http://" + Lab.OFFICE_HOST + ":8080/small"))
                    .isEqualTo("a short answer\n");
        }
        stall.awaitOutput("HEARD", MINUTE);
        assertUndisturbed(talk);
        List<String> lines = stall.output().strip().lines().toList();
        assertThat(lines.get(2).replace("HEARD ", "")).isEqualTo(lines.get(1).replace("SENT ", ""));
    }

    @Test
    void aHundredDialsIntoABlackHoleDisturbNobody() throws Exception {
        Program talk = talk();
        Program dials = lab.start(
                lab.client,
                "dials",
                "bash",
                "-c",
                "for i in $(seq 100); do (exec 3<>/dev/tcp/" + Lab.OFFICE_HOST + "/" + LanServices.FILTERED
                        + ") 2>/dev/null & done; sleep 5; kill $(jobs -p); echo DIALLED");
        for (int i = 0; i < 5; i++) {
            assertThat(lab.must(lab.client, "curl", "-sS", "-m", "20", "http://" + Lab.OFFICE_HOST + ":8080/small"))
                    .isEqualTo("a short answer\n");
        }
        dials.awaitOutput("DIALLED", MINUTE);
        assertUndisturbed(talk);
    }

    @Test
    void garbageAtTheGatewaysPortDisturbsNobody() throws Exception {
        Program talk = talk();
        assertThat(lab.probe(lab.client, "garbage", Lab.GATEWAY, "8443", "20261122"))
                .isEqualTo("DONE 300");
        assertUndisturbed(talk);
        assertThat(gateway.output()).doesNotContain("Exception").doesNotContain("LEAK");
    }

    @Test
    void garbageFromAnAuthenticatedClientDisturbsNobody() throws Exception {
        Path token = lab.clientToken("hostile", "office:192.168.77.0/24");
        Program talk = talk();
        String out = hostile(lab.client, token);
        assertThat(out).contains("links ");
        assertThat(gateway.output()).contains("client 'hostile'");
        assertUndisturbed(talk);
        assertThat(gateway.output()).doesNotContain("Exception").doesNotContain("LEAK");
        assertThat(agent.output()).doesNotContain("Exception").doesNotContain("LEAK");
    }

    @Test
    void garbageFromAnAuthenticatedAgentDisturbsNobody() throws Exception {
        Path token = lab.agentToken("hostile", "wss://10.71.3.1:" + Lab.PORT, "192.168.99.0/24");
        Program talk = talk();
        assertThat(hostile(lab.plant, token)).contains("links ");
        assertThat(gateway.output()).contains("agent 'hostile'");
        assertUndisturbed(talk);
        assertThat(gateway.output()).doesNotContain("Exception").doesNotContain("LEAK");
        assertThat(client.isAlive()).isTrue();
    }

    /** Runs {@link HostilePeer} with a good token on a machine of the lab. */
    private static String hostile(Host host, Path token) throws Exception {
        Path classes = Path.of(HostilePeer.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toURI());
        return lab.must(
                host,
                Duration.ofSeconds(120),
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                classes + ":" + lab.jars() + "/*",
                HostilePeer.class.getName(),
                token.toString(),
                "20261122");
    }

    @Test
    void fiveThousandShortConnectionsLeaveNothingBehind() throws Exception {
        // Warm-up: classes, compiled code and pooled memory come once and stay.
        shortConnections(1000);
        settle();
        long[] before = footprint();
        shortConnections(5000);
        settle();
        long[] after = footprint();
        for (int i = 0; i < 3; i++) {
            assertThat(after[i]).as("descriptors of " + NAMES[i]).isLessThanOrEqualTo(before[i] + 2);
            assertThat(after[i + 3] - before[i + 3])
                    .as("resident kB of " + NAMES[i])
                    .isLessThan(48 << 10);
        }
    }

    private static final String[] NAMES = {"gateway", "agent", "client"};

    private static void shortConnections(int count) throws Exception {
        assertThat(lab.probe(
                        lab.client,
                        "short",
                        Lab.OFFICE_HOST,
                        Integer.toString(LanServices.HTTP),
                        Integer.toString(count)))
                .isEqualTo("FAILED 0");
    }

    /** Flows are forgotten, of which the heaps are the witness. */
    private static void settle() {
        await("flows to be forgotten")
                .atMost(MINUTE)
                .pollInterval(Duration.ofSeconds(2))
                .untilAsserted(() -> {
                    assertThat(client.instances("dev.culvert.stack.tcp.TcpFlow"))
                            .as("client's TCP flows")
                            .isZero();
                    assertThat(client.instances("dev.culvert.tunnel.flow.LinkFlow"))
                            .as("client's link flows")
                            .isZero();
                    assertThat(agent.instances("dev.culvert.tunnel.flow.LinkFlow"))
                            .as("agent's link flows")
                            .isZero();
                    assertThat(gateway.instances("dev.culvert.gateway.fabric.FlowHalf"))
                            .as("gateway's flow halves")
                            .isZero();
                });
    }

    private static long[] footprint() throws Exception {
        return new long[] {
            gateway.descriptors(),
            agent.descriptors(),
            client.descriptors(),
            gateway.residentKilobytes(),
            agent.residentKilobytes(),
            client.residentKilobytes()
        };
    }
}
