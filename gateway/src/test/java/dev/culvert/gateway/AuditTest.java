package dev.culvert.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.culvert.gateway.TestNetwork.Peer;
import dev.culvert.tunnel.fixture.TestFlow;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Reason;
import io.netty.buffer.Unpooled;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a real gateway's audit log says of what happened. */
@NullUnmarked
final class AuditTest {
    @TempDir
    Path dir;

    @Test
    void flowsAreToldWithWhoWhereHowMuchAndWhy() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, true, 2)) {
            net.agent(
                    "office",
                    flow -> {
                        switch (flow.request().destination().port()) {
                            case 1 -> flow.refuse(Reason.CONNECTION_REFUSED, "no");
                            case 2 -> {} // for ever
                            default -> TestFlow.echo(flow);
                        }
                    },
                    "10.0.0.0/24");
            Peer client = net.client("laptop", 1, "*:10.0.0.0/24");
            TestFlow finished = client.open(TestNetwork.open(TestNetwork.tcp("10.0.0.9", 80), "office"));
            finished.send(new byte[100_000]);
            finished.finish();
            assertThat(finished.all.get(TestNetwork.PATIENCE, TimeUnit.SECONDS)).hasSize(100_000);
            TestFlow denied = client.open(TestNetwork.open(TestNetwork.tcp("10.0.1.9", 80), "office"));
            assertThat(denied.refused()).isEqualTo(Reason.PROHIBITED);
            TestFlow nobody = client.open(TestNetwork.open(TestNetwork.tcp("10.0.0.9", 80), "plant"));
            assertThat(nobody.refused()).isEqualTo(Reason.NO_AGENT);
            TestFlow refused = client.open(TestNetwork.open(TestNetwork.tcp("10.0.0.9", 1), "office"));
            assertThat(refused.refused()).isEqualTo(Reason.CONNECTION_REFUSED);
            TestFlow udp = client.open(TestNetwork.open(TestNetwork.udp("10.0.0.9", 53), "office"));
            assertThat(udp.refused()).isNull();
            udp.flow.eventLoop().execute(() -> udp.flow.writeAndFlush(Unpooled.wrappedBuffer(new byte[500])));
            await().until(() -> net.services().counters().bytes() == 201_000);
            udp.close();
            await().until(() -> net.flowsAtGateway() == 0);
            TestFlow name = client.open(TestNetwork.open(Destination.ofName(Destination.TCP, "db.lan", 2), "office"));
            await().until(() -> net.flowsAtGateway() == 2);
            client.close();
            assertThat(name.refused()).isEqualTo(Reason.LINK_LOST);
            await().until(() -> net.flowsAtGateway() == 0);
            net.gateway.close();

            List<Map<String, Object>> flows = net.audited("flow");
            assertThat(flows)
                    .hasSize(6)
                    .allSatisfy(f -> assertThat(f)
                            .containsEntry("client", "laptop")
                            .containsEntry("source", "10.9.9.9:4000")
                            .containsKeys("clientLink", "protocol", "host", "port", "agent", "seconds"));
            assertThat(flow(flows, "end", "finished"))
                    .containsEntry("decision", "allow")
                    .containsEntry("rule", "token")
                    .containsEntry("host", "10.0.0.9")
                    .containsEntry("port", 80)
                    .containsEntry("protocol", "tcp")
                    .containsEntry("agent", "office")
                    .containsEntry("instance", "i1")
                    .containsEntry("bytesUp", 100_000)
                    .containsEntry("bytesDown", 100_000)
                    .doesNotContainKey("endedBy");
            assertThat(flow(flows, "host", "10.0.1.9"))
                    .containsEntry("decision", "deny")
                    .containsEntry("end", "prohibited")
                    .containsEntry("endedBy", "gateway")
                    .doesNotContainKeys("instance", "agentLink");
            assertThat(flow(flows, "agent", "plant"))
                    .containsEntry("decision", "allow")
                    .containsEntry("end", "no_agent");
            assertThat(flow(flows, "port", 1))
                    .containsEntry("end", "connection_refused")
                    .containsEntry("endedBy", "agent");
            assertThat(flow(flows, "protocol", "udp"))
                    .containsEntry("bytesUp", 500)
                    .containsEntry("bytesDown", 500)
                    .containsEntry("endedBy", "client");
            assertThat(flow(flows, "host", "db.lan"))
                    .containsEntry("end", "link_lost")
                    .containsEntry("endedBy", "client");

            assertThat(net.audited("gateway-start")).hasSize(1);
            assertThat(net.audited("gateway-stop")).hasSize(1);
            assertThat(net.audited("link-up")).hasSize(2);
            assertThat(net.audited("link-down"))
                    .hasSize(2)
                    .anySatisfy(l -> assertThat(l)
                            .containsEntry("kind", "client")
                            .containsEntry("name", "laptop")
                            .containsEntry("why", "it said: done")
                            .containsEntry("flows", 4));
        }
    }

    private static Map<String, Object> flow(List<Map<String, Object>> flows, String member, Object value) {
        return flows.stream()
                .filter(f -> value.equals(f.get(member)))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no flow with " + member + " " + value + ": " + flows));
    }

    @Test
    void noLineHoldsAToken() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, true, 1)) {
            String good = net.clientToken("laptop", Instant.now().plusSeconds(60), "*:10.0.0.0/24");
            net.connect(good, f -> {});
            String cut = good.substring(0, good.length() - 6);
            assertThat(net.connector(cut)
                            .connect(
                                    net.loops.next(),
                                    dev.culvert.tunnel.link.LinkSettings.DEFAULT,
                                    new TestNetwork.Raw())
                            .await()
                            .isSuccess())
                    .isFalse();
            net.gateway.close();
            assertThat(net.audited("token-refused"))
                    .singleElement()
                    .satisfies(
                            l -> assertThat(l.toString()).contains("127.0.0.1:").doesNotContain(good.substring(0, 60)));
            assertThat(net.audited("link-up").toString()).doesNotContain(good.substring(0, 60));
        }
    }
}
