package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The machine that an agent runs on: its limit of descriptors, its own addresses, its routes. */
@Tag("netns")
final class AgentMachineIT {
    /** Descriptors that the agent may have. */
    private static final int DESCRIPTORS = 256;

    /** The office's own address in its LAN, on an interface that the token's wide route does not mean. */
    private static final String OTHER_NETWORK = "172.20.0.1";

    /** Routed to the agent, which has no route there itself. */
    private static final String NO_ROUTE = "198.51.100.7";

    @RegisterExtension
    static final Lab lab = new Lab();

    private static Program agent;

    @BeforeAll
    static void start() throws Exception {
        LanServices.start(lab);
        lab.startGateway();
        lab.must(lab.office, "ip", "link", "add", "other", "type", "veth", "peer", "name", "end");
        lab.must(lab.office, "ip", "addr", "add", OTHER_NETWORK + "/24", "dev", "other");
        lab.must(lab.office, "ip", "link", "set", "other", "up");
        Path token = lab.agentToken(
                "office", "wss://10.71.2.1:" + Lab.PORT, "192.168.77.0/24,fd77::/64,172.16.0.0/12,198.51.100.0/24");
        agent = lab.start(
                lab.office,
                "agent",
                "bash",
                "-c",
                "ulimit -n " + DESCRIPTORS + "; exec " + lab.script("agent") + " --token-file " + token);
        agent.awaitOutput("connected to", Lab.START);
        lab.startClient(lab.clientToken(
                "laptop", "office:192.168.77.0/24,office:[fd77::/64],office:172.20.0.0/24,office:198.51.100.0/24"));
    }

    /** Idle sockets make room: for connections, for pings, and for one another. */
    @Test
    void moreSocketsThanDescriptors() throws Exception {
        Program idle = lab.startProbe(lab.client, "idle", Lab.OFFICE_HOST, "" + LanServices.UDP_ECHO, "300");
        idle.awaitOutput("300", Lab.START);
        for (int i = 0; i < 5; i++) {
            assertThat(lab.probe(lab.client, "connect", Lab.OFFICE_HOST, "" + LanServices.HTTP))
                    .startsWith("CONNECTED");
        }
        lab.must(lab.client, "ping", "-c", "2", "-W", "5", Lab.OFFICE_HOST);
        assertThat(agent.isAlive()).isTrue();
    }

    /** Who grants a LAN grants the agent's place in it; a wide route opens nothing of the agent's machine. */
    @Test
    void theAgentsOwnAddresses() throws Exception {
        assertThat(lab.probe(lab.client, "connect", "192.168.77.1", "" + LanServices.CLOSED))
                .startsWith("ECONNREFUSED");
        assertThat(lab.probe(lab.client, "connect", OTHER_NETWORK, "" + LanServices.CLOSED))
                .startsWith("EHOSTUNREACH");
        assertThat(lab.probe(lab.client, "udp", OTHER_NETWORK, "" + LanServices.CLOSED))
                .startsWith("EHOSTUNREACH");
    }

    @Test
    void aNetworkThatTheAgentHasNoRouteTo() throws Exception {
        assertThat(lab.probe(lab.client, "connect", NO_ROUTE, "80")).startsWith("ENETUNREACH");
    }
}
