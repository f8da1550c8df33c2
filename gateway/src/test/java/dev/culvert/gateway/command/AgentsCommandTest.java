package dev.culvert.gateway.command;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.command.control.ControlSocket;
import dev.culvert.gateway.TestNetwork;
import dev.culvert.token.state.StateDirectory;
import dev.culvert.tunnel.fixture.TestFlow;
import dev.culvert.tunnel.frame.Reason;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.awaitility.Awaitility;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

@NullUnmarked
final class AgentsCommandTest {
    @TempDir
    Path dir;

    private String out;
    private String err;

    private int run(String... args) {
        List<String> line = new ArrayList<>(List.of(args));
        line.addAll(List.of("--state", dir.toString()));
        StringWriter o = new StringWriter();
        StringWriter e = new StringWriter();
        CommandLine command = GatewayCommand.commandLine();
        command.setOut(new PrintWriter(o));
        command.setErr(new PrintWriter(e));
        int code = command.execute(line.toArray(String[]::new));
        out = o.toString().strip();
        err = e.toString().strip();
        return code;
    }

    private String state(String instance) {
        assertThat(run("status", "--json")).as(err).isZero();
        for (JsonNode one : JsonMapper.shared().readTree(out).at("/agents/0/instances")) {
            if (one.path("instance").stringValue().equals(instance)) {
                return one.path("state").stringValue();
            }
        }
        return "away";
    }

    private void until(String instance, String state) {
        Awaitility.await().until(() -> state(instance).equals(state));
    }

    private static TestFlow open(TestNetwork.Peer client) throws Exception {
        TestFlow flow = client.open(TestNetwork.open(TestNetwork.tcp("10.0.0.1", 80), "office"));
        assertThat(flow.refused()).isNull();
        return flow;
    }

    @Test
    void anInstanceGetsNothingNewAndWhatRunsGoesOn() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, false, 1);
                ControlSocket socket = ControlSocket.open(
                        dir.resolve(StatusCommand.SOCKET), null, net.gateway.questions(), line -> {})) {
            assertThat(socket.path()).exists();
            net.agentInstance("one", "office", TestFlow::echo, "10.0.0.0/24");
            TestNetwork.Peer client = net.client("laptop", 1, "*:10.0.0.0/24");
            TestFlow before = open(client);
            net.agentInstance("two", "office", TestFlow::echo, "10.0.0.0/24");

            assertThat(run("agent", "drain", "office/one")).isZero();
            assertThat(out).isEqualTo("office/one gets no new flows; undo it with gateway agent resume office/one");
            until("one", "drained");
            for (int i = 0; i < 4; i++) {
                open(client);
            }
            assertThat(flows("one")).isEqualTo(1);
            assertThat(flows("two")).isEqualTo(4);
            before.send(new byte[3]);
            assertThat(before.next()).hasSize(3);

            assertThat(run("agent", "drain", "office", "--json")).isZero();
            assertThat(out).isEqualTo("{\"agent\":\"office\",\"changed\":true}");
            until("two", "drained");
            TestFlow refused = client.open(TestNetwork.open(TestNetwork.tcp("10.0.0.1", 80), "office"));
            assertThat(refused.refused()).isEqualTo(Reason.NO_AGENT);

            assertThat(run("agent", "list")).isZero();
            assertThat(out.lines()).containsExactly("office", "office/one");
            assertThat(run("agent", "resume", "office/one")).isZero();
            assertThat(out).contains("still gets no new flows").endsWith("gateway agent resume office");
            assertThat(run("agent", "drain", "office/one")).isZero();
            assertThat(run("agent", "resume", "office")).isZero();
            assertThat(out).isEqualTo("office gets new flows again");
            until("one", "up");
            until("two", "up");
            for (int i = 0; i < 7; i++) {
                open(client);
            }
            assertThat(flows("one")).isEqualTo(flows("two"));
            assertThat(run("agent", "list", "--json")).isZero();
            assertThat(out).isEqualTo("{\"drained\":[]}");
        }
    }

    private int flows(String instance) {
        assertThat(run("status", "--json")).isZero();
        for (JsonNode one : JsonMapper.shared().readTree(out).at("/agents/0/instances")) {
            if (one.path("instance").stringValue().equals(instance)) {
                return one.at("/link/flows").asInt();
            }
        }
        return -1;
    }

    /** Whether a gateway runs or not; and one that comes while it is drained. */
    @Test
    void itIsKept() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, false, 1)) {
            assertThat(net.state.path()).isEqualTo(dir);
            assertThat(run("agent", "drain", "office")).isZero();
        }
        try (TestNetwork net = new TestNetwork(dir, false, 1);
                ControlSocket socket = ControlSocket.open(
                        dir.resolve(StatusCommand.SOCKET), null, net.gateway.questions(), line -> {})) {
            assertThat(socket.path()).exists();
            net.agentInstance("one", "office", TestFlow::echo, "10.0.0.0/24");
            assertThat(state("one")).isEqualTo("drained");
        }
        assertThat(run("agent", "drain", "office")).isZero();
        assertThat(out).isEqualTo("office is drained already");
        assertThat(run("agent", "resume", "plant")).isZero();
        assertThat(out).isEqualTo("plant is not drained");
        assertThat(Files.readAllLines(dir.resolve("audit.jsonl")))
                .filteredOn(line -> line.contains("agent-"))
                .singleElement()
                .asString()
                .contains("\"event\":\"agent-drained\",\"by\":")
                .contains("\"agent\":\"office\"");
    }

    @Test
    void whatIsWrong() throws Exception {
        assertThat(run("agent", "drain", "office")).isEqualTo(1);
        assertThat(err).contains(dir.toString());
        StateDirectory.openOrCreate(dir);
        assertThat(run("agent", "drain", "a b")).isEqualTo(2);
        assertThat(err).contains("'a b' is neither an agent's name nor NAME/INSTANCE");
    }
}
