package dev.culvert.tunnel.flow;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.fixture.FlowRecorder;
import dev.culvert.tunnel.fixture.RawPeer;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.Link;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.MockTicker;
import io.netty.util.concurrent.Ticker;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A client whose next gateway knows nothing of flows that go on. */
@NullUnmarked
final class OlderGatewayTest {
    private static final Destination DB = Destination.ofName(Destination.TCP, "db.example", 5432);

    private final MockTicker ticker = Ticker.newMockTicker();
    private final EmbeddedChannel clock =
            EmbeddedChannel.builder().ticker(ticker).build();
    private final OpenedFlows opened = new OpenedFlows(clock.eventLoop(), flows -> {});
    private final FlowMultiplexer mux = new FlowMultiplexer(flow -> flow.refuse(Reason.PROHIBITED, ""), opened);
    private final RawPeer first = peer(mux, 2);

    private RawPeer peer(FlowMultiplexer receiver, int version) {
        return new RawPeer(
                Link.Role.WEBSOCKET_CLIENT, true, receiver, ticker, UnpooledByteBufAllocator.DEFAULT, version);
    }

    @AfterEach
    void nothingIsLeft() {
        first.close();
        opened.close("the end");
        clock.finishAndReleaseAll();
        assertThat(opened.keptBytes()).isZero();
    }

    /** A link that had many flows ends them one after another: some lose their paths when the next link has come already. */
    @Test
    void whatLosesItsPathAfterItHasComeIsNotHeldForWhoNeverAsks() {
        FlowRecorder application = new FlowRecorder();
        LinkFlow flow = mux.open(OpenRequest.ofClient(DB, "office", null), application);
        first.settle();
        first.sendFrame(Frame.OPENED, 0, flow.flowId(), new byte[16]);
        assertThat(flow.isActive()).isTrue();
        try (RawPeer older = peer(new FlowMultiplexer(f -> f.refuse(Reason.PROHIBITED, ""), opened), 1)) {
            first.sendFrame(Frame.PATH_LOST, 0, flow.flowId(), (byte) Reason.LINK_LOST.code());
            assertThat(flow.isOpen()).isFalse();
            assertThat(opened.heldCount()).isZero();
            assertThat(older.takeFrames()).isEmpty();
        }
    }
}
