package dev.culvert.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.fixture.RawPeer;
import dev.culvert.tunnel.flow.FlowListener;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.Link;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** How an agent that is stopped ends, in frozen time. */
@NullUnmarked
final class DrainingTest {
    private final FlowMultiplexer mux = new FlowMultiplexer(new FlowListener() {
        @Override
        public void onOpen(IncomingFlow flow) {
            flow.refuse(Reason.UNSUPPORTED, "");
        }
    });
    private final RawPeer gateway = new RawPeer(Link.Role.WEBSOCKET_CLIENT, true, mux);
    private final List<String> log = new ArrayList<>();
    private int connections = 3;
    private final Draining draining = new Draining(gateway.channel.eventLoop(), () -> connections, log::add);

    private void begin() {
        gateway.take();
        draining.begin(List.of(mux));
        gateway.settle();
    }

    private void pass(Duration time) {
        for (long left = time.toMillis(); left > 0; left -= 500) {
            gateway.advance(Math.min(500, left));
        }
    }

    @AfterEach
    void end() {
        gateway.close();
    }

    @Test
    void whereThereAreOthersItsConnectionsMayEndFirst() {
        begin();
        assertThat(gateway.takeFrames())
                .singleElement()
                .satisfies(f -> assertThat(f.type()).isEqualTo(Frame.DRAIN));
        draining.others(mux, 2);
        assertThat(log)
                .containsExactly(
                        "stopping; new flows go to 2 other instances, and 3 connections may go on for 30 s at most;"
                                + " a second signal ends them at once");
        connections = 1;
        pass(Duration.ofSeconds(20));
        assertThat(draining.over()).isNotDone();
        connections = 0;
        pass(Duration.ofSeconds(1));
        assertThat(draining.over()).isDone();
        assertThat(log).hasSize(1);
    }

    @Test
    void butNotWithoutEnd() {
        begin();
        draining.others(mux, 1);
        pass(Draining.GRACE.minusSeconds(1));
        assertThat(draining.over()).isNotDone();
        pass(Duration.ofSeconds(2));
        assertThat(draining.over()).isDone();
        assertThat(log.get(1)).isEqualTo("ending 3 connections that did not end within 30 s");
    }

    @Test
    void theOnlyOneEndsAtOnce() {
        begin();
        draining.others(mux, 0);
        assertThat(draining.over()).isDone();
        assertThat(log)
                .containsExactly("stopping; no other instance is connected, so it ends now, and 3 connections with it");
    }

    @Test
    void whenTheGatewayDoesNotSayItIsTakenForTheOnlyOne() {
        begin();
        assertThat(draining.over()).isNotDone();
        pass(Draining.ANSWER);
        assertThat(draining.over()).isDone();
        draining.others(mux, 1);
        assertThat(log).as("what comes too late").hasSize(1);
    }

    @Test
    void withoutALinkThereIsNothingToWaitFor() {
        draining.begin(List.of());
        assertThat(draining.over()).isDone();
    }

    @Test
    void whatNobodyHasAskedForMeansNothing() {
        draining.others(mux, 3);
        assertThat(draining.over()).isNotDone();
        assertThat(log).isEmpty();
        connections = 0;
        begin();
        draining.others(mux, 1);
        assertThat(draining.over()).isDone();
        assertThat(log).containsExactly("stopping; new flows go to another instance");
    }

    /** One of several gateways may know of fewer: it was restarted a moment ago. */
    @Test
    void ofSeveralGatewaysTheOneCountsThatKnowsMost() {
        FlowMultiplexer second = new FlowMultiplexer(flow -> flow.refuse(Reason.UNSUPPORTED, ""));
        RawPeer other = new RawPeer(Link.Role.WEBSOCKET_CLIENT, true, second);
        try {
            draining.begin(List.of(mux, second));
            draining.others(mux, 0);
            draining.others(mux, 0);
            assertThat(log).as("the other is waited for").isEmpty();
            draining.others(second, 1);
            assertThat(log).singleElement().asString().startsWith("stopping; new flows go to another instance");
            assertThat(draining.over()).isNotDone();
        } finally {
            other.close();
        }
    }
}
