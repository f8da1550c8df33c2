package dev.culvert.client;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.fixture.GatewayStub;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Announcement.ReachableAgent;
import dev.culvert.tunnel.frame.Announcement.ReachableService;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** {@code client list}, against gateways that say what the test wants. */
@Timeout(120)
final class ReachableCommandTest {
    private static final ReachableAgent OFFICE = new ReachableAgent(
            "office",
            2,
            List.of("192.168.77.0/24", "fd77::/64"),
            List.of(new ReachableService("wiki", List.of("192.168.77.10"), "tcp/443")));

    @TempDir
    Path directory;

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int list(List<GatewayStub> gateways, String... more) throws Exception {
        Path token = TestToken.write(
                directory, gateways.stream().map(GatewayStub::uri).toArray(URI[]::new));
        List<String> arguments =
                new ArrayList<>(List.of("list", "--token-file", token.toString(), "--state", directory.toString()));
        arguments.addAll(List.of(more));
        CommandLine line = ClientCommand.commandLine();
        line.setOut(new PrintWriter(out));
        line.setErr(new PrintWriter(err));
        try {
            return line.execute(arguments.toArray(String[]::new));
        } finally {
            for (GatewayStub gateway : gateways) {
                gateway.close();
            }
        }
    }

    private void failsWith(String reason) {
        assertThat(out.toString()).isEmpty();
        assertThat(err.toString().strip().lines()).hasSize(1);
        assertThat(err.toString()).startsWith("client: ").contains(reason);
    }

    @Test
    void saysWhatTheGatewayAnnounces() throws Exception {
        ReachableAgent home = new ReachableAgent("home", 0, List.of());
        ReachableAgent lab = new ReachableAgent(
                "lab", 1, List.of(), List.of(new ReachableService("all", List.of("10.0.0.0/8"), "*")));
        assertThat(list(List.of(TestToken.announcing(OFFICE, home, lab)))).isZero();
        assertThat(out.toString().lines())
                .containsExactly(
                        "agent office: 2 instances",
                        "  networks: 192.168.77.0/24, fd77::/64",
                        "  wiki: 192.168.77.10, tcp/443",
                        "agent home: not connected",
                        "agent lab: connected",
                        "  all: 10.0.0.0/8, everything");
        assertThat(err.toString()).isEmpty();
    }

    @Test
    void saysItInJsonAsTheGatewayDoes() throws Exception {
        assertThat(list(List.of(TestToken.announcing(OFFICE)), "--json")).isZero();
        byte[] announced = Announcement.encode(new Announcement.Reachable("laptop", List.of(OFFICE)));
        assertThat(out.toString().strip()).isEqualTo(new String(announced, StandardCharsets.UTF_8));
        assertThat(err.toString()).isEmpty();
    }

    @Test
    void saysWhyThereIsNothing() throws Exception {
        assertThat(list(List.of(TestToken.announcing()))).isZero();
        assertThat(out.toString().strip()).isEqualTo("nothing: no agent that 'laptop' may use has connected yet");
    }

    @Test
    void saysThatThePolicyBars() throws Exception {
        byte[] barred = Announcement.encode(new Announcement.Reachable("laptop", List.of(), true));
        assertThat(list(List.of(TestToken.sending(barred)))).isZero();
        assertThat(out.toString().strip()).isEqualTo("nothing: the gateway's policy allows 'laptop' nothing now");
    }

    @Test
    void aRefusalIsWhatItSays() throws Exception {
        GatewayStub gateway = new GatewayStub(null, GatewayStub.refusal("the token 'laptop' is revoked"));
        assertThat(list(List.of(gateway))).isEqualTo(1);
        failsWith("the token 'laptop' is revoked");
    }

    @Test
    void asksTheNextGatewayWhenOneDoesNotAnswer() throws Exception {
        GatewayStub refusing = new GatewayStub(null, GatewayStub.refusal("not here"));
        GatewayStub answering = TestToken.announcing(OFFICE);
        assertThat(list(List.of(refusing, answering))).isZero();
        assertThat(out.toString()).startsWith("agent office: ");
        assertThat(refusing.requests).hasSize(1);
        assertThat(err.toString()).isEmpty();
    }

    @Test
    void saysWhatTheLastGatewaySaidWhenNoneAnswers() throws Exception {
        GatewayStub first = new GatewayStub(null, GatewayStub.refusal("the first has no room"));
        GatewayStub last = new GatewayStub(null, GatewayStub.refusal("the last has none either"));
        assertThat(list(List.of(first, last))).isEqualTo(1);
        failsWith("the last has none either");
    }

    @Test
    void aLinkThatEndsBeforeTheAnswerIsSaid() throws Exception {
        GatewayStub gateway = new GatewayStub(null, (request, socket) -> {
            GatewayStub.Script upgrade = GatewayStub.upgrade(new byte[0]);
            socket.shutdownInput();
            upgrade.answer(request, socket);
        });
        assertThat(list(List.of(gateway))).isEqualTo(1);
        failsWith("the link was closed: ");
    }

    @Test
    void anAnnouncementThatIsNoneEndsTheLink() throws Exception {
        assertThat(list(List.of(TestToken.sending("[1]".getBytes(StandardCharsets.US_ASCII)))))
                .isEqualTo(1);
        failsWith("the link was closed: ");
    }

    @Test
    void wrongOptionsAreExitTwo() throws Exception {
        assertThat(list(List.of(TestToken.announcing(OFFICE)), "--xml")).isEqualTo(2);
        assertThat(err.toString().lines()).hasSize(2);
        assertThat(err.toString()).startsWith("client: ").contains("--xml");
    }

    @Test
    void listShowsAnnouncedTextAsText() {
        String evil = "a\r\n\u001b[2J\u202e\u2028";
        StringWriter list = new StringWriter();
        ReachableCommand.print(new Announcement.Reachable(evil, List.of()), new PrintWriter(list));
        ReachableCommand.print(
                new Announcement.Reachable(
                        "laptop",
                        List.of(new ReachableAgent(
                                evil, 1, List.of(evil), List.of(new ReachableService(evil, List.of(evil), evil))))),
                new PrintWriter(list));
        assertThat(list.toString().lines()).hasSize(4);
        assertThat(list.toString().replace(System.lineSeparator(), "")).doesNotContainPattern("[\\p{C}\\p{Zl}]");
    }
}
