package dev.culvert.tunnel.flow;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.fixture.FlowRecorder;
import dev.culvert.tunnel.fixture.RawPeer;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.FlowPath;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.HeldFlow;
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
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** An agent asks whether what it holds may still be, and ends what may not. */
@NullUnmarked
final class HeldFlowsTest {
    private static final Destination DB = Destination.ofName(Destination.TCP, "db.example", 5432);
    private static final SessionId SESSION = new SessionId(1, 2);
    private static final InetAddress ADDRESS = address();

    private final MockTicker ticker = Ticker.newMockTicker();
    private final EmbeddedChannel clock =
            EmbeddedChannel.builder().ticker(ticker).build();
    private final AnsweredFlows flows = new AnsweredFlows(clock.eventLoop(), 100_000, (flow, asked) -> true);
    private final List<IncomingFlow> asked = new ArrayList<>();
    private RawPeer gateway = link();

    private static InetAddress address() {
        try {
            return InetAddress.getByAddress(new byte[] {10, 0, 0, 7});
        } catch (UnknownHostException e) {
            throw new AssertionError(e);
        }
    }

    private RawPeer link() {
        return new RawPeer(
                Link.Role.WEBSOCKET_CLIENT,
                true,
                new FlowMultiplexer(asked::add, flows),
                ticker,
                UnpooledByteBufAllocator.DEFAULT,
                2);
    }

    @AfterEach
    void nothingIsLeft() {
        gateway.close();
        flows.close("the end");
        clock.finishAndReleaseAll();
        assertThat(flows.count()).isZero();
    }

    private FlowRecorder open(int number, String holder) {
        ByteBuf b = Unpooled.buffer();
        OpenRequest.ofClient(DB, "office", null)
                .over(1_000, 0, null)
                .forwarded("ann#1", 0, null, new FlowPath(number, 1, 0, SESSION, null), holder)
                .encode(b);
        gateway.sendFrame(Frame.OPEN, 0, id(number), ByteBufUtil.getBytes(b));
        b.release();
        FlowRecorder application = new FlowRecorder();
        LinkFlow flow = asked.remove(0).accept(application);
        flow.leadsTo(ADDRESS);
        gateway.sendFrame(Frame.DATA, 0, id(number), (byte) 1); // its opener knows of it
        return application;
    }

    private static int id(int number) {
        return number | Frame.SERVER_OPENED;
    }

    private void losePath(int number) {
        gateway.sendFrame(Frame.PATH_LOST, 0, id(number), (byte) Reason.LINK_LOST.code());
    }

    private List<HeldFlow> questions() throws Exception {
        List<HeldFlow> all = new ArrayList<>();
        for (WebSocketMessage frame : gateway.takeFrames()) {
            if (frame.type() == Frame.HELD) {
                assertThat(frame.flowId()).isZero();
                all.add(HeldFlow.decode(frame.payload()));
            }
        }
        return all;
    }

    private List<HeldFlow> questionsAfterSweep() throws Exception {
        questions();
        for (int i = 0; i < 2; i++) {
            ticker.advance(FlowSession.SWEEP.toMillis() / 2, TimeUnit.MILLISECONDS);
            gateway.sendFrame(Frame.PONG, 0, 0, new byte[8]); // it lives
            clock.runScheduledPendingTasks();
        }
        return questions();
    }

    private void over(HeldFlow flow) {
        ByteBuf b = Unpooled.buffer();
        flow.over(Reason.PROHIBITED, b);
        gateway.sendFrame(Frame.OVER, 0, 0, ByteBufUtil.getBytes(b));
        b.release();
    }

    private static HeldFlow flow(long number, SessionId session) {
        return new HeldFlow(session, number, "whose", ADDRESS, DB);
    }

    @Test
    void itAsksForWhatItHoldsAndForNothingElse() throws Exception {
        open(1, "whose");
        open(2, "whose");
        assertThat(questionsAfterSweep()).isEmpty();
        losePath(2);
        assertThat(questionsAfterSweep()).containsExactly(flow(2, SESSION));
        assertThat(questionsAfterSweep()).as("again").containsExactly(flow(2, SESSION));
    }

    /** Copies of revocations and policies may differ, and what one of its gateways forbids is over. */
    @Test
    void ofSeveralGatewaysEachIsAsked() throws Exception {
        RawPeer first = gateway;
        FlowRecorder application = open(1, "whose");
        RawPeer other = link();
        losePath(1);
        assertThat(questionsAfterSweep()).containsExactly(flow(1, SESSION));
        gateway = other;
        assertThat(questions()).containsExactly(flow(1, SESSION));
        over(flow(1, SESSION));
        assertThat(application.channel.isOpen()).isFalse();
        assertThat(flows.heldCount()).isZero();
        first.close();
    }

    @Test
    void aLinkThatHasEndedItsFlowsIsKeptNoMoreThanAnother() {
        assertThat(flows.linkCount()).isOne();
        gateway.sendFrame(Frame.OVER, 0, 0, new byte[1]); // a violation
        assertThat(gateway.takeClose().closeCode()).isEqualTo(1002);
        gateway.close();
        assertThat(flows.linkCount()).isZero();
        gateway = link();
        assertThat(flows.linkCount()).isOne();
    }

    @Test
    void whatIsOverIsReset() throws Exception {
        FlowRecorder application = open(1, "whose");
        losePath(1);
        assertThat(questionsAfterSweep()).hasSize(1);
        over(flow(1, SESSION));
        assertThat(application.channel.isOpen()).isFalse();
        assertThat(application.error)
                .isInstanceOfSatisfying(
                        FlowException.class, e -> assertThat(e.reason()).isEqualTo(Reason.PROHIBITED));
        assertThat(flows.heldCount()).isZero();
        assertThat(questionsAfterSweep()).isEmpty();
    }

    /** It was judged when it got its path. */
    @Test
    void whatHasAPathIsNotEndedByAnAnswerThatComesLate() {
        FlowRecorder application = open(1, "whose");
        over(flow(1, SESSION));
        assertThat(application.channel.isOpen()).isTrue();
    }

    @Test
    void whatIsNotItsIsNotEnded() {
        FlowRecorder application = open(1, "whose");
        losePath(1);
        over(flow(2, SESSION));
        over(flow(1, new SessionId(1, 3)));
        assertThat(application.channel.isOpen()).isTrue();
        gateway.sendFrame(Frame.OVER, 0, 0, new byte[HeldFlow.NAME_LENGTH - 1]);
        assertThat(gateway.takeClose().closeCode()).isEqualTo(1002);
    }

    @Test
    void whatAGatewayHasNotNamedItCannotBeAskedAbout() throws Exception {
        open(1, null);
        losePath(1);
        assertThat(questionsAfterSweep()).isEmpty();
    }

    /** As the session's OPENs say it now: a renewed token goes on with the flows of the one before. */
    @Test
    void itAsksWithTheTokenOfTheLastPath() throws Exception {
        open(1, "before");
        losePath(1);
        open(2, "renewed");
        assertThat(questionsAfterSweep()).extracting(HeldFlow::holder).containsExactly("renewed");
    }

    /** A gateway that was restarted never knew of them. */
    @Test
    void itAsksTheNextGatewayToo() throws Exception {
        open(1, "whose");
        gateway.close();
        ticker.advance(FlowSession.SWEEP.toMillis(), TimeUnit.MILLISECONDS);
        clock.runScheduledPendingTasks();
        gateway = link();
        assertThat(questionsAfterSweep()).containsExactly(flow(1, SESSION));
    }

    @Test
    void ofVeryManyAllAreAskedAboutInTime() throws Exception {
        int all = 2 * AnsweredFlows.MAX_QUESTIONS + 500;
        for (int i = 1; i <= all; i++) {
            open(i, "whose");
            losePath(i);
        }
        Set<Long> numbers = new HashSet<>();
        for (int i = 0; i < 3; i++) {
            List<HeldFlow> questions = questionsAfterSweep();
            assertThat(questions).hasSizeLessThanOrEqualTo(AnsweredFlows.MAX_QUESTIONS);
            questions.forEach(q -> numbers.add(q.number()));
        }
        assertThat(numbers).hasSize(all);
    }

    /** Which is longer when it is said again: a gateway would take that for a broken protocol, and end all flows. */
    @Test
    void aHolderThatIsNoTextIsNotSaidAgain() throws Exception {
        ByteBuf b = Unpooled.buffer();
        new HeldFlow(SESSION, 1, "\ufffd".repeat(OpenRequest.MAX_HOLDER), ADDRESS, DB).encode(b);
        HeldFlow read = HeldFlow.decode(b);
        assertThat(read.holder()).isEmpty();
        assertThat(read.destination()).isEqualTo(DB);
    }
}
