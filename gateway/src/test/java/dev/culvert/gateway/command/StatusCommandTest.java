package dev.culvert.gateway.command;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.command.control.AskOptions;
import dev.culvert.command.control.ControlSocket;
import dev.culvert.gateway.TestNetwork;
import dev.culvert.gateway.cluster.TestCluster;
import dev.culvert.tunnel.fixture.TestFlow;
import dev.culvert.tunnel.frame.Frame;
import io.netty.buffer.Unpooled;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.StandardProtocolFamily;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Instant;
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
final class StatusCommandTest {
    @TempDir
    Path dir;

    private final List<String> log = new ArrayList<>();
    private String out;
    private String err;

    private int run(String... args) {
        StringWriter o = new StringWriter();
        StringWriter e = new StringWriter();
        CommandLine line = GatewayCommand.commandLine();
        line.setOut(new PrintWriter(o));
        line.setErr(new PrintWriter(e));
        int code = line.execute(args);
        out = o.toString();
        err = e.toString();
        return code;
    }

    private ControlSocket answering(TestNetwork net) throws Exception {
        return ControlSocket.open(
                net.state.path().resolve(StatusCommand.SOCKET), null, net.gateway.questions(), log::add);
    }

    private JsonNode status() {
        assertThat(run("status", "--json", "--state", dir.toString())).as(err).isZero();
        return JsonMapper.shared().readTree(out);
    }

    @Test
    void saysWhoIsConnectedAndWhatIsCarried() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, true, 2);
                ControlSocket socket = answering(net)) {
            assertThat(socket.path()).isEqualTo(dir.resolve(StatusCommand.SOCKET));
            TestNetwork.Peer agent = net.agentInstance("one", "office", TestFlow::echo, "10.0.0.0/24");
            net.agentInstance("two", "office", TestFlow::echo, "10.0.0.0/24", "10.0.1.0/24");
            net.raw(net.agentToken("mute", "10.0.2.0/24"));
            TestNetwork.Peer client = net.client("laptop", 1, "*:10.0.0.0/24");
            net.client("tablet", 1, "*:10.0.0.0/24");
            TestFlow flow = client.open(TestNetwork.open(TestNetwork.tcp("10.0.0.1", 80), "office"));
            assertThat(flow.refused()).isNull();
            flow.send(new byte[12_345]);
            for (int got = 0; got < 12_345; ) {
                got += flow.next().length();
            }
            assertThat(client.open(TestNetwork.open(TestNetwork.tcp("10.9.0.1", 80), "office"))
                            .refused())
                    .isNotNull();
            JsonNode status = status();
            assertThat(Instant.parse(status.path("since").stringValue())).isBeforeOrEqualTo(Instant.now());
            assertThat(status.path("pid").asLong())
                    .isEqualTo(ProcessHandle.current().pid());
            assertThat(status.path("listen").stringValue())
                    .isEqualTo("127.0.0.1:" + net.gateway.address().getPort());
            assertThat(status.path("tls").booleanValue()).isTrue();
            assertThat(status.at("/urls/0").stringValue()).isEqualTo(TestNetwork.NAME.toString());
            assertThat(status.at("/certificate/names").valueStream().map(JsonNode::stringValue))
                    .containsExactlyInAnyOrderElementsOf(TestNetwork.OWN_NAMES);
            assertThat(Instant.parse(status.at("/certificate/until").stringValue()))
                    .isAfter(Instant.now());
            assertThat(status.path("flows").asLong()).isOne();
            assertThat(status.at("/counters/opens").asLong()).isEqualTo(2);
            assertThat(status.at("/counters/denied").asLong()).isOne();

            assertThat(status.path("agents")).hasSize(2);
            assertThat(status.at("/agents/0/name").stringValue()).isEqualTo("mute");
            assertThat(status.at("/agents/0/instances/0/state").stringValue()).isEqualTo("silent");
            assertThat(status.at("/agents/0/instances/0/instance").isMissingNode())
                    .isTrue();
            JsonNode office = status.at("/agents/1/instances");
            assertThat(office).hasSize(2);
            assertThat(office.at("/0/instance").stringValue()).isEqualTo("one");
            assertThat(office.at("/0/state").stringValue()).isEqualTo("up");
            assertThat(office.at("/1/routes").asInt()).isEqualTo(2);
            assertThat(office.at("/0/link/flows").asInt()
                            + office.at("/1/link/flows").asInt())
                    .isOne();
            assertThat(office.at("/0/link/received").asLong()
                            + office.at("/1/link/received").asLong())
                    .isEqualTo(12_345);
            assertThat(status.at("/clients")
                            .valueStream()
                            .map(c -> c.path("name").stringValue()))
                    .containsExactly("laptop", "tablet");
            JsonNode link = status.at("/clients/0/links/0");
            assertThat(link.path("received").asLong()).isEqualTo(12_345);
            assertThat(link.path("sent").asLong()).isEqualTo(12_345);
            assertThat(link.path("flows").asInt()).isOne();
            assertThat(link.path("from").stringValue()).startsWith("127.0.0.1:");
            assertThat(Instant.parse(link.path("expires").stringValue())).isAfter(Instant.now());
            assertThat(link.path("expiresSoon").booleanValue()).isFalse();

            assertThat(run("status", "--state", dir.toString())).isZero();
            assertThat(out)
                    .contains("listens on   127.0.0.1:" + net.gateway.address().getPort() + " (TLS), state in " + dir)
                    .contains("; until ")
                    .contains("policy       none (" + dir.resolve("policy.yaml") + "): the tokens' grants alone decide")
                    .contains("flows        1 open, of 2 asked for 1 denied, 0 over a limit; 25 kB carried")
                    .containsPattern("(?m)^AGENT +INSTANCE +STATE +FROM +SINCE +ROUND TRIP +FLOWS +RECEIVED +SENT$")
                    .containsPattern("(?m)^mute +- +silent +127.0.0.1:")
                    .containsPattern("(?m)^office +one +up +127.0.0.1:")
                    .containsPattern("(?m)^laptop +127.0.0.1:.* 1 +12 kB +12 kB$")
                    .doesNotContain("token renew NAME") // short from the start
                    .doesNotContain("trouble")
                    .doesNotContain("null");

            agent.close();
            Awaitility.await().until(() -> status().at("/agents/1/instances").size() == 1);
            assertThat(status().at("/agents/1/instances/0/instance").stringValue())
                    .isEqualTo("two");
        }
        assertThat(log).isEmpty();
    }

    /** As text and to a script, by either of two gateways, which see each other come, serve, and go. */
    @Test
    void gatewaysOfOneStoreShowEachOther() throws Exception {
        TestCluster cluster = new TestCluster(dir.resolve("store"));
        try (TestNetwork one = new TestNetwork(dir, own -> cluster.store(), URI.create("wss://one.test"));
                ControlSocket socket = answering(one)) {
            assertThat(socket.path()).isEqualTo(dir.resolve(StatusCommand.SOCKET));
            one.agentInstance("first", "office", TestFlow::echo, "10.0.0.0/24");
            TestNetwork two =
                    new TestNetwork(dir.resolve("two"), own -> cluster.store(), URI.create("wss://two.test:8443"));
            try {
                Path key = Path.of("signing.key"); // of who makes tokens, and not the store's
                Files.copy(dir.resolve(key), dir.resolve("two").resolve(key), StandardCopyOption.COPY_ATTRIBUTES);
                two.agentInstance("second", "office", TestFlow::echo, "10.0.0.0/24");
                two.client("laptop", 1, "*:10.0.0.0/24");
                Awaitility.await()
                        .until(() -> status().at("/cluster/clients/0/name").asString(""), "laptop"::equals);
                JsonNode seen = status().path("cluster");
                assertThat(seen.has("trouble")).isFalse();
                assertThat(seen.path("gateways")
                                .valueStream()
                                .map(g -> g.path("name").asString("") + " "
                                        + g.path("state").asString("") + " "
                                        + g.path("url").asString("")))
                        .containsExactly(
                                "one.test:443 this wss://one.test:443", "two.test:8443 up wss://two.test:8443");
                assertThat(seen.at("/gateways/1/agents").asInt()).isOne();
                assertThat(seen.at("/gateways/1/clients").asInt()).isOne();
                assertThat(seen.at("/agents/0/name").asString("")).isEqualTo("office");
                assertThat(seen.at("/agents/0/instances")
                                .valueStream()
                                .map(i -> i.path("instance").asString("") + " at "
                                        + i.at("/gateways/0").asString("")))
                        .containsExactly("first at one.test:443", "second at two.test:8443");
                assertThat(seen.at("/clients/0/gateways/0").asString("")).isEqualTo("two.test:8443");
                assertThat(run("status", "--state", dir.toString())).isZero();
                assertThat(out)
                        .containsPattern("(?m)^GATEWAY +STATE +UP FOR +VERSION +AGENTS +CLIENTS +FLOWS$")
                        .containsPattern("(?m)^two.test:8443 +up ")
                        .containsPattern("(?m)^office +second +0 +two.test:8443$")
                        .containsPattern("(?m)^laptop +two.test:8443$")
                        .doesNotContain("the store does not say");

                cluster.away(true);
                Awaitility.await()
                        .until(() -> status().at("/cluster/trouble").asString(""), "the store is away"::equals);
                assertThat(status().at("/cluster/gateways/1/state").asString(""))
                        .as("what was known stays")
                        .isEqualTo("up");
                cluster.away(false);
                Awaitility.await().until(() -> !status().path("cluster").has("trouble"));
            } finally {
                two.close();
            }
            Awaitility.await().until(() -> status().at("/cluster/gateways").size() == 1);
        }
    }

    @Test
    void anInstanceThatFinishesIsDraining() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, false, 1);
                ControlSocket socket = answering(net)) {
            assertThat(socket.path()).isEqualTo(dir.resolve(StatusCommand.SOCKET));
            net.rawAgent("office", "10.0.0.0/24").send(Frame.DRAIN, 0, 0, Unpooled.buffer());
            Awaitility.await()
                    .until(() -> status().at("/agents/0/instances/0/state")
                            .stringValue()
                            .equals("draining"));
            assertThat(status().has("certificate")).isFalse();
            assertThat(run("status", "--state", dir.toString())).isZero();
            assertThat(out).contains(" (plain ws), ").contains("no client is connected");
        }
    }

    @Test
    void saysWhichPolicyIsInForceAndWhyNotTheFileAsItIs() throws Exception {
        Path file = Files.writeString(
                dir.resolve("policy.yaml"), "grants: [{who: laptop, agents: office, to: 10.0.0.1}]\n");
        String sha256 = java.util.HexFormat.of()
                .formatHex(java.security.MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file)));
        try (TestNetwork net = new TestNetwork(dir, false, 1);
                ControlSocket socket = answering(net)) {
            assertThat(socket.path()).isEqualTo(dir.resolve(StatusCommand.SOCKET));
            JsonNode policy = status().path("policy");
            assertThat(policy.path("file").stringValue()).isEqualTo(file.toString());
            assertThat(policy.path("sha256").stringValue()).isEqualTo(sha256);
            assertThat(policy.path("grants").asInt()).isOne();
            assertThat(policy.has("error")).isFalse();
            String since = policy.path("since").stringValue();
            TestNetwork.replace(file, "grunts: []\n");
            Awaitility.await().until(() -> status().path("policy").has("error"));
            policy = status().path("policy");
            assertThat(policy.path("error").stringValue()).startsWith(file + ":1:1: a policy has no 'grunts'");
            assertThat(policy.path("sha256").stringValue()).isEqualTo(sha256);
            assertThat(run("status", "--state", dir.toString())).isZero();
            assertThat(out)
                    .contains(
                            "policy       " + file + ", 1 grants, 0 denies, sha256 " + sha256.substring(0, 16) + "...")
                    .containsPattern("(?m)^ +NOT LOADED as it is now, since .*: " + file + ":1:1: ");
            TestNetwork.replace(file, "grants: [{who: laptop, agents: office, to: 10.0.0.1}] # the same\n");
            Awaitility.await().until(() -> !status().path("policy").has("error"));
            policy = status().path("policy");
            assertThat(policy.path("since").stringValue())
                    .as("it was in force all the time")
                    .isEqualTo(since);
            assertThat(policy.path("sha256").stringValue()).isNotEqualTo(sha256);
        }
    }

    @Test
    void oneThatIsNotRunningIsNoFailure() throws Exception {
        Path socket = dir.resolve(StatusCommand.SOCKET);
        assertThat(run("status", "--state", dir.toString())).isEqualTo(AskOptions.NOT_RUNNING);
        assertThat(out).isEmpty();
        assertThat(err)
                .isEqualToIgnoringNewLines("gateway: the gateway is not running, or its socket is elsewhere: " + socket
                        + " is not there; name the socket with --control-socket");
        ServerSocketChannel.open(StandardProtocolFamily.UNIX)
                .bind(UnixDomainSocketAddress.of(socket))
                .close();
        assertThat(run("status", "--json", "--control-socket", socket.toString()))
                .isEqualTo(AskOptions.NOT_RUNNING);
        assertThat(err).startsWith("gateway: the gateway is not running: nobody answers at " + socket);
        assertThat(run("status", "--nonsense")).isEqualTo(2);
    }

    @Test
    void certificatesThatNeedAnEyeAreNamed() {
        JsonNode status = JsonMapper.shared().readTree("""
                {"now": "2026-11-30T12:00:00Z", "certificates": [
                 {"name": "app.example", "state": "valid", "until": "2027-01-29T12:00:00Z", "daysLeft": 60, "source": "ca.example"},
                 {"name": "wiki.example", "state": "valid", "until": "2026-12-10T12:00:00Z", "daysLeft": 10, "source": "ca.example",
                  "why": "no answer", "next": "2026-11-30T13:00:00Z"},
                 {"name": "new.example", "state": "unproved", "source": "ca.example", "why": "404", "next": "2026-11-30T12:02:00Z"}]}
                """);
        assertThat(StatusText.of(status))
                .contains(
                        "published    1 certificate is in force, the first to end at 2027-01-29T12:00:00Z (60 d left)",
                        "             2 names want a certificate:",
                        "             wiki.example: valid, 10 days left, from ca.example; no answer; next attempt at"
                                + " 2026-11-30T13:00:00Z",
                        "             new.example: unproved, asked of ca.example; 404; next attempt at 2026-11-30T12:02:00Z");
        assertThat(PublishCommand.ListAll.text(JsonMapper.shared().readTree("""
                {"publications": [{"at": "app.example", "agent": "office", "by": "agent", "state": "served", "target": "http://10.0.0.1",
                  "certificate": {"name": "app.example", "state": "valid", "daysLeft": 60}},
                 {"at": "tcp:22", "agent": "office", "by": "agent", "state": "served", "target": "10.0.0.1:22"},
                 {"at": "new.example", "agent": "office", "by": "agent", "state": "served", "target": "http://10.0.0.1",
                  "certificate": {"name": "new.example", "state": "unproved", "why": "404"}}]}
                """)))
                .anyMatch(line -> line.matches("app.example +office +agent +served +- +valid, 60 d +http://10.0.0.1"))
                .anyMatch(line -> line.matches("tcp:22 +office +agent +served +- +- +10.0.0.1:22"))
                .contains("certificate of new.example: unproved; 404");
    }

    /** What an older or a newer gateway says is shown as far as it is known, and nothing of it reaches a terminal as it is. */
    @Test
    void understandsOtherVersions() {
        JsonNode other = JsonMapper.shared().readTree("""
                {"version": "9\\u001b[31m", "new": {"a": 1}, "agents": [{"name": "o\\u202e", "instances": [{}, {"link": 7}]}],
                 "clients": "none", "policy": {"grants": "many"}, "certificate": {}, "urls": {"a": "b"}}
                """);
        assertThat(StatusText.of(other))
                .isNotEmpty()
                .allSatisfy(line -> assertThat(line).doesNotContain("null"));
        assertThat(StatusText.of(JsonMapper.shared().readTree("[]"))).isNotEmpty();
        assertThat(StatusText.of(JsonMapper.shared().readTree("7"))).isNotEmpty();
    }

    @Test
    void tokensThatEndSoonAreNamed() {
        assertThat(StatusText.of(JsonMapper.shared().readTree("""
                        {"now": "2026-11-30T12:00:00Z", "clients": [{"name": "laptop", "links": [
                          {"expires": "2026-12-02T12:00:00Z", "expiresSoon": true},
                          {"expires": "2026-12-01T12:00:00Z", "expiresSoon": true}]},
                         {"name": "phone", "links": [{"expires": "2026-11-30T13:00:00Z", "expiresSoon": false}]}]}
                        """)))
                .anyMatch(line -> line.startsWith("tokens       1 ends soon; token renew NAME "))
                .anyMatch(line -> line.startsWith("             client laptop: 2026-12-01T12:00:00Z ("))
                .noneMatch(line -> line.contains("client phone"));
    }
}
