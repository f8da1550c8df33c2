package dev.culvert.gateway.fabric;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.audit.AuditLog;
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
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.NullUnmarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Who asks for a flow of an instance that has died is told so when its successor is there, and to wait when it is not. */
@NullUnmarked
final class ReplacedInstanceTest {
    private static final String ROUTE = "10.0.0.0/8";

    private final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(true, true);
    private final TestFabric fabric = new TestFabric(AuditLog.none(), Clock.systemUTC(), 1_000);
    private final List<EmbeddedPeer> peers = new ArrayList<>();
    private final EmbeddedPeer client = peer(fabric.client("ann", "office:" + ROUTE));
    private int lastFlow;

    ReplacedInstanceTest() {
        ByteBuf session = Unpooled.buffer();
        SessionId.random().write(session);
        client.send(Frame.SESSION, 0, 0, session);
    }

    private EmbeddedPeer peer(FrameSwitch link) {
        EmbeddedPeer peer = new EmbeddedPeer(link, allocator, 2);
        peers.add(peer);
        return peer;
    }

    private EmbeddedPeer agent(@Nullable String key, String instance, String... replaces) {
        EmbeddedPeer agent = peer(fabric.agent("office", key, ROUTE));
        agent.say(announcement(instance, List.of(replaces)));
        assertThat(agent.isUp()).isTrue();
        return agent;
    }

    private static String announcement(String instance, List<String> replaces) {
        String quoted = replaces.stream().map(r -> '"' + r + '"').collect(Collectors.joining(","));
        return "{\"instance\":\"" + instance + "\",\"routes\":[\"" + ROUTE + "\"],\"replaces\":[" + quoted + "]}";
    }

    /** Asks for a flow again; null when an agent is asked, else why none is. */
    private Reason resume(int protocol, String answerer) throws Exception {
        OpenRequest request = OpenRequest.ofClient(
                        Destination.of(protocol, InetAddress.getByName("10.0.0.1"), 80),
                        "office",
                        new InetSocketAddress("192.0.2.9", 5_000))
                .over(1_000, 0, new FlowPath(++lastFlow, 1, 2, null, new FlowPath.Resume(17, answerer)));
        ByteBuf b = Unpooled.buffer();
        request.encode(b);
        client.send(Frame.OPEN, 0, 2 * lastFlow, b);
        for (WebSocketMessage frame : client.take(Frame.REFUSED)) {
            assertThat(frame.flowId()).isEqualTo(2 * lastFlow);
            return Reason.of(frame.payload().readUnsignedByte());
        }
        return null;
    }

    private Reason resume(String answerer) throws Exception {
        return resume(Destination.TCP, answerer);
    }

    @AfterEach
    void nothingIsLeft() {
        peers.forEach(EmbeddedPeer::end);
        assertThat(allocator.metric().usedDirectMemory()).isZero();
    }

    @Test
    void itsFlowsEndAsSoonAsItsSuccessorIsThere() throws Exception {
        EmbeddedPeer first = agent("key", "first");
        assertThat(resume("first/key")).isNull();
        first.end();
        assertThat(resume("first/key")).isEqualTo(Reason.NO_AGENT);
        agent("key", "sibling");
        assertThat(resume("first/key")).isEqualTo(Reason.NO_AGENT);
        EmbeddedPeer third = agent("key", "third", "second", "first");
        assertThat(resume("first/key")).isEqualTo(Reason.UNKNOWN);
        assertThat(resume("second/key")).isEqualTo(Reason.UNKNOWN);
        assertThat(resume("third/key")).isNull();
        assertThat(resume("fourth/key")).isEqualTo(Reason.NO_AGENT);
        assertThat(resume(Destination.UDP, "first/key"))
                .as("datagrams go on with another")
                .isNull();
        third.end();
        assertThat(resume("first/key")).as("nobody says it any more").isEqualTo(Reason.NO_AGENT);
    }

    @Test
    void whoIsConnectedIsReplacedByNobody() throws Exception {
        agent("key", "first");
        agent("key", "second", "first");
        assertThat(resume("first/key")).isNull();
    }

    /** Of one name, but who can say nothing of each other's processes. */
    @Test
    void anotherKeysInstanceReplacesNothing() throws Exception {
        agent("other", "second", "first");
        assertThat(resume("first/key")).isEqualTo(Reason.NO_AGENT);
        assertThat(resume("first/")).isEqualTo(Reason.NO_AGENT);
        agent(null, "third", "first");
        assertThat(resume("first/key")).isEqualTo(Reason.NO_AGENT);
        assertThat(resume("first/")).isEqualTo(Reason.UNKNOWN);
    }

    @Test
    void anotherAgentsInstanceReplacesNothing() throws Exception {
        EmbeddedPeer other = peer(fabric.agent("garage", "key", ROUTE));
        other.say(announcement("second", List.of("first")));
        assertThat(resume("first/key")).isEqualTo(Reason.NO_AGENT);
    }

    /** As with the instance: what it replaces does not change while it runs. */
    @Test
    void theFirstAnnouncementCounts() throws Exception {
        EmbeddedPeer agent = agent("key", "second", "first");
        agent.say(announcement("second", List.of("zeroth")));
        assertThat(resume("first/key")).isEqualTo(Reason.UNKNOWN);
        assertThat(resume("zeroth/key")).isEqualTo(Reason.NO_AGENT);
    }

    @Test
    void asManyAsThereMayBe() throws Exception {
        String[] ids = IntStream.range(0, 16).mapToObj(i -> "i" + i).toArray(String[]::new);
        agent("key", "last", ids);
        assertThat(resume("i0/key")).isEqualTo(Reason.UNKNOWN);
        assertThat(resume("i15/key")).isEqualTo(Reason.UNKNOWN);
    }

    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '`',
            delimiter = ';',
            value = {"[``]", "[`a b`]", "[`a/key`]", "[`a`,`b\\n`]", "[`TOO-LONG`]", "[null]", "`a`", "MANY"})
    void whoSaysWhatIsNoInstanceIsCutOff(String replaces) {
        EmbeddedPeer agent = peer(fabric.agent("office", "key", ROUTE));
        String many = IntStream.range(0, 17).mapToObj(i -> "`i" + i + "`").collect(Collectors.joining(",", "[", "]"));
        String json = replaces.replace("MANY", many)
                .replace("TOO-LONG", "x".repeat(65))
                .replace('`', '"');
        agent.say("{\"instance\":\"i\",\"routes\":[],\"replaces\":" + json + "}");
        agent.take();
        assertThat(agent.isUp()).isFalse();
        assertThat(agent.close).startsWith("1002 ");
    }
}
