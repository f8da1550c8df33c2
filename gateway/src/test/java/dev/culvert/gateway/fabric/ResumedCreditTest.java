package dev.culvert.gateway.fabric;

import static org.assertj.core.api.Assertions.assertThat;

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
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What may be sent on a path is what it began with: whatever was granted on the one before is void. */
@NullUnmarked
final class ResumedCreditTest {
    @ParameterizedTest
    @CsvSource({"10, true", "11, false"})
    void anAgentSendsWhatThePathBeganWith(int bytes, boolean may) throws Exception {
        UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(true, true);
        TestFabric fabric = new TestFabric();
        EmbeddedPeer agent = new EmbeddedPeer(fabric.agent("office", "k", "10.0.0.0/8"), allocator, 2);
        agent.announce("one", "10.0.0.0/8");
        EmbeddedPeer client = new EmbeddedPeer(fabric.client("ann", "office:10.0.0.0/8"), allocator, 2);
        ByteBuf session = Unpooled.buffer();
        SessionId.random().write(session);
        client.send(Frame.SESSION, 0, 0, session);
        ByteBuf open = Unpooled.buffer();
        OpenRequest.ofClient(
                        Destination.of(Destination.TCP, InetAddress.getByName("10.0.0.1"), 80),
                        "office",
                        new InetSocketAddress("192.0.2.9", 5_000))
                .over(10, 0, new FlowPath(1, 1, 1, null, new FlowPath.Resume(500, "one/k")))
                .encode(open);
        client.send(Frame.OPEN, 0, 2, open);
        client.advance(0);
        WebSocketMessage asked = agent.take(Frame.OPEN).get(0);
        agent.send(
                Frame.OPENED,
                0,
                asked.flowId(),
                Unpooled.buffer().writeInt(0).writeInt(7).writeLong(0));
        agent.send(Frame.DATA, 0, asked.flowId(), Unpooled.buffer().writeZero(bytes));
        agent.take();
        assertThat(agent.isUp()).isEqualTo(may);
        assertThat(client.take(Frame.DATA)).hasSize(may ? 1 : 0);
        client.end();
        agent.end();
        assertThat(allocator.metric().usedDirectMemory()).isZero();
    }
}
