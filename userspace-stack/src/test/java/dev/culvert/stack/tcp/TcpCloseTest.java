package dev.culvert.stack.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.stack.tcp.TcpConnection.State;
import dev.culvert.stack.tcp.TcpCounters.Counter;
import dev.culvert.stack.wire.Tcp;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelOption;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** RFC 9293 sections 3.6 and 3.10.4, 3.10.5: closing, half-closing, resetting. */
class TcpCloseTest {
    @Test
    void finOfThePeerIsHalfClosureAsInNettysSockets() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            wire.queue(Tcp.ACK, wire.peerNext, c.iss + 1, "last");
            wire.queue(Tcp.FIN | Tcp.ACK, wire.peerNext + 4, c.iss + 1, "");
            wire.endBatch();
            assertThat(wire.expect("A").ack).isEqualTo(wire.peerNext + 5);
            assertThat(c.app.events)
                    .containsExactly("active", "readComplete", "inputShutdown", "inputShutdownComplete");
            assertThat(c.flow.isInputShutdown()).isTrue();
            assertThat(c.flow.isOutputShutdown()).isFalse();
            assertThat(c.state()).isEqualTo(State.CLOSE_WAIT);
            c.write("still here");
            assertThat(wire.expect("PA").text()).isEqualTo("still here");
        }
    }

    @Test
    void endOfInputWaitsUntilEverythingIsRead() {
        try (Wire wire = new Wire()) {
            Wire.App app = new Wire.App();
            app.autoRead = false;
            Wire.Conn c = wire.connect(app);
            c.data("unread", 0);
            c.fin(0);
            assertThat(app.events).containsExactly("active");
            c.flow.config().setAutoRead(true);
            wire.channel.runPendingTasks();
            assertThat(app.read.toString()).isEqualTo("unread");
            assertThat(app.events).containsExactly("active", "readComplete", "inputShutdown", "inputShutdownComplete");
        }
    }

    @Test
    void finOutOfOrderWaitsForTheGap() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            wire.send(Tcp.FIN | Tcp.ACK, wire.peerNext + 3, c.iss + 1, "def");
            assertThat(wire.expect("A").ack).isEqualTo(wire.peerNext);
            assertThat(c.state()).isEqualTo(State.ESTABLISHED);
            wire.sent.clear();
            wire.send(Tcp.ACK, wire.peerNext, c.iss + 1, "abc");
            assertThat(c.app.read.toString()).isEqualTo("abcdef");
            assertThat(c.state()).isEqualTo(State.CLOSE_WAIT);
            Wire.Sent last = wire.sent.peekLast();
            assertThat(last).isNotNull();
            assertThat(java.util.Objects.requireNonNull(last).ack).isEqualTo(wire.peerNext + 7);
        }
    }

    @Test
    void finFollowsTheSendQueue() {
        try (Wire wire = new Wire()) {
            wire.peerWindow = 1000;
            Wire.Conn c = wire.connect();
            ChannelFuture write =
                    c.flow.writeAndFlush(wire.alloc().directBuffer().writeZero(5000));
            write.addListener(done -> c.flow.shutdownOutput());
            int received = 0;
            boolean fin = false;
            for (int i = 0; i < 10 && !fin; i++) {
                while (!wire.sent.isEmpty()) {
                    Wire.Sent s = java.util.Objects.requireNonNull(wire.sent.poll());
                    assertThat(fin).as("nothing after the FIN").isFalse();
                    assertThat(c.rel(s.seq)).isEqualTo(received);
                    received += s.payload.length;
                    fin = (s.flags & Tcp.FIN) != 0;
                }
                c.ack(received + (fin ? 1 : 0));
            }
            assertThat(fin).isTrue();
            assertThat(received).isEqualTo(5000);
            assertThat(write.isSuccess()).isTrue();
            assertThat(c.flow.isOutputShutdown()).isTrue();
            assertThat(c.flow.isOpen()).isTrue();
            assertThat(c.app.events).contains("ChannelOutputShutdownEvent");
        }
    }

    @Test
    void finIsRetransmitted() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            c.flow.shutdownOutput();
            wire.expect("FA");
            assertThat(c.state()).isEqualTo(State.FIN_WAIT_1);
            wire.advance(1100, TimeUnit.MILLISECONDS);
            wire.expect("FA");
            c.ack(1);
            assertThat(c.state()).isEqualTo(State.FIN_WAIT_2);
            c.data("after", 1);
            assertThat(c.app.read.toString()).isEqualTo("after");
        }
    }

    @Test
    void activeCloseEndsInTimeWaitWhichAcknowledgesTheFinAgain_3_6() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            c.flow.shutdownOutput();
            wire.expect("FA");
            c.ack(1);
            c.fin(1);
            assertThat(wire.expect("A").ack).isEqualTo(wire.peerNext);
            assertThat(wire.count(Counter.TIME_WAIT)).isEqualTo(1);
            assertThat(wire.count(Counter.OPEN)).isZero();
            assertThat(c.flow.isOpen()).as("until the application closes it").isTrue();
            wire.send(Tcp.FIN | Tcp.ACK, wire.peerNext - 1, c.iss + 2, "");
            assertThat(wire.expect("A").ack).isEqualTo(wire.peerNext);
            wire.send(Tcp.RST, wire.peerNext, 0, "");
            assertThat(wire.count(Counter.TIME_WAIT)).as("RFC 1337").isEqualTo(1);
            wire.advance(11, TimeUnit.SECONDS);
            assertThat(wire.count(Counter.TIME_WAIT)).isZero();
            c.flow.close();
            assertThat(c.flow.closeFuture().isDone()).isTrue();
            wire.expectNothing();
        }
    }

    @Test
    void newerSynReopensTimeWait_RFC6191() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            c.flow.shutdownOutput();
            c.ack(1);
            c.fin(1);
            wire.sent.clear();
            wire.send(Tcp.SYN, Wire.PEER_ISN - 5, 0, "", "mss=1460");
            assertThat(wire.requests).as("an old one does not").hasSize(1);
            wire.expect("A");
            wire.send(Tcp.SYN, wire.peerNext + 100_000, 0, "", "mss=1460");
            assertThat(wire.requests).hasSize(2);
            wire.requests.get(1).accept(new Wire.App());
            assertThat(wire.expect("SA").seq - c.iss).isGreaterThan(100_000);
            assertThat(wire.count(Counter.TIME_WAIT)).isZero();
        }
    }

    @Test
    void timeWaitIsCapped() {
        try (Wire wire = new Wire(TcpConfig.builder().timeWait(Duration.ofSeconds(10), 0))) {
            Wire.Conn c = wire.connect();
            c.flow.shutdownOutput();
            c.ack(1);
            c.fin(1);
            assertThat(wire.count(Counter.TIME_WAIT)).isZero();
            wire.expectEmpty();
        }
    }

    @Test
    void passiveCloseGoesThroughLastAck() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            c.fin(0);
            wire.expect("A");
            c.flow.close();
            wire.channel.runPendingTasks();
            Wire.Sent fin = wire.expect("FA");
            assertThat(c.state()).isEqualTo(State.LAST_ACK);
            assertThat(c.app.events).endsWith("inactive");
            wire.send(Tcp.ACK, wire.peerNext, fin.seq + 1, "");
            wire.expectEmpty();
            assertThat(wire.count(Counter.TIME_WAIT)).isZero();
        }
    }

    @Test
    void simultaneousCloseGoesThroughClosing_3_6() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            c.flow.shutdownOutput();
            wire.expect("FA");
            c.fin(0);
            wire.expect("A");
            assertThat(c.state()).isEqualTo(State.CLOSING);
            c.ack(1);
            assertThat(wire.count(Counter.TIME_WAIT)).isEqualTo(1);
        }
    }

    @Test
    void closeLetsTheSendQueueGoOut() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            c.write("bye");
            c.flow.close();
            assertThat(wire.expect("PA").text()).isEqualTo("bye");
            wire.expect("FA");
            wire.advance(1100, TimeUnit.MILLISECONDS);
            assertThat(wire.expect("FPA").text())
                    .as("retransmitted without a channel")
                    .isEqualTo("bye");
            c.ack(4);
            assertThat(c.state()).isEqualTo(State.FIN_WAIT_2);
        }
    }

    @Test
    void closeWithUnreadDataResets_RFC1122_4_2_2_13() {
        try (Wire wire = new Wire()) {
            Wire.App app = new Wire.App();
            app.autoRead = false;
            Wire.Conn c = wire.connect(app);
            c.data("unread", 0);
            wire.expect("A");
            c.flow.close();
            assertThat(wire.expect("RA").seq).isEqualTo(c.iss + 1);
            wire.expectEmpty();
        }
    }

    @Test
    void dataAfterCloseResets_RFC1122_4_2_2_13() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            c.flow.close();
            wire.expect("FA");
            c.data("nobody reads this", 1);
            wire.expect("RA");
            wire.expectEmpty();
        }
    }

    @Test
    void lingerZeroResets() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            c.flow.config().setOption(ChannelOption.SO_LINGER, 0);
            c.flow.close();
            wire.channel.runPendingTasks();
            wire.expect("RA");
            wire.expectEmpty();
            assertThat(c.app.events).containsExactly("active", "inactive");
        }
    }

    @Test
    void halfClosureCannotBeSwitchedOff() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            assertThat(c.flow.config().getOption(ChannelOption.ALLOW_HALF_CLOSURE))
                    .isTrue();
            assertThatThrownBy(() -> c.flow.config().setOption(ChannelOption.ALLOW_HALF_CLOSURE, false))
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void orphanInFinWait2IsForgotten() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            c.flow.close();
            c.ack(1);
            assertThat(wire.count(Counter.OPEN)).isEqualTo(1);
            wire.advance(61, TimeUnit.SECONDS);
            wire.expectEmpty();
        }
    }

    @Test
    void resetFailsUnsentWrites() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            wire.peerWindow = 100;
            c.ack(0);
            ChannelFuture write =
                    c.flow.writeAndFlush(wire.alloc().directBuffer().writeZero(90_000));
            assertThat(write.isDone()).isFalse();
            wire.send(Tcp.RST, wire.peerNext, 0, "");
            assertThat(write.cause()).isInstanceOf(ClosedChannelException.class);
            assertThat(c.flow.closeFuture().isDone()).isTrue();
        }
    }

    @Test
    void shutdownInputThrowsAwayWhatComes() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            c.flow.shutdownInput();
            c.data("ignored", 0);
            assertThat(wire.expect("A").ack).isEqualTo(wire.peerNext);
            assertThat(c.app.read).isEmpty();
            assertThat(wire.count(Counter.RECEIVE_QUEUED)).isZero();
        }
    }

    @Test
    void shutdownOfBothSidesLeavesTheChannelToItsOwner() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            ChannelFuture both = c.flow.shutdown();
            assertThat(both.isSuccess()).isTrue();
            assertThat(c.flow.isShutdown()).isTrue();
            assertThat(c.flow.isOpen()).isTrue();
            wire.expect("FA");
        }
    }

    @Test
    void closingTheEndpointClosesChannelsWhoseConnectionHasEnded() {
        Wire wire = new Wire();
        Wire.App app = new Wire.App();
        app.autoRead = false;
        Wire.Conn c = wire.connect(app);
        wire.send(Tcp.ACK, wire.peerNext + 20, c.iss + 1, "after the FIN");
        c.data("unread", 0);
        c.fin(0);
        c.flow.shutdownOutput();
        c.ack(1);
        assertThat(wire.count(Counter.OPEN)).isZero();
        assertThat(c.flow.isOpen()).isTrue();
        wire.close();
        assertThat(c.flow.isOpen()).isFalse();
    }

    @Test
    void closingTheEndpointClosesEveryFlowAndAbandonsEveryRequest() {
        Wire wire = new Wire();
        Wire.Conn c = wire.connect();
        c.write("in flight");
        wire.peerPort++;
        int[] abandoned = {0};
        wire.syn().onAbandoned(() -> abandoned[0]++);
        wire.endpoint.close();
        wire.channel.runPendingTasks();
        assertThat(c.flow.isOpen()).isFalse();
        assertThat(c.app.events).containsExactly("active", "inactive");
        assertThat(abandoned[0]).isEqualTo(1);
        wire.close();
    }
}
