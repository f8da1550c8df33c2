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
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.MockTicker;
import io.netty.util.concurrent.Ticker;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** An agent's flows, and a gateway that says what it likes. */
@NullUnmarked
final class AnsweredFlowsTest {
    private static final Destination DB = Destination.ofName(Destination.TCP, "db.example", 5432);
    private static final SessionId SESSION = new SessionId(1, 2);

    private final MockTicker ticker = Ticker.newMockTicker();
    private final EmbeddedChannel clock =
            EmbeddedChannel.builder().ticker(ticker).build();
    private boolean mayGoOn = true;
    private final AnsweredFlows flows = new AnsweredFlows(clock.eventLoop(), 2, (flow, asked) -> mayGoOn);
    private final List<IncomingFlow> asked = new ArrayList<>();
    private final RawPeer gateway = new RawPeer(
            Link.Role.WEBSOCKET_CLIENT,
            true,
            new FlowMultiplexer(asked::add, flows),
            ticker,
            UnpooledByteBufAllocator.DEFAULT,
            2);
    private final FlowRecorder application = new FlowRecorder();
    private LinkFlow flow;

    @AfterEach
    void nothingIsLeft() {
        gateway.close();
        flows.close("the end");
        clock.finishAndReleaseAll();
        assertThat(flows.count()).isZero();
        assertThat(flows.sessionCount()).isZero();
        assertThat(flows.keptBytes()).isZero();
        assertThat(flows.heldBytes()).isZero();
    }

    private static int id(int n) {
        return n | Frame.SERVER_OPENED;
    }

    private void open(int id, Destination to, long credit, long number, int epoch, FlowPath.Resume resume) {
        ByteBuf b = Unpooled.buffer();
        OpenRequest.ofClient(to, "office", null)
                .over(credit, 0, new FlowPath(number, 1, epoch, SESSION, resume))
                .encode(b);
        gateway.sendFrame(Frame.OPEN, 0, id(id), ByteBufUtil.getBytes(b));
    }

    /** A flow that is open, on which the agent has sent ten bytes and received five. */
    private void talk() {
        open(1, DB, 1_000, 1, 0, null);
        flow = asked.remove(0).accept(application);
        gateway.sendFrame(Frame.DATA, 0, id(1), "hello".getBytes(StandardCharsets.US_ASCII));
        flow.writeAndFlush(Unpooled.copiedBuffer("0123456789", StandardCharsets.US_ASCII));
        gateway.takeFrames();
    }

    private WebSocketMessage only(int type) {
        List<WebSocketMessage> all =
                gateway.takeFrames().stream().filter(f -> f.type() == type).toList();
        assertThat(all).hasSize(1);
        return all.get(0);
    }

    private Reason refusal() {
        return Reason.of(only(Frame.REFUSED).payload().readUnsignedByte());
    }

    /** A thousand flows that say a word each would hold a thousand read buffers for a quarter of a second. */
    @Test
    void aWordThatIsKeptDoesNotHoldTheBufferThatItWasReadInto() {
        talk();
        ByteBuf read = Unpooled.directBuffer(64 << 10).writeZero(64 << 10);
        flow.writeAndFlush(read.readRetainedSlice(100));
        gateway.takeFrames();
        assertThat(flow.keptBytes()).isEqualTo(110);
        assertThat(read.refCnt()).isOne();
        flow.writeAndFlush(read.readRetainedSlice(800));
        gateway.takeFrames();
        assertThat(flow.keptBytes()).isEqualTo(910);
        assertThat(read.refCnt()).isOne();
        read.release();
        open(2, DB, 5_000, 1, 1, new FlowPath.Resume(10, ""));
        assertThat(gateway.takeFrames().stream()
                        .filter(f -> f.type() == Frame.DATA)
                        .map(f -> f.payload().readableBytes()))
                .containsExactly(100, 800);
    }

    /** It is sent and kept as it is then, and not lost, with a flow that looks as if it had ended in order. */
    @Test
    void whatCannotBeCopiedForLackOfMemoryIsSentAllTheSame() {
        talk();
        ScarceMemory.Allocator scarce = new ScarceMemory.Allocator();
        ByteBuf read = scarce.directBuffer(64 << 10).writeZero(64 << 10);
        scarce.isSpent = true;
        flow.writeAndFlush(read.readRetainedSlice(100));
        assertThat(only(Frame.DATA).payload().readableBytes()).isEqualTo(100);
        assertThat(flow.keptBytes()).isEqualTo(110);
        assertThat(flow.isOutputShutdown()).isFalse();
        byte[] credit = ByteBuffer.allocate(12).putInt(0).putLong(110).array();
        gateway.sendFrame(Frame.CREDIT, 0, id(1), credit);
        assertThat(read.refCnt()).as("nothing else holds it").isOne();
        read.release();
    }

    @Test
    void itGoesOnFromWhereTheOpenerHasReceived() {
        talk();
        open(2, DB, 500, 1, 1, new FlowPath.Resume(4, ""));
        List<WebSocketMessage> sent = gateway.takeFrames();
        assertThat(sent).extracting(WebSocketMessage::type).containsExactly(Frame.PATH_LOST, Frame.OPENED, Frame.DATA);
        assertThat(sent.get(0).flowId()).isEqualTo(id(1));
        ByteBuf opened = sent.get(1).payload();
        assertThat(opened.readUnsignedInt()).as("credit").isPositive();
        opened.skipBytes(4);
        assertThat(opened.readLong()).as("received").isEqualTo(5);
        assertThat(sent.get(2).flowId()).isEqualTo(id(2));
        assertThat(sent.get(2).payload().toString(StandardCharsets.US_ASCII)).isEqualTo("456789");
        assertThat(flow.sendCredit()).isEqualTo(500 - 6);
        assertThat(flows.count()).isOne();
    }

    @Test
    void anOlderPathCannotTakeIt() {
        talk();
        open(2, DB, 500, 1, 7, new FlowPath.Resume(0, ""));
        gateway.takeFrames();
        for (int epoch : new int[] {7, 6, 0, -1}) {
            open(3, DB, 500, 1, epoch, new FlowPath.Resume(0, ""));
            assertThat(refusal()).isEqualTo(Reason.MOVED);
        }
        assertThat(flow.flowId()).isEqualTo(id(2));
    }

    @Test
    void anOlderPathCannotTakeOneThatIsPending() {
        open(1, DB, 500, 1, 5, null);
        IncomingFlow pending = asked.remove(0);
        for (int epoch : new int[] {5, 4, 0}) {
            open(2, DB, 500, 1, epoch, null);
            assertThat(refusal()).isEqualTo(Reason.MOVED);
        }
        assertThat(asked).isEmpty();
        assertThat(pending.isPending()).isTrue();
        pending.refuse(Reason.TIMED_OUT, "");
    }

    @Test
    void anEndThatWasNotSaidCannotHaveBeenReceived() {
        talk();
        byte[] credit = ByteBuffer.allocate(12).putInt(0).putLong(11).array();
        gateway.sendFrame(Frame.CREDIT, 0, id(1), credit);
        assertThat(only(Frame.RESET).payload().readUnsignedByte()).isEqualTo((short) Reason.PROTOCOL_ERROR.code());
        assertThat(flow.isOpen()).isFalse();
    }

    /** It is in what the next path begins with. */
    @Test
    void whatIsReadWhileThereIsNoPathIsGrantedOnce() {
        talk();
        flow.config().setAutoRead(false);
        for (int i = 0; i < 4; i++) {
            gateway.sendFrame(Frame.DATA, 0, id(1), new byte[15_000]);
        }
        gateway.sendFrame(Frame.PATH_LOST, 0, id(1), (byte) Reason.LINK_LOST.code());
        flow.config().setAutoRead(true);
        gateway.takeFrames();
        open(2, DB, 500, 1, 1, new FlowPath.Resume(10, ""));
        long granted = 0;
        for (WebSocketMessage f : gateway.takeFrames()) {
            granted += f.type() == Frame.OPENED || f.type() == Frame.CREDIT
                    ? f.payload().readUnsignedInt()
                    : 0;
        }
        assertThat(flow.input().unreadBytes()).isZero();
        assertThat(granted).isEqualTo(FlowMemory.MOST);
    }

    @Test
    void whatIsNotThereIsUnknown() {
        talk();
        open(2, DB, 500, 2, 1, new FlowPath.Resume(0, ""));
        assertThat(refusal()).isEqualTo(Reason.UNKNOWN);
        open(2, Destination.ofName(Destination.TCP, "db.example", 5433), 500, 1, 1, new FlowPath.Resume(0, ""));
        assertThat(refusal()).isEqualTo(Reason.UNKNOWN);
        assertThat(flow.isOpen()).isTrue();
    }

    @Test
    void whoMayNotAnyMoreEndsIt() {
        talk();
        mayGoOn = false;
        open(2, DB, 500, 1, 1, new FlowPath.Resume(0, ""));
        assertThat(refusal()).isEqualTo(Reason.PROHIBITED);
        assertThat(flow.isOpen()).isFalse();
        assertThat(flows.count()).isZero();
    }

    @Test
    void anOffsetThatCannotBeEndsTheFlowAndNotTheLink() {
        talk();
        open(2, DB, 500, 1, 1, new FlowPath.Resume(11, ""));
        assertThat(refusal()).isEqualTo(Reason.PROTOCOL_ERROR);
        assertThat(flow.isOpen()).isFalse();
        assertThat(gateway.link.isDown()).isFalse();

        open(3, DB, 500, 2, 0, null);
        LinkFlow other = asked.remove(0).accept(new FlowRecorder());
        gateway.takeFrames();
        byte[] credit = ByteBuffer.allocate(12).putInt(0).putLong(1L << 62).array();
        gateway.sendFrame(Frame.CREDIT, 0, id(3), credit);
        assertThat(only(Frame.RESET).payload().readUnsignedByte()).isEqualTo((short) Reason.PROTOCOL_ERROR.code());
        assertThat(other.isOpen()).isFalse();
        assertThat(gateway.link.isDown()).isFalse();
    }

    @Test
    void whatIsReceivedIsNotKept() {
        talk();
        assertThat(flow.keptBytes()).isEqualTo(10);
        gateway.sendFrame(
                Frame.CREDIT,
                0,
                id(1),
                ByteBuffer.allocate(12).putInt(0).putLong(10).array());
        assertThat(flow.keptBytes()).isZero();
        assertThat(flows.keptBytes()).isZero();
    }

    @Test
    void aSenderThatAsksIsToldAtOnce() {
        talk();
        gateway.sendFrame(Frame.DATA, Frame.FLAG_ASK, id(1), new byte[7]);
        ByteBuf credit = only(Frame.CREDIT).payload();
        credit.skipBytes(4);
        assertThat(credit.readLong()).isEqualTo(12);
    }

    @Test
    void whoMayKeepNoMoreAsksWhatWasReceived() {
        AnsweredFlows scarce = new AnsweredFlows(clock.eventLoop(), 2, (f, a) -> true, new KeptBudget(8_000));
        RawPeer peer = new RawPeer(
                Link.Role.WEBSOCKET_CLIENT,
                true,
                new FlowMultiplexer(asked::add, scarce),
                ticker,
                UnpooledByteBufAllocator.DEFAULT,
                2);
        ByteBuf open = Unpooled.buffer();
        OpenRequest.ofClient(DB, "office", null)
                .over(1 << 20, 0, new FlowPath(1, 1, 0, SESSION, null))
                .encode(open);
        peer.sendFrame(Frame.OPEN, 0, id(1), ByteBufUtil.getBytes(open));
        LinkFlow its = asked.remove(0).accept(new FlowRecorder());
        its.writeAndFlush(Unpooled.wrappedBuffer(new byte[30_000]));
        long sent = 0;
        for (int round = 0; round < 3; round++) {
            List<WebSocketMessage> data = peer.takeFrames().stream()
                    .filter(f -> f.type() == Frame.DATA)
                    .toList();
            assertThat(data).isNotEmpty();
            for (WebSocketMessage f : data) {
                sent += f.payload().readableBytes();
                assertThat((f.flags() & Frame.FLAG_ASK) != 0).isEqualTo(f == data.get(data.size() - 1));
            }
            assertThat(sent).isLessThan(30_000);
            byte[] received = ByteBuffer.allocate(12).putInt(0).putLong(sent).array();
            peer.sendFrame(Frame.CREDIT, 0, id(1), received);
        }
        peer.close();
        scarce.close("the end");
        assertThat(scarce.keptBytes()).isZero();
    }

    /** Else its sender keeps what it sent last for as long as the flow lives. */
    @Test
    void whatCameIsToldWhenItHasGoneQuiet() {
        talk();
        assertThat(gateway.takeFrames()).isEmpty();
        pass(FlowSession.QUIET.toMillis());
        ByteBuf credit = only(Frame.CREDIT).payload();
        assertThat(credit.readUnsignedInt()).isZero();
        assertThat(credit.readLong()).isEqualTo(5);
        pass(10 * FlowSession.QUIET.toMillis());
        assertThat(gateway.takeFrames()).as("once").isEmpty();
    }

    @Test
    void ofTooManyTheLongestHeldGoes() {
        List<LinkFlow> all = new ArrayList<>();
        for (int n = 1; n <= 3; n++) {
            open(n, DB, 1_000, n, 0, null);
            all.add(asked.remove(0).accept(new FlowRecorder()));
        }
        for (int n = 1; n <= 3; n++) {
            gateway.sendFrame(Frame.PATH_LOST, 0, id(n), (byte) Reason.LINK_LOST.code());
        }
        assertThat(flows.heldCount()).isEqualTo(2);
        assertThat(all.get(0).isOpen()).isFalse();
        assertThat(all.get(1).isOpen()).isTrue();
    }

    @Test
    void whatWasHeldForLongEnoughGoes() {
        talk();
        gateway.sendFrame(Frame.PATH_LOST, 0, id(1), (byte) Reason.LINK_LOST.code());
        assertThat(flow.isOpen()).isTrue();
        pass(FlowSession.HOLD.toMillis() - 60_000);
        assertThat(flow.isOpen()).isTrue();
        pass(120_000);
        assertThat(flow.isOpen()).isFalse();
        assertThat(application.error).isInstanceOf(FlowException.class);
    }

    /** It may have given up long ago, and never have heard that there is something to be told. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void oneOfWhichItsOpenerPerhapsNeverHeardIsHeldForAShortOutage(boolean heard) {
        open(1, DB, 1_000, 1, 0, null);
        flow = asked.remove(0).accept(application);
        if (heard) {
            gateway.sendFrame(Frame.CREDIT, 0, id(1), new byte[12]);
        }
        gateway.sendFrame(Frame.PATH_LOST, 0, id(1), (byte) Reason.LINK_LOST.code());
        pass(FlowSession.HOLD_UNCONFIRMED.toMillis() - 1);
        assertThat(flow.isOpen()).isTrue();
        pass(1 + FlowSession.SWEEP.toMillis());
        assertThat(flow.isOpen()).isEqualTo(heard);
    }

    /** Its opener says nothing to it but what it sends. */
    @Test
    void oneOfDatagramsIsHeldForLongAllTheSame() {
        open(1, Destination.ofName(Destination.UDP, "dns.example", 53), 0, 1, 0, null);
        flow = asked.remove(0).accept(application);
        gateway.sendFrame(Frame.PATH_LOST, 0, id(1), (byte) Reason.LINK_LOST.code());
        pass(FlowSession.HOLD_UNCONFIRMED.plus(FlowSession.SWEEP).toMillis());
        assertThat(flow.isOpen()).isTrue();
    }

    /** It would be sent twice, and count for a flow that has no link. */
    @Test
    void whatWaitsForALostPathIsDropped() {
        talk();
        gateway.gate.shut();
        flow.writeAndFlush(Unpooled.copiedBuffer("lost", StandardCharsets.US_ASCII));
        gateway.takeFrames();
        assertThat(gateway.link.writer().queuedBytes()).isEqualTo(4);
        gateway.sendFrame(Frame.PATH_LOST, 0, id(1), (byte) Reason.LINK_LOST.code());
        assertThat(gateway.link.writer().queuedBytes()).isZero();
        gateway.gate.open();
        assertThat(gateway.takeFrames()).isEmpty();
        open(2, DB, 500, 1, 1, new FlowPath.Resume(10, ""));
        assertThat(only(Frame.DATA).payload().toString(StandardCharsets.US_ASCII))
                .isEqualTo("lost");
    }

    /** Whether it is read or not, and before any credit is granted: its sender's memory is free again. */
    @Test
    void muchThatHasComeIsToldAtOnce() {
        open(1, DB, 1_000, 1, 0, null);
        flow = asked.remove(0).accept(application);
        flow.config().setAutoRead(false);
        for (int i = 0; i < 3; i++) {
            gateway.sendFrame(Frame.DATA, 0, id(1), new byte[16 << 10]);
            assertThat(gateway.takeFrames())
                    .filteredOn(f -> f.type() == Frame.CREDIT)
                    .isEmpty();
        }
        gateway.sendFrame(Frame.DATA, 0, id(1), new byte[16 << 10]);
        ByteBuf credit = only(Frame.CREDIT).payload();
        assertThat(credit.readUnsignedInt()).isZero();
        assertThat(credit.readLong()).isEqualTo(64 << 10);
    }

    @Test
    void anotherPathChangesNothingOfWhatWasReceived() {
        talk();
        open(2, DB, 500, 1, 1, new FlowPath.Resume(10, ""));
        gateway.sendFrame(Frame.DATA, Frame.FLAG_ASK, id(2), new byte[3]);
        ByteBuf credit = only(Frame.CREDIT).payload();
        credit.skipBytes(4);
        assertThat(credit.readLong()).isEqualTo(8);
    }

    private void pass(long millis) {
        for (long left = millis; left > 0; left -= 5_000) {
            ticker.advance(Math.min(left, 5_000), TimeUnit.MILLISECONDS);
            clock.runScheduledPendingTasks();
        }
    }
}
