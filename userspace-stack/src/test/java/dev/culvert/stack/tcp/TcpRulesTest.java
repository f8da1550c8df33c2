package dev.culvert.stack.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.stack.tcp.TcpConnection.State;
import dev.culvert.stack.tcp.TcpCounters.Counter;
import dev.culvert.stack.wire.Tcp;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Rules of the TCP RFCs that the other tests of this package leave, one test each, named after its section. */
class TcpRulesTest {
    private static final int MSS = 1460;

    private static Wire.Sent next(Wire wire) {
        return Objects.requireNonNull(wire.sent.poll(), "a segment");
    }

    private static String block(Wire.Conn c, int from, int to) {
        return Integer.toUnsignedString(c.iss + 1 + from) + "-" + Integer.toUnsignedString(c.iss + 1 + to);
    }

    // ---- RFC 9293 ----

    @Test
    void initialSequenceNumbersFollowTheClockAndDifferByConnection_3_4_1() {
        try (Wire wire = new Wire()) {
            Wire.Conn a = wire.connect();
            wire.send(Tcp.RST, wire.peerNext, 0, "");
            wire.advance(1, TimeUnit.SECONDS);
            Wire.Conn again = wire.connect();
            assertThat(again.iss - a.iss).as("4 us a tick").isBetween(250_000, 260_000);
            wire.peerPort++;
            Wire.Conn other = wire.connect();
            assertThat(Math.abs((long) other.iss - again.iss)).isGreaterThan(1000);
        }
    }

    @ParameterizedTest
    @CsvSource({"0, 536", "1, 48", "47, 48", "100, 100", "65535, 1460"})
    void maximumSegmentSizeIsBelievedWithinReason_3_7_1(int offered, int expected) {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect("mss=" + offered);
            c.write(new byte[4000]);
            assertThat(next(wire).gsoSize).isEqualTo(expected);
        }
    }

    @Test
    void resetForASegmentWithoutAConnection_3_5_2() {
        try (Wire wire = new Wire()) {
            wire.send(Tcp.ACK, 5, 777, "x");
            Wire.Sent withAck = wire.expect("R");
            assertThat(withAck.seq).isEqualTo(777);
            wire.send(Tcp.FIN, 5, 0, "abc");
            Wire.Sent without = wire.expect("RA");
            assertThat(without.seq).isZero();
            assertThat(without.ack).isEqualTo(5 + 3 + 1);
            wire.send(Tcp.SYN | Tcp.ACK, 5, 99, "");
            assertThat(wire.expect("R").seq).isEqualTo(99);
            wire.send(Tcp.RST, 5, 0, "");
            wire.send(Tcp.RST | Tcp.ACK, 5, 9, "");
            wire.expectNothing();
            assertThat(wire.requests).isEmpty();
        }
    }

    @Test
    void synFinAndSynResetOpenNothing_3_10_7_2() {
        try (Wire wire = new Wire()) {
            wire.send(Tcp.SYN | Tcp.RST, 5, 0, "");
            wire.expectNothing();
            wire.send(Tcp.SYN | Tcp.FIN, 5, 0, "");
            wire.expect("RA");
            assertThat(wire.requests).isEmpty();
        }
    }

    @Test
    void dataOnASynIsSentAgainByThePeer_3_4() {
        try (Wire wire = new Wire()) {
            wire.send(Tcp.SYN, Wire.PEER_ISN, 0, "early", "mss=1460");
            Wire.App app = new Wire.App();
            wire.requests.get(0).accept(app);
            Wire.Sent synAck = wire.expect("SA");
            assertThat(synAck.ack).as("the SYN alone").isEqualTo(Wire.PEER_ISN + 1);
            wire.send(Tcp.ACK, Wire.PEER_ISN + 1, synAck.seq + 1, "early");
            assertThat(app.read.toString()).isEqualTo("early");
        }
    }

    @Test
    void repeatedSynWithDataInSynReceivedIsAnsweredAgain_3_10_7_4() {
        try (Wire wire = new Wire()) {
            wire.syn().accept(new Wire.App());
            int iss = wire.expect("SA").seq;
            wire.send(Tcp.SYN, Wire.PEER_ISN, 0, "data", "mss=1460");
            assertThat(wire.expect("SA").seq).isEqualTo(iss);
            wire.expectNothing();
        }
    }

    @Test
    void urgentPointerIsIgnoredAndItsByteStaysInTheStream_3_8_5() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            for (int pointer : new int[] {0, 1, 3, 65_535}) {
                byte[] payload = {'a', 'b', 'c'};
                var packet = wire.packet(Tcp.ACK | Tcp.URG, wire.peerNext, c.iss + 1, payload);
                packet.setShort(20 + 18, pointer);
                wire.receive(packet);
                packet.release();
                wire.endBatch();
                wire.peerNext += 3;
            }
            assertThat(c.app.read.toString()).isEqualTo("abcabcabcabc");
        }
    }

    @Test
    void finAloneProbesAClosedWindow_3_8_6_1() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            wire.peerWindow = 0;
            c.ack(0);
            c.flow.shutdownOutput();
            wire.expectNothing();
            wire.advance(1100, TimeUnit.MILLISECONDS);
            Wire.Sent probe = wire.expect("FA");
            assertThat(probe.payload).isEmpty();
            c.ack(1);
            assertThat(c.state()).isEqualTo(State.FIN_WAIT_2);
        }
    }

    @Test
    void probesBackOff_3_8_6_1() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            wire.peerWindow = 0;
            c.ack(0);
            c.write("waiting");
            for (int interval : new int[] {1000, 2000, 4000, 8000}) {
                int waited = 0;
                while (wire.sent.isEmpty()) {
                    wire.advance(10, TimeUnit.MILLISECONDS);
                    waited += 10;
                }
                assertThat(waited).isBetween(interval - 20, interval + 20);
                wire.expect("PA");
                c.ack(0);
            }
        }
    }

    @Test
    void windowThatOpensIsUsedAtOnceAndEndsTheBackOff_3_8_6_1() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            wire.peerWindow = 0;
            c.ack(0);
            c.write(new byte[5000]);
            wire.advance(20, TimeUnit.SECONDS);
            wire.sent.clear();
            wire.peerWindow = 2 * MSS;
            c.ack(1);
            int sent = 1;
            while (!wire.sent.isEmpty()) {
                Wire.Sent s = next(wire);
                assertThat(c.rel(s.seq)).isEqualTo(sent);
                sent += s.payload.length;
            }
            assertThat(sent).isEqualTo(1 + 2 * MSS);
            wire.advance(1050, TimeUnit.MILLISECONDS);
            assertThat(c.rel(next(wire).seq))
                    .as("retransmission after one second")
                    .isEqualTo(1);
        }
    }

    @Test
    void windowShrunkByThePeerIsToleratedAndRecovered_3_8_6() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            c.write(new byte[20_000]);
            wire.sent.clear();
            wire.peerWindow = 0;
            c.ack(MSS);
            wire.expectNothing();
            wire.advance(1100, TimeUnit.MILLISECONDS);
            Wire.Sent probe = next(wire);
            assertThat(c.rel(probe.seq)).isEqualTo(MSS);
            assertThat(probe.payload).hasSize(1);
            wire.peerWindow = 65_535;
            c.ack(MSS + 1);
            int at = MSS + 1;
            for (int i = 0; i < 20 && at < 20_000; i++) {
                while (!wire.sent.isEmpty()) {
                    Wire.Sent s = next(wire);
                    if (c.rel(s.seq) == at) {
                        at += s.payload.length;
                    }
                }
                c.ack(at);
                wire.advance(1100, TimeUnit.MILLISECONDS);
            }
            assertThat(at).isEqualTo(20_000);
        }
    }

    @Test
    void aRetransmissionThatAcknowledgesMoreBringsItsWindow_3_10_7_4() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            wire.peerWindow = 10 * MSS;
            // "def" comes first and sets SND.WL1; "abc" is sent again later, with a newer acknowledgement and less
            // window.
            wire.send(Tcp.ACK, wire.peerNext + 3, c.iss + 1, "def");
            c.write(new byte[20 * MSS]);
            wire.sent.clear();
            wire.peerWindow = 2 * MSS;
            wire.send(Tcp.ACK, wire.peerNext, c.iss + 1 + 8 * MSS, "abc");
            int last = 8 * MSS;
            for (Wire.Sent s : wire.sent) {
                last = Math.max(last, c.rel(s.seq) + s.payload.length);
            }
            assertThat(last).isLessThanOrEqualTo(10 * MSS);
        }
    }

    @Test
    void halfClosedConnectionStillSends_3_6() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            c.fin(0);
            wire.sent.clear();
            for (int i = 0; i < 5; i++) {
                c.write("more");
                assertThat(wire.expect("PA").text()).isEqualTo("more");
                c.ack(4 * i + 4);
            }
            c.flow.close();
            wire.expect("FA");
            c.ack(21);
            wire.expectEmpty();
        }
    }

    @Test
    void halfClosedConnectionStillReceives_3_6() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            c.flow.shutdownOutput();
            wire.expect("FA");
            c.ack(1);
            for (int i = 0; i < 100; i++) {
                c.data("data", 1);
                assertThat(wire.expect("A").ack).isEqualTo(wire.peerNext);
            }
            assertThat(c.app.read).hasSize(400);
            assertThat(c.state()).isEqualTo(State.FIN_WAIT_2);
        }
    }

    @Test
    void dataAndFinsThatCrossCloseBothSides_3_6() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            c.write("ours");
            c.flow.shutdownOutput();
            wire.sent.clear();
            wire.send(Tcp.ACK | Tcp.FIN, wire.peerNext, c.iss + 1, "theirs");
            assertThat(c.app.read.toString()).isEqualTo("theirs");
            assertThat(c.state()).isEqualTo(State.CLOSING);
            assertThat(wire.expect("A").ack).isEqualTo(wire.peerNext + 7);
            wire.advance(1100, TimeUnit.MILLISECONDS);
            assertThat(wire.expect("FPA").text()).as("data and FIN again").isEqualTo("ours");
            wire.send(Tcp.ACK, wire.peerNext + 7, c.iss + 1 + 5, "");
            assertThat(wire.count(Counter.TIME_WAIT)).isEqualTo(1);
        }
    }

    @Test
    void timeWaitAnswersOldSegmentsAndLastsAnewAfterAFin_3_10_7_4() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            c.flow.close();
            c.ack(1);
            c.fin(1);
            wire.sent.clear();
            wire.send(Tcp.ACK, wire.peerNext, c.iss + 2, "");
            wire.expectNothing();
            wire.send(Tcp.ACK, wire.peerNext, c.iss + 2, "data");
            assertThat(wire.expect("A").ack).isEqualTo(wire.peerNext);
            wire.advance(8, TimeUnit.SECONDS);
            wire.send(Tcp.ACK | Tcp.FIN, wire.peerNext - 1, c.iss + 2, "");
            wire.expect("A");
            wire.advance(8, TimeUnit.SECONDS);
            assertThat(wire.count(Counter.TIME_WAIT)).isEqualTo(1);
            wire.advance(3, TimeUnit.SECONDS);
            assertThat(wire.count(Counter.TIME_WAIT)).isZero();
        }
    }

    @Test
    void endByTimeOutResetsThePeer_3_8_3() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            c.write("lost");
            wire.advance(200, TimeUnit.SECONDS);
            assertThat(c.flow.isOpen()).isFalse();
            Wire.Sent last = Objects.requireNonNull(wire.sent.pollLast());
            assertThat(last.flagString()).isEqualTo("RA");
            assertThat(c.rel(last.seq)).isEqualTo(4);
            assertThat(last.ack).isEqualTo(wire.peerNext);
        }
    }

    @Test
    void endByKeepAliveResetsThePeer_3_8_4() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            wire.advanceFar(125, TimeUnit.MINUTES);
            for (int i = 0; i < 12; i++) {
                wire.advanceFar(76, TimeUnit.SECONDS);
            }
            assertThat(c.flow.isOpen()).isFalse();
            assertThat(Objects.requireNonNull(wire.sent.pollLast()).flagString())
                    .isEqualTo("RA");
        }
    }

    @Test
    void aHandshakeThatIsNeverCompletedEndsInSilence_3_8_3() {
        try (Wire wire = new Wire()) {
            wire.syn().accept(new Wire.App());
            wire.advance(70, TimeUnit.SECONDS);
            wire.expectEmpty();
            assertThat(wire.sent).hasSize(6).allMatch(s -> s.flagString().equals("SA"));
        }
    }

    @Test
    void ourSequenceNumbersWrapInBothDirectionsOfTheEdge_3_4() {
        try (Wire wire = new Wire()) {
            Wire.Conn first = wire.connect();
            wire.send(Tcp.RST, wire.peerNext, 0, "");
            // The clock of initial sequence numbers ticks every 4 us: wait until it is just below the wrap.
            long ticks = -3000L - first.iss & 0xffff_ffffL;
            wire.channel.advanceTimeBy(ticks * 4, TimeUnit.MICROSECONDS);
            Wire.Conn c = wire.connect("mss=1460", "sackok", "ws=7");
            assertThat(c.iss).isBetween(-3100, -2000);
            byte[] data = new byte[6 * MSS];
            for (int i = 0; i < data.length; i++) {
                data[i] = (byte) (i / MSS);
            }
            c.write(data);
            assertThat(next(wire).payload).isEqualTo(data);
            c.ack(MSS, "sack=" + block(c, 3 * MSS, 6 * MSS));
            Wire.Sent again = next(wire);
            assertThat(c.rel(again.seq)).isEqualTo(MSS);
            assertThat(again.payload[0]).isEqualTo((byte) 1);
            c.ack(6 * MSS);
            assertThat(c.flow.connection().sender.inFlight()).isZero();
            c.flow.shutdownOutput();
            wire.sent.clear();
            c.ack(6 * MSS + 1);
            assertThat(c.state()).isEqualTo(State.FIN_WAIT_2);
        }
    }

    // ---- RFC 3168 ----

    @ParameterizedTest
    @ValueSource(ints = {Tcp.SYN | 0x40 | 0x80, Tcp.SYN | 0x40, Tcp.SYN | 0x80})
    void ecnSetupSynIsAnsweredWithoutEcn_RFC3168_6_1_1(int flags) {
        try (Wire wire = new Wire()) {
            wire.send(flags, Wire.PEER_ISN, 0, "", "mss=1460");
            wire.requests.get(0).accept(new Wire.App());
            Wire.Sent synAck = wire.expect("SA");
            wire.send(Tcp.ACK | 0x40 | 0x80, Wire.PEER_ISN + 1, synAck.seq + 1, "marked");
            assertThat(wire.expect("A").ack).isEqualTo(Wire.PEER_ISN + 7);
        }
    }

    // ---- RFC 5961 ----

    @Test
    void challengesAreSpaced_RFC5961_7() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            wire.advance(1, TimeUnit.SECONDS);
            int answers = 0;
            for (int i = 0; i < 1000; i++) {
                wire.send(Tcp.SYN, wire.peerNext + i, 0, "");
                wire.send(Tcp.RST, wire.peerNext + 1 + i, 0, "");
                wire.advance(1, TimeUnit.MILLISECONDS);
            }
            while (!wire.sent.isEmpty()) {
                next(wire);
                answers++;
            }
            assertThat(answers).isLessThanOrEqualTo(11 + 1000);
            assertThat(wire.count(Counter.CHALLENGE_ACKS)).isBetween(9L, 11L);
            assertThat(c.flow.isActive()).isTrue();
        }
    }

    // ---- RFC 7323 ----

    @ParameterizedTest
    @CsvSource({"14, 14", "15, 14", "200, 14", "0, 0"})
    void shiftAboveFourteenIsFourteen_RFC7323_2_3(int offered, int used) {
        try (Wire wire = new Wire()) {
            wire.peerWindow = 3;
            Wire.Conn c = wire.connect("mss=1460", "ws=" + offered);
            assertThat(c.flow.connection().sender.shift).isEqualTo(used);
            assertThat(c.flow.connection().sender.window).isEqualTo(3 << used);
        }
    }

    @Test
    void windowOfTheSynIsNotScaled_RFC7323_2_2() {
        try (Wire wire = new Wire()) {
            wire.peerWindow = 5000;
            TcpRequest request = wire.syn("mss=1460", "ws=7");
            Wire.App app = new Wire.App();
            TcpFlow flow = request.accept(app);
            Wire.Sent synAck = wire.expect("SA");
            assertThat(synAck.window).isEqualTo(65_535);
            assertThat(flow.connection().receiver.edge).isEqualTo(Wire.PEER_ISN + 1 + 65_535);
            wire.peerWindow = 10;
            wire.send(Tcp.ACK, wire.peerNext, synAck.seq + 1, "");
            assertThat(flow.connection().sender.window).isEqualTo(10 << 7);
        }
    }

    @Test
    void withoutTheOptionNoWindowIsScaled_RFC7323_2_2() {
        try (Wire wire = new Wire(TcpConfig.builder().receiveBuffer(1 << 20, 8 << 20))) {
            wire.peerWindow = 60_000;
            Wire.Conn c = wire.connect("mss=1460");
            assertThat(c.synAck.windowScale).isEqualTo(-1);
            assertThat(c.flow.connection().sender.window).isEqualTo(60_000);
            c.data("x", 0);
            assertThat(wire.expect("A").window).isLessThanOrEqualTo(65_535);
            assertThat(c.flow.connection().receiver.edge - wire.peerNext).isLessThanOrEqualTo(65_535);
        }
    }

    @Test
    void everySegmentButAResetCarriesTimestamps_RFC7323_3_2() {
        try (Wire wire = new Wire()) {
            wire.peerTimestamps = true;
            Wire.Conn c = wire.connect();
            c.write("data");
            c.data("more", 4);
            c.data("odd", 4);
            wire.send(Tcp.SYN, wire.peerNext, 0, "");
            c.flow.shutdownOutput();
            assertThat(wire.sent).hasSizeGreaterThan(3).allMatch(s -> s.timestamps);
        }
    }

    @Test
    void echoIsOfTheLastSegmentInOrder_RFC7323_4_3() {
        try (Wire wire = new Wire()) {
            wire.peerTimestamps = true;
            Wire.Conn c = wire.connect("mss=1460", "sackok");
            wire.peerClock += 10;
            int inOrder = wire.peerClock;
            c.data("abc", 0);
            assertThat(wire.expect("A").timestampEcho).isEqualTo(inOrder);
            wire.peerClock += 10;
            wire.send(Tcp.ACK, wire.peerNext + 3, c.iss + 1, "ghi");
            assertThat(wire.expect("A").timestampEcho)
                    .as("a hole: not the newest")
                    .isEqualTo(inOrder);
            wire.peerClock += 10;
            wire.send(Tcp.ACK, wire.peerNext, c.iss + 1, "def");
            assertThat(wire.expect("A").timestampEcho)
                    .as("the one that fills it")
                    .isEqualTo(wire.peerClock);
        }
    }

    @Test
    void timestampsAreInvalidAfterTwentyFourIdleDays_RFC7323_5_5() {
        try (Wire wire =
                new Wire(TcpConfig.builder().keepAlive(java.time.Duration.ZERO, java.time.Duration.ofSeconds(75), 9))) {
            wire.peerTimestamps = true;
            Wire.Conn c = wire.connect();
            wire.advanceFar(23, TimeUnit.DAYS);
            wire.peerClock -= 1000;
            c.data("too old", 0);
            assertThat(c.app.read).isEmpty();
            wire.peerNext -= 7;
            wire.advanceFar(2, TimeUnit.DAYS);
            c.data("wrapped", 0);
            assertThat(c.app.read.toString()).isEqualTo("wrapped");
        }
    }

    @Test
    void timestampClockMayWrap_RFC7323_5_2() {
        try (Wire wire = new Wire()) {
            wire.peerTimestamps = true;
            wire.peerClock = Integer.MAX_VALUE - 5;
            Wire.Conn c = wire.connect();
            for (int i = 0; i < 10; i++) {
                wire.peerClock += 3;
                c.data("x", 0);
            }
            assertThat(c.app.read).hasSize(10);
            wire.peerClock -= 4;
            wire.send(Tcp.ACK, wire.peerNext, c.iss + 1, "old");
            assertThat(c.app.read).hasSize(10);
        }
    }

    @Test
    void resetIsNotSubjectToTimestamps_RFC7323_5_2() {
        try (Wire wire = new Wire()) {
            wire.peerTimestamps = true;
            Wire.Conn c = wire.connect();
            wire.send(Tcp.RST, wire.peerNext, 0, "");
            assertThat(c.flow.isOpen()).isFalse();
        }
    }

    @Test
    void roundTripIsMeasuredByTheEchoEvenOfARetransmission_RFC7323_4_1() {
        try (Wire wire = new Wire()) {
            wire.peerTimestamps = true;
            Wire.Conn c = wire.connect();
            c.write("x");
            wire.advance(1100, TimeUnit.MILLISECONDS);
            wire.advance(40, TimeUnit.MILLISECONDS);
            c.ack(1);
            assertThat(c.flow.connection().sender.roundTripTime.smoothed())
                    .isBetween(TimeUnit.MILLISECONDS.toNanos(30), TimeUnit.MILLISECONDS.toNanos(150));
        }
    }
}
