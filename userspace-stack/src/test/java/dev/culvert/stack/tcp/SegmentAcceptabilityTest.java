package dev.culvert.stack.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.stack.tcp.TcpConnection.State;
import dev.culvert.stack.tcp.TcpCounters.Counter;
import dev.culvert.stack.wire.Tcp;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * RFC 9293 section 3.10.7.4 (and RFC 5961 sections 3 to 5 in its place for RST, SYN and ACK), each step in every state that
 * a connection is in the table: what is not acceptable changes nothing and is answered as the step says.
 */
class SegmentAcceptabilityTest {
    /** A connection in a state, and the numbers that are right in it. */
    private static final class Stage {
        final Wire wire;
        final TcpFlow flow;
        final Wire.App app;
        /** SEG.ACK that acknowledges all but our FIN if that is what the state waits for, otherwise everything. */
        final int ack;
        /** SND.NXT. */
        final int next;

        Stage(Wire wire, TcpFlow flow, Wire.App app, int ack, int next) {
            this.wire = wire;
            this.flow = flow;
            this.app = app;
            this.ack = ack;
            this.next = next;
        }

        State state() {
            return flow.connection().state();
        }

        int edge() {
            return flow.connection().receiver.edge;
        }
    }

    private static Stage stage(Wire wire, State state) {
        Wire.App app = new Wire.App();
        if (state == State.SYN_RECEIVED) {
            TcpFlow flow = wire.syn().accept(app);
            int iss = wire.expect("SA").seq;
            wire.advance(200, TimeUnit.MILLISECONDS);
            return new Stage(wire, flow, app, iss + 1, iss + 1);
        }
        Wire.Conn c = wire.connect(app);
        boolean finOut = false;
        boolean finAcked = false;
        switch (state) {
            case FIN_WAIT_1 -> finOut = true;
            case FIN_WAIT_2 -> {
                finOut = true;
                finAcked = true;
            }
            case CLOSE_WAIT -> c.fin(0);
            case CLOSING -> {
                c.flow.shutdownOutput();
                c.fin(0);
            }
            case LAST_ACK -> {
                c.fin(0);
                c.flow.shutdownOutput();
            }
            default -> {
                // ESTABLISHED.
            }
        }
        if (finOut) {
            c.flow.shutdownOutput();
        }
        if (finAcked) {
            c.ack(1);
        }
        assertThat(c.state()).isEqualTo(state);
        wire.sent.clear();
        wire.advance(150, TimeUnit.MILLISECONDS);
        int max = c.flow.connection().sender.max;
        boolean ours = state == State.FIN_WAIT_1 || state == State.CLOSING || state == State.LAST_ACK;
        return new Stage(wire, c.flow, app, ours ? max - 1 : max, max);
    }

    @ParameterizedTest
    @EnumSource(
            mode = EnumSource.Mode.EXCLUDE,
            names = {"TIME_WAIT", "CLOSED"})
    void beforeTheWindowIsAcknowledgedAndDropped_first(State state) {
        try (Wire wire = new Wire()) {
            Stage s = stage(wire, state);
            wire.send(Tcp.ACK, wire.peerNext - 5, s.next, "old!!");
            assertThat(s.state()).isEqualTo(state);
            assertThat(s.app.read).isEmpty();
            Wire.Sent answer = wire.expect("A");
            assertThat(answer.seq).isEqualTo(s.next);
            assertThat(answer.ack).isEqualTo(wire.peerNext);
            wire.expectNothing();
        }
    }

    @ParameterizedTest
    @EnumSource(
            mode = EnumSource.Mode.EXCLUDE,
            names = {"TIME_WAIT", "CLOSED"})
    void beyondTheWindowIsAcknowledgedAndDropped_first(State state) {
        try (Wire wire = new Wire()) {
            Stage s = stage(wire, state);
            wire.send(Tcp.ACK, s.edge() + 1, s.next, "far");
            wire.send(Tcp.ACK | Tcp.FIN, s.edge() + 1, s.next, "");
            assertThat(s.state()).isEqualTo(state);
            assertThat(s.app.read).isEmpty();
            assertThat(wire.expect("A").ack).isEqualTo(wire.peerNext);
            assertThat(wire.count(Counter.DROPPED_UNACCEPTABLE)).isEqualTo(2);
        }
    }

    @ParameterizedTest
    @EnumSource(
            mode = EnumSource.Mode.EXCLUDE,
            names = {"TIME_WAIT", "CLOSED"})
    void exactResetEndsTheConnection_second(State state) {
        try (Wire wire = new Wire()) {
            Stage s = stage(wire, state);
            wire.send(Tcp.RST, wire.peerNext, 0, "");
            assertThat(s.state()).isEqualTo(State.CLOSED);
            assertThat(s.flow.isOpen()).isFalse();
            assertThat(s.app.events).anyMatch(e -> e.startsWith("exception: Connection reset by peer"));
            wire.expectNothing();
            wire.expectEmpty();
        }
    }

    @ParameterizedTest
    @EnumSource(
            mode = EnumSource.Mode.EXCLUDE,
            names = {"TIME_WAIT", "CLOSED"})
    void otherResetInTheWindowIsChallengedAndOutsideItIgnored_second(State state) {
        try (Wire wire = new Wire()) {
            Stage s = stage(wire, state);
            wire.send(Tcp.RST, wire.peerNext - 1, 0, "");
            wire.send(Tcp.RST, s.edge() + 1, 0, "");
            wire.send(Tcp.RST | Tcp.ACK, wire.peerNext + 0x4000_0000, s.next, "");
            wire.expectNothing();
            wire.send(Tcp.RST, wire.peerNext + 1, 0, "");
            assertThat(wire.expect("A").ack).isEqualTo(wire.peerNext);
            wire.send(Tcp.RST, s.edge() - 1, 0, "");
            wire.expectNothing();
            assertThat(s.state()).isEqualTo(state);
            assertThat(wire.count(Counter.CHALLENGE_ACKS)).as("limited").isEqualTo(1);
        }
    }

    @ParameterizedTest
    @EnumSource(
            mode = EnumSource.Mode.EXCLUDE,
            names = {"TIME_WAIT", "CLOSED"})
    void synIsChallengedWhereverItLies_fourth(State state) {
        try (Wire wire = new Wire()) {
            Stage s = stage(wire, state);
            for (int offset : new int[] {1, 1000, -1000, 0x4000_0000}) {
                wire.send(Tcp.SYN, wire.peerNext + offset, 0, "", "mss=1460");
                assertThat(wire.expect("A").ack).as("offset " + offset).isEqualTo(wire.peerNext);
                wire.expectNothing();
                wire.advance(110, TimeUnit.MILLISECONDS);
                wire.sent.clear();
            }
            assertThat(s.state()).isEqualTo(state);
            assertThat(wire.requests).hasSize(1);
        }
    }

    @ParameterizedTest
    @EnumSource(
            mode = EnumSource.Mode.EXCLUDE,
            names = {"TIME_WAIT", "CLOSED"})
    void segmentWithoutAckIsDropped_fifth(State state) {
        try (Wire wire = new Wire()) {
            Stage s = stage(wire, state);
            wire.send(Tcp.PSH, wire.peerNext, 0, "x");
            wire.send(Tcp.FIN, wire.peerNext, 0, "");
            wire.send(0, wire.peerNext, 0, "");
            wire.expectNothing();
            assertThat(s.state()).isEqualTo(state);
            assertThat(s.app.read).isEmpty();
            assertThat(wire.count(Counter.DROPPED_NO_ACK)).isEqualTo(3);
        }
    }

    @ParameterizedTest
    @EnumSource(
            mode = EnumSource.Mode.EXCLUDE,
            names = {"TIME_WAIT", "CLOSED"})
    void ackOfWhatWasNeverSent_fifth(State state) {
        try (Wire wire = new Wire()) {
            Stage s = stage(wire, state);
            wire.send(Tcp.ACK, wire.peerNext, s.next + 1, "evil");
            assertThat(s.state()).isEqualTo(state);
            assertThat(s.app.read).isEmpty();
            if (state == State.SYN_RECEIVED) {
                Wire.Sent reset = wire.expect("R");
                assertThat(reset.seq).isEqualTo(s.next + 1);
            } else {
                assertThat(wire.expect("A").seq).isEqualTo(s.next);
            }
            wire.expectNothing();
        }
    }

    @ParameterizedTest
    @EnumSource(
            mode = EnumSource.Mode.EXCLUDE,
            names = {"TIME_WAIT", "CLOSED", "SYN_RECEIVED"})
    void ackOlderThanTheLargestWindowEver_RFC5961_5(State state) {
        try (Wire wire = new Wire()) {
            Stage s = stage(wire, state);
            wire.send(Tcp.ACK, wire.peerNext, s.next - 70_000, "blind");
            assertThat(s.state()).isEqualTo(state);
            assertThat(s.app.read).isEmpty();
            assertThat(wire.expect("A").ack).isEqualTo(wire.peerNext);
            assertThat(wire.count(Counter.DROPPED_BAD_ACK)).isEqualTo(1);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "SYN_RECEIVED"})
    void textIsDelivered_seventh(State state) {
        try (Wire wire = new Wire()) {
            Stage s = stage(wire, state);
            wire.send(Tcp.ACK | Tcp.PSH, wire.peerNext, s.ack, "text");
            assertThat(s.app.read.toString()).isEqualTo("text");
            assertThat(wire.expect("A").ack).isEqualTo(wire.peerNext + 4);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"CLOSE_WAIT", "CLOSING", "LAST_ACK"})
    void textAfterTheFinIsIgnored_seventh(State state) {
        try (Wire wire = new Wire()) {
            Stage s = stage(wire, state);
            wire.send(Tcp.ACK | Tcp.PSH, wire.peerNext, s.ack, "text");
            assertThat(s.app.read).isEmpty();
            assertThat(s.state()).isEqualTo(state);
            assertThat(s.flow.connection().receiver.next).isEqualTo(wire.peerNext);
        }
    }

    @ParameterizedTest
    @EnumSource(
            mode = EnumSource.Mode.EXCLUDE,
            names = {"TIME_WAIT", "CLOSED"})
    void finMovesTheStateOn_eighth(State state) {
        try (Wire wire = new Wire()) {
            Stage s = stage(wire, state);
            boolean seen = state == State.CLOSE_WAIT || state == State.CLOSING || state == State.LAST_ACK;
            int sequence = seen ? wire.peerNext - 1 : wire.peerNext;
            wire.send(Tcp.ACK | Tcp.FIN, sequence, s.ack, "");
            assertThat(wire.expect("A").ack).isEqualTo(sequence + 1);
            State expected = switch (state) {
                case SYN_RECEIVED, ESTABLISHED -> State.CLOSE_WAIT;
                case FIN_WAIT_1 -> State.CLOSING;
                case FIN_WAIT_2 -> State.TIME_WAIT;
                default -> state;
            };
            assertThat(s.state()).isEqualTo(expected);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FIN_WAIT_1", "CLOSING", "LAST_ACK"})
    void ackOfOurFinMovesTheStateOn_fifth(State state) {
        try (Wire wire = new Wire()) {
            Stage s = stage(wire, state);
            wire.send(Tcp.ACK, wire.peerNext, s.next, "");
            State expected = switch (state) {
                case FIN_WAIT_1 -> State.FIN_WAIT_2;
                case CLOSING -> State.TIME_WAIT;
                default -> State.CLOSED;
            };
            assertThat(s.state()).isEqualTo(expected);
            assertThat(wire.count(Counter.TIME_WAIT)).isEqualTo(expected == State.TIME_WAIT ? 1 : 0);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FIN_WAIT_1", "CLOSING", "LAST_ACK"})
    void finIsSentAgainUntilAcknowledged_3_8_1(State state) {
        try (Wire wire = new Wire()) {
            Stage s = stage(wire, state);
            wire.advance(1100, TimeUnit.MILLISECONDS);
            assertThat(wire.expect("FA").seq).isEqualTo(s.next - 1);
            wire.advance(2100, TimeUnit.MILLISECONDS);
            wire.expect("FA");
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FIN_WAIT_1"})
    void finThatAcknowledgesOursGoesToTimeWaitAtOnce_3_6(State state) {
        try (Wire wire = new Wire()) {
            Stage s = stage(wire, state);
            wire.send(Tcp.ACK | Tcp.FIN, wire.peerNext, s.next, "");
            assertThat(wire.expect("A").ack).isEqualTo(wire.peerNext + 1);
            assertThat(s.state()).isEqualTo(State.TIME_WAIT);
        }
    }
}
