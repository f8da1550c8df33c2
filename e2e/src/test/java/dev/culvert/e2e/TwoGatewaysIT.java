package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The agent is attached to two gateways, and the client to one of them: whichever goes, flows go on by the other. */
@Tag("netns")
final class TwoGatewaysIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static final Duration PATIENCE = Duration.ofSeconds(120);
    private static final String MIB = "256";
    private static final int[] PORTS = {Lab.PORT, Lab.PORT + 1};

    private static final Program[] gateways = new Program[2];
    private static Program agent;
    private static Program client;

    private final List<Program> programs = new ArrayList<>();

    private static Path state(int gateway) {
        return gateway == 0 ? lab.state() : lab.directory().resolve("state2");
    }

    private static Program startGateway(int which) throws Exception {
        Program p = lab.start(
                lab.gateway,
                "gateway" + which,
                lab.script("gateway"),
                "--state",
                state(which).toString(),
                "--listen",
                ":" + PORTS[which]);
        p.awaitOutput("listening on", Lab.START);
        return p;
    }

    private static String urls(String host) {
        return "wss://" + host + ":" + PORTS[0] + ",wss://" + host + ":" + PORTS[1];
    }

    @BeforeEach
    void allIsWell() throws Exception {
        if (agent == null) {
            lab.startProbe(lab.officeHost, "serve", lab.directory().toString()).awaitOutput("READY", Lab.START);
            lab.token("init", "--gateway", urls(Lab.GATEWAY));
            Path agentToken = lab.agentToken("office", urls("10.71.2.1"), "192.168.77.0/24,fd77::/64");
            Path clientToken = lab.clientToken("laptop", "office:192.168.77.0/24");
            Lab.must("cp", "-a", state(0).toString(), state(1).toString());
            for (int i = 0; i < 2; i++) {
                gateways[i] = startGateway(i);
            }
            agent = lab.startAgent(lab.office, agentToken);
            client = lab.startClient(clientToken);
        }
        attached();
        await().atMost(PATIENCE)
                .ignoreExceptions()
                .until(() ->
                        lab.probe(lab.client, "banner", Lab.OFFICE_HOST, "7001").startsWith("220 "));
    }

    /** Until the agent has a link to each gateway. */
    private static void attached() {
        await().atMost(PATIENCE)
                .until(() -> lab.shell(
                                lab.office,
                                Lab.COMMAND,
                                "ss -Htn state established | awk '{print $4}' | grep -E ':(" + PORTS[0] + "|" + PORTS[1]
                                        + ")$' | sort -u | wc -l")
                        .strip()
                        .equals("2"));
    }

    /** The gateway that the client is attached to. */
    private static int clients() throws Exception {
        String port = lab.shell(
                        lab.client,
                        Lab.COMMAND,
                        "ss -Htn state established | awk '{print $4}' | grep -oE '(" + PORTS[0] + "|" + PORTS[1]
                                + ")$' | head -1")
                .strip();
        return Integer.parseInt(port) - PORTS[0];
    }

    private Program begin(String what, String... arguments) throws Exception {
        String[] line = new String[arguments.length + 1];
        line[0] = what;
        System.arraycopy(arguments, 0, line, 1, arguments.length);
        Program p = lab.startProbe(lab.client, line);
        programs.add(p);
        if (!what.equals("udpwait")) {
            p.awaitOutput("CONNECTED", PATIENCE);
        }
        return p;
    }

    private static void answers(Program waiting, String word) throws Exception {
        waiting.input(word + "\n");
        waiting.awaitOutput(word, PATIENCE);
    }

    private static String lastWord(Program datagrams) {
        String[] words = datagrams.output().strip().split("\\s+");
        return words[words.length - 1];
    }

    @Test
    void eachIsKilledInTheMiddleOfATransfer() throws Exception {
        Program idle = begin("wait", Lab.OFFICE_HOST, "7003");
        Program datagrams = begin("udpwait", Lab.OFFICE_HOST, "7005");
        answers(datagrams, "whoami");
        String first = lastWord(datagrams);
        for (int round = 0; round < 2; round++) {
            Program copy = begin("copy", Lab.OFFICE_HOST, "7003", MIB);
            copy.awaitOutput("HALF", PATIENCE);
            int gone = clients();
            int mark = client.mark();
            gateways[gone].kill();
            assertThat(copy.exitWithin(PATIENCE)).isZero();
            assertThat(copy.output()).contains("SAME");
            client.awaitOutputAfter(mark, "go on", PATIENCE);
            assertThat(clients()).as("by the other").isEqualTo(1 - gone);
            answers(idle, "still-there-" + round);
            int before = datagrams.mark();
            datagrams.input("whoami\n");
            datagrams.awaitOutputAfter(before, "whoami", PATIENCE);
            assertThat(lastWord(datagrams)).as("the same port as before").isEqualTo(first);
            gateways[gone] = startGateway(gone);
            attached();
        }
    }

    /** Whichever the client is attached to, four times, as soon as the one before is back. */
    @Test
    void eachIsKilledAgainAndAgain() throws Exception {
        Program talk = lab.startProbe(lab.client, "talk", Lab.OFFICE_HOST, "7003");
        programs.add(talk);
        Program idle = begin("wait", Lab.OFFICE_HOST, "7003");
        Program copy = begin("copy", Lab.OFFICE_HOST, "7003", "512");
        for (int round = 0; round < 4; round++) {
            int gone = clients();
            int mark = client.mark();
            gateways[gone].kill();
            client.awaitOutputAfter(mark, "go on", PATIENCE);
            gateways[gone] = startGateway(gone);
            attached();
        }
        answers(idle, "still-there");
        assertThat(copy.exitWithin(PATIENCE)).isZero();
        assertThat(copy.output()).contains("SAME");
        talk.input("\n");
        assertThat(talk.exitWithin(PATIENCE)).isZero();
        System.out.println("TwoGatewaysIT: longest wait of a talk over four kills, in ms: "
                + talk.output().strip());
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
        Program copy = begin("copy", Lab.OFFICE_HOST, "7003", "512");
        copy.awaitOutput("HALF", PATIENCE);
        for (int round = 0; round < 2; round++) {
            int gone = clients();
            int mark = client.mark();
            assertThat(gateways[gone].terminate()).isEqualTo(143);
            client.awaitOutputAfter(mark, "another takes its place", PATIENCE);
            client.awaitOutputAfter(mark, "connected to the gateway", PATIENCE);
            assertThat(clients()).isEqualTo(1 - gone);
            gateways[gone] = startGateway(gone);
            attached();
        }
        Lab.must("touch", lab.directory().resolve("enough").toString());
        assertThat(visits.exitWithin(PATIENCE)).isZero();
        assertThat(visits.output()).contains(" visits").doesNotContain("FAILED");
        assertThat(copy.exitWithin(PATIENCE)).isZero();
        assertThat(copy.output()).contains("SAME");
    }

    /** Nothing is reset: packets of it just come no more. */
    @Test
    void oneGoesSilent() throws Exception {
        Program copy = begin("copy", Lab.OFFICE_HOST, "7003", MIB);
        copy.awaitOutput("HALF", PATIENCE);
        int gone = clients();
        lab.shell(
                lab.gateway,
                Lab.COMMAND,
                "nft add table inet hole"
                        + " && nft 'add chain inet hole in { type filter hook input priority 0; }'"
                        + " && nft add rule inet hole in tcp dport " + PORTS[gone] + " drop");
        try {
            assertThat(copy.exitWithin(PATIENCE)).isZero();
            assertThat(copy.output()).contains("SAME");
            assertThat(clients()).isEqualTo(1 - gone);
        } finally {
            lab.shell(lab.gateway, Lab.COMMAND, "nft delete table inet hole");
        }
    }
}
