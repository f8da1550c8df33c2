package dev.culvert.gateway.fabric;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.SensitiveAddresses;
import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.policy.PolicyParser;
import dev.culvert.tunnel.fixture.WebSocketMessage;
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
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** How the paths of flows that may be resumed begin and end at a gateway. */
@NullUnmarked
final class PathsTest {
    private static final String ROUTE = "10.0.0.0/8";
    private static final FlowPath.Resume RESUME = new FlowPath.Resume(500, "one/k");

    private final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(true, true);
    private final TestFabric fabric = new TestFabric(AuditLog.none(), Clock.systemUTC(), 100_000);
    private final EmbeddedPeer agent = new EmbeddedPeer(fabric.agent("office", "k", ROUTE), allocator, 2);
    private final EmbeddedPeer client = new EmbeddedPeer(fabric.client("ann", "office:" + ROUTE), allocator, 2);
    private int lastFlow;

    PathsTest() {
        agent.announce("one", ROUTE);
        ByteBuf session = Unpooled.buffer();
        SessionId.random().write(session);
        client.send(Frame.SESSION, 0, 0, session);
    }

    @AfterEach
    void nothingIsLeft() {
        client.end();
        agent.end();
        assertThat(fabric.services.clientFlows().total()).isZero();
        assertThat(fabric.services.agentFlows().total()).isZero();
        assertThat(allocator.metric().usedDirectMemory()).isZero();
    }

    /** Asks for a path; returns its id at the client. */
    private int open(FlowPath.Resume resume) throws Exception {
        int id = 2 * ++lastFlow;
        ByteBuf open = Unpooled.buffer();
        OpenRequest.ofClient(
                        Destination.of(Destination.TCP, InetAddress.getByName("10.0.0.1"), 80),
                        "office",
                        new InetSocketAddress("192.0.2.9", 5_000))
                .over(10, 0, new FlowPath(lastFlow, 1, resume == null ? 0 : 1, null, resume))
                .encode(open);
        client.send(Frame.OPEN, 0, id, open);
        client.advance(0);
        agent.advance(0);
        return id;
    }

    /** The ids, at the agent, of the paths that it has been asked for since the last call. */
    private List<Integer> asked() {
        return agent.take(Frame.OPEN).stream().map(WebSocketMessage::flowId).toList();
    }

    private void answer(int id) {
        agent.send(
                Frame.OPENED, 0, id, Unpooled.buffer().writeInt(100).writeInt(7).writeLong(0));
    }

    private static void say(EmbeddedPeer peer, int type, int id, Reason reason) {
        peer.send(type, 0, id, Unpooled.buffer().writeByte(reason.code()));
    }

    private static Reason only(EmbeddedPeer peer, int type) {
        peer.advance(1);
        List<WebSocketMessage> ends = peer.take().stream()
                .filter(f -> f.type() == Frame.RESET || f.type() == Frame.PATH_LOST || f.type() == Frame.REFUSED)
                .toList();
        assertThat(ends).extracting(WebSocketMessage::type).containsExactly(type);
        return Reason.of(ends.get(0).payload().readUnsignedByte());
    }

    /** Who goes in order says so, and who breaks the protocol would do it again. */
    @ParameterizedTest
    @CsvSource({"0, false", "1001, true", "1002, true", "1003, true", "1009, true", "1000, false", "4000, false"})
    void aFlowOutlivesALinkThatIsNotClosedAsOver(int code, boolean over) throws Exception {
        open(null);
        answer(asked().get(0));
        client.take();
        client.ends(code);
        assertThat(only(agent, over ? Frame.RESET : Frame.PATH_LOST)).isEqualTo(Reason.LINK_LOST);
    }

    @ParameterizedTest
    @CsvSource({"0, false", "1001, true", "1002, true", "1000, false"})
    void andSoAtItsOtherEnd(int code, boolean over) throws Exception {
        open(null);
        answer(asked().get(0));
        client.take();
        agent.ends(code);
        assertThat(only(client, over ? Frame.RESET : Frame.PATH_LOST)).isEqualTo(Reason.LINK_LOST);
    }

    /** An end that only lost its path would ask for another, and hear it then; or hold the flow for two hours. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void whatIsNotAllowedAnyMoreIsResetAtBothEnds(boolean resumed) throws Exception {
        open(resumed ? RESUME : null);
        answer(asked().get(0));
        client.take();
        fabric.policy.policy(PolicyParser.parse("grants: [{who: ann, agents: office, to: 10.0.0.2}]")
                .at(Instant.now(), SensitiveAddresses.standard()));
        assertThat(only(agent, Frame.RESET)).isEqualTo(Reason.PROHIBITED);
        assertThat(only(client, Frame.RESET)).isEqualTo(Reason.PROHIBITED);
        assertThat(fabric.services.clientFlows().total()).isZero();
    }

    @Test
    void whatIsAllowedStillGoesOnUnderAnotherPolicy() throws Exception {
        open(null);
        int id = asked().get(0);
        answer(id);
        fabric.policy.policy(PolicyParser.parse("grants: [{who: ann, agents: office, to: 10.0.0.0/24}]")
                .at(Instant.now(), SensitiveAddresses.standard()));
        agent.send(Frame.DATA, 0, id, Unpooled.buffer().writeZero(10));
        assertThat(client.take(Frame.DATA)).hasSize(1);
    }

    /** They take nothing from the rate of new flows, so there may not be any number of them. */
    @Test
    void soManyWaitToBeResumedAndAsOneIsAnsweredAnotherMay() throws Exception {
        for (int i = 0; i < ClientRole.MAX_RESUMING; i++) {
            open(RESUME);
        }
        List<Integer> asked = asked();
        assertThat(asked).hasSize(ClientRole.MAX_RESUMING);
        assertThat(client.take(Frame.REFUSED)).isEmpty();
        isFull();
        open(null);
        assertThat(asked()).as("a new one").hasSize(1);

        answer(asked.get(0));
        oneMoreMay();
        agent.send(Frame.REFUSED, 0, asked.get(1), Unpooled.buffer().writeByte(Reason.UNKNOWN.code()));
        oneMoreMay();
        say(agent, Frame.RESET, asked.get(2), Reason.RESET);
        oneMoreMay();
        say(client, Frame.RESET, 2 * 4, Reason.CANCELLED);
        oneMoreMay();
        say(agent, Frame.RESET, asked.get(0), Reason.RESET); // it has been answered: it does not count any more
        isFull();
    }

    private void oneMoreMay() throws Exception {
        open(RESUME);
        assertThat(asked()).hasSize(1);
        isFull();
    }

    private void isFull() throws Exception {
        client.take();
        int id = open(RESUME);
        List<WebSocketMessage> refused = client.take(Frame.REFUSED);
        assertThat(refused).extracting(WebSocketMessage::flowId).containsExactly(id);
        assertThat(Reason.of(refused.get(0).payload().readUnsignedByte())).isEqualTo(Reason.OVERLOADED);
        assertThat(asked()).isEmpty();
    }
}
