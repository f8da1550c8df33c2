package dev.culvert.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.culvert.gateway.TestNetwork.Peer;
import dev.culvert.gateway.presence.Presence;
import dev.culvert.tunnel.fixture.TestFlow;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Drain;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.LinkRefusedException;
import java.net.InetAddress;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Links, policy and switching over a real gateway on loopback. */
@NullUnmarked
final class GatewayTest {
    @TempDir
    Path dir;

    /** Streams of random sizes through many agents from many clients, some cut short: what arrives is what was sent. */
    @ParameterizedTest
    @CsvSource({"1,true", "4,true", "4,false"})
    void manyPeersAtOnce(int threads, boolean tls) throws Exception {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        try (TestNetwork net = new TestNetwork(dir, tls, threads)) {
            int agents = 3;
            List<Peer> peers = new ArrayList<>();
            for (int i = 0; i < agents; i++) {
                peers.add(net.agent("a" + i, TestFlow::echo, "10.0." + i + ".0/24"));
                peers.add(net.agent("a" + i, TestFlow::echo, "10.0." + i + ".0/24"));
            }
            List<Peer> clients = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                clients.add(net.client("c" + i, agents, "*:10.0.0.0/16"));
            }
            List<TestFlow> flows = new ArrayList<>();
            List<byte[]> sent = new ArrayList<>();
            for (int i = 0; i < 120; i++) {
                int a = random.nextInt(agents);
                TestFlow flow = clients.get(random.nextInt(4))
                        .open(TestNetwork.open(TestNetwork.tcp("10.0." + a + ".7", 1 + i), "a" + a));
                byte[] bytes = new byte[random.nextInt(tls && random.nextInt(10) == 0 ? 2_000_000 : 20_000)];
                random.nextBytes(bytes);
                flows.add(flow);
                sent.add(bytes);
                flow.send(bytes);
                if (random.nextInt(8) == 0) {
                    flow.close();
                    sent.set(i, null);
                } else {
                    flow.finish();
                }
            }
            for (int i = 0; i < flows.size(); i++) {
                if (sent.get(i) != null) {
                    assertThat(flows.get(i).all.get(2 * TestNetwork.PATIENCE, TimeUnit.SECONDS))
                            .as("seed %d, flow %d", seed, i)
                            .isEqualTo(sent.get(i));
                }
            }
            await().atMost(TestNetwork.PATIENCE, TimeUnit.SECONDS)
                    .untilAsserted(() ->
                            assertThat(net.flowsAtGateway()).as("seed %d", seed).isZero());
            peers.addAll(clients);
            for (Peer peer : peers) {
                assertThat(peer.down).as("seed %d", seed).isNotDone();
                await().untilAsserted(() -> assertThat(peer.flows()).isZero());
            }
            await().untilAsserted(
                            () -> assertThat(net.services().backlog().total()).isZero());
        }
    }

    /** The application's keep-alive goes through to the agent, and the host's answer back. */
    @ParameterizedTest
    @ValueSource(ints = {1, 4})
    void probesGoThrough(int threads) throws Exception {
        try (TestNetwork net = new TestNetwork(dir, true, threads)) {
            BlockingQueue<String> asked = new LinkedBlockingQueue<>();
            net.agent(
                    "office",
                    f -> {
                        LinkFlow flow = f.accept(new TestFlow(), true);
                        flow.onProbe(() -> {
                            asked.add("asked");
                            flow.alive();
                        });
                    },
                    "10.0.0.0/24");
            Peer client = net.client("laptop", 1, "office:10.0.0.0/24");
            LinkFlow flow = client.call(() ->
                    client.mux.open(TestNetwork.open(TestNetwork.tcp("10.0.0.9", 80), "office"), new TestFlow(), true));
            flow.opened().get(TestNetwork.PATIENCE, TimeUnit.SECONDS);
            CompletableFuture<Void> alive = new CompletableFuture<>();
            assertThat(client.call(() -> {
                        flow.onProbe(() -> alive.complete(null));
                        return flow.probe();
                    }))
                    .isTrue();
            alive.get(TestNetwork.PATIENCE, TimeUnit.SECONDS);
            assertThat(asked).containsExactly("asked");
        }
    }

    @ParameterizedTest
    @CsvSource({
        "office:10.0.0.0/24,            tcp, 10.0.0.9,  80, ",
        "office:10.0.0.0/24,            tcp, 10.0.1.9,  80, PROHIBITED",
        "office:10.0.0.0/24:443/tcp,    tcp, 10.0.0.9,  80, PROHIBITED",
        "office:10.0.0.0/24:443/tcp,    tcp, 10.0.0.9, 443, ",
        "office:10.0.0.0/24:443/tcp,    udp, 10.0.0.9, 443, PROHIBITED",
        "office:10.0.0.0/24:53/udp,     udp, 10.0.0.9,  53, ",
        "office:10.0.0.0/24:53/udp,    icmp, 10.0.0.9,   1, PROHIBITED",
        "office:10.0.0.0/24:53/icmp,   icmp, 10.0.0.9,   1, ",
        "office:db.internal:5432/tcp,   tcp, db.internal, 5432, ",
        "office:db.internal:5432/tcp,   tcp, DB.internal., 5432, ",
        "office:db.internal:5432/tcp,   tcp, db.internal, 5433, PROHIBITED",
        "office:db.internal:5432/tcp,   tcp, www.internal, 5432, PROHIBITED",
        "office:0.0.0.0/0,              tcp, 127.0.0.1,  80, PROHIBITED",
        "office:127.0.0.1/32,           tcp, 127.0.0.1,  80, ",
        "office:0.0.0.0/0,              tcp, 169.254.169.254, 80, PROHIBITED",
        "office:0.0.0.0/0,              udp, 224.0.0.251, 5353, PROHIBITED",
        "office:[::/0],                 tcp, ::1, 80, PROHIBITED",
        "office:[::/0],                 tcp, ::ffff:127.0.0.1, 80, PROHIBITED",
        "office:[fd77::/64],            tcp, fd77::9, 80, ",
        "branch:10.0.0.0/24,            tcp, 10.0.0.9, 80, PROHIBITED",
        "*:10.0.0.0/24,                 tcp, 10.0.0.9, 80, ",
    })
    void policy(String grant, String protocol, String host, int port, Reason expected) throws Exception {
        try (TestNetwork net = new TestNetwork(dir, false, 1)) {
            Peer agent = net.agent("office", TestFlow::echo, "10.0.0.0/24");
            Peer client = net.client("laptop", 0, grant);
            int number = switch (protocol) {
                case "tcp" -> Destination.TCP;
                case "udp" -> Destination.UDP;
                default -> Destination.ICMP;
            };
            Destination d = Character.isLetter(host.charAt(0)) && host.indexOf(':') < 0
                    ? Destination.ofName(number, host, port)
                    : Destination.of(number, InetAddress.getByName(host), port);
            assertThat(client.open(TestNetwork.open(d, "office")).refused()).isEqualTo(expected);
            assertThat(agent.opens.size()).isEqualTo(expected == null ? 1 : 0);
            if (expected == null) {
                assertThat(agent.opens.peek().clientName()).isEqualTo("laptop");
                assertThat(agent.opens.peek().agent()).isNull();
            }
        }
    }

    /** The gateway cannot know what a name resolves to: it says which addresses the client was granted. */
    @Test
    void nameThatNoGrantNames() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, false, 1)) {
            Peer agent = net.agent("office", TestFlow::echo, "10.0.0.0/24");
            Peer client = net.client("laptop", 1, "office:10.0.0.0/24:80/tcp", "office:10.7.0.0/16:22/tcp");
            assertThat(client.open(TestNetwork.open(Destination.ofName(Destination.TCP, "www.lan", 80), "office"))
                            .refused())
                    .isNull();
            assertThat(agent.opens.take().restriction().only().toList())
                    .singleElement()
                    .satisfies(p -> {
                        assertThat(p.network()).isEqualTo(InetAddress.getByName("10.0.0.0"));
                        assertThat(p.length()).isEqualTo(24);
                    });
        }
    }

    @Test
    void linkEndsWithItsToken() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, true, 1)) {
            String token = "";
            Peer client = null;
            for (int seconds = 3; client == null; seconds *= 3) {
                token = net.clientToken("laptop", Instant.now().plusSeconds(seconds), "*:10.0.0.0/8");
                try {
                    client = net.connect(token, f -> {});
                } catch (ExecutionException e) { // so slow is this machine
                    assertThat(e).hasMessageContaining("expired");
                    assertThat(seconds).isLessThan(TestNetwork.PATIENCE / 3);
                }
            }
            String ended = token;
            assertThat(client.down.get(TestNetwork.PATIENCE, TimeUnit.SECONDS)).contains("token has expired");
            // The verifier forgives a minute; the gateway does not, or the link would come and go until then.
            assertThatThrownBy(() -> net.connect(ended, f -> {}))
                    .hasCauseInstanceOf(LinkRefusedException.class)
                    .hasMessageContaining("expired");
        }
    }

    @Test
    void strangersTokenIsAnsweredAsByAWebServer() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, true, 1);
                TestNetwork other = new TestNetwork(dir.resolve("other"), true, 1)) {
            String token = other.clientToken("laptop", Instant.now().plusSeconds(60), "*:10.0.0.0/8");
            assertThatThrownBy(() -> net.connect(token, f -> {}))
                    .hasCauseInstanceOf(LinkRefusedException.class)
                    .hasMessageContaining("404");
            assertThat(net.services().counters().refusedTokens.sum()).isEqualTo(1);
        }
    }

    @Test
    void agentThatGoesEndsItsFlowsAndNoOthers() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, false, 2)) {
            Peer going = net.agent("going", TestFlow::echo, "10.0.0.0/24");
            Peer staying = net.agent("staying", TestFlow::echo, "10.0.1.0/24");
            Peer client = net.client("laptop", 2, "*:10.0.0.0/16");
            TestFlow lost = client.open(TestNetwork.open(TestNetwork.tcp("10.0.0.1", 1), "going"));
            TestFlow kept = client.open(TestNetwork.open(TestNetwork.tcp("10.0.1.1", 1), "staying"));
            assertThat(lost.refused()).isNull();
            assertThat(kept.refused()).isNull();
            going.close();
            assertThat(lost.ended()).isEqualTo(Reason.LINK_LOST);
            kept.send(new byte[] {1, 2, 3});
            kept.finish();
            assertThat(kept.all.get(TestNetwork.PATIENCE, TimeUnit.SECONDS)).containsExactly(1, 2, 3);
            assertThat(client.open(TestNetwork.open(TestNetwork.tcp("10.0.0.1", 1), "going"))
                            .refused())
                    .isEqualTo(Reason.NO_AGENT);
            assertThat(staying.down).isNotDone();
            assertThat(client.down).isNotDone();
        }
    }

    @Test
    void drainingInstanceGetsNoNewFlows() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, false, 2)) {
            Peer old = net.agent("office", TestFlow::echo, "10.0.0.0/24");
            Peer fresh = net.agent("office", TestFlow::echo, "10.0.0.0/24");
            Peer client = net.client("laptop", 1, "*:10.0.0.0/16");
            old.call(() -> {
                old.mux.link().drain(new Drain("going"));
                return null;
            });
            Presence<?> presence = net.presence();
            await().until(() -> presence.pick("office", 0, TestNetwork.tcp("10.0.0.1", 1), null)
                    .instance()
                    .equals("i2"));
            for (int i = 1; i <= 10; i++) {
                assertThat(client.open(TestNetwork.open(TestNetwork.tcp("10.0.0.1", i), "office"))
                                .refused())
                        .isNull();
            }
            assertThat(old.opens).isEmpty();
            assertThat(fresh.opens).hasSize(10);
        }
    }

    @Test
    void closingTellsPeersFirst() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, true, 2)) {
            Peer agent = net.agent("office", TestFlow::echo, "10.0.0.0/24");
            Peer client = net.client("laptop", 1, "*:10.0.0.0/16");
            assertThat(client.open(TestNetwork.open(TestNetwork.tcp("10.0.0.1", 1), "office"))
                            .refused())
                    .isNull();
            net.gateway.close(); // does not wait for the flow
            for (Peer peer : List.of(agent, client)) {
                assertThat(peer.drained.get(TestNetwork.PATIENCE, TimeUnit.SECONDS))
                        .isEqualTo(new Drain("the gateway is shutting down", Gateway.spread(2), List.of()));
                assertThat(peer.down.get(TestNetwork.PATIENCE, TimeUnit.SECONDS))
                        .contains("shutting down");
            }
        }
    }
}
