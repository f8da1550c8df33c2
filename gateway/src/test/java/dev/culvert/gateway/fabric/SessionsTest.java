package dev.culvert.gateway.fabric;

import static org.assertj.core.api.Assertions.assertThat;

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
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Whose a session is: who knows another's secret has a session of its own. */
@NullUnmarked
final class SessionsTest {
    private static final SessionId SECRET = new SessionId(17, 18);

    private final TestFabric fabric = new TestFabric();
    private final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(true, true);
    private final List<EmbeddedPeer> peers = new ArrayList<>();
    private final EmbeddedPeer office = agent("office");
    private final EmbeddedPeer home = agent("home");

    private EmbeddedPeer agent(String name) {
        EmbeddedPeer agent = new EmbeddedPeer(fabric.agent(name, "k", "10.0.0.0/8"), allocator, 2);
        peers.add(agent);
        agent.announce("one", "10.0.0.0/8");
        return agent;
    }

    private EmbeddedPeer client(String name, String key) {
        Instant now = Instant.now();
        TokenTerms terms =
                TokenTerms.of(name, List.of(URI.create("wss://gateway.example")), null, now, now.plusSeconds(600));
        EmbeddedPeer client = new EmbeddedPeer(
                fabric.link(
                        ClientToken.of(
                                terms, List.of(Grant.parse("office:10.0.0.0/8"), Grant.parse("home:10.0.0.0/8"))),
                        key),
                allocator,
                2);
        peers.add(client);
        ByteBuf b = Unpooled.buffer();
        SECRET.write(b);
        client.send(Frame.SESSION, 0, 0, b);
        return client;
    }

    /** What the agent hears of the session when the client opens the session's first flow. */
    private SessionId heard(EmbeddedPeer client, int id, String agentName, EmbeddedPeer agent) throws Exception {
        agent.take();
        ByteBuf b = Unpooled.buffer();
        OpenRequest.ofClient(
                        Destination.of(Destination.TCP, InetAddress.getByName("10.0.0.1"), 80),
                        agentName,
                        new InetSocketAddress("192.0.2.9", 5_000))
                .over(1_000, 0, new FlowPath(1, 1, 0, new SessionId(666, 666), null))
                .encode(b);
        client.send(Frame.OPEN, 0, id, b);
        client.advance(0);
        List<WebSocketMessage> opens = agent.take(Frame.OPEN);
        assertThat(opens).hasSize(1);
        return OpenRequest.decode(opens.get(0).payload()).path().session();
    }

    @AfterEach
    void nothingIsLeft() {
        peers.forEach(EmbeddedPeer::end);
        assertThat(allocator.metric().usedDirectMemory()).isZero();
    }

    @Test
    void anotherHoldersSessionIsAnotherWhateverItSays() throws Exception {
        SessionId ann = heard(client("ann", "key"), 2, "office", office);
        assertThat(heard(client("eve", "key"), 2, "office", office)).isNotEqualTo(ann);
        assertThat(heard(client("ann", "another key"), 2, "office", office)).isNotEqualTo(ann);
        assertThat(heard(client("ann", null), 2, "office", office)).isNotEqualTo(ann);
        assertThat(ann).isNotEqualTo(SECRET).isNotEqualTo(new SessionId(666, 666));
    }

    @Test
    void eachAgentKnowsItByANameOfItsOwn() throws Exception {
        EmbeddedPeer client = client("ann", "key");
        SessionId atOffice = heard(client, 2, "office", office);
        assertThat(heard(client, 4, "home", home)).isNotEqualTo(atOffice);
    }

    @Test
    void itIsOnOneLinkTheLast() throws Exception {
        EmbeddedPeer first = client("ann", "key");
        SessionId before = heard(first, 2, "office", office);
        EmbeddedPeer second = client("ann", "key");
        assertThat(heard(second, 2, "office", office)).isEqualTo(before);
        first.take();
        assertThat(first.close).startsWith("1001 ");
        assertThat(second.isUp()).isTrue();
        EmbeddedPeer eve = client("eve", "key");
        assertThat(second.isUp()).as("another's session is no successor").isTrue();
        assertThat(eve.isUp()).isTrue();
    }

    @Test
    void itIsSaidOnceAndByClients() {
        EmbeddedPeer client = client("ann", "key");
        client.send(Frame.SESSION, 0, 0, Unpooled.buffer().writeZero(16));
        client.take();
        assertThat(client.close).startsWith("1002 ");
        office.send(Frame.SESSION, 0, 0, Unpooled.buffer().writeZero(16));
        office.take();
        assertThat(office.close).startsWith("1002 ");
    }
}
