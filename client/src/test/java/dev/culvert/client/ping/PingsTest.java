package dev.culvert.client.ping;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.client.uplink.FlowTarget;
import dev.culvert.client.uplink.LinkedUplink;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.Reason;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Pings in frozen time: what is measured from when to when. */
@NullUnmarked
final class PingsTest {
    private final LinkedUplink linked = new LinkedUplink().up("192.168.77.0/24");
    private final List<Round> told = new ArrayList<>();
    private final Pings pings = new Pings(
            linked.uplink,
            FlowTarget.parse(Destination.ICMP, "office:192.168.77.10:7"),
            () -> linked.uplink.status().rttMicros(),
            2,
            told::add);

    @AfterEach
    void end() {
        linked.close();
    }

    private int asked() {
        WebSocketMessage open = linked.takeFrames().stream()
                .filter(f -> f.type() == Frame.OPEN)
                .findFirst()
                .orElseThrow();
        assertThat(LinkedUplink.request(open).destination().protocol()).isEqualTo(Destination.ICMP);
        assertThat(LinkedUplink.request(open).agent()).isEqualTo("office");
        return open.flowId();
    }

    private ByteBuf request() {
        return linked.takeFrames().stream()
                .filter(f -> f.type() == Frame.DATAGRAM)
                .findFirst()
                .orElseThrow()
                .payload();
    }

    private void reply(int id, int number) {
        byte[] reply = new byte[58];
        reply[1] = (byte) number;
        linked.frame(Frame.DATAGRAM, 0, id, reply);
    }

    @Test
    void measuresTheAgentByItsOpeningAndTheHostByItsReply() {
        pings.announced(linked.uplink.routes());
        int first = asked();
        linked.advance(16);
        linked.opened(first);
        assertThat(request().readableBytes()).isEqualTo(58);
        linked.advance(18);
        reply(first, 2); // of no request of this flow
        assertThat(told).isEmpty();
        reply(first, 1);
        assertThat(told).singleElement().satisfies(round -> {
            assertThat(round.number()).isEqualTo(1);
            assertThat(round.agent()).isEqualTo(16_000_000);
            assertThat(round.host()).isEqualTo(18_000_000);
            assertThat(round.trouble()).isNull();
        });
        assertThat(pings.all()).isNotDone();

        linked.takeFrames();
        linked.advance(965);
        assertThat(linked.takeFrames()).isEmpty();
        linked.advance(1); // a second after the first began
        int second = asked();
        assertThat(second).isNotEqualTo(first);
        linked.advance(20);
        linked.opened(second);
        linked.advance(17);
        reply(second, 2);
        assertThat(pings.all()).isCompleted();
        assertThat(Round.summary(pings.all().join()))
                .isEqualTo("2 sent, 2 answered; least: on to the agent 16.0 ms, on to the host 1.0 ms");
        assertThat(linked.uplink.flowCount()).isZero();
    }

    @Test
    void saysHowFarItCame() {
        pings.announced(linked.uplink.routes());
        int first = asked();
        linked.advance(10);
        linked.opened(first);
        linked.advance(Pings.LATEST.toMillis() - 10);
        assertThat(told.get(0).text()).isEqualTo("seq 1: agent 10.0 ms, no answer within 5 s");
        int second = asked();
        linked.refused(second, Reason.PROHIBITED);
        assertThat(told.get(1).agent()).isZero();
        assertThat(told.get(1).trouble()).contains("192.168.77.10");
        assertThat(Round.summary(pings.all().join())).startsWith("2 sent, 0 answered");
    }

    @Test
    void endsWhenItIsToldTo() {
        pings.announced(linked.uplink.routes());
        int first = asked();
        linked.opened(first);
        pings.end();
        assertThat(pings.all().join()).isEmpty();
        linked.advance(10_000);
        assertThat(told).isEmpty();
        assertThat(linked.takeFrames()).noneMatch(f -> f.type() == Frame.OPEN);
    }
}
