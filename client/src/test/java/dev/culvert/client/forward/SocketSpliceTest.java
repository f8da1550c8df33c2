package dev.culvert.client.forward;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.client.uplink.FlowTarget;
import dev.culvert.client.uplink.LinkedUplink;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.Reason;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What an application sees that a kernel has let in before the far side was there. */
@NullUnmarked
final class SocketSpliceTest {
    private final LinkedUplink bench = new LinkedUplink().up("10.1.0.0/16");
    private final TestSocket socket = bench.socket(new TestSocket(bench.ticker));
    private final List<Reason> refusals = new ArrayList<>();

    @AfterEach
    void end() {
        bench.close();
    }

    private int begin() {
        FlowTarget target = FlowTarget.parse(Destination.TCP, "10.1.0.7:80");
        SocketSplice.begin(
                socket,
                handler -> target.open(bench.uplink, TestSocket.APPLICATION, handler),
                new SocketSplice.Outcome() {
                    @Override
                    public void opened(LinkFlow flow) {
                        socket.writeAndFlush(Unpooled.copiedBuffer("hello ", StandardCharsets.US_ASCII));
                    }

                    @Override
                    public void refused(FlowException why) {
                        refusals.add(why.reason());
                        socket.close();
                    }
                });
        bench.settle();
        WebSocketMessage open = bench.oneFrame(Frame.OPEN);
        assertThat(LinkedUplink.request(open).source()).isEqualTo(TestSocket.APPLICATION);
        return open.flowId();
    }

    @Test
    void itIsNotReadBeforeTheFarSideIsThere() {
        int id = begin();
        assertThat(socket.config().isAutoRead()).isFalse();
        bench.opened(id);
        assertThat(socket.config().isAutoRead()).isTrue();
        socket.send("question");
        assertThat(bench.takeData()).isEqualTo("question");
        bench.data(id, "answer");
        assertThat(socket.take()).isEqualTo("hello answer");
    }

    /** Epoll tells of the end of input by reading what is before it. */
    @Test
    void whatWasReadAllTheSameGoesFirstAndTheEndOfInputBehindIt() {
        int id = begin();
        socket.send("early ");
        socket.send("bird");
        socket.endInput();
        assertThat(bench.takeFrames()).isEmpty();
        bench.opened(id);
        List<WebSocketMessage> frames = bench.takeFrames();
        StringBuilder text = new StringBuilder();
        frames.stream().filter(f -> f.type() == Frame.DATA).forEach(f -> text.append(f.text()));
        assertThat(text).hasToString("early bird");
        assertThat(frames.get(frames.size() - 1).type()).isEqualTo(Frame.FIN);
        bench.data(id, "still read");
        assertThat(socket.take()).isEqualTo("hello still read");
    }

    @Test
    void whoIsRefusedIsTold() {
        int id = begin();
        socket.send("early");
        bench.refused(id, Reason.CONNECTION_REFUSED);
        assertThat(refusals).containsExactly(Reason.CONNECTION_REFUSED);
        assertThat(socket.take()).isEmpty();
    }

    @Test
    void whoGivesUpCancelsTheDial() {
        int id = begin();
        socket.close();
        assertThat(bench.oneFrame(Frame.RESET).flowId()).isEqualTo(id);
        assertThat(refusals).isEmpty();
    }

    @Test
    void aResetOfTheFarSideEndsTheConnection() {
        int id = begin();
        bench.opened(id);
        bench.frame(Frame.RESET, 0, id, (byte) Reason.RESET.code());
        assertThat(socket.isOpen()).isFalse();
    }
}
