package dev.culvert.tunnel.flow;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.fixture.FlowRecorder;
import dev.culvert.tunnel.fixture.LinkPair;
import dev.culvert.tunnel.fixture.RawPeer;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.FlowPath;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.Link;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.MockTicker;
import io.netty.util.concurrent.Ticker;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A client's flows, and a gateway that says what it likes. */
@NullUnmarked
final class OpenedFlowsTest {
    /** Who refuses with one of these does not know that the flow is over. */
    private static final Set<Reason> MAY_CHANGE = EnumSet.of(
            Reason.UNSPECIFIED,
            Reason.TIMED_OUT,
            Reason.NO_AGENT,
            Reason.OVERLOADED,
            Reason.LINK_LOST,
            Reason.SHUTTING_DOWN);

    private static final String ANSWERER = "one/key";

    /** In which time passes. */
    private static final int STEP_MILLIS = 50;

    private final MockTicker ticker = Ticker.newMockTicker();
    private final EmbeddedChannel clock =
            EmbeddedChannel.builder().ticker(ticker).build();
    private final List<Integer> wentOn = new ArrayList<>();
    private final OpenedFlows flows = new OpenedFlows(clock.eventLoop(), wentOn::add);
    private final FlowRecorder application = new FlowRecorder();
    private FlowMultiplexer link;
    private RawPeer gateway;

    OpenedFlowsTest() {
        connect();
    }

    @AfterEach
    void nothingIsLeft() {
        gateway.close();
        flows.close("the end");
        clock.finishAndReleaseAll();
        assertThat(flows.heldCount()).isZero();
        assertThat(flows.waitingCount()).isZero();
        assertThat(flows.keptBytes()).isZero();
    }

    private void connect() {
        link = new FlowMultiplexer(
                asked -> {
                    throw new AssertionError("a client was asked for a flow");
                },
                flows);
        gateway = new RawPeer(Link.Role.WEBSOCKET_CLIENT, true, link, ticker, UnpooledByteBufAllocator.DEFAULT, 2);
        clock.runPendingTasks();
    }

    private void loseLink() {
        gateway.close();
        clock.runPendingTasks();
    }

    /** The frames of one type since the last call. */
    private List<WebSocketMessage> take(int type) {
        return gateway.takeFrames().stream().filter(f -> f.type() == type).toList();
    }

    private int onlyOpen() {
        List<WebSocketMessage> opens = take(Frame.OPEN);
        assertThat(opens).hasSize(1);
        return opens.get(0).flowId();
    }

    private void opened(int id) {
        byte[] answerer = ANSWERER.getBytes(StandardCharsets.US_ASCII);
        gateway.sendFrame(
                Frame.OPENED,
                0,
                id,
                ByteBuffer.allocate(16 + answerer.length)
                        .putInt(1_000)
                        .putInt(7)
                        .putLong(0)
                        .put(answerer)
                        .array());
        clock.runPendingTasks();
    }

    private void say(int type, int id, Reason reason) {
        gateway.sendFrame(type, 0, id, (byte) reason.code());
        clock.runPendingTasks();
    }

    /** A flow that has been open for a while. */
    private LinkFlow open() {
        return open(application);
    }

    private LinkFlow open(FlowRecorder its) {
        LinkFlow flow = link.open(LinkPair.request(LinkPair.tcp()), its);
        opened(onlyOpen());
        pass(OpenedFlows.SHORT_PATH.toMillis());
        assertThat(flow.isActive()).isTrue();
        return flow;
    }

    /** The links live meanwhile. */
    private void pass(long millis) {
        for (long left = millis; left > 0; left -= STEP_MILLIS) {
            ticker.advance(Math.min(left, STEP_MILLIS), TimeUnit.MILLISECONDS);
            gateway.sendFrame(Frame.PONG, 0, 0, new byte[8]);
            clock.runScheduledPendingTasks();
            clock.runPendingTasks();
        }
    }

    @Test
    void itIsAskedForOverTheNextLinkAsWhatItIs() throws Exception {
        LinkFlow flow = open();
        gateway.sendFrame(Frame.DATA, 0, flow.flowId(), new byte[7]);
        loseLink();
        connect();
        List<WebSocketMessage> opens = take(Frame.OPEN);
        assertThat(opens).hasSize(1);
        OpenRequest request = OpenRequest.decode(opens.get(0).payload());
        assertThat(request.destination()).isEqualTo(LinkPair.tcp());
        assertThat(request.path()).isEqualTo(new FlowPath(1, 1, 1, null, new FlowPath.Resume(7, ANSWERER)));
        opened(opens.get(0).flowId());
        assertThat(wentOn).containsExactly(1);
        assertThat(application.events).containsExactly("active");
    }

    /** Else who answered it would keep its socket for as long as a flow is held. */
    @Test
    void oneThatIsGivenUpWithoutAPathGetsAnotherForThatToBeTold() {
        LinkFlow flow = open();
        loseLink();
        flow.closeReason(Reason.RESET);
        flow.close();
        connect();
        int id = onlyOpen();
        opened(id);
        List<WebSocketMessage> resets = take(Frame.RESET);
        assertThat(resets).hasSize(1);
        assertThat(resets.get(0).flowId()).isEqualTo(id);
        assertThat(resets.get(0).payload().readUnsignedByte()).isEqualTo((short) Reason.RESET.code());
        assertThat(flows.oldest()).as("it is forgotten").isEqualTo(2);
    }

    @ParameterizedTest
    @EnumSource(Reason.class)
    void onlyWhoKnowsEndsAFlowByRefusingAPath(Reason reason) {
        LinkFlow flow = open();
        loseLink();
        connect();
        say(Frame.REFUSED, onlyOpen(), reason);
        assertThat(flow.isOpen()).isEqualTo(MAY_CHANGE.contains(reason));
        assertThat(flows.waitingCount()).isEqualTo(flow.isOpen() ? 1 : 0);
        if (!flow.isOpen()) {
            assertThat(application.error)
                    .isInstanceOfSatisfying(
                            FlowException.class, e -> assertThat(e.reason()).isEqualTo(reason));
        }
    }

    /** It is what its destination did. */
    @Test
    void oneThatWasNeverAnsweredIsOverWhenItsDialTakesTooLong() {
        LinkFlow flow = link.open(LinkPair.request(LinkPair.tcp()), application);
        take(Frame.OPEN);
        loseLink();
        connect();
        say(Frame.REFUSED, onlyOpen(), Reason.TIMED_OUT);
        assertThat(flow.isOpen()).isFalse();
        assertThat(((FlowException) flow.opened().cause()).reason()).isEqualTo(Reason.TIMED_OUT);
    }

    @Test
    void whatIsRefusedForNowIsAskedForAgainEachTimeLater() {
        open();
        loseLink();
        connect();
        List<Long> waits = new ArrayList<>();
        say(Frame.REFUSED, onlyOpen(), Reason.NO_AGENT);
        long waited = 0;
        while (waits.size() < 9) {
            pass(STEP_MILLIS);
            waited += STEP_MILLIS;
            for (WebSocketMessage open : take(Frame.OPEN)) {
                waits.add(waited);
                waited = 0;
                say(Frame.REFUSED, open.flowId(), Reason.NO_AGENT);
            }
            assertThat(waited).isLessThanOrEqualTo(OpenedFlows.RETRY_MAX.toMillis());
        }
        assertThat(waits).containsExactly(250L, 500L, 1_000L, 2_000L, 4_000L, 8_000L, 15_000L, 15_000L, 15_000L);
        flows.tryAgain(); // an agent has come
        clock.runPendingTasks();
        opened(onlyOpen());
        assertThat(wentOn).containsExactly(1);
    }

    @Test
    void asAnswersComeTheNextAreAskedForWhateverTheySay() {
        int many = OpenedFlows.MAX_ASKED + 100;
        for (int i = 0; i < many; i++) {
            link.open(LinkPair.request(LinkPair.tcp()), new FlowRecorder());
        }
        take(Frame.OPEN).forEach(open -> opened(open.flowId()));
        pass(OpenedFlows.SHORT_PATH.toMillis());
        loseLink();
        connect();
        List<WebSocketMessage> first = take(Frame.OPEN);
        assertThat(first).hasSize(OpenedFlows.MAX_ASKED);
        for (int i = 0; i < 20; i++) {
            int id = first.get(i).flowId();
            switch (i % 4) {
                case 0 -> opened(id);
                case 1 -> say(Frame.REFUSED, id, Reason.NO_AGENT);
                case 2 -> say(Frame.REFUSED, id, Reason.PROHIBITED);
                default -> say(Frame.RESET, id, Reason.RESET);
            }
        }
        assertThat(take(Frame.OPEN)).hasSize(20);
    }

    /** Who waits for the last of them to go on does not wait for one that is over. */
    @Test
    void thatAllHaveGoneOnIsToldThoughOneHasEndedMeanwhile() {
        open(new FlowRecorder());
        open(new FlowRecorder());
        loseLink();
        connect();
        List<WebSocketMessage> opens = take(Frame.OPEN);
        assertThat(opens).hasSize(2);
        opened(opens.get(0).flowId());
        assertThat(wentOn).isEmpty();
        say(Frame.RESET, opens.get(1).flowId(), Reason.RESET);
        assertThat(wentOn).containsExactly(1);
    }

    @Test
    void oneThatLosesAPathBeforeItHasItIsHeldOnce() {
        open();
        for (int i = 0; i < 3; i++) {
            loseLink();
            assertThat(flows.heldCount()).isOne();
            connect();
            onlyOpen();
        }
        loseLink();
        connect();
        opened(onlyOpen());
        assertThat(flows.heldCount()).isZero();
    }
}
