package dev.culvert.gateway.fabric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.culvert.gateway.TestNetwork;
import dev.culvert.gateway.TestNetwork.Peer;
import dev.culvert.tunnel.fixture.TestFlow;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.Reason;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Bandwidth of clients in a real gateway on loopback. Of time only this is asserted: that the limit did not let it pass
 * faster, by far, and that what would take minutes is done when the limit has gone.
 */
@NullUnmarked
final class GatewayBandwidthTest {
    private static final String GRANTS = "grants: [{who: \"*\", agents: office, to: 10.0.0.0/24}]\n";

    @TempDir
    Path dir;

    private TestNetwork network(String limits) throws Exception {
        policy(limits);
        return new TestNetwork(dir, true, 2);
    }

    private void policy(String limits) throws IOException {
        TestNetwork.replace(dir.resolve("policy.yaml"), GRANTS + limits);
    }

    private static OpenRequest open(int port) throws Exception {
        return TestNetwork.open(TestNetwork.tcp("10.0.0.1", port), "office");
    }

    private static byte[] random(int n) {
        byte[] b = new byte[n];
        new Random(n).nextBytes(b);
        return b;
    }

    /** An agent that does this with each flow and adds it to {@code served}. */
    private static Peer agent(TestNetwork net, Queue<TestFlow> served, Consumer<LinkFlow> begin) throws Exception {
        return net.agent(
                "office",
                incoming -> {
                    TestFlow end = new TestFlow();
                    end.flow = incoming.accept(end);
                    end.flow.eventLoop().execute(() -> begin.accept(end.flow));
                    served.add(end);
                },
                "10.0.0.0/24");
    }

    private static byte[] all(TestFlow flow) throws Exception {
        return flow.all.get(TestNetwork.PATIENCE, TimeUnit.SECONDS);
    }

    /** What flows carry with 2 Mbit/s in this direction takes four seconds; that of others does not wait for it. */
    @ParameterizedTest
    @ValueSource(strings = {"2 Mbit/s", "{up: 2 Mbit/s}", "{down: 2 Mbit/s}"})
    void bytesOfAllFlowsArriveAndNotFasterThanAllowed(String bandwidth) throws Exception {
        try (TestNetwork net = network("limits: [{who: laptop, bandwidth: " + bandwidth + "}]")) {
            net.agent("office", TestFlow::echo, "10.0.0.0/24");
            Peer limited = net.client("laptop", 1, "*:10.0.0.0/24");
            Peer other = net.client("other", 1, "*:10.0.0.0/24");
            byte[] bytes = random(250_000);
            long start = System.nanoTime();
            List<TestFlow> flows = new ArrayList<>();
            for (int i = 1; i <= 4; i++) {
                TestFlow flow = limited.open(open(i));
                flow.send(bytes.clone());
                flow.finish();
                flows.add(flow);
            }
            byte[] many = random(4_000_000);
            TestFlow free = other.open(open(1));
            free.send(many.clone());
            free.finish();
            assertThat(all(free)).isEqualTo(many);
            for (TestFlow flow : flows) {
                assertThat(all(flow)).isEqualTo(bytes);
            }
            assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThan(Duration.ofSeconds(3));
            assertThat(net.services().counters().bandwidthWaits.sum()).isPositive();
            await().atMost(TestNetwork.PATIENCE, TimeUnit.SECONDS).until(() -> net.flowsAtGateway() == 0);
        }
    }

    @Test
    void theLinksOfOneClientShareIt() throws Exception {
        try (TestNetwork net = network("limits: [{who: laptop, bandwidth: {up: 1 Mbit/s}}]")) {
            net.agent("office", TestFlow::echo, "10.0.0.0/24");
            byte[] bytes = random(250_000);
            Peer[] links = {net.client("laptop", 1, "*:10.0.0.0/24"), net.client("laptop", 1, "*:10.0.0.0/24")};
            long start = System.nanoTime();
            List<TestFlow> flows = new ArrayList<>();
            for (Peer link : links) {
                TestFlow flow = link.open(open(1));
                flow.send(bytes.clone());
                flow.finish();
                flows.add(flow);
            }
            for (TestFlow flow : flows) {
                assertThat(all(flow)).isEqualTo(bytes);
            }
            assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThan(Duration.ofSeconds(3));
        }
    }

    /** With 100 kbit/s this would take five minutes in each direction. */
    @Test
    void aLimitThatIsLiftedOrRaisedLetsRunningFlowsGoOn() throws Exception {
        try (TestNetwork net = network("limits: [{who: laptop, bandwidth: 100 kbit/s}]")) {
            net.agent("office", TestFlow::echo, "10.0.0.0/24");
            Peer client = net.client("laptop", 1, "*:10.0.0.0/24");
            byte[] bytes = random(4_000_000);
            TestFlow first = client.open(open(1));
            first.send(bytes.clone());
            first.finish();
            await().atMost(TestNetwork.PATIENCE, TimeUnit.SECONDS)
                    .until(() -> net.services().counters().bandwidthWaits.sum() > 0);
            assertThat(first.all).isNotDone();
            policy("");
            assertThat(all(first)).isEqualTo(bytes);

            policy("limits: [{who: laptop, bandwidth: 100 kbit/s}]");
            TestFlow second = client.open(open(2));
            TestFlow third = client.open(open(3));
            long before = net.services().counters().bandwidthWaits.sum();
            await().atMost(TestNetwork.PATIENCE, TimeUnit.SECONDS).until(() -> {
                // It is in force when something has to wait; until then this is soon answered.
                second.send(random(20_000));
                return net.services().counters().bandwidthWaits.sum() > before;
            });
            third.send(bytes.clone());
            third.finish();
            policy("limits: [{who: laptop, bandwidth: 10 Gbit/s}]");
            assertThat(all(third)).isEqualTo(bytes);
            second.close();
            await().atMost(TestNetwork.PATIENCE, TimeUnit.SECONDS).until(() -> net.flowsAtGateway() == 0);
        }
    }

    /** Both FINs have passed the client's side when its link breaks: nobody but the gateway knows that bytes are missing. */
    @Test
    void whatIsLostWithTheLinkIsToldToTheAgent() throws Exception {
        BlockingQueue<TestFlow> served = new LinkedBlockingQueue<>();
        try (TestNetwork net = network("limits: [{who: laptop, bandwidth: 100 kbit/s}]")) {
            Peer agent = agent(net, served, LinkFlow::shutdownOutput);
            Peer client = net.client("laptop", 1, "*:10.0.0.0/24");
            TestFlow flow = client.open(open(1));
            flow.send(random(60_000));
            flow.finish();
            TestFlow end = served.poll(TestNetwork.PATIENCE, TimeUnit.SECONDS);
            assertThat(end).isNotNull();
            assertThat(all(flow)).isEmpty();
            await().atMost(TestNetwork.PATIENCE, TimeUnit.SECONDS)
                    .until(() -> client.call(() -> flow.flow.isOutputShutdown()));
            flow.close(); // its FIN may have been sent before or after the agent's came
            await().atMost(TestNetwork.PATIENCE, TimeUnit.SECONDS)
                    .until(() -> client.flows() == 0 && net.flowsAtGateway() == 1); // the agent's half
            client.close();
            assertThat(end.ended()).isEqualTo(Reason.LINK_LOST);
            assertThatThrownBy(() -> all(end)).isInstanceOf(ExecutionException.class);
            await().atMost(TestNetwork.PATIENCE, TimeUnit.SECONDS)
                    .until(() -> agent.flows() == 0 && net.flowsAtGateway() == 0);
            assertThat(net.services().backlog().total()).isZero();
        }
    }

    /** Held up or not, RESET overtakes data and what waits is dropped, on both sides. */
    @Test
    void flowsThatEndWhileTheyAreHeldUpLeaveNothing() throws Exception {
        BlockingQueue<TestFlow> served = new LinkedBlockingQueue<>();
        try (TestNetwork net = network("limits: [{who: laptop, bandwidth: 100 kbit/s}]")) {
            Peer agent = agent(net, served, flow -> flow.writeAndFlush(Unpooled.wrappedBuffer(random(400_000))));
            Peer client = net.client("laptop", 1, "*:10.0.0.0/24");
            for (int i = 1; i <= 6; i++) {
                TestFlow flow = client.open(open(i));
                flow.send(random(400_000));
                TestFlow end = served.poll(TestNetwork.PATIENCE, TimeUnit.SECONDS);
                assertThat(end).isNotNull();
                (i % 2 == 0 ? flow : end).close();
            }
            await().atMost(TestNetwork.PATIENCE, TimeUnit.SECONDS)
                    .until(() -> agent.flows() == 0 && client.flows() == 0 && net.flowsAtGateway() == 0);
            await().atMost(TestNetwork.PATIENCE, TimeUnit.SECONDS) // what is much is dropped in turns
                    .until(() -> net.links().all().stream().allMatch(l -> heldBytes((LinkSide) l) == 0));
            policy("");
            TestFlow after = client.open(open(99));
            after.send("still here".getBytes(StandardCharsets.UTF_8));
            TestFlow end = served.poll(TestNetwork.PATIENCE, TimeUnit.SECONDS);
            after.finish();
            assertThat(new String(all(end), StandardCharsets.UTF_8)).isEqualTo("still here");
            end.close();
        }
    }

    private static long heldBytes(LinkSide link) {
        try {
            return link.loop().submit(link::heldBytes).get(TestNetwork.PATIENCE, TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    /** Datagrams have no credit: what is too much is dropped and counted, and streams go on beside it. */
    @Test
    void datagramsBeyondTheirQueueAreDroppedAndCounted() throws Exception {
        try (TestNetwork net = network("limits: [{who: laptop, bandwidth: {up: 1 Mbit/s}}]")) {
            net.agent("office", TestFlow::echo, "10.0.0.0/24");
            Peer client = net.client("laptop", 1, "*:10.0.0.0/24");
            TestFlow datagrams = client.open(TestNetwork.open(TestNetwork.udp("10.0.0.1", 53), "office"));
            assertThat(datagrams.refused()).isNull();
            await().atMost(TestNetwork.PATIENCE, TimeUnit.SECONDS).until(() -> {
                for (int i = 0; i < 100; i++) {
                    datagrams.send(random(1_200));
                }
                return net.services().counters().droppedDatagrams.sum() > 0;
            });
            byte[] bytes = random(20_000);
            TestFlow stream = client.open(open(1));
            stream.send(bytes.clone());
            stream.finish();
            assertThat(all(stream)).isEqualTo(bytes);
        }
    }
}
