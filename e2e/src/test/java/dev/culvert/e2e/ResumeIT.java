package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
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

    /** Generous; it is a second or two on an idle machine. */
    private static final Duration PATIENCE = Duration.ofSeconds(120);

    /** A transfer that takes a few seconds, so that it is in its middle when something happens. */
    private static final String MIB = "256";

    private static Program gateway;
    private static Program client;

    private final List<Program> programs = new ArrayList<>();

    @BeforeEach
    void allIsWell() throws Exception {
        if (gateway == null) {
            lab.startProbe(lab.officeHost, "serve", lab.directory().toString()).awaitOutput("READY", Lab.START);
            gateway = lab.startGateway();
            lab.startOffice();
            client = lab.startLaptop();
        }
        await().atMost(PATIENCE)
                .ignoreExceptions()
                .until(() ->
                        lab.probe(lab.client, "banner", Lab.OFFICE_HOST, "7001").startsWith("220 "));
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

    @ParameterizedTest
    @ValueSource(strings = {"kill", "terminate"})
    void aGatewayIsRestartedInTheMiddleOfATransfer(String how) throws Exception {
        Program copy = begin("copy", Lab.OFFICE_HOST, "7003", MIB);
        Program idle = begin("wait", Lab.OFFICE_HOST, "7003");
        Program datagrams = begin("udpwait", Lab.OFFICE_HOST, "7005");
        answers(datagrams, "whoami");
        String first = lastWord(datagrams);
        copy.awaitOutput("HALF", PATIENCE);
        int mark = client.mark();
        if (how.equals("kill")) {
            gateway.kill();
        } else {
            assertThat(gateway.terminate()).isEqualTo(143);
        }
        gateway = lab.startGateway();
        assertThat(copy.exitWithin(PATIENCE)).isZero();
        assertThat(copy.output()).contains("SAME");
        answers(idle, "still-there");
        int before = datagrams.mark();
        datagrams.input("whoami\n");
        datagrams.awaitOutputAfter(before, "whoami", PATIENCE);
        assertThat(lastWord(datagrams)).as("the same port as before").isEqualTo(first);
        assertThat(client.output().substring(mark)).contains("are held").contains("go on");
    }

    /** Its number is in front of it. */
    private static String lastWord(Program datagrams) {
        String[] words = datagrams.output().strip().split("\\s+");
        return words[words.length - 1];
    }

    @Test
    void theClientsWayIsCutForAMinute() throws Exception {
        Program copy = begin("copy", Lab.OFFICE_HOST, "7003", MIB);
        Program idle = begin("wait", Lab.OFFICE_HOST, "7003");
        copy.awaitOutput("HALF", PATIENCE);
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
        assertThat(copy.exitWithin(PATIENCE)).isZero();
        assertThat(copy.output()).contains("SAME");
        answers(idle, "still-there");
    }

    /** As when a router on the way has forgotten the connection: nothing is reset, and a new one works. */
    @ParameterizedTest
    @ValueSource(strings = {"client", "agent"})
    void aConnectionGoesSilentAndAnotherTakesItsPlace(String whose) throws Exception {
        Host host = whose.equals("client") ? lab.client : lab.office;
        Program copy = begin("copy", Lab.OFFICE_HOST, "7003", MIB);
        copy.awaitOutput("HALF", PATIENCE);
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
            assertThat(copy.exitWithin(PATIENCE)).isZero();
            assertThat(copy.output()).contains("SAME");
        } finally {
            lab.shell(host, Lab.COMMAND, "nft delete table inet hole");
        }
    }

    @Test
    void theAgentsWayIsCutForAMinute() throws Exception {
        Program copy = begin("copy", Lab.OFFICE_HOST, "7003", MIB);
        copy.awaitOutput("HALF", PATIENCE);
        lab.must(lab.gateway, "ip", "link", "set", "office", "down");
        try {
            await().pollDelay(Duration.ofSeconds(60))
                    .atMost(Duration.ofSeconds(90))
                    .until(() -> true);
        } finally {
            lab.must(lab.gateway, "ip", "link", "set", "office", "up");
        }
        assertThat(copy.exitWithin(PATIENCE)).isZero();
        assertThat(copy.output()).contains("SAME");
    }
}
