package dev.culvert.stack.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.stack.tcp.TcpCounters.Counter;
import dev.culvert.stack.wire.Tcp;
import io.netty.buffer.ByteBuf;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The sending half: RFC 9293 sections 3.7.1 and 3.8, RFC 5681, RFC 6298, RFC 6675. */
class TcpSendTest {
    private static final int MSS = 1460;

    private static Wire.Sent next(Wire wire) {
        Wire.Sent s = wire.sent.poll();
        assertThat(s).isNotNull();
        return java.util.Objects.requireNonNull(s);
    }

    @Test
    void smallWriteGoesAtOnceWithPush() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            c.write("a");
            c.write("b");
            assertThat(wire.expect("PA").text()).isEqualTo("a");
            assertThat(wire.expect("PA").text()).as("no Nagle").isEqualTo("b");
            assertThat(c.flow.connection().sender.inFlight()).isEqualTo(2);
            c.ack(2);
            assertThat(c.flow.connection().sender.inFlight()).isZero();
        }
    }

    @Test
    void largeWriteIsOneSuperSegment() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect("mss=1460", "ws=7");
            wire.peerWindow = 60_000;
            c.ack(0);
            c.write(new byte[200_000]);
            Wire.Sent s = next(wire);
            assertThat(s.gsoSize).isEqualTo(MSS);
            assertThat(s.payload.length).isEqualTo((65_535 - 40) / MSS * MSS);
            assertThat(s.flags & Tcp.PSH).isZero();
            int total = s.payload.length;
            while (!wire.sent.isEmpty()) {
                s = next(wire);
                total += s.payload.length;
            }
            assertThat(total).isEqualTo(200_000);
            assertThat(s.flags & Tcp.PSH).isNotZero();
            c.ack(200_000);
        }
    }

    @Test
    void segmentSizeIsThePeersMssLessOptions_3_7_1() {
        try (Wire wire = new Wire()) {
            wire.peerTimestamps = true;
            Wire.Conn c = wire.connect("mss=1000");
            c.write(new byte[5000]);
            assertThat(next(wire).gsoSize).isEqualTo(988);
        }
        try (Wire wire = new Wire()) {
            wire.synOptions = "sackok";
            Wire.Conn c = wire.connect();
            c.write(new byte[5000]);
            assertThat(next(wire).gsoSize).as("MUST-15").isEqualTo(536);
        }
        try (Wire wire = new Wire()) {
            wire.ipv6 = true;
            Wire.Conn c = wire.connect("mss=9000");
            c.write(new byte[5000]);
            assertThat(next(wire).gsoSize).as("our own MTU").isEqualTo(1440);
        }
    }

    @Test
    void peersWindowBoundsWhatIsInFlightAndWritabilityFollows() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            wire.peerWindow = 10_000;
            c.ack(0);
            c.write(new byte[100_000]);
            int sent = 0;
            while (!wire.sent.isEmpty()) {
                sent += next(wire).payload.length;
            }
            assertThat(sent).isEqualTo(10_000 - 10_000 % MSS);
            assertThat(c.flow.isWritable()).isFalse();
            wire.peerWindow = 65_535;
            c.ack(sent);
            while (!wire.sent.isEmpty()) {
                sent += next(wire).payload.length;
            }
            c.ack(sent);
            while (!wire.sent.isEmpty()) {
                sent += next(wire).payload.length;
            }
            assertThat(sent).isEqualTo(100_000);
            assertThat(c.flow.isWritable()).isTrue();
            c.ack(sent);
        }
    }

    @Test
    void writeCompletesWhenItIsInTheSendQueue() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            assertThat(c.flow.writeAndFlush(wire.alloc().directBuffer().writeZero(100))
                            .isSuccess())
                    .isTrue();
            ByteBuf big = wire.alloc().directBuffer().writeZero(70_000);
            assertThat(c.flow.writeAndFlush(big).isDone()).isFalse();
            c.ack(100);
            assertThat(big.refCnt()).isPositive();
        }
    }

    @Test
    void timerResendsWithBackOff_RFC6298_5() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            c.write("lost");
            wire.expect("PA");
            for (int timeout : new int[] {1000, 2000, 4000}) {
                int waited = 0;
                while (wire.sent.isEmpty()) {
                    wire.advance(10, TimeUnit.MILLISECONDS);
                    waited += 10;
                }
                assertThat(waited).isBetween(timeout, timeout + 20);
                assertThat(wire.expect("PA").text()).isEqualTo("lost");
            }
            c.ack(4);
            wire.advance(30, TimeUnit.SECONDS);
            wire.expectNothing();
        }
    }

    @Test
    void timeoutIsAtLeast200MillisecondsOnAFastPath() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            for (int i = 0; i < 20; i++) {
                c.write("x");
                wire.expect("PA");
                wire.advance(10, TimeUnit.MILLISECONDS);
                c.ack(i + 1);
            }
            c.write("y");
            wire.expect("PA");
            wire.advance(190, TimeUnit.MILLISECONDS);
            wire.expectNothing();
            wire.advance(20, TimeUnit.MILLISECONDS);
            wire.expect("PA");
        }
    }

    @Test
    void silenceForTheUserTimeoutEndsTheConnection_3_8_3() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            c.write("lost");
            wire.advance(119, TimeUnit.SECONDS);
            assertThat(c.flow.isOpen()).isTrue();
            wire.advance(70, TimeUnit.SECONDS);
            assertThat(c.flow.isOpen()).isFalse();
            assertThat(c.app.events.get(1)).startsWith("exception: Connection timed out");
            wire.expectEmpty();
        }
    }

    /** A suspended machine: the peer had no time to answer, so it is asked again before it is given up. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void timeInWhichWeStoodStillIsNoSilenceOfThePeer(boolean windowClosed) {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            if (windowClosed) {
                wire.peerWindow = 0;
                c.ack(0);
            }
            c.write("asked before");
            wire.advance(1100, TimeUnit.MILLISECONDS); // once more, or the first probe
            wire.sent.clear();
            wire.advanceFar(3, TimeUnit.HOURS);
            assertThat(c.flow.isOpen()).isTrue();
            Wire.Sent again = next(wire);
            assertThat(c.rel(again.seq)).isZero();
            assertThat(again.payload).hasSize(windowClosed ? 1 : 12);
            wire.peerWindow = 65_535;
            c.ack(again.payload.length);
            wire.sent.clear();
            c.ack(12);
            c.write("still here");
            assertThat(wire.expect("PA").text()).isEqualTo("still here");
            // A peer that is gone is given up all the same.
            wire.advance(190, TimeUnit.SECONDS);
            assertThat(c.flow.isOpen()).isFalse();
        }
    }

    @Test
    void thirdDuplicateAckRetransmitsFast_RFC5681_3_2() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            c.write(new byte[4 * MSS]);
            wire.sent.clear();
            c.ack(0);
            c.ack(0);
            wire.expectNothing();
            c.ack(0);
            Wire.Sent again = next(wire);
            assertThat(c.rel(again.seq)).isZero();
            assertThat(again.payload).hasSize(MSS);
            assertThat(wire.count(Counter.FAST_RETRANSMITS)).isEqualTo(1);
            c.ack(2 * MSS);
            assertThat(c.rel(next(wire).seq)).as("partial ACK, RFC 6582").isEqualTo(2 * MSS);
            c.ack(4 * MSS);
            wire.expectNothing();
        }
    }

    @Test
    void sackFillsOnlyTheHoles_RFC6675() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect("mss=1460", "sackok", "ws=7");
            c.write(new byte[10 * MSS]);
            wire.sent.clear();
            int b = c.iss + 1;
            c.ack(
                    MSS,
                    "sack=" + Integer.toUnsignedString(b + 2 * MSS) + "-" + Integer.toUnsignedString(b + 4 * MSS)
                            + "," + Integer.toUnsignedString(b + 5 * MSS) + "-"
                            + Integer.toUnsignedString(b + 10 * MSS));
            Wire.Sent first = next(wire);
            assertThat(c.rel(first.seq)).isEqualTo(MSS);
            assertThat(first.payload).hasSize(MSS);
            Wire.Sent second = next(wire);
            assertThat(c.rel(second.seq)).isEqualTo(4 * MSS);
            assertThat(second.payload).hasSize(MSS);
            wire.expectNothing();
            c.ack(10 * MSS);
            wire.expectNothing();
        }
    }

    @Test
    void renegingReceiverIsServedByTheTimer_RFC2018_8() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect("mss=1460", "sackok", "ws=7");
            c.write(new byte[3 * MSS]);
            wire.sent.clear();
            int b = c.iss + 1;
            c.ack(0, "sack=" + Integer.toUnsignedString(b + MSS) + "-" + Integer.toUnsignedString(b + 3 * MSS));
            wire.sent.clear();
            wire.advance(1100, TimeUnit.MILLISECONDS);
            assertThat(c.rel(next(wire).seq)).isZero();
            wire.sent.clear();
            c.ack(MSS);
            Wire.Sent rest = next(wire);
            assertThat(c.rel(rest.seq)).as("what was reported is sent again").isEqualTo(MSS);
            assertThat(rest.payload).hasSize(2 * MSS);
        }
    }

    @Test
    void closedWindowIsProbedForEverWhileThePeerAnswers_3_8_6_1() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            wire.peerWindow = 0;
            c.ack(0);
            c.write("waiting");
            wire.expectNothing();
            int probes = 0;
            for (int i = 0; i < 60; i++) {
                wire.advance(10, TimeUnit.SECONDS);
                while (!wire.sent.isEmpty()) {
                    Wire.Sent probe = wire.expect("PA");
                    assertThat(probe.text()).isEqualTo("w");
                    probes++;
                    c.ack(0);
                }
            }
            assertThat(probes).isGreaterThan(8);
            assertThat(c.flow.isActive()).isTrue();
            wire.peerWindow = 1000;
            c.ack(1);
            assertThat(wire.expect("PA").text()).isEqualTo("aiting");
        }
    }

    @Test
    void unansweredProbesEndTheConnection() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            wire.peerWindow = 0;
            c.ack(0);
            c.write("waiting");
            wire.advance(240, TimeUnit.SECONDS);
            assertThat(c.flow.isOpen()).isFalse();
            wire.expectEmpty();
        }
    }

    @Test
    void sliverOfWindowIsNotUsedAtOnce_3_8_6_2_1() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            wire.peerWindow = 100;
            c.ack(0);
            c.write(new byte[5000]);
            wire.expectNothing();
            wire.advance(1100, TimeUnit.MILLISECONDS);
            assertThat(next(wire).payload).as("override timer").hasSize(100);
        }
    }

    @Test
    void keepAliveProbesThenGivesUp_3_8_4() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            wire.advanceFar(123, TimeUnit.MINUTES);
            wire.expectNothing();
            wire.advanceFar(2, TimeUnit.MINUTES);
            Wire.Sent probe = wire.expect("A");
            assertThat(c.rel(probe.seq)).isEqualTo(-1);
            c.ack(0);
            wire.advanceFar(123, TimeUnit.MINUTES);
            wire.expectNothing();
            for (int i = 0; i < 9; i++) {
                wire.advanceFar(76, TimeUnit.SECONDS);
            }
            assertThat(c.flow.isOpen()).isTrue();
            wire.advanceFar(3, TimeUnit.MINUTES);
            assertThat(c.flow.isOpen()).isFalse();
            assertThat(c.app.events.get(1)).contains("keep-alive");
        }
    }

    @Test
    void newRenoStartsSlowlyAndGrows_RFC5681() {
        try (Wire wire = new Wire(TcpConfig.builder().congestionControl(NewReno::new))) {
            Wire.Conn c = wire.connect("mss=1460", "ws=7");
            c.write(new byte[60 * MSS]);
            int sent = 0;
            while (!wire.sent.isEmpty()) {
                sent += next(wire).payload.length;
            }
            assertThat(sent).isEqualTo(10 * MSS);
            c.ack(sent);
            int more = 0;
            while (!wire.sent.isEmpty()) {
                more += next(wire).payload.length;
            }
            assertThat(more).isBetween(12 * MSS, 20 * MSS);
        }
    }
}
