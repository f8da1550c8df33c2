package dev.culvert.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.IpPrefix;
import dev.culvert.command.Program;
import dev.culvert.command.control.AskOptions;
import dev.culvert.command.control.ControlSocket;
import dev.culvert.token.AgentToken;
import dev.culvert.token.TokenTerms;
import dev.culvert.token.holder.HolderOptions;
import dev.culvert.tunnel.fixture.TestFlow;
import dev.culvert.tunnel.frame.Destination;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.awaitility.Awaitility;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code agent status}, answered by an agent with a real gateway. */
@NullUnmarked
@Timeout(120)
final class AgentStatusCommandTest {
    @TempDir
    Path dir;

    private final List<String> log = new CopyOnWriteArrayList<>();
    private String out;
    private String err;

    private int run(String... arguments) {
        StringWriter o = new StringWriter();
        StringWriter e = new StringWriter();
        CommandLine line = Program.commandLine(new AgentCommand());
        line.setOut(new PrintWriter(o));
        line.setErr(new PrintWriter(e));
        int code = line.execute(arguments);
        out = o.toString();
        err = e.toString();
        return code;
    }

    private JsonNode status(Path state) {
        assertThat(run("status", "--json", "--state", state.toString())).as(err).isZero();
        return JsonMapper.shared().readTree(out);
    }

    private ControlSocket answering(Path state, Agent agent, Instant expires) throws Exception {
        AgentToken token = AgentToken.of(
                TokenTerms.of(
                        "office",
                        List.of(URI.create("wss://g.test")),
                        null,
                        Instant.now().minus(Duration.ofDays(60)),
                        expires),
                List.of(IpPrefix.parse("127.0.0.0/8")));
        return ControlSocket.open(
                state.resolve(AgentStatusCommand.SOCKET),
                null,
                new AgentStatusQuestion(
                                "1.2",
                                Clock.systemUTC(),
                                Instant.now(),
                                state,
                                new HolderOptions.Holder("", token, null, "work"),
                                () -> token,
                                agent)
                        .questions(),
                log::add);
    }

    @Test
    void saysWhoIsServedAndWhatWasRefused() throws Exception {
        Path state = Files.createDirectory(dir.resolve("agent"));
        Instant soon = Instant.now().plus(Duration.ofDays(3));
        TestLan lan =
                new TestLan(dir.resolve("gateway"), List.of("127.0.0.0/8"), "office:127.0.0.0/8", "office:0.0.0.0/0");
        try (ServerSocket server = new ServerSocket(0, 5, InetAddress.getByName("127.0.0.1"));
                ControlSocket socket = answering(state, lan.agent, soon)) {
            server.setSoTimeout(1_000 * TestLan.PATIENCE);
            int closed;
            try (ServerSocket other = new ServerSocket(0)) {
                closed = other.getLocalPort();
            }
            TestFlow flow = lan.open(Destination.TCP, "127.0.0.1", server.getLocalPort());
            assertThat(flow.refused()).isNull();
            try (Socket accepted = server.accept()) {
                assertThat(accepted.isConnected()).isTrue();
                assertThat(lan.open(Destination.TCP, "127.0.0.1", closed).refused())
                        .isNotNull();
                assertThat(lan.open(Destination.TCP, "192.0.2.1", 80).refused()).isNotNull();
                JsonNode status = status(state);
                assertThat(status.path("version").stringValue()).isEqualTo("1.2");
                assertThat(status.path("pid").asLong())
                        .isEqualTo(ProcessHandle.current().pid());
                assertThat(status.path("instance").stringValue()).isEqualTo(lan.agent.instance());
                assertThat(status.at("/token/name").stringValue()).isEqualTo("office");
                assertThat(status.at("/token/profile").stringValue()).isEqualTo("work");
                assertThat(status.at("/token/endsSoon").booleanValue()).isTrue();
                assertThat(status.path("gateways")).hasSize(1);
                assertThat(status.at("/gateways/0/state").stringValue()).isEqualTo("up");
                assertThat(status.at("/gateways/0/flows").asInt()).isOne();
                assertThat(status.at("/gateways/0/why").isMissingNode()).isTrue();
                assertThat(Instant.parse(status.at("/gateways/0/since").stringValue()))
                        .isBeforeOrEqualTo(Instant.now());
                assertThat(status.at("/sockets/tcp").asInt()).isOne();
                assertThat(status.at("/counters/opens").asInt()).isEqualTo(3);
                assertThat(status.at("/counters/denied").asInt()).isOne();
                assertThat(status.at("/counters/failed").asInt()).isOne();
                assertThat(status.path("stopping").booleanValue()).isFalse();

                assertThat(run("status", "--state", state.toString())).isZero();
                assertThat(out)
                        .contains("instance " + lan.agent.instance())
                        .contains("of 'office', profile 'work'", "left: ask for another one)")
                        .contains("sockets   1 TCP, 0 UDP, 0 ping")
                        .contains("3 flows asked for, of these 1 denied and 1 dials that failed")
                        .containsPattern("wss://127\\.0\\.0\\.1:\\d+ +up ");
            }
            assertThat(log).isEmpty();
            assertThat(socket.path()).exists();
        } finally {
            lan.close();
        }
        assertThat(run("status", "--state", state.toString())).isEqualTo(AskOptions.NOT_RUNNING);
        assertThat(err).startsWith("agent: the agent is not running").hasLineCount(1);
    }

    @Test
    void anAgentWithoutItsGatewaySaysWhy() throws Exception {
        Path state = Files.createDirectory(dir.resolve("agent"));
        try (TestGateway none = new TestGateway()) {
            none.stopListening();
            none.agent.start();
            try (ControlSocket socket =
                    answering(state, none.agent, Instant.now().plus(Duration.ofDays(90)))) {
                Awaitility.await()
                        .atMost(Duration.ofMinutes(1))
                        .until(() -> !status(state)
                                .at("/gateways/0/why")
                                .asString("")
                                .equals("connecting"));
                JsonNode status = status(state);
                assertThat(status.at("/gateways/0/state").stringValue()).isEqualTo("down");
                assertThat(status.at("/gateways/0/why").stringValue()).isNotEmpty();
                assertThat(status.at("/token/endsSoon").booleanValue()).isFalse();
                assertThat(run("status", "--state", state.toString())).isZero();
                assertThat(out).contains("  down  ");
                assertThat(socket.path()).exists();
            }
        }
    }
}
