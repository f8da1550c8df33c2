package dev.culvert.gateway.fabric;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.link.Link;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.util.concurrent.Future;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Clock;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a gateway that stops still has for its peers. */
@NullUnmarked
final class LastWordsTest {
    private final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(true, true);
    private final TestFabric fabric = new TestFabric(AuditLog.none(), Clock.systemUTC(), 1_000);
    private final EmbeddedPeer agent = new EmbeddedPeer(fabric.agent("office", null, "10.0.0.0/8"), allocator, 2);
    private final EmbeddedPeer client = new EmbeddedPeer(fabric.client("ann", "office:10.0.0.0/8"), allocator, 2);

    /** A flow whose agent does not read, with a datagram for it. */
    private void queue() throws Exception {
        agent.announce("i", "10.0.0.0/8");
        ByteBuf open = Unpooled.buffer();
        OpenRequest.ofClient(
                        Destination.of(Destination.UDP, InetAddress.getByName("10.0.0.1"), 53),
                        "office",
                        new InetSocketAddress("192.0.2.9", 5_000))
                .over(0, 0, null)
                .encode(open);
        client.send(Frame.OPEN, 0, 2, open);
        agent.advance(0);
        assertThat(agent.take(Frame.OPEN)).hasSize(1);
        agent.reads(false);
        client.send(Frame.DATAGRAM, 0, 2, Unpooled.copiedBuffer(new byte[] {1, 2, 3}));
    }

    private static Future<?> flush(EmbeddedPeer peer) {
        Future<?> stopped = peer.link.side().stopReading();
        peer.advance(0);
        assertThat(stopped.isDone()).isTrue();
        return peer.link.side().flush();
    }

    @AfterEach
    void nothingIsLeft() {
        agent.end();
        client.end();
        assertThat(allocator.metric().usedDirectMemory()).isZero();
    }

    @Test
    void isWrittenBeforeTheClose() throws Exception {
        queue();
        Future<?> flushed = flush(agent);
        agent.advance(1_000);
        assertThat(flushed.isDone()).isFalse();
        agent.reads(true);
        agent.advance(10);
        agent.advance(10);
        assertThat(flushed.isDone()).isTrue();
        agent.link.side().close(Link.CLOSE_GOING, "going");
        List<WebSocketMessage> datagrams = agent.take(Frame.DATAGRAM);
        assertThat(datagrams).hasSize(1);
        assertThat(agent.close).isEqualTo("1001 going");
    }

    /** Else it would never come to an end: they send what they are sent. */
    @Test
    void nothingMoreIsReadMeanwhileAndAgainOnceItIsClosed() throws Exception {
        queue();
        assertThat(client.link.side().stopReading().isDone()).isFalse();
        client.advance(0);
        assertThat(client.channel.config().isAutoRead()).isFalse();
        client.link.side().close(Link.CLOSE_GOING, "going");
        assertThat(client.channel.config().isAutoRead())
                .as("the answer to the Close")
                .isTrue();
    }

    @Test
    void isNotWaitedForOnALinkThatIsDown() throws Exception {
        queue();
        Future<?> flushed = flush(agent);
        agent.link.side().close(Link.CLOSE_GOING, "going");
        agent.advance(10);
        assertThat(flushed.isDone()).isTrue();
    }

    /** What was handed to another loop too fast stops a link from being read, and has it read again as soon as it is taken. */
    @Test
    void norIsAnyReadBecauseAnotherLoopHasTakenWhatItWasBehindWith() throws Exception {
        queue();
        Crossings crossings = client.link.side().crossings();
        Side other = agent.link.side();
        ByteBuf much = allocator.directBuffer((int) Crossings.MAX_BYTES).writeZero((int) Crossings.MAX_BYTES);
        assertThat(crossings.hand(other, much::release, much)).isTrue();
        assertThat(client.channel.config().isAutoRead()).isFalse();
        client.link.side().stopReading();
        client.advance(0);
        agent.advance(0);
        client.advance(0);
        assertThat(crossings.bytes()).isZero();
        assertThat(client.channel.config().isAutoRead()).isFalse();
    }

    /** One that was read last may be handed to the other's loop, which has not come to it. */
    @Test
    void whatOthersHaveReadBeforeTheyStoppedIsWrittenToo() throws Exception {
        queue();
        agent.reads(true);
        agent.take();
        LinkSide side = agent.link.side();
        FlowHalf half = side.flows()[0];
        side.hand(new Inbox.Item(
                null, 0, () -> side.take(half, Frame.DATAGRAM, 0, Unpooled.copiedBuffer(new byte[] {4})), null));
        Future<?> flushed = side.flush();
        agent.reads(false);
        agent.advance(10);
        assertThat(flushed.isDone()).isFalse();
        agent.reads(true);
        agent.advance(10);
        agent.advance(10);
        assertThat(flushed.isDone()).isTrue();
        assertThat(agent.take(Frame.DATAGRAM)).hasSize(1);
    }
}
