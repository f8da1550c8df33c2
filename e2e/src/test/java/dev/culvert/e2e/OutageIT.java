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

/** What breaks is noticed, said, and mended without anybody's help. */
@Tag("netns")
final class OutageIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    /** Back-off between attempts goes up to 15 s, and JVMs start slowly on a machine that others use too. */
    private static final Duration RECOVERY = Duration.ofSeconds(60);

    /** What happens at once happens within this on a busy machine too; nothing else would make it happen so soon. */
    private static final Duration AT_ONCE = Duration.ofSeconds(8);

    /** The 15 s that the name of the test promises, and what a busy machine adds. TCP itself would need minutes. */
    private static final Duration NOTICED = Duration.ofSeconds(15).plus(AT_ONCE);

    private static Program gateway;
    private static Program agent;
    private static Program client;

    @BeforeEach
    void allIsWell() throws Exception {
        if (gateway == null) {
            lab.startProbe(lab.officeHost, "serve", lab.directory().toString()).awaitOutput("READY", Lab.START);
            gateway = lab.startGateway();
            agent = lab.startOffice();
            client = lab.startLaptop();
        }
        assertWorks();
    }

    private static void assertWorks() throws Exception {
        assertThat(lab.probe(lab.client, "banner", Lab.OFFICE_HOST, "7001")).startsWith("220 ");
    }

    /** Which of the two the gateway sees first is chance, and a flow between may still be told of no agent. */
    private static void awaitWorks() {
        await("a flow through the new gateway").atMost(RECOVERY).untilAsserted(OutageIT::assertWorks);
    }

    private static Program held() throws Exception {
        Program held = lab.startProbe(lab.client, "wait", Lab.OFFICE_HOST, "7003");
        held.awaitOutput("CONNECTED", RECOVERY);
        return held;
    }

    /** The connection goes on. */
    private static void answers(Program held) throws Exception {
        held.input("hello\n");
        held.awaitOutput("GOT hello", RECOVERY);
        held.close();
    }

    @Test
    void aKilledAgentsFlowsAreResetByTheNextAgentWhichServesTheSameClient() throws Exception {
        Program held = lab.startProbe(lab.client, "hold", Lab.OFFICE_HOST, "7003");
        held.awaitOutput("CONNECTED", RECOVERY);
        int mark = client.mark();
        agent.kill();
        client.awaitOutputAfter(mark, "agent 'office' is not connected", AT_ONCE);
        String[] said =
                lab.probe(lab.client, "connect", Lab.OFFICE_HOST, "7001").split(" ");
        assertThat(said[0]).isEqualTo("ENETUNREACH");
        assertThat(Integer.parseInt(said[1])).isLessThan((int) AT_ONCE.toMillis());

        mark = client.mark();
        agent = lab.startOffice();
        client.awaitOutputAfter(mark, "agent 'office' is connected", RECOVERY);
        held.awaitOutput("ECONNRESET", AT_ONCE); // what its sockets were is gone, and the next one says so
        assertWorks();
    }

    @Test
    void clientAndAgentReturnByThemselvesToAGatewayThatWasRestarted() throws Exception {
        Program held = held();
        int clientMark = client.mark();
        int agentMark = agent.mark();
        assertThat(gateway.terminate()).isEqualTo(143);
        client.awaitOutputAfter(clientMark, "link lost", AT_ONCE);
        gateway = lab.startGateway();
        client.awaitOutputAfter(clientMark, "connected to the gateway", RECOVERY);
        agent.awaitOutputAfter(agentMark, "connected to", RECOVERY);
        awaitWorks();
        answers(held);
    }

    @Test
    void clientAndAgentReturnByThemselvesToAGatewayThatWasKilled() throws Exception {
        int mark = client.mark();
        int agentMark = agent.mark();
        gateway.kill();
        client.awaitOutputAfter(mark, "link lost", AT_ONCE);
        gateway = lab.startGateway();
        client.awaitOutputAfter(mark, "connected to the gateway", RECOVERY);
        agent.awaitOutputAfter(agentMark, "connected to", RECOVERY);
        awaitWorks();
    }

    @Test
    void aBlackHoleBetweenClientAndGatewayIsNoticedWithinFifteenSeconds() throws Exception {
        Program held = held();
        int mark = client.mark();
        blackHole("client");
        try {
            client.awaitOutputAfter(mark, "link lost", NOTICED);
        } finally {
            heal();
        }
        client.awaitOutputAfter(mark, "connected to the gateway", RECOVERY);
        assertWorks();
        answers(held);
    }

    @Test
    void aBlackHoleBetweenAgentAndGatewayIsNoticedWithinFifteenSeconds() throws Exception {
        Program held = held();
        int mark = client.mark();
        int agentMark = agent.mark();
        blackHole("office");
        try {
            client.awaitOutputAfter(mark, "agent 'office' is not connected", NOTICED);
            agent.awaitOutputAfter(agentMark, "is down", NOTICED);
        } finally {
            heal();
        }
        client.awaitOutputAfter(mark, "agent 'office' is connected", RECOVERY);
        assertWorks();
        answers(held);
    }

    /** A paused container, a machine that slept: for a moment it is only late, for longer the others go on without it. */
    @ParameterizedTest
    @ValueSource(strings = {"client", "gateway", "agent"})
    void aProgramThatStoodStillGoesOn(String which) throws Exception {
        Program program = switch (which) {
            case "client" -> client;
            case "gateway" -> gateway;
            default -> agent;
        };
        Program talk = lab.startProbe(lab.client, "talk", Lab.OFFICE_HOST, "7003");
        talk.awaitOutput("CONNECTED", RECOVERY);
        program.standStill(Duration.ofSeconds(4));
        talk.input("\n");
        assertThat(talk.exitWithin(RECOVERY)).as(talk.output()).isZero();
        Program held = held();
        program.standStill(Duration.ofSeconds(16)); // beyond the deadline of a link, and a PING
        awaitWorks();
        answers(held);
    }

    /** Packets of one link vanish, in both directions, without any error. */
    private static void blackHole(String iface) throws Exception {
        lab.shell(
                lab.gateway,
                Lab.COMMAND,
                "nft add table inet hole"
                        + " && nft 'add chain inet hole in { type filter hook input priority 0; }'"
                        + " && nft 'add chain inet hole out { type filter hook output priority 0; }'"
                        + " && nft add rule inet hole in iifname " + iface + " drop"
                        + " && nft add rule inet hole out oifname " + iface + " drop");
    }

    private static void heal() throws Exception {
        lab.must(lab.gateway, "nft", "delete", "table", "inet", "hole");
    }
}
