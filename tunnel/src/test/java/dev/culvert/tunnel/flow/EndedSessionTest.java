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
import java.util.Arrays;
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
        turn();

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

    /** It was on its way by another gateway, and nobody would end it. */
    @Test
    void whatComesOfItByAnotherGatewayAMomentLaterIsRefused() {
        RawPeer one = gateway(answered, 2);
        RawPeer other = gateway(answered, 2);
        ended(one, KILLED); // which may have nothing here yet
        turn();
        ticker.advance(AnsweredFlows.LATE.toNanos() - 1, TimeUnit.NANOSECONDS);
        other.takeFrames();
        open(other, 1, KILLED, Destination.ofName(Destination.UDP, "dns.example", 53));
        assertThat(asked).isEmpty();
        List<WebSocketMessage> frames = other.takeFrames();
        assertThat(frames).extracting(WebSocketMessage::type).containsExactly(Frame.REFUSED);
        assertThat(frames.get(0).payload().readByte()).isEqualTo((byte) Reason.UNKNOWN.code());
        open(other, 2, OTHER, DB);
        assertThat(asked).hasSize(1);
    }

    /** Many agents' clients may start again at once; what is noted of them is bounded, and it is the last that count. */
    @Test
    void ofManyThatHaveEndedTheLastAreNoted() {
        RawPeer gateway = gateway(answered, 2);
        ended(gateway, KILLED);
        for (int n = 1; n < AnsweredFlows.ENDINGS; n++) {
            ended(gateway, new SessionId(9, n));
        }
        ticker.advance(1, TimeUnit.SECONDS);
        open(gateway, 1, KILLED, DB);
        assertThat(asked).isEmpty();
        ended(gateway, OTHER);
        open(gateway, 2, KILLED, DB);
        assertThat(asked).hasSize(1);
        open(gateway, 3, OTHER, DB);
        assertThat(asked).hasSize(1);
    }

    @Test
    void whatComesOfItLaterIsAFlowLikeOthers() {
        RawPeer gateway = gateway(answered, 2);
        open(gateway, 1, KILLED, DB);
        asked.remove(0).accept(new FlowRecorder());
        ended(gateway, KILLED);
        turn();
        ticker.advance(AnsweredFlows.LATE.toNanos(), TimeUnit.NANOSECONDS);
        open(gateway, 2, KILLED, DB);
        LinkFlow again = asked.remove(0).accept(new FlowRecorder());
        gateway.sendFrame(Frame.PATH_LOST, 0, id(2), (byte) Reason.LINK_LOST.code());
        assertThat(again.isOpen()).isTrue();
        assertThat(answered.heldCount()).isOne();
    }

    private void turn() {
        clock.runScheduledPendingTasks();
    }

    /** A flow whose end takes a slice of the loop's time. */
    private LinkFlow openSlow(RawPeer gateway, int id, SessionId session) {
        open(gateway, id, session, DB);
        return asked.remove(0).accept(new ChannelInboundHandlerAdapter() {
            @Override
            public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
                ticker.advance(2, TimeUnit.MILLISECONDS);
            }
        });
    }

    /** Each has a socket, and others' flows have a turn meanwhile: of many sessions, too, and of one that is said to have ended again and again. */
    @Test
    void manyAreEndedASliceInEachTurn() {
        RawPeer gateway = gateway(answered, 2);
        for (int n = 1; n <= 10; n++) {
            openSlow(gateway, n, n <= 5 ? KILLED : OTHER);
        }
        for (int i = 0; i < 100; i++) {
            ended(gateway, KILLED, OTHER);
        }
        for (int left = 10; left > 0; left--) {
            assertThat(answered.count()).isEqualTo(left);
            ended(gateway, OTHER, KILLED);
            turn();
        }
        assertThat(answered.count()).isZero();
        turn();
        assertThat(answered.sessionCount()).isZero();
    }

    /** A bug in what one flow leads to keeps nothing of the others. */
    @Test
    void oneWhoseEndFailsLeavesTheOthersTheirs() {
        RawPeer gateway = gateway(answered, 2);
        for (int n = 1; n <= 3; n++) {
            open(gateway, n, KILLED, DB);
            IncomingFlow dialled = asked.remove(0);
            if (n != 2) {
                dialled.accept(new FlowRecorder());
            } else {
                dialled.onAbandoned(() -> {
                    throw new IllegalStateException("a bug");
                });
            }
        }
        ended(gateway, KILLED);
        for (int turns = 0; turns < 3; turns++) {
            turn();
        }
        assertThat(answered.count()).isZero();
        assertThat(answered.sessionCount()).isZero();
    }

    @Test
    void whatIsAskedForWhileItsSessionEndsIsRefused() {
        RawPeer gateway = gateway(answered, 2);
        openSlow(gateway, 1, KILLED);
        openSlow(gateway, 2, KILLED);
        ended(gateway, KILLED);
        turn();
        gateway.takeFrames();
        open(gateway, 3, KILLED, DB);
        assertThat(asked).isEmpty();
        List<WebSocketMessage> frames = gateway.takeFrames();
        assertThat(frames).extracting(WebSocketMessage::type).containsExactly(Frame.REFUSED);
        assertThat(frames.get(0).payload().readByte()).isEqualTo((byte) Reason.UNKNOWN.code());
        turn();
        turn();
        assertThat(answered.count()).isZero();
    }

    /** It is found out what each is, and nobody has so many: a gateway that says it without end is not listened to for a while. */
    @Test
    void whatIsSaidTooOftenIsNotHeard() {
        RawPeer gateway = gateway(answered, 2);
        open(gateway, 1, KILLED, DB);
        LinkFlow flow = asked.remove(0).accept(new FlowRecorder());
        SessionId[] many = new SessionId[1_024];
        Arrays.fill(many, new SessionId(5, 6));
        for (int i = 0; i < AnsweredFlows.ENDINGS; i += many.length) {
            ended(gateway, many);
        }
        assertThat(gateway.link.isDown()).isFalse();
        ended(gateway, KILLED);
        turn();
        assertThat(flow.isOpen()).isTrue();
        ticker.advance(1, TimeUnit.SECONDS);
        ended(gateway, KILLED);
        turn();
        assertThat(flow.isOpen()).isFalse();
    }

    /** One OPEN says so of all. */
    @Test
    void whatItsOpenerHasForgottenIsEndedASliceInEachTurn() {
        RawPeer gateway = gateway(answered, 2);
        for (int n = 1; n <= 5; n++) {
            openSlow(gateway, n, OTHER);
            gateway.sendFrame(Frame.PATH_LOST, 0, id(n), (byte) Reason.LINK_LOST.code());
        }
        for (int n = 6; n <= 8; n++) {
            ByteBuf b = Unpooled.buffer();
            OpenRequest.ofClient(DB, "office", null)
                    .over(1_000, 0, new FlowPath(n, n, 0, OTHER, null))
                    .encode(b);
            gateway.sendFrame(Frame.OPEN, 0, id(n), ByteBufUtil.getBytes(b));
            asked.remove(0).accept(new FlowRecorder());
        }
        for (int left = 5; left > 0; left--) {
            assertThat(answered.heldCount()).isEqualTo(left);
            turn();
        }
        assertThat(answered.heldCount()).isZero();
        assertThat(answered.count()).isEqualTo(3);
    }

    /** All of a link lose their paths at once. */
    @Test
    void whatWasHeldForLongEnoughIsEndedASliceInEachTurn() {
        RawPeer gateway = gateway(answered, 2);
        for (int n = 1; n <= 5; n++) {
            openSlow(gateway, n, OTHER);
            gateway.sendFrame(Frame.PATH_LOST, 0, id(n), (byte) Reason.LINK_LOST.code());
        }
        ticker.advance(FlowSession.HOLD.plus(FlowSession.SWEEP).toMillis(), TimeUnit.MILLISECONDS);
        for (int left = 5; left > 0; left--) {
            assertThat(answered.heldCount()).isEqualTo(left);
            turn();
        }
        assertThat(answered.heldCount()).isZero();
    }

    /** Which is up only for a moment, or it would be so for all. */
    @Test
    void whatAnOlderGatewayCannotGoOnWithIsEndedASliceInEachTurn() {
        OpenedFlows opened = new OpenedFlows(clock.eventLoop(), n -> {});
        FlowMultiplexer mux = new FlowMultiplexer(asked::add, opened);
        RawPeer before =
                new RawPeer(Link.Role.WEBSOCKET_CLIENT, true, mux, ticker, UnpooledByteBufAllocator.DEFAULT, 2);
        peers.add(before);
        for (int n = 1; n <= 5; n++) {
            mux.open(OpenRequest.ofClient(DB, "office", null), new ChannelInboundHandlerAdapter())
                    .opened()
                    .addListener(f -> ticker.advance(2, TimeUnit.MILLISECONDS));
        }
        before.close();
        turn();
        assertThat(opened.heldCount()).isEqualTo(5);
        gateway(opened, 1);
        for (int left = 5; left > 0; left--) {
            assertThat(opened.heldCount()).isEqualTo(left);
            turn();
        }
        assertThat(opened.heldCount()).isZero();
    }

    @Test
    void whatIsNoSessionEndsNothing() {
        RawPeer gateway = gateway(answered, 2);
        open(gateway, 1, KILLED, DB);
        LinkFlow flow = asked.remove(0).accept(new FlowRecorder());
        gateway.sendFrame(Frame.SESSION_ENDED, 0, 0, new byte[0]);
        gateway.sendFrame(Frame.SESSION_ENDED, 0, 0, new byte[15]);
        ended(gateway, OTHER);
        turn();
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
