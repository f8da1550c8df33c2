package dev.culvert.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.culvert.command.metrics.Histogram;
import dev.culvert.command.metrics.Metrics;
import dev.culvert.gateway.TestNetwork.Peer;
import dev.culvert.tunnel.fixture.TestFlow;
import dev.culvert.tunnel.frame.Reason;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a real gateway measures. */
@NullUnmarked
final class GatewayMetricsTest {
    private static final String ENDED = "culvert_gateway_flows_ended_total protocol ";

    @TempDir
    Path dir;

    /** By name and labels. */
    private static Map<String, Double> told(TestNetwork net, boolean clients) throws IOException {
        Map<String, Double> told = new TreeMap<>();
        net.gateway.metrics(clients).tell(new Metrics() {
            private void put(String name, double value, String... labels) {
                assertThat(told.put((name + " " + String.join(" ", labels)).strip(), value))
                        .as("%s is told once", name)
                        .isNull();
            }

            @Override
            public void counter(String name, String help, double value, String... labels) {
                put(name, value, labels);
            }

            @Override
            public void gauge(String name, String help, double value, String... labels) {
                put(name, value, labels);
            }

            @Override
            public void histogram(String name, String help, Histogram durations, String... labels) {
                put(name, durations.count(), labels);
            }
        });
        return told;
    }

    @Test
    void whatBecomesOfFlowsIsCounted() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, true, 2)) {
            net.agent(
                    "office",
                    flow -> {
                        if (flow.request().destination().port() == 1) {
                            flow.refuse(Reason.CONNECTION_REFUSED, "no");
                        } else {
                            TestFlow.echo(flow);
                        }
                    },
                    "10.0.0.0/24");
            Peer client = net.client("laptop", 1, "*:10.0.0.0/24");
            TestFlow finished = client.open(TestNetwork.open(TestNetwork.tcp("10.0.0.9", 80), "office"));
            finished.send(new byte[100_000]);
            finished.finish();
            assertThat(finished.all.get(TestNetwork.PATIENCE, TimeUnit.SECONDS)).hasSize(100_000);
            assertThat(client.open(TestNetwork.open(TestNetwork.tcp("10.0.1.9", 80), "office"))
                            .refused())
                    .isEqualTo(Reason.PROHIBITED);
            assertThat(client.open(TestNetwork.open(TestNetwork.tcp("10.0.0.9", 1), "office"))
                            .refused())
                    .isEqualTo(Reason.CONNECTION_REFUSED);
            TestFlow open = client.open(TestNetwork.open(TestNetwork.udp("10.0.0.9", 53), "office"));
            assertThat(open.refused()).isNull();
            await().until(() -> net.flowsAtGateway() == 2); // both sides of the one that is open

            assertThat(told(net, false))
                    .containsEntry("culvert_gateway_links kind agent", 1.0)
                    .containsEntry("culvert_gateway_links kind client", 1.0)
                    .containsEntry("culvert_gateway_links_up_total kind client", 1.0)
                    .containsEntry("culvert_gateway_agent_instances agent office", 1.0)
                    .containsEntry("culvert_gateway_flows", 1.0)
                    .containsEntry("culvert_gateway_flows_asked_total", 4.0)
                    .containsEntry(ENDED + "tcp end finished", 1.0)
                    .containsEntry(ENDED + "tcp end prohibited", 1.0)
                    .containsEntry(ENDED + "tcp end connection_refused", 1.0)
                    .containsEntry(ENDED + "udp end finished", 0.0)
                    .containsEntry("culvert_gateway_policy_decisions_total decision allow", 3.0)
                    .containsEntry("culvert_gateway_policy_decisions_total decision deny", 1.0)
                    .containsEntry("culvert_gateway_flow_opening_seconds protocol tcp", 1.0)
                    .containsEntry("culvert_gateway_flow_opening_seconds protocol udp", 1.0)
                    .containsEntry("culvert_gateway_payload_bytes_total direction up", 100_000.0)
                    .containsEntry("culvert_gateway_payload_bytes_total direction down", 100_000.0)
                    .containsEntry("culvert_gateway_policy_in_force", 0.0)
                    .containsEntry("culvert_gateway_store_up", 1.0)
                    .hasEntrySatisfying(
                            "culvert_gateway_certificate_not_after_timestamp_seconds of own name 127.0.0.1",
                            end -> assertThat(end).isGreaterThan(System.currentTimeMillis() / 1_000.0));
            client.close();
            await().until(() -> net.flowsAtGateway() == 0);
            assertThat(told(net, false))
                    .containsEntry(ENDED + "udp end link_lost", 1.0)
                    .containsEntry("culvert_gateway_links kind client", 0.0);
        }
    }

    /** Who is connected is for those to know who were told so. */
    @Test
    void clientsAreNamedOnlyWhenThatIsAskedFor() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, true, 1)) {
            net.client("laptop", 0, "*:10.0.0.0/24");
            assertThat(told(net, false).keySet()).noneMatch(series -> series.contains("laptop"));
            assertThat(told(net, true)).containsEntry("culvert_gateway_client_links client laptop", 1.0);
        }
    }

    @Test
    void roundTripsAreMeasured() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, true, 1)) {
            net.client("laptop", 0, "*:10.0.0.0/24");
            await().untilAsserted(() -> assertThat(
                            told(net, false).get("culvert_gateway_link_round_trip_seconds kind client"))
                    .isPositive());
        }
    }
}
