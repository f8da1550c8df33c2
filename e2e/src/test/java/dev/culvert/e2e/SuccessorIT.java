package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A client that ended without a word and is started again: what the LAN still had for it ends. */
@Tag("netns")
final class SuccessorIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    /** Generous; it is a second on an idle machine. Nothing else would end what an agent holds within two hours. */
    private static final Duration PATIENCE = Duration.ofSeconds(120);

    private static final int CONNECTIONS = 5;

    private static Program gateway;

    /** One for all: without a key another token's holder would be another. */
    private static Path token;

    /** Connections that the LAN host has. */
    private static int atLanHost() throws Exception {
        return count(lab.officeHost, "ss -Htn state established '( sport = :7003 )'");
    }

    /** Sockets of UDP that the agent has. */
    private static int datagramSockets() throws Exception {
        return count(lab.office, "ss -Huna");
    }

    private static int count(Host host, String sockets) throws Exception {
        return Integer.parseInt(
                lab.shell(host, Lab.COMMAND, sockets + " | wc -l").strip());
    }

    /** The client's own of the connection to the gateway. */
    private static String linkPort() throws Exception {
        return lab.shell(
                        lab.client,
                        Lab.COMMAND,
                        "ss -Htn state established '( dport = :" + Lab.PORT + " )' | awk '{print $3}' | sed 's/.*://'")
                .strip();
    }

    @ParameterizedTest
    @ValueSource(strings = {"killed", "machine crashed"})
    void whatItLeftInTheLanEndsWhenItIsBack(String how) throws Exception {
        if (gateway == null) {
            lab.startProbe(lab.officeHost, "serve", lab.directory().toString()).awaitOutput("READY", Lab.START);
            gateway = lab.startGateway();
            lab.startOffice();
            token = lab.clientToken("laptop", "office:192.168.77.0/24");
        }
        Program client = lab.startClient(token);
        await().atMost(PATIENCE)
                .ignoreExceptions()
                .until(() ->
                        lab.probe(lab.client, "banner", Lab.OFFICE_HOST, "7001").startsWith("220 "));
        int before = datagramSockets();
        Program datagrams = lab.startProbe(lab.client, "udpwait", Lab.OFFICE_HOST, "7005");
        datagrams.input("whoami\n");
        datagrams.awaitOutput("whoami", PATIENCE);
        for (int i = 0; i < CONNECTIONS; i++) {
            lab.startProbe(lab.client, "wait", Lab.OFFICE_HOST, "7003").awaitOutput("CONNECTED", PATIENCE);
        }
        assertThat(atLanHost()).isEqualTo(CONNECTIONS);
        assertThat(datagramSockets()).isEqualTo(before + 1);

        int mark = gateway.mark();
        if (how.equals("killed")) {
            client.kill();
            gateway.awaitOutputAfter(mark, "disconnected", PATIENCE);
        } else {
            lab.shell( // nothing of this link ever comes again, and nothing says that it has ended
                    lab.gateway,
                    Lab.COMMAND,
                    "nft add table inet hole && nft 'add chain inet hole in { type filter hook input priority 0; }'"
                            + " && nft add rule inet hole in tcp sport " + linkPort() + " drop");
            client.kill();
        }
        assertThat(atLanHost()).as("held, for it might come back").isEqualTo(CONNECTIONS);

        Program successor = lab.startClient(token);
        await().atMost(PATIENCE).until(() -> atLanHost() == 0);
        await().atMost(PATIENCE).until(() -> datagramSockets() == before);
        await().atMost(PATIENCE)
                .ignoreExceptions()
                .until(() ->
                        lab.probe(lab.client, "banner", Lab.OFFICE_HOST, "7001").startsWith("220 "));
        assertThat(successor.terminate()).isEqualTo(143);
    }
}
