package dev.culvert.gateway.fabric;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.FlowPath;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.frame.SessionId;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** An agent that says that it is about to go hears whether others are there for what is new. */
@NullUnmarked
final class DrainingAgentTest {
    private static final String ROUTE = "10.0.0.0/8";

    private final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(true, true);
    private final TestFabric fabric = new TestFabric(AuditLog.none(), Clock.systemUTC(), 1_000);
    private final List<EmbeddedPeer> peers = new ArrayList<>();
    private final EmbeddedPeer client = peer(fabric.client("ann", "office:" + ROUTE), 2);
    private int lastFlow;

    DrainingAgentTest() {
        ByteBuf session = Unpooled.buffer();
        SessionId.random().write(session);
        client.send(Frame.SESSION, 0, 0, session);
    }

    private EmbeddedPeer peer(FrameSwitch link, int version) {
        EmbeddedPeer peer = new EmbeddedPeer(link, allocator, version);
        peers.add(peer);
        return peer;
    }

    private EmbeddedPeer agent(String name, String instance, int version) {
        EmbeddedPeer agent = peer(fabric.agent(name, null, ROUTE), version);
        agent.announce(instance, ROUTE);
        return agent;
    }

    private static List<Integer> drain(EmbeddedPeer agent) throws Exception {
        agent.send(Frame.DRAIN, 0, 0, Unpooled.buffer());
        return answers(agent);
    }

    private static List<Integer> answers(EmbeddedPeer agent) throws Exception {
        List<Integer> answers = new ArrayList<>();
        for (WebSocketMessage frame : agent.take(Frame.ANNOUNCE)) {
            answers.add(Announcement.decode(frame.payload(), Announcement.Answer.class)
                    .others());
        }
        return answers;
    }

    private void open(FlowPath path) throws Exception {
        ByteBuf b = Unpooled.buffer();
        OpenRequest.ofClient(
                        Destination.of(Destination.TCP, InetAddress.getByName("10.0.0.1"), 80),
                        "office",
                        new InetSocketAddress("192.0.2.9", 5_000))
                .over(1_000, 0, path)
                .encode(b);
        client.send(Frame.OPEN, 0, 2 * lastFlow, b);
        peers.forEach(peer -> peer.advance(0));
    }

    @AfterEach
    void nothingIsLeft() {
        peers.forEach(EmbeddedPeer::end);
        assertThat(allocator.metric().usedDirectMemory()).isZero();
    }

    @Test
    void itHearsHowManyOthersTakeWhatIsNew() throws Exception {
        EmbeddedPeer first = agent("office", "first", 2);
        EmbeddedPeer second = agent("office", "second", 2);
        EmbeddedPeer third = agent("office", "third", 1);
        agent("plant", "other", 2);
        assertThat(drain(first)).containsExactly(2);
        assertThat(drain(first)).as("said again it says nothing new").isEmpty();
        assertThat(drain(third)).as("which knows nothing of an answer").isEmpty();
        assertThat(drain(second)).containsExactly(0);
    }

    @Test
    void whatIsNewGoesToTheOthersAndWhatIsItsOwnGoesOnThere() throws Exception {
        EmbeddedPeer first = agent("office", "first", 2);
        EmbeddedPeer second = agent("office", "second", 2);
        drain(first);
        second.take();
        for (int i = 0; i < 5; i++) {
            open(new FlowPath(++lastFlow, 1, 0, null, null));
        }
        assertThat(first.take(Frame.OPEN)).isEmpty();
        assertThat(second.take(Frame.OPEN)).hasSize(5);
        open(new FlowPath(++lastFlow, 1, 1, null, new FlowPath.Resume(0, "first/")));
        assertThat(first.take(Frame.OPEN)).hasSize(1);
        assertThat(second.take(Frame.OPEN)).isEmpty();
    }

    /** An instance whose link has gone silent, and that is stopped while it makes the next, would wait for itself. */
    @Test
    void itsOwnOlderLinkIsNoOther() throws Exception {
        agent("office", "first", 2);
        EmbeddedPeer again = peer(fabric.agent("office", null, ROUTE), 2);
        assertThat(drain(again)).isEmpty();
        again.announce("first", ROUTE);
        assertThat(answers(again)).containsExactly(0);
    }

    /** It is not brought back to life by what comes after. */
    @Test
    void whoDrainsBeforeItAnnouncesItselfGetsNothing() throws Exception {
        EmbeddedPeer agent = peer(fabric.agent("office", null, ROUTE), 2);
        assertThat(drain(agent)).as("nobody knows yet who it is").isEmpty();
        agent.announce("first", ROUTE);
        assertThat(answers(agent)).containsExactly(0);
        open(new FlowPath(++lastFlow, 1, 0, null, null));
        assertThat(agent.take(Frame.OPEN)).isEmpty();
        WebSocketMessage refused = client.take(Frame.REFUSED).get(0);
        assertThat(Reason.of(refused.payload().readUnsignedByte())).isEqualTo(Reason.NO_AGENT);
    }
}
