package dev.culvert.client.uplink;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.Reason;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** One who can wait, and not ask again. */
@NullUnmarked
final class FlowAttemptTest {
    private final LinkedUplink bench = new LinkedUplink();
    private final List<Object> told = new ArrayList<>();
    private FlowTarget target = FlowTarget.parse(Destination.TCP, "10.1.0.7:80");

    @AfterEach
    void end() {
        told.stream().filter(LinkFlow.class::isInstance).forEach(f -> ((LinkFlow) f).close());
        bench.close();
    }

    private FlowAttempt begin() {
        FlowAttempt attempt = FlowAttempt.begin(
                bench.uplink.eventLoop(),
                handler -> target.open(bench.uplink, null, handler),
                new FlowAttempt.Listener() {
                    @Override
                    public void opened(LinkFlow flow) {
                        told.add(flow);
                    }

                    @Override
                    public void refused(FlowException why) {
                        told.add(why.reason());
                    }
                });
        bench.settle();
        return attempt;
    }

    @Test
    void itOpensAtOnceWhereThereIsALink() {
        bench.up("10.1.0.0/16");
        begin();
        WebSocketMessage open = bench.oneFrame(Frame.OPEN);
        assertThat(LinkedUplink.request(open).agent()).isEqualTo("office");
        assertThat(LinkedUplink.request(open).source()).isNull();
        assertThat(told).isEmpty();
        bench.opened(open.flowId());
        assertThat(told).hasSize(1).first().isInstanceOf(LinkFlow.class);
    }

    @Test
    void itWaitsForALinkThatComesSoon() {
        begin();
        bench.advance(3_000);
        assertThat(told).isEmpty();
        bench.up("10.1.0.0/16");
        bench.advance(3_000);
        bench.opened(bench.oneFrame(Frame.OPEN).flowId());
        assertThat(told).hasSize(1);
    }

    @Test
    void itWaitsUntilTheGatewayHasSaidWhatThereIs() {
        bench.link = bench.gateway.accept();
        bench.settle();
        begin();
        assertThat(told).isEmpty();
        bench.announce("10.1.0.0/16");
        bench.advance(1_000);
        assertThat(bench.takeFrames()).extracting(WebSocketMessage::type).contains(Frame.OPEN);
    }

    @Test
    void itDoesNotWaitForEver() {
        begin();
        for (int i = 0; i < 20; i++) {
            bench.advance(500);
        }
        assertThat(told).hasSize(1).first().isIn(Reason.LINK_LOST, Reason.NETWORK_UNREACHABLE);
    }

    /** The flow would be held for as long as it might come back. */
    @Test
    void oneThatIsAskedForWhenTheLinkIsLostIsNotWaitedForForEver() {
        bench.link = bench.gateway.accept(0, 2);
        bench.settle();
        bench.announce("10.1.0.0/16");
        bench.takeFrames();
        begin();
        bench.oneFrame(Frame.OPEN);
        bench.disconnect();
        for (long ms = 0; ms <= FlowAttempt.LATEST.toMillis(); ms += 500) {
            bench.advance(500);
        }
        assertThat(told).containsExactly(Reason.TIMED_OUT);
        assertThat(bench.uplink.flowCount()).isZero();
    }

    @ParameterizedTest
    @EnumSource(
            value = Reason.class,
            names = {"OVERLOADED", "SHUTTING_DOWN", "LINK_LOST"})
    void whatMayPassIsAskedForAgain(Reason reason) {
        bench.up("10.1.0.0/16");
        begin();
        bench.refused(bench.oneFrame(Frame.OPEN).flowId(), reason);
        assertThat(told).isEmpty();
        bench.advance(FlowAttempt.PAUSE.toMillis());
        bench.opened(bench.oneFrame(Frame.OPEN).flowId());
        assertThat(told).hasSize(1).first().isInstanceOf(LinkFlow.class);
    }

    @ParameterizedTest
    @EnumSource(
            value = Reason.class,
            names = {"CONNECTION_REFUSED", "TIMED_OUT", "PROHIBITED", "NAME_NOT_FOUND", "HOST_UNREACHABLE", "NO_AGENT"})
    void whatTheAgentHasFoundIsTold(Reason reason) {
        bench.up("10.1.0.0/16");
        begin();
        bench.refused(bench.oneFrame(Frame.OPEN).flowId(), reason);
        assertThat(told).containsExactly(reason);
        bench.advance(5_000);
        assertThat(bench.takeFrames()).extracting(WebSocketMessage::type).doesNotContain(Frame.OPEN);
    }

    @Test
    void whatNoAgentServesIsUnreachableAtOnce() {
        bench.up("10.1.0.0/16");
        target = FlowTarget.parse(Destination.TCP, "10.2.0.7:80");
        begin();
        assertThat(told).containsExactly(Reason.NETWORK_UNREACHABLE);
    }

    @Test
    void whoIsNotWantedAnyMoreIsCancelled() {
        bench.up("10.1.0.0/16");
        FlowAttempt attempt = begin();
        int id = bench.oneFrame(Frame.OPEN).flowId();
        attempt.cancel();
        WebSocketMessage reset = bench.oneFrame(Frame.RESET);
        assertThat(reset.flowId()).isEqualTo(id);
        assertThat(told).isEmpty();
    }

    @Test
    void whoIsCancelledWhileItWaitsAsksForNothing() {
        FlowAttempt attempt = begin();
        attempt.cancel();
        bench.up("10.1.0.0/16");
        bench.advance(5_000);
        assertThat(bench.takeFrames()).extracting(WebSocketMessage::type).doesNotContain(Frame.OPEN);
        assertThat(told).isEmpty();
    }
}
