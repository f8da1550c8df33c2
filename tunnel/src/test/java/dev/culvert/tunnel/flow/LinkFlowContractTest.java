package dev.culvert.tunnel.flow;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.stack.contract.DuplexChannelContract;
import dev.culvert.tunnel.fixture.FlowRecorder;
import dev.culvert.tunnel.fixture.LinkPair;
import dev.culvert.tunnel.frame.Reason;
import io.netty.channel.ChannelHandler;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;

/** A {@link LinkFlow} does what a socket's channel does. */
@NullUnmarked
class LinkFlowContractTest extends DuplexChannelContract {
    private final LinkPair pair = new LinkPair();

    @Override
    protected Ends open(ChannelHandler handler) {
        FlowRecorder recorder = new FlowRecorder();
        LinkFlow opener = pair.client.mux.open(LinkPair.request(LinkPair.tcp()), handler);
        pair.pump();
        LinkFlow answerer = pair.server.incoming.remove().accept(recorder);
        pair.pump();
        return new Ends(opener, new Answerer(answerer, recorder));
    }

    @Override
    protected void settle() {
        pair.pump();
    }

    @Override
    protected void until(String what, BooleanSupplier condition) {
        pair.pump();
        assertThat(condition.getAsBoolean()).as(what).isTrue();
    }

    @AfterEach
    void close() {
        pair.close();
    }

    private record Answerer(LinkFlow flow, FlowRecorder recorder) implements DuplexChannelContract.Peer {
        @Override
        public void write(String text) {
            flow.writeAndFlush(LinkFlowTest.text(text));
        }

        @Override
        public void fin() {
            flow.shutdownOutput();
        }

        @Override
        public void reset() {
            flow.closeReason(Reason.RESET);
            flow.close();
        }

        @Override
        public void stopReading() {
            flow.config().setAutoRead(false);
        }

        @Override
        public String text() {
            return recorder.text();
        }

        @Override
        public boolean sawEnd() {
            return recorder.events.contains("fin");
        }
    }
}
