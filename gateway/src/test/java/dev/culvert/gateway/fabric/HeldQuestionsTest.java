package dev.culvert.gateway.fabric;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.SensitiveAddresses;
import dev.culvert.gateway.access.TokenMark;
import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.policy.PolicyParser;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.FlowPath;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.HeldFlow;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.frame.SessionId;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a gateway says of flows that an agent holds, and that it has perhaps never heard of. */
@NullUnmarked
final class HeldQuestionsTest {
    private static final String ROUTE = "10.0.0.0/8";
    private static final String POLICY = """
            deny: [{name: not-this, to: 10.7.7.7}]
            grants: [{who: ann, agents: office, to: [10.0.0.1, db.example, 10.7.0.0/16], ports: 22/tcp}]
            """;
    private static final SessionId SESSION = new SessionId(5, 6);

    private final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(true, true);
    private final TestFabric fabric = new TestFabric(AuditLog.none(), Clock.systemUTC(), 1_000);
    private final List<EmbeddedPeer> peers = new ArrayList<>();
    private final EmbeddedPeer agent = peer(fabric.agent("office", null, ROUTE), 2);

    private EmbeddedPeer peer(FrameSwitch link, int version) {
        EmbeddedPeer peer = new EmbeddedPeer(link, allocator, version);
        peers.add(peer);
        return peer;
    }

    private void policy(String text) throws Exception {
        fabric.policy.policy(PolicyParser.parse(text).at(Instant.now(), SensitiveAddresses.standard()));
    }

    private static String mark(String id, String name) {
        return new TokenMark(id, Instant.ofEpochSecond(1_700_000_000), "key", name).text();
    }

    private static HeldFlow held(String holder, Destination d, String address) throws Exception {
        return new HeldFlow(SESSION, 77, holder, InetAddress.getByName(address), d);
    }

    private static Destination tcp(String address, int port) throws Exception {
        return Destination.of(Destination.TCP, InetAddress.getByName(address), port);
    }

    /** Why the flow is over; null when nothing is said. */
    private Reason ask(HeldFlow flow) {
        agent.take();
        ByteBuf b = Unpooled.buffer();
        flow.encode(b);
        agent.send(Frame.HELD, 0, 0, b);
        List<WebSocketMessage> answers = agent.take(Frame.OVER);
        if (answers.isEmpty()) {
            return null;
        }
        assertThat(answers).hasSize(1);
        ByteBuf answer = answers.get(0).payload();
        assertThat(SessionId.read(answer)).isEqualTo(flow.session());
        assertThat(answer.readLong()).isEqualTo(flow.number());
        return Reason.of(answer.readUnsignedByte());
    }

    @AfterEach
    void nothingIsLeft() {
        peers.forEach(EmbeddedPeer::end);
        assertThat(allocator.metric().usedDirectMemory()).isZero();
    }

    @Test
    void thoseOfARevokedTokenAreOverAndNoOthers() throws Exception {
        fabric.ended.add("lost");
        assertThat(ask(held(mark("lost", "ann"), tcp("10.0.0.1", 22), "10.0.0.1")))
                .isEqualTo(Reason.PROHIBITED);
        assertThat(ask(held(mark("other", "ann"), tcp("10.0.0.1", 22), "10.0.0.1")))
                .isNull();
    }

    @Test
    void withoutAPolicyAllGoOn() throws Exception {
        assertThat(ask(held(mark("a", "ann"), tcp("10.0.0.1", 22), "10.0.0.1"))).isNull();
    }

    @ParameterizedTest
    @CsvSource({
        "ann, 10.0.0.1, 22, false",
        "ann, 10.0.0.1, 23, true",
        "ann, 10.0.0.9, 22, true",
        "bob, 10.0.0.1, 22, true", // whom the policy does not know any more
    })
    void whatThePolicyDoesNotAllowIsOver(String client, String address, int port, boolean over) throws Exception {
        policy(POLICY);
        assertThat(ask(held(mark("a", client), tcp(address, port), address)))
                .isEqualTo(over ? Reason.PROHIBITED : null);
    }

    @ParameterizedTest
    @CsvSource({
        "db.example, 10.200.0.1, false", // the name is granted
        "db.example, 10.7.7.7, true", // but this address denied
        "x.example, 10.7.0.1, false", // the address is
        "x.example, 10.200.0.1, true",
    })
    void aNameIsAllowedByItselfOrByItsAddress(String name, String address, boolean over) throws Exception {
        policy(POLICY);
        assertThat(ask(held(mark("a", "ann"), Destination.ofName(Destination.TCP, name, 22), address)))
                .isEqualTo(over ? Reason.PROHIBITED : null);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "a", "a b c", "a x key ann", "a 99999999999999999999 key ann", "a 1 key an n"})
    void whatItCannotReadItSaysNothingOf(String holder) throws Exception {
        policy("grants: []");
        assertThat(ask(held(holder, tcp("10.0.0.1", 22), "10.0.0.1"))).isNull();
    }

    /** What an agent is told to ask with is the gateway's word, whatever a client says. */
    @Test
    void aClientCannotNameAnothersToken() throws Exception {
        agent.announce("i", ROUTE);
        EmbeddedPeer client = peer(fabric.client("ann", "office:" + ROUTE), 2);
        ByteBuf session = Unpooled.buffer();
        SESSION.write(session);
        client.send(Frame.SESSION, 0, 0, session);
        ByteBuf open = Unpooled.buffer();
        OpenRequest.ofClient(tcp("10.0.0.1", 22), "office", new InetSocketAddress("192.0.2.9", 5_000))
                .over(1_000, 0, new FlowPath(1, 1, 0, null, null))
                .encode(open);
        byte[] foreign = mark("stolen", "bob").getBytes(StandardCharsets.UTF_8);
        open.writeByte(11).writeShort(foreign.length).writeBytes(foreign);
        client.send(Frame.OPEN, 0, 2, open);
        agent.advance(0);
        OpenRequest got = OpenRequest.decode(agent.take(Frame.OPEN).get(0).payload());
        assertThat(got.holder()).endsWith(" ann").doesNotContain("stolen");
        assertThat(got.path().session()).isNotEqualTo(SESSION);
    }

    @Test
    void aClientCannotAsk() throws Exception {
        EmbeddedPeer client = peer(fabric.client("ann", "office:" + ROUTE), 2);
        ByteBuf b = Unpooled.buffer();
        held(mark("a", "ann"), tcp("10.0.0.1", 22), "10.0.0.1").encode(b);
        client.send(Frame.HELD, 0, 0, b);
        client.take();
        assertThat(client.close).startsWith("1002 HELD from a client");
    }

    @Test
    void onALinkOfVersion1ItIsSkipped() throws Exception {
        EmbeddedPeer old = peer(fabric.agent("office", null, ROUTE), 1);
        old.send(Frame.HELD, 0, 0, Unpooled.copiedBuffer(new byte[3]));
        old.take();
        assertThat(old.isUp()).isTrue();
    }

    @Test
    void whatIsNoneIsAViolation() {
        agent.send(Frame.HELD, 0, 0, Unpooled.copiedBuffer(new byte[40]));
        agent.take();
        assertThat(agent.close).startsWith("1002 HELD");
    }

    /** Each answer is smaller than its question, and beyond what an honest agent asks there is none. */
    @Test
    void itIsNotAskedWithoutEnd() throws Exception {
        fabric.ended.add("lost");
        ByteBuf b = Unpooled.buffer();
        held(mark("lost", "ann"), tcp("10.0.0.1", 22), "10.0.0.1").encode(b);
        for (int i = 0; i < 3 * AgentRole.QUESTIONS; i++) {
            agent.send(Frame.HELD, 0, 0, b.retainedDuplicate());
        }
        b.release();
        assertThat(agent.take(Frame.OVER)).hasSizeBetween(AgentRole.QUESTIONS, 2 * AgentRole.QUESTIONS);
        assertThat(agent.isUp()).isTrue();
    }
}
