package dev.culvert.tunnel.flow;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.fixture.FlowRecorder;
import dev.culvert.tunnel.fixture.RawPeer;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.FlowPath;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.frame.SessionId;
import dev.culvert.tunnel.link.Link;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.MockTicker;
import io.netty.util.concurrent.Ticker;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The flows of a client that was killed: its successor says so, and agents end them. */
@NullUnmarked
final class EndedSessionTest {
    private static final Destination DB = Destination.ofName(Destination.TCP, "db.example", 5432);
    private static final SessionId KILLED = new SessionId(1, 2);
    private static final SessionId OTHER = new SessionId(3, 4);

    private final MockTicker ticker = Ticker.newMockTicker();
    private final EmbeddedChannel clock =
            EmbeddedChannel.builder().ticker(ticker).build();
    private final AnsweredFlows answered = new AnsweredFlows(clock.eventLoop(), 1_000, (flow, asked) -> true);
    private final List<IncomingFlow> asked = new ArrayList<>();
    private final List<RawPeer> peers = new ArrayList<>();

    private RawPeer gateway(FlowSession session, int version) {
        RawPeer peer = new RawPeer(
                Link.Role.WEBSOCKET_CLIENT,
                true,
                new FlowMultiplexer(asked::add, session),
                ticker,
                UnpooledByteBufAllocator.DEFAULT,
                version);
        peers.add(peer);
        return peer;
    }

    @AfterEach
    void nothingIsLeft() {
        peers.forEach(RawPeer::close);
        answered.close("the end");
        clock.finishAndReleaseAll();
        assertThat(answered.count()).isZero();
        assertThat(answered.keptBytes()).isZero();
    }

    // ---- the agent ----

    private static int id(int n) {
        return n | Frame.SERVER_OPENED;
    }

    private static void open(RawPeer gateway, int id, SessionId session, Destination to) {
        ByteBuf b = Unpooled.buffer();
        OpenRequest.ofClient(to, "office", null)
                .over(1_000, 0, new FlowPath(id, 1, 0, session, null))
                .encode(b);
        gateway.sendFrame(Frame.OPEN, 0, id(id), ByteBufUtil.getBytes(b));
    }

    private static void ended(RawPeer gateway, SessionId... sessions) {
        ByteBuf b = Unpooled.buffer();
        for (SessionId s : sessions) {
            s.write(b);
        }
        gateway.sendFrame(Frame.SESSION_ENDED, 0, 0, ByteBufUtil.getBytes(b));
    }

    @Test
    void whatIsHeldAndWhatHasAPathAndWhatIsBeingDialledEndsAndNothingElse() {
        RawPeer gateway = gateway(answered, 2);
        FlowRecorder application = new FlowRecorder();
        open(gateway, 1, KILLED, DB);
        LinkFlow held = asked.remove(0).accept(application);
        open(gateway, 2, KILLED, DB);
        LinkFlow alive = asked.remove(0).accept(new FlowRecorder());
        open(gateway, 3, KILLED, Destination.ofName(Destination.UDP, "dns.example", 53));
        LinkFlow datagrams = asked.remove(0).accept(new FlowRecorder());
        open(gateway, 4, KILLED, DB);
        IncomingFlow dialled = asked.remove(0);
        List<String> abandoned = new ArrayList<>();
        dialled.onAbandoned(() -> abandoned.add("dial"));
        open(gateway, 5, OTHER, DB);
        LinkFlow anothers = asked.remove(0).accept(new FlowRecorder());
        held.writeAndFlush(Unpooled.copiedBuffer(new byte[10]));
        gateway.sendFrame(Frame.PATH_LOST, 0, id(1), (byte) Reason.LINK_LOST.code());
        assertThat(answered.heldCount()).isOne();
        gateway.takeFrames();

        ended(gateway, new SessionId(5, 6), KILLED);

        assertThat(held.isOpen()).isFalse();
        assertThat(application.error).isInstanceOf(FlowException.class);
        assertThat(alive.isOpen()).isFalse();
        assertThat(datagrams.isOpen()).isFalse();
        assertThat(dialled.isPending()).isFalse();
        assertThat(abandoned).containsExactly("dial");
        assertThat(anothers.isOpen()).isTrue();
        assertThat(gateway.takeFrames())
                .extracting(f -> f.type() + " " + (f.flowId() & ~Frame.SERVER_OPENED))
                .containsExactlyInAnyOrder(Frame.RESET + " 2", Frame.RESET + " 3", Frame.REFUSED + " 4");
        assertThat(answered.count()).isOne();
        assertThat(answered.heldCount()).isZero();
        assertThat(answered.keptBytes()).isZero();
    }

    @Test
    void whatComesOfItLaterIsAFlowLikeOthers() {
        RawPeer gateway = gateway(answered, 2);
        open(gateway, 1, KILLED, DB);
        asked.remove(0).accept(new FlowRecorder());
        ended(gateway, KILLED);
        open(gateway, 2, KILLED, DB);
        LinkFlow again = asked.remove(0).accept(new FlowRecorder());
        gateway.sendFrame(Frame.PATH_LOST, 0, id(2), (byte) Reason.LINK_LOST.code());
        assertThat(again.isOpen()).isTrue();
        assertThat(answered.heldCount()).isOne();
    }

    /** Each has a socket, and others' flows have a turn meanwhile. */
    @Test
    void manyAreEndedThoughNotInOneTurn() {
        RawPeer gateway = gateway(answered, 2);
        for (int n = 1; n <= 10; n++) {
            open(gateway, n, KILLED, DB);
            asked.remove(0).accept(new ChannelInboundHandlerAdapter() {
                @Override
                public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
                    ticker.advance(2, TimeUnit.MILLISECONDS);
                }
            });
        }
        ended(gateway, KILLED);
        assertThat(answered.count()).isEqualTo(9);
        for (int turn = 0; turn < 9; turn++) {
            clock.runScheduledPendingTasks();
            clock.runPendingTasks();
        }
        assertThat(answered.count()).isZero();
    }

    @Test
    void whatIsNoSessionEndsNothing() {
        RawPeer gateway = gateway(answered, 2);
        open(gateway, 1, KILLED, DB);
        LinkFlow flow = asked.remove(0).accept(new FlowRecorder());
        gateway.sendFrame(Frame.SESSION_ENDED, 0, 0, new byte[0]);
        gateway.sendFrame(Frame.SESSION_ENDED, 0, 0, new byte[15]);
        ended(gateway, OTHER);
        assertThat(flow.isOpen()).isTrue();
        assertThat(gateway.link.isDown()).isFalse();
    }

    // ---- the client ----

    private List<WebSocketMessage> saidBy(OpenedFlows opened, int version) {
        return gateway(opened, version).takeFrames().stream()
                .filter(f -> f.type() != Frame.PING)
                .toList();
    }

    @Test
    void aClientSaysItOnEachLinkForAsLongAsAnybodyMayHoldAnything() {
        ClientSession session = new ClientSession(new SessionId(7, 8), List.of(KILLED, OTHER));
        OpenedFlows opened = new OpenedFlows(clock.eventLoop(), session, n -> {});
        for (int link = 0; link < 2; link++) {
            List<WebSocketMessage> said = saidBy(opened, 2);
            assertThat(said).extracting(WebSocketMessage::type).containsExactly(Frame.SESSION, Frame.SESSION_ENDED);
            assertThat(SessionId.read(said.get(0).payload())).isEqualTo(session.secret());
            ByteBuf ended = said.get(1).payload();
            assertThat(SessionId.read(ended)).isEqualTo(KILLED);
            assertThat(SessionId.read(ended)).isEqualTo(OTHER);
            assertThat(ended.isReadable()).isFalse();
            ticker.advance(FlowSession.HOLD.toMillis() - 1, TimeUnit.MILLISECONDS);
        }
        ticker.advance(1, TimeUnit.MILLISECONDS);
        assertThat(saidBy(opened, 2)).extracting(WebSocketMessage::type).containsExactly(Frame.SESSION);
    }

    @Test
    void aFirstOneAndAnOlderGatewaySayNothingOfIt() {
        assertThat(saidBy(new OpenedFlows(clock.eventLoop(), n -> {}), 2))
                .extracting(WebSocketMessage::type)
                .containsExactly(Frame.SESSION);
        ClientSession session = new ClientSession(new SessionId(7, 8), List.of(KILLED));
        assertThat(saidBy(new OpenedFlows(clock.eventLoop(), session, n -> {}), 1))
                .isEmpty();
    }
}
