package dev.culvert.gateway.fabric;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.token.ClientToken;
import dev.culvert.token.Grant;
import dev.culvert.token.TokenTerms;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.FlowPath;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.SessionId;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.util.concurrent.MockTicker;
import io.netty.util.concurrent.Ticker;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A client that was killed and started again: its agents hear that the session before has ended, and whose it was. */
@NullUnmarked
final class EndedSessionsTest {
    private static final SessionId KILLED = new SessionId(17, 18);
    private static final SessionId SUCCESSOR = new SessionId(19, 20);

    private final MockTicker ticker = Ticker.newMockTicker();
    private final TestFabric fabric = new TestFabric(AuditLog.none(), Clock.systemUTC(), ticker::nanoTime, 1_000_000);
    private final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(true, true);
    private final List<EmbeddedPeer> peers = new ArrayList<>();
    private final EmbeddedPeer office = agent("office", 2);
    private final EmbeddedPeer home = agent("home", 2);

    private EmbeddedPeer agent(String name, int version) {
        return agent(name, version, "one");
    }

    private EmbeddedPeer agent(String name, int version, String instance) {
        EmbeddedPeer agent = new EmbeddedPeer(fabric.agent(name, "k", "10.0.0.0/8"), allocator, version);
        peers.add(agent);
        agent.announce(instance, "10.0.0.0/8");
        return agent;
    }

    private EmbeddedPeer client(String name, SessionId secret, SessionId... ended) {
        Instant now = Instant.now();
        TokenTerms terms =
                TokenTerms.of(name, List.of(URI.create("wss://gateway.example")), null, now, now.plusSeconds(600));
        EmbeddedPeer client = new EmbeddedPeer(
                fabric.link(
                        ClientToken.of(
                                terms, List.of(Grant.parse("office:10.0.0.0/8"), Grant.parse("home:10.0.0.0/8"))),
                        "key"),
                allocator,
                2);
        peers.add(client);
        client.send(Frame.SESSION, 0, 0, of(secret));
        if (ended.length > 0) {
            client.send(Frame.SESSION_ENDED, 0, 0, of(ended));
        }
        return client;
    }

    private static ByteBuf of(SessionId... sessions) {
        ByteBuf b = Unpooled.buffer();
        Arrays.stream(sessions).forEach(s -> s.write(b));
        return b;
    }

    /** Opens a flow, and gives what the agent knows its session by. */
    private static SessionId open(EmbeddedPeer client, int id, String agentName, EmbeddedPeer agent) throws Exception {
        agent.take();
        ByteBuf b = Unpooled.buffer();
        OpenRequest.ofClient(
                        Destination.of(Destination.TCP, InetAddress.getByName("10.0.0.1"), 80),
                        agentName,
                        new InetSocketAddress("192.0.2.9", 5_000))
                .over(1_000, 0, new FlowPath(id, 1, 0, null, null))
                .encode(b);
        client.send(Frame.OPEN, 0, id, b);
        client.advance(0);
        List<WebSocketMessage> opens = agent.take(Frame.OPEN);
        assertThat(opens).hasSize(1);
        return OpenRequest.decode(opens.get(0).payload()).path().session();
    }

    /** The sessions that it is told have ended. */
    private static List<SessionId> told(EmbeddedPeer agent) {
        agent.advance(0);
        List<SessionId> all = new ArrayList<>();
        for (WebSocketMessage frame : agent.take(Frame.SESSION_ENDED)) {
            assertThat(frame.flowId()).isZero();
            for (ByteBuf b = frame.payload(); b.isReadable(); ) {
                all.add(SessionId.read(b));
            }
        }
        return all;
    }

    @AfterEach
    void nothingIsLeft() {
        peers.forEach(EmbeddedPeer::end);
        assertThat(allocator.metric().usedDirectMemory()).isZero();
    }

    @Test
    void eachAgentHearsOfItByWhatItKnowsItBy() throws Exception {
        EmbeddedPeer killed = client("ann", KILLED);
        SessionId atOffice = open(killed, 2, "office", office);
        SessionId atHome = open(killed, 4, "home", home);
        killed.end();
        client("ann", SUCCESSOR, KILLED.digest());
        assertThat(told(office)).containsExactly(atOffice);
        assertThat(told(home)).containsExactly(atHome);
        assertThat(atOffice).isNotEqualTo(atHome);
    }

    /** Its machine has crashed: to the gateway it looks alive. */
    @Test
    void itsLinkIsGivenUpFirst() throws Exception {
        EmbeddedPeer killed = client("ann", KILLED);
        SessionId session = open(killed, 2, "office", office);
        EmbeddedPeer successor = client("ann", SUCCESSOR, KILLED.digest());
        killed.take();
        assertThat(killed.close).startsWith("1001 ");
        assertThat(successor.isUp()).isTrue();
        office.advance(0);
        assertThat(office.take().stream()
                        .filter(f -> f.type() == Frame.PATH_LOST || f.type() == Frame.SESSION_ENDED)
                        .toList())
                .extracting(WebSocketMessage::type)
                .containsExactlyInAnyOrder(Frame.PATH_LOST, Frame.SESSION_ENDED);
        SessionId now = open(successor, 2, "office", office);
        assertThat(now).isNotEqualTo(session);
    }

    @Test
    void anAgentThatComesLaterIsToldAsLongAsTheClientIsThere() throws Exception {
        EmbeddedPeer killed = client("ann", KILLED);
        SessionId session = open(killed, 2, "office", office);
        killed.end();
        office.end();
        EmbeddedPeer successor = client("ann", SUCCESSOR, KILLED.digest());
        EmbeddedPeer back = agent("office", 2);
        assertThat(told(back)).containsExactly(session);
        successor.end();
        assertThat(told(agent("office", 2))).isEmpty();
    }

    /** It costs an HMAC for each agent: who connects again and again has them told when others have had their turn. */
    @Test
    void aHolderThatSaysItWithoutEndIsHeardOnceASecond() throws Exception {
        EmbeddedPeer killed = client("ann", KILLED);
        SessionId session = open(killed, 2, "office", office);
        killed.end();
        EmbeddedPeer last = null;
        int told = 0;
        for (int i = 0; i < 100; i++) {
            if (last != null) {
                last.end();
            }
            last = client("ann", new SessionId(30, i), KILLED.digest());
            told += told(office).size();
        }
        assertThat(told).isEqualTo(16);
        client("bob", SUCCESSOR, KILLED.digest());
        assertThat(told(office)).as("another holder's").hasSize(1).doesNotContain(session);

        ticker.advance(1, TimeUnit.SECONDS);
        last.advance(1_000);
        assertThat(told(office)).containsExactly(session);
        last.advance(10_000);
        assertThat(told(office)).as("it has been told").isEmpty();
    }

    /** However many there are. */
    @Test
    void allAgentsOfManyAreTold() {
        List<EmbeddedPeer> all = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            all.add(agent(i % 2 == 0 ? "office" : "home", 2, "instance-" + i));
        }
        EmbeddedPeer successor = client("ann", SUCCESSOR, KILLED.digest());
        successor.advance(1);
        assertThat(all).allSatisfy(one -> assertThat(told(one)).hasSize(1));
    }

    @Test
    void whoDoesNotKnowOfSessionsAndWhomTheClientMayNotUseHearsNothing() {
        EmbeddedPeer older = agent("office", 1);
        EmbeddedPeer garage = agent("garage", 2);
        client("ann", SUCCESSOR, KILLED.digest());
        assertThat(told(older)).isEmpty();
        assertThat(told(garage)).isEmpty();
        assertThat(older.isUp()).isTrue();
    }

    /** Who has read what another noted can end nothing of it: to agents it is another session. */
    @Test
    void anotherHoldersSessionIsNotEnded() throws Exception {
        EmbeddedPeer ann = client("ann", KILLED);
        SessionId session = open(ann, 2, "office", office);
        client("eve", SUCCESSOR, KILLED.digest());
        assertThat(told(office)).hasSize(1).doesNotContain(session);
        assertThat(ann.isUp()).isTrue();
    }

    /** What is noted names a session, and does not open it. */
    @Test
    void theDigestIsNotTheSecret() throws Exception {
        EmbeddedPeer ann = client("ann", KILLED);
        SessionId session = open(ann, 2, "office", office);
        EmbeddedPeer thief = client("ann", KILLED.digest());
        assertThat(open(thief, 2, "office", office)).isNotEqualTo(session);
        assertThat(ann.isUp()).isTrue();
        ann.end();
    }

    @Test
    void aLinkOfVersion1SaysNothingByIt() {
        EmbeddedPeer client = new EmbeddedPeer(fabric.client("ann", "office:10.0.0.0/8"), allocator, 1);
        peers.add(client);
        client.send(Frame.SESSION_ENDED, 0, 0, of(KILLED));
        assertThat(told(office)).isEmpty();
        assertThat(client.isUp()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 15, 5 * 16})
    void fewerThanOneAndMoreThanFourAreAViolation(int bytes) {
        EmbeddedPeer client = client("ann", SUCCESSOR);
        client.send(Frame.SESSION_ENDED, 0, 0, Unpooled.buffer().writeZero(bytes));
        client.take();
        assertThat(client.close).startsWith("1002 ");
    }

    @Test
    void itIsSaidOnceAndByClients() {
        EmbeddedPeer client = client("ann", SUCCESSOR, new SessionId(1, 1), new SessionId(2, 2));
        assertThat(told(office)).hasSize(2);
        client.send(Frame.SESSION_ENDED, 0, 0, of(KILLED));
        client.take();
        assertThat(client.close).startsWith("1002 ");
        office.send(Frame.SESSION_ENDED, 0, 0, of(KILLED));
        office.take();
        assertThat(office.close).startsWith("1002 ");
    }
}
