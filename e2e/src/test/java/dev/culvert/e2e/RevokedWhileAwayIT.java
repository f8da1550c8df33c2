package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A client's token is revoked while it is away and its connections are held: the hosts that they lead to see them end. */
@Tag("netns")
final class RevokedWhileAwayIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    /** Generous; a silent link is noticed after 15 s, and what is held is asked about each 10 s. */
    private static final Duration PATIENCE = Duration.ofSeconds(120);

    private static Program gateway;
    private static Program agent;

    private static int connectionsAtTheHost() throws Exception {
        return Integer.parseInt(
                lab.shell(lab.officeHost, Lab.COMMAND, "ss -Htn state established '( sport = :7003 )' | wc -l")
                        .strip());
    }

    /** @param restarted whether the gateway is another process by then, which has never heard of the connection */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void itsConnectionsEndInTheLan(boolean restarted) throws Exception {
        if (gateway == null) {
            lab.startProbe(lab.officeHost, "serve", lab.directory().toString()).awaitOutput("READY", Lab.START);
            gateway = lab.startGateway();
            agent = lab.startOffice();
        }
        Program client = lab.startLaptop();
        Program idle = lab.startProbe(lab.client, "wait", Lab.OFFICE_HOST, "7003");
        idle.awaitOutput("CONNECTED", PATIENCE);
        assertThat(connectionsAtTheHost()).isOne();
        int mark = gateway.mark();
        lab.must(lab.client, "ip", "link", "set", "gw", "down");
        try {
            gateway.awaitOutputAfter(mark, "nothing heard", PATIENCE);
            if (restarted) {
                int before = agent.mark();
                gateway.kill();
                gateway = lab.startGateway();
                agent.awaitOutputAfter(before, "connected to", PATIENCE);
            }
            assertThat(connectionsAtTheHost()).as("held").isOne();
            lab.token("revoke", "--name", "laptop", "--kind", "client");
            await().atMost(PATIENCE).until(() -> connectionsAtTheHost() == 0);
        } finally {
            client.kill();
            idle.kill();
            lab.shell(
                    lab.client,
                    Lab.COMMAND,
                    "ip link set gw up; ip addr add fd71:1::2/64 dev gw nodad 2>/dev/null;"
                            + " ip route replace default via " + Lab.GATEWAY);
        }
    }
}
