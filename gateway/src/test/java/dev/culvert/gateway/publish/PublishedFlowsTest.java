package dev.culvert.gateway.publish;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.culvert.gateway.TestNetwork;
import dev.culvert.gateway.TestNetwork.Peer;
import dev.culvert.policy.publication.Publication;
import dev.culvert.token.Grant;
import dev.culvert.tunnel.fixture.TestFlow;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Reason;
import io.netty.channel.EventLoop;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The gateway's own ends over a real gateway: what they open goes to agents as a client's flows do. */
@NullUnmarked
final class PublishedFlowsTest {
    private static final InetSocketAddress BROWSER = new InetSocketAddress("203.0.113.7", 50_000);

    @TempDir
    Path dir;

    private static TestFlow open(TestNetwork net, EventLoop loop, String agent, Destination d) throws Exception {
        return open(net, loop, agent, null, d);
    }

    private static TestFlow open(TestNetwork net, EventLoop loop, String agent, String answerer, Destination d)
            throws Exception {
        TestFlow flow = new TestFlow();
        await().until(() -> loop.submit(() -> {
                    try {
                        flow.start(net.published().open(loop, site(agent), answerer, d, BROWSER, flow));
                        return true;
                    } catch (FlowException e) {
                        if (e.reason() == Reason.LINK_LOST) {
                            return false; // the ends are just coming up
                        }
                        throw e;
                    }
                })
                .get(TestNetwork.PATIENCE, TimeUnit.SECONDS));
        return flow;
    }

    private static Published site(String agent) {
        return new Published(agent, Publication.parse("app.test=http://10.0.0.9:80"), false);
    }

    /** However many one has, others' flows have their part of what windows may grow by. */
    @Test
    void eachPublicationHasItsShareOfMemory() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, true, 1)) {
            net.agent("office", TestFlow::echo, "10.0.0.0/24");
            net.published().targets(List.of(Grant.parse("office:10.0.0.9:80/tcp")));
            LinkFlow flow = open(net, net.gatewayLoop(), "office", TestNetwork.tcp("10.0.0.9", 80)).flow;
            assertThat(flow.holder()).isEqualTo("app.test");
            assertThat(flow.request().clientName())
                    .as("agents are told no such thing")
                    .isEmpty();
        }
    }

    /** Both ways, on each of the gateway's loops, with the agent's link on whichever. */
    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    void carriesWhatIsSent(int threads) throws Exception {
        Random random = new Random(7);
        try (TestNetwork net = new TestNetwork(dir, true, threads)) {
            net.agent("office", TestFlow::echo, "10.0.0.0/24");
            net.published().targets(List.of(Grant.parse("office:10.0.0.9:80/tcp")));
            List<TestFlow> flows = new ArrayList<>();
            List<byte[]> sent = new ArrayList<>();
            for (int i = 0; i < 12; i++) {
                TestFlow flow = open(net, net.gatewayLoop(), "office", TestNetwork.tcp("10.0.0.9", 80));
                byte[] bytes = new byte[i == 0 ? 3_000_000 : random.nextInt(200_000)];
                random.nextBytes(bytes);
                flow.send(bytes);
                flow.finish();
                flows.add(flow);
                sent.add(bytes);
            }
            for (int i = 0; i < flows.size(); i++) {
                assertThat(flows.get(i).all.get(2 * TestNetwork.PATIENCE, TimeUnit.SECONDS))
                        .isEqualTo(sent.get(i));
            }
            await().untilAsserted(() -> assertThat(net.flowsAtGateway()).isZero());
            await().untilAsserted(
                            () -> assertThat(net.services().backlog().total()).isZero());
            assertThat(net.audited("flow"))
                    .hasSize(12)
                    .allSatisfy(f -> assertThat(f)
                            .containsEntry("client", "@published")
                            .containsEntry("source", "203.0.113.7:50000")
                            .containsEntry("agent", "office")
                            .containsEntry("end", "finished"));
        }
    }

    /** Nothing but the targets is open, an address that needs an explicit grant among them when it is one. */
    @Test
    void opensWhatIsPublishedAlone() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, true, 1)) {
            net.agent("office", TestFlow::echo, "0.0.0.0/0");
            net.published().targets(List.of(Grant.parse("office:127.0.0.1:8080/tcp")));
            EventLoop loop = net.gatewayLoop();
            LinkFlow local = open(net, loop, "office", TestNetwork.tcp("127.0.0.1", 8080)).flow;
            local.opened().get(TestNetwork.PATIENCE, TimeUnit.SECONDS);
            for (Destination other : List.of(
                    TestNetwork.tcp("127.0.0.1", 8081),
                    TestNetwork.tcp("127.0.0.2", 8080),
                    TestNetwork.udp("127.0.0.1", 8080))) {
                assertThat(open(net, loop, "office", other).refused()).isEqualTo(Reason.PROHIBITED);
            }
            assertThat(open(net, loop, "branch", TestNetwork.tcp("127.0.0.1", 8080))
                            .refused())
                    .isEqualTo(Reason.PROHIBITED);
        }
    }

    /** A flow goes to the instance that was chosen for it, however many flows that has, or nowhere. */
    @Test
    void goesToTheInstanceThatIsChosen() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, true, 2)) {
            Peer one = net.agentInstance("one", "office", TestFlow::echo, "10.0.0.0/24");
            Peer two = net.agentInstance("two", "office", TestFlow::echo, "10.0.0.0/24");
            net.agentInstance("three", "branch", TestFlow::echo, "10.0.0.0/24");
            net.published().targets(List.of(Grant.parse("office:10.0.0.9:80/tcp")));
            EventLoop loop = net.gatewayLoop();
            Destination to = TestNetwork.tcp("10.0.0.9", 80);
            for (int i = 0; i < 5; i++) {
                open(net, loop, "office", "two/", to).flow.opened().get(TestNetwork.PATIENCE, TimeUnit.SECONDS);
            }
            assertThat(two.flows()).isEqualTo(5);
            assertThat(one.flows()).isZero();
            open(net, loop, "office", to).flow.opened().get(TestNetwork.PATIENCE, TimeUnit.SECONDS);
            assertThat(one.flows()).as("without a choice the least loaded").isEqualTo(1);
            assertThat(open(net, loop, "office", "three/", to).refused())
                    .as("another agent's")
                    .isEqualTo(Reason.NO_AGENT);
            two.close();
            await().until(() -> net.agentsAtGateway() == 2);
            assertThat(open(net, loop, "office", "two/", to).refused()).isEqualTo(Reason.NO_AGENT);
        }
    }

    /**
     * What is in the table may be opened, from before it is in force until it is not any more: by one who looks at the table just then,
     * as the second listener does.
     */
    @Test
    void nobodyIsRefusedWhatIsInForce() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, true, 2)) {
            BlockingQueue<String> opened = new LinkedBlockingQueue<>();
            net.publications().add(new Publications.Listener() {
                @Override
                public void publicationsChanging(PublicationTable before, PublicationTable next) {
                    before.all().forEach(this::open);
                    next.all().forEach(this::open);
                }

                @Override
                public void publicationsChanged(PublicationTable now) {
                    now.all().forEach(this::open);
                }

                private void open(Published one) {
                    EventLoop loop = net.gatewayLoop();
                    Throwable failed = loop.submit(
                                    () -> net.published().connect(loop, one, null, one.destination(), BROWSER))
                            .syncUninterruptibly()
                            .getNow()
                            .awaitUninterruptibly()
                            .cause();
                    opened.add(one.publication().at() + " " + (failed == null ? "open" : failed.toString()));
                }
            });
            Peer agent = net.publishingAgent(
                    "office",
                    TestFlow::echo,
                    List.of("10.0.0.0/24"),
                    List.of("*.test"),
                    List.of("a.test=http://10.0.0.1"));
            for (String expected : List.of("a.test open", "a.test open")) {
                assertThat(opened.poll(TestNetwork.PATIENCE, TimeUnit.SECONDS)).isEqualTo(expected);
            }
            agent.call(() -> {
                agent.mux.announce(new Announcement.Agent(
                        "i1", null, List.of("10.0.0.0/24"), true, List.of(), List.of("b.test=http://10.0.0.2")));
                return null;
            });
            for (String expected : List.of("a.test open", "b.test open", "b.test open")) {
                assertThat(opened.poll(TestNetwork.PATIENCE, TimeUnit.SECONDS)).isEqualTo(expected);
            }
        }
    }

    @Test
    void endsWhatIsPublishedNoMore() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, true, 2)) {
            Peer agent = net.agent("office", TestFlow::echo, "10.0.0.0/24");
            net.published()
                    .targets(List.of(Grant.parse("office:10.0.0.9:80/tcp"), Grant.parse("office:10.0.0.9:81/tcp")));
            LinkFlow stays = open(net, net.gatewayLoop(), "office", TestNetwork.tcp("10.0.0.9", 80)).flow;
            LinkFlow goes = open(net, net.gatewayLoop(), "office", TestNetwork.tcp("10.0.0.9", 81)).flow;
            stays.opened().get(TestNetwork.PATIENCE, TimeUnit.SECONDS);
            goes.opened().get(TestNetwork.PATIENCE, TimeUnit.SECONDS);
            assertThat(agent.flows()).isEqualTo(2);
            net.published().targets(List.of(Grant.parse("office:10.0.0.9:80/tcp")));
            goes.closeFuture().get(TestNetwork.PATIENCE, TimeUnit.SECONDS);
            await().untilAsserted(() -> assertThat(agent.flows()).isEqualTo(1));
            assertThat(stays.isActive()).isTrue();
        }
    }

    /** Each target counts for itself: one that is busy takes no flows from another. */
    @Test
    void eachTargetHasItsOwnShareOfFlows() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, true, 2)) {
            net.agent("office", TestFlow::echo, "10.0.0.0/24");
            net.published()
                    .targets(List.of(Grant.parse("office:10.0.0.9:80/tcp"), Grant.parse("office:10.0.0.9:81/tcp")));
            List<TestFlow> flows = new ArrayList<>();
            for (int port : new int[] {80, 80, 81}) {
                TestFlow flow = open(net, net.gatewayLoop(), "office", TestNetwork.tcp("10.0.0.9", port));
                flow.flow.opened().get(TestNetwork.PATIENCE, TimeUnit.SECONDS);
                flows.add(flow);
            }
            assertThat(net.services().clientFlows().total()).isEqualTo(3);
            assertThat(net.services().clientFlows().holders()).isEqualTo(2);
            flows.forEach(f -> f.flow.close());
            await().untilAsserted(() ->
                    assertThat(net.services().clientFlows().total()).isZero());
        }
    }

    /** One that is killed says nothing; its successor does, and before anything is published. */
    @Test
    void aKilledGatewaysFlowsEndWhenItsSuccessorSaysSo() throws Exception {
        try (TestNetwork net = new TestNetwork(dir.resolve("gateway"), true, 3)) {
            Path state = dir.resolve("ends");
            TestFlow atAgent = new TestFlow();
            net.agent("office", f -> atAgent.start(f.accept(atAgent, false)), "10.0.0.0/24");
            OwnSessions first = OwnSessions.begin(() -> state, 3);
            PublishedFlows killed = net.published(first);
            killed.targets(List.of(Grant.parse("office:10.0.0.9:80/tcp"))).get(TestNetwork.PATIENCE, TimeUnit.SECONDS);
            EventLoop loop = net.gatewayLoop();
            loop.submit(() -> killed.connect(loop, site("office"), null, TestNetwork.tcp("10.0.0.9", 80), BROWSER))
                    .get(TestNetwork.PATIENCE, TimeUnit.SECONDS)
                    .get(TestNetwork.PATIENCE, TimeUnit.SECONDS);
            first.close(); // as the end of its process does
            assertThat(atAgent.hasEnded()).isFalse();
            OwnSessions second = OwnSessions.begin(() -> state, 3);
            net.published(second);
            assertThat(atAgent.ended()).isNotNull();
            second.close();
        }
    }

    /** No agent goes on holding flows for a gateway that has stopped. */
    @Test
    void endsAllWhenTheGatewayStops() throws Exception {
        TestNetwork net = new TestNetwork(dir, true, 2);
        try {
            TestFlow atAgent = new TestFlow();
            net.agent("office", f -> atAgent.start(f.accept(atAgent, false)), "10.0.0.0/24");
            net.published().targets(List.of(Grant.parse("office:10.0.0.9:80/tcp")));
            LinkFlow flow = open(net, net.gatewayLoop(), "office", TestNetwork.tcp("10.0.0.9", 80)).flow;
            flow.opened().get(TestNetwork.PATIENCE, TimeUnit.SECONDS);
            net.gateway.close();
            assertThat(atAgent.ended()).isEqualTo(Reason.LINK_LOST); // one that is held has not ended
        } finally {
            net.close();
        }
    }

    /** What an agent does not read is not sent: the writer sees it, and little is kept on the way. */
    @Test
    void waitsForAnAgentThatDoesNotRead() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, true, 1)) {
            TestFlow atAgent = new TestFlow();
            Peer agent = net.agent(
                    "office",
                    f -> atAgent.start(f.accept(atAgent, false)).flow.config().setAutoRead(false),
                    "10.0.0.0/24");
            net.published().targets(List.of(Grant.parse("office:10.0.0.9:80/tcp")));
            EventLoop loop = net.gatewayLoop();
            TestFlow flow = open(net, loop, "office", TestNetwork.tcp("10.0.0.9", 80));
            flow.flow.opened().get(TestNetwork.PATIENCE, TimeUnit.SECONDS);
            byte[] much = new byte[32 << 20];
            flow.send(much);
            await().untilAsserted(() -> assertThat(flow.flow.isWritable()).isFalse());
            assertThat(net.services().backlog().total()).isLessThan(much.length / 2);
            agent.call(() -> atAgent.flow.config().setAutoRead(true));
            flow.finish();
            assertThat(atAgent.all.get(2 * TestNetwork.PATIENCE, TimeUnit.SECONDS))
                    .hasSize(much.length);
        }
    }
}
