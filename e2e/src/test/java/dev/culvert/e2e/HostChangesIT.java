package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;

/** However the client ends, the machine is as it was; and what is wrong with its token is said in one line. */
@Tag("netns")
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
final class HostChangesIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    /** Of the gateway's and the client's clocks; that of the token module. */
    private static final Duration CLOCK_SKEW = Duration.ofSeconds(60);

    private static Path token;
    private static Path expired;
    private static long mintedAt;
    private static String before;

    @BeforeAll
    static void start() throws Exception {
        lab.startProbe(lab.officeHost, "serve", lab.directory().toString()).awaitOutput("READY", Lab.START);
        lab.startGateway();
        lab.startOffice();
        token = lab.clientToken("laptop", "office:192.168.77.0/24,office:[fd77::/64]");
        expired = lab.clientToken("late", "office:192.168.77.0/24", "--expires", "1s");
        mintedAt = System.nanoTime();
        before = lab.network(lab.client);
    }

    @AfterEach
    void theMachineIsAsItWas() throws Exception {
        Outcome down = lab.run(lab.client, Lab.COMMAND, lab.down());
        assertThat(lab.network(lab.client)).as(down.output()).isEqualTo(before);
    }

    private static void assertWorks() throws Exception {
        assertThat(lab.probe(lab.client, "banner", Lab.OFFICE_HOST, "7001")).startsWith("220 ");
    }

    @Test
    void controlCTakesEverythingBack() throws Exception {
        Program client = lab.startClient(token);
        assertWorks();
        assertThat(lab.network(lab.client)).isNotEqualTo(before).contains("192.168.77.0/24");
        assertThat(client.interrupt()).isEqualTo(130);
        assertThat(client.output())
                .contains("client: down; this machine's network is as it was")
                .doesNotContain("link lost");
        assertThat(lab.network(lab.client)).isEqualTo(before);
    }

    @Test
    void sigtermTakesEverythingBackAlsoWithFlowsOpen() throws Exception {
        Program client = lab.startClient(token);
        Program held = lab.startProbe(lab.client, "hold", Lab.OFFICE_HOST, "7003");
        held.awaitOutput("CONNECTED", Lab.COMMAND);
        assertThat(client.terminate()).isEqualTo(143);
        assertThat(lab.network(lab.client)).isEqualTo(before);
        held.awaitOutput("ECONNRESET", Lab.COMMAND); // not left to find out by itself, which takes a kernel 15 minutes
        held.close();
    }

    @Test
    void downEndsARunningClient() throws Exception {
        Program client = lab.startClient(token);
        Outcome down = lab.run(lab.client, Lab.COMMAND, lab.down());
        assertThat(down.exit()).as(down.output()).isZero();
        assertThat(client.exitWithin(Lab.COMMAND)).isEqualTo(143);
        assertThat(lab.network(lab.client)).isEqualTo(before);
    }

    @Test
    void downEndsAClientThatWasStopped() throws Exception {
        Program client = lab.startClient(token);
        Lab.must("kill", "-STOP", Long.toString(client.pid()));
        Outcome down = lab.run(lab.client, Lab.COMMAND, lab.down());
        assertThat(down.exit()).as(down.output()).isZero();
        assertThat(client.exitWithin(Lab.COMMAND)).isEqualTo(143);
        assertThat(client.output()).doesNotContain("InterruptedException");
        assertThat(lab.network(lab.client)).isEqualTo(before);
    }

    @Test
    void downOfAnotherUserSaysThatTheClientIsNotHis() throws Exception {
        readableByNobody();
        Program client = lab.startClient(token);
        Outcome down = lab.run(lab.client, Lab.COMMAND, downAsNobody());
        assertThat(down.exit()).as(down.output()).isEqualTo(1);
        // Clients of other tests may be named beside it: what he cannot see into may be here.
        assertThat(down.output())
                .containsPattern("process (\\d+ or )*" + client.pid() + " ")
                .contains("sudo");
        assertThat(client.isAlive()).isTrue();
        assertThat(client.terminate()).isEqualTo(143);
        assertThat(lab.run(lab.client, Lab.COMMAND, downAsNobody()).exit()).isZero();
    }

    private static String[] downAsNobody() {
        return asNobody(
                lab.script("client"),
                "down",
                "--state",
                lab.directory().resolve("nobody").toString());
    }

    @Test
    void downWithoutAnythingUpSaysSo() throws Exception {
        Outcome down = lab.run(lab.client, Lab.COMMAND, lab.down());
        assertThat(down.exit()).as(down.output()).isZero();
        assertThat(down.lines()).isEqualTo(1);
    }

    @Test
    void downRepairsWhatAKilledClientLeft() throws Exception {
        Program client = lab.startClient(token, "--full", "--route", "192.168.77.0/24");
        client.kill();
        Outcome down = lab.run(lab.client, Lab.COMMAND, lab.down());
        assertThat(down.exit()).as(down.output()).isZero();
        assertThat(down.output()).contains("took back");
        assertThat(lab.network(lab.client)).isEqualTo(before);
    }

    @Test
    void theNextUpRepairsWhatAKilledClientLeft() throws Exception {
        lab.startClient(token).kill();
        Program next = lab.startClient(token);
        assertThat(next.output()).contains("an earlier run did not end in order");
        assertWorks();
        assertThat(next.terminate()).isEqualTo(143);
        assertThat(lab.network(lab.client)).isEqualTo(before);
    }

    @Test
    void aSecondUpIsRefusedAndTheFirstGoesOn() throws Exception {
        Program first = lab.startClient(token);
        assertRefused(lab.run(lab.client, Lab.COMMAND, lab.up(token)), 1, "already");
        assertWorks();
        assertThat(first.isAlive()).isTrue();
    }

    @Test
    void withoutRootItSaysWhatIsMissing() throws Exception {
        Path readable = readableByNobody();
        Outcome o = lab.run(
                lab.client,
                Lab.COMMAND,
                asNobody(
                        lab.script("client"),
                        "up",
                        "--token-file",
                        readable.toString(),
                        "--state",
                        lab.directory().resolve("nobody").toString()));
        assertThat(o.exit()).as(o.output()).isEqualTo(1);
        assertThat(o.output()).containsIgnoringCase("root");
    }

    @Test
    void anUnprivilegedClientUsesAPersistentTunThatSomebodyMade() throws Exception {
        Path readable = readableByNobody();
        Path state = lab.directory().resolve("nobody");
        // Most systems let everybody open the device; where this one does not, a node in the process's own mounts does.
        Path node = lab.directory().resolve("tun");
        Lab.must("mknod", "-m", "666", node.toString(), "c", "10", "200");
        String[] unprivileged = asNobody(
                lab.script("client"),
                "up",
                "--token-file",
                readable.toString(),
                "--state",
                state.toString(),
                "--no-host-changes",
                "--tun",
                "cvu0");
        lab.must(lab.client, "ip", "tuntap", "add", "dev", "cvu0", "mode", "tun", "user", "nobody");
        try {
            lab.must(lab.client, "ip", "addr", "add", "100.127.255.1/32", "dev", "cvu0");
            lab.must(lab.client, "ip", "link", "set", "cvu0", "up");
            lab.must(lab.client, "ip", "route", "add", "192.168.77.0/24", "dev", "cvu0");
            Program client = lab.start(
                    lab.client,
                    "client-nobody",
                    "bash",
                    "-c",
                    "mount --bind " + node + " /dev/net/tun && exec " + String.join(" ", unprivileged));
            client.awaitOutput("agent 'office' is connected", Lab.START);
            assertWorks();
            Outcome down = lab.run(lab.client, Lab.COMMAND, downAsNobody());
            assertThat(down.exit()).as(down.output()).isZero();
            assertThat(client.exitWithin(Lab.COMMAND)).isEqualTo(143);
        } finally {
            lab.must(lab.client, "ip", "tuntap", "del", "dev", "cvu0", "mode", "tun");
        }
    }

    private static Path readableByNobody() throws Exception {
        Path readable = lab.directory().resolve("nobody.token");
        Files.writeString(readable, Files.readString(token));
        Lab.must("chown", "nobody", readable.toString());
        Lab.must("chmod", "600", readable.toString());
        Path state = lab.directory().resolve("nobody");
        Files.createDirectories(state);
        Lab.must("chown", "nobody", state.toString());
        return readable;
    }

    private static String[] asNobody(String... command) {
        String[] head = {
            "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "HOME=/nonexistent", "USER=nobody"
        };
        String[] line = new String[head.length + command.length];
        System.arraycopy(head, 0, line, 0, head.length);
        System.arraycopy(command, 0, line, head.length, command.length);
        return line;
    }

    // ---- tokens that do not do ----

    @Test
    void aTokenOfAnotherNetworkIsRefused() throws Exception {
        Path other = lab.directory().resolve("other-state");
        Path stranger = lab.directory().resolve("stranger.token");
        lab.token(other, "init", "--gateway", "wss://" + Lab.GATEWAY + ":" + Lab.PORT);
        lab.token(
                other, "client", "--name", "laptop", "--allow", "office:192.168.77.0/24", "--out", stranger.toString());
        Program client = lab.start(lab.client, "client-stranger", lab.up(stranger));
        client.awaitOutput("this is not the gateway of the token", Lab.COMMAND);
        assertThat(client.output().lines().filter(l -> l.contains("gateway of the token")))
                .hasSize(1);
        assertThat(client.terminate()).isEqualTo(143);
    }

    @Test
    void aTokenWithAForgedGrantIsRefused() throws Exception {
        String[] parts = Files.readString(token).strip().split("\\.");
        byte[] signature = java.util.Base64.getUrlDecoder().decode(parts[2]);
        signature[10] ^= 1;
        Path forged = privateFile(
                "forged.token",
                parts[0] + "." + parts[1] + "."
                        + java.util.Base64.getUrlEncoder().withoutPadding().encodeToString(signature));
        // To a stranger the gateway is a web server, and a web server's 404 may be a proxy's: so it is asked again.
        try (Program client = lab.start(lab.client, "forged", lab.up(forged))) {
            client.awaitOutput("does not know this token", Lab.START);
            assertThat(client.output()).contains("trying again").doesNotContain("connected to the gateway");
            assertThat(client.terminate()).isEqualTo(143);
        }
    }

    /** Last, because verifiers allow for clocks that differ by {@link #CLOCK_SKEW}: the token ages during the others. */
    @Test
    @Order(Integer.MAX_VALUE)
    void anExpiredTokenIsRefused() throws Exception {
        await("the token to be too old even for a slow clock")
                .atMost(CLOCK_SKEW.plusSeconds(5))
                .until(() ->
                        System.nanoTime() - mintedAt > CLOCK_SKEW.plusSeconds(2).toNanos());
        Outcome o = lab.run(lab.client, Lab.COMMAND, lab.up(expired));
        assertThat(o.exit()).as(o.output()).isEqualTo(1);
        assertThat(o.output().lines().filter(l -> l.contains("expired"))).hasSize(1);
        assertThat(o.output().strip().lines().reduce((first, last) -> last).orElse(""))
                .contains("token of late expired at")
                .contains("make a new one");
    }

    @Test
    void anAgentsTokenIsRefused() throws Exception {
        Path agents = lab.agentToken("other", "wss://10.71.1.1:8443", "192.168.77.0/24");
        assertRefused(lab.run(lab.client, Lab.COMMAND, lab.up(agents)), 1, "agent");
    }

    @Test
    void aClientsTokenIsRefusedByTheAgent() throws Exception {
        assertRefused(
                lab.run(lab.office, Lab.COMMAND, lab.script("agent"), "--token-file", token.toString()), 1, "client");
    }

    @Test
    void aFileThatIsNoTokenIsRefused() throws Exception {
        assertRefused(
                lab.run(lab.client, Lab.COMMAND, lab.up(privateFile("garbage.token", "\0\1\2 not a token\n\n"))),
                1,
                "token");
        assertRefused(lab.run(lab.client, Lab.COMMAND, lab.up(privateFile("empty.token", ""))), 1, "empty");
    }

    @Test
    void aMissingTokenFileIsNamed() throws Exception {
        assertRefused(lab.run(lab.client, Lab.COMMAND, lab.up(Path.of("/nonexistent/token"))), 1, "/nonexistent/token");
    }

    private static Path privateFile(String name, String text) throws Exception {
        Path file = lab.directory().resolve(name);
        Files.writeString(file, text);
        Lab.must("chmod", "600", file.toString());
        return file;
    }

    private static void assertRefused(Outcome o, int exit, String word) {
        assertThat(o.exit()).as(o.output()).isEqualTo(exit);
        assertThat(o.lines()).as(o.output()).isEqualTo(1);
        assertThat(o.output())
                .startsWith(o.output().contains("agent: ") ? "agent: " : "client: ")
                .contains(word);
    }
}
