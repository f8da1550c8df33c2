package dev.culvert.stack.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.stack.tcp.TcpCounters.Counter;
import dev.culvert.stack.wire.Tcp;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** What the sender does about loss: RFC 2018, RFC 3042, RFC 5681, RFC 6298, RFC 6582, RFC 6675. */
class LossRecoveryTest {
    private static final int MSS = 1460;

    private static Wire.Sent next(Wire wire) {
        return Objects.requireNonNull(wire.sent.poll(), "a segment");
    }

    private static String sack(Wire.Conn c, int... edges) {
        StringBuilder text = new StringBuilder("sack=");
        for (int i = 0; i < edges.length; i += 2) {
            text.append(i == 0 ? "" : ",")
                    .append(Integer.toUnsignedString(c.iss + 1 + edges[i] * MSS))
                    .append('-')
                    .append(Integer.toUnsignedString(c.iss + 1 + edges[i + 1] * MSS));
        }
        return text.toString();
    }

    /** What was sent, in segments of {@link #MSS}: "from-to". */
    private static List<String> sentRanges(Wire wire, Wire.Conn c) {
        List<String> ranges = new ArrayList<>();
        while (!wire.sent.isEmpty()) {
            Wire.Sent s = next(wire);
            int from = c.rel(s.seq);
            assertThat(from % MSS).isZero();
            ranges.add(from / MSS + "-" + (from + s.payload.length) / MSS);
        }
        return ranges;
    }

    // ---- Duplicate acknowledgements ----

    @Test
    void whatIsNoDuplicateDoesNotCount_RFC5681_2() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            c.write(new byte[4 * MSS]);
            wire.sent.clear();
            // Data, a window update, and an old acknowledgement: none tells of a lost segment.
            for (int i = 0; i < 5; i++) {
                c.data("d", 0);
            }
            for (int i = 0; i < 5; i++) {
                wire.peerWindow -= 100;
                c.ack(0);
            }
            assertThat(wire.count(Counter.FAST_RETRANSMITS)).isZero();
            assertThat(wire.count(Counter.RETRANSMITTED_SEGMENTS)).isZero();
        }
    }

    @Test
    void duplicatesWithNothingOutstandingDoNotCount_RFC5681_2() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            c.write(new byte[MSS]);
            c.ack(MSS);
            wire.sent.clear();
            for (int i = 0; i < 10; i++) {
                c.ack(MSS);
            }
            wire.expectNothing();
        }
    }

    @Test
    void duplicatesAfterATimeoutDoNotRetransmitAgain_RFC6582_4() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            c.write(new byte[8 * MSS]);
            wire.sent.clear();
            wire.advance(1100, TimeUnit.MILLISECONDS);
            wire.sent.clear();
            for (int i = 0; i < 6; i++) {
                c.ack(0);
            }
            assertThat(wire.count(Counter.FAST_RETRANSMITS)).isZero();
        }
    }

    @Test
    void limitedTransmitSendsNewDataOnTheFirstTwoDuplicates_RFC3042() {
        try (Wire wire = new Wire(TcpConfig.builder().congestionControl(NewReno::new))) {
            Wire.Conn c = wire.connect("mss=1460", "ws=7");
            c.write(new byte[40 * MSS]);
            assertThat(sentRanges(wire, c)).containsExactly("0-10");
            c.ack(0);
            assertThat(sentRanges(wire, c)).containsExactly("10-11");
            c.ack(0);
            assertThat(sentRanges(wire, c)).containsExactly("11-12");
            c.ack(0);
            assertThat(sentRanges(wire, c)).startsWith("0-1");
        }
    }

    @Test
    void recoveryHalvesTheWindowOnceForAFlight_RFC6582_3() {
        try (Wire wire = new Wire(TcpConfig.builder().congestionControl(NewReno::new))) {
            Wire.Conn c = wire.connect("mss=1460", "ws=7");
            c.write(new byte[10 * MSS]);
            wire.sent.clear();
            for (int i = 0; i < 9; i++) {
                c.ack(0);
            }
            assertThat(sentRanges(wire, c)).containsExactly("0-1");
            // Three were lost: each partial acknowledgement sends the next one again, and it stays one recovery.
            c.ack(3 * MSS);
            assertThat(sentRanges(wire, c)).containsExactly("3-4");
            c.ack(5 * MSS);
            assertThat(sentRanges(wire, c)).containsExactly("5-6");
            assertThat(wire.count(Counter.FAST_RETRANSMITS)).isEqualTo(1);
            c.ack(10 * MSS);
            assertThat(wire.count(Counter.RETRANSMISSION_TIMEOUTS)).isZero();
        }
    }

    // ---- Selective acknowledgement ----

    @Test
    void reportsBelowAndBeyondWhatIsInFlightAreIgnored_RFC2018_4() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect("mss=1460", "sackok", "ws=7");
            c.write(new byte[4 * MSS]);
            wire.sent.clear();
            for (int i = 0; i < 5; i++) {
                c.ack(2 * MSS, sack(c, 0, 1));
                c.ack(2 * MSS, sack(c, 3, 9));
                c.ack(2 * MSS, sack(c, 4, 3));
                c.ack(2 * MSS, sack(c, 3, 3));
                if (i == 0) {
                    assertThat(wire.count(Counter.RETRANSMITTED_SEGMENTS)).isLessThanOrEqualTo(1);
                }
            }
            c.ack(4 * MSS);
            assertThat(c.flow.connection().sender.inFlight()).isZero();
        }
    }

    @Test
    void reportsWithoutPermissionAreIgnored_RFC2018_2() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect("mss=1460", "ws=7");
            c.write(new byte[10 * MSS]);
            wire.sent.clear();
            c.ack(0, sack(c, 1, 10));
            wire.expectNothing();
        }
    }

    @Test
    void withoutPermissionNothingIsReported_RFC2018_2() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect("mss=1460");
            wire.send(Tcp.ACK, wire.peerNext + 10, c.iss + 1, "early");
            Wire.Sent ack = wire.expect("A");
            assertThat(ack.sack).isEmpty();
            assertThat(ack.ack).isEqualTo(wire.peerNext);
        }
    }

    @Test
    void lossIsThreeSegmentsAboveTheHole_RFC6675_4() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect("mss=1460", "sackok", "ws=7");
            c.write(new byte[10 * MSS]);
            wire.sent.clear();
            c.ack(0, sack(c, 1, 2));
            c.ack(0, sack(c, 1, 3));
            wire.expectNothing();
            c.ack(0, sack(c, 1, 4));
            assertThat(sentRanges(wire, c)).containsExactly("0-1");
            c.ack(0, sack(c, 1, 4, 5, 6));
            c.ack(0, sack(c, 1, 4, 5, 7));
            assertThat(sentRanges(wire, c))
                    .as("the second hole may be reordering")
                    .isEmpty();
            c.ack(0, sack(c, 1, 4, 5, 8));
            assertThat(sentRanges(wire, c)).containsExactly("4-5");
        }
    }

    @Test
    void aRetransmissionThatIsLostTooIsFoundByWhatWasSentAfterIt() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect("mss=1460", "sackok", "ws=7");
            c.write(new byte[10 * MSS]);
            wire.sent.clear();
            c.ack(0, sack(c, 1, 10));
            assertThat(sentRanges(wire, c)).containsExactly("0-1");
            c.write(new byte[6 * MSS]);
            wire.sent.clear();
            c.ack(0, sack(c, 1, 12));
            wire.expectNothing();
            c.ack(0, sack(c, 1, 13));
            assertThat(sentRanges(wire, c)).containsExactly("0-1");
            c.ack(0, sack(c, 1, 16));
            assertThat(sentRanges(wire, c)).as("once for each flight").isEmpty();
            c.ack(16 * MSS);
            assertThat(wire.count(Counter.RETRANSMISSION_TIMEOUTS)).isZero();
        }
    }

    @Test
    void everyPatternOfSixLostSegmentsIsRepairedWithoutATimeout_RFC6675() {
        // Segments 6 to 9 arrive; of 0 to 5 any may be missing. Each round: the receiver reports what it has.
        for (int lost = 0; lost < 64; lost++) {
            try (Wire wire = new Wire()) {
                Wire.Conn c = wire.connect("mss=1460", "sackok", "ws=7");
                c.write(new byte[10 * MSS]);
                wire.sent.clear();
                boolean[] has = new boolean[10];
                for (int i = 0; i < 10; i++) {
                    has[i] = i >= 6 || (lost >> i & 1) == 0;
                }
                for (int round = 0; round < 10 && report(wire, c, has) < 10; round++) {
                    for (String range : sentRanges(wire, c)) {
                        String[] ends = range.split("-");
                        for (int i = Integer.parseInt(ends[0]); i < Integer.parseInt(ends[1]); i++) {
                            assertThat(has[i])
                                    .as("lost=%d: %s sent in vain", lost, range)
                                    .isFalse();
                            has[i] = true;
                        }
                    }
                }
                assertThat(c.flow.connection().sender.inFlight())
                        .as("lost=%d", lost)
                        .isZero();
                assertThat(wire.count(Counter.RETRANSMITTED_SEGMENTS)).isLessThanOrEqualTo(Integer.bitCount(lost));
            }
        }
    }

    private static int report(Wire wire, Wire.Conn c, boolean[] has) {
        int prefix = 0;
        while (prefix < has.length && has[prefix]) {
            prefix++;
        }
        List<Integer> edges = new ArrayList<>();
        for (int i = has.length - 1; i >= prefix && edges.size() < 8; i--) {
            if (has[i]) {
                int end = i + 1;
                while (i > prefix && has[i - 1]) {
                    i--;
                }
                edges.add(i);
                edges.add(end);
            }
        }
        if (edges.isEmpty()) {
            c.ack(prefix * MSS);
        } else {
            c.ack(prefix * MSS, sack(c, edges.stream().mapToInt(i -> i).toArray()));
        }
        return prefix;
    }

    // ---- The timer ----

    @Test
    void retransmittedSegmentsGiveNoSample_Karn_RFC6298_3() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            c.write("x");
            wire.advance(1100, TimeUnit.MILLISECONDS);
            wire.advance(5, TimeUnit.MILLISECONDS);
            c.ack(1);
            assertThat(c.flow.connection().sender.roundTripTime.smoothed()).isZero();
            c.write("y");
            wire.advance(20, TimeUnit.MILLISECONDS);
            c.ack(2);
            assertThat(c.flow.connection().sender.roundTripTime.smoothed())
                    .isEqualTo(TimeUnit.MILLISECONDS.toNanos(20));
        }
    }

    @Test
    void timerIsRestartedByProgressAndStoppedWhenAllIsAcknowledged_RFC6298_5_2_and_5_3() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            c.write(new byte[3 * MSS]);
            wire.sent.clear();
            wire.advance(900, TimeUnit.MILLISECONDS);
            c.ack(MSS);
            wire.advance(900, TimeUnit.MILLISECONDS);
            wire.expectNothing();
            c.ack(3 * MSS);
            wire.advance(100, TimeUnit.SECONDS);
            wire.expectNothing();
        }
    }

    @Test
    void afterATimeoutOneSegmentThenMore_RFC5681_3_1() {
        try (Wire wire = new Wire(TcpConfig.builder().congestionControl(NewReno::new))) {
            Wire.Conn c = wire.connect("mss=1460", "ws=7");
            c.write(new byte[10 * MSS]);
            wire.sent.clear();
            wire.advance(1100, TimeUnit.MILLISECONDS);
            assertThat(sentRanges(wire, c)).containsExactly("0-1");
            c.ack(MSS);
            assertThat(sentRanges(wire, c)).containsExactly("1-3");
            c.ack(3 * MSS);
            assertThat(sentRanges(wire, c)).hasSize(1);
        }
    }

    @Test
    void lossOfTheSynAckStartsWithThreeSeconds_RFC6298_5_7() {
        try (Wire wire = new Wire()) {
            wire.syn().accept(new Wire.App());
            int iss = wire.expect("SA").seq;
            wire.advance(1100, TimeUnit.MILLISECONDS);
            wire.expect("SA");
            wire.send(Tcp.ACK, wire.peerNext, iss + 1, "go");
            wire.sent.clear();
            assertThat(wire.endpoint.timers.size()).isPositive();
            wire.advance(1, TimeUnit.SECONDS);
            wire.expectNothing();
        }
    }

    @Test
    void backOffEndsWithProgress_RFC6298_5_7() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            c.write("lost");
            wire.advance(8, TimeUnit.SECONDS);
            wire.sent.clear();
            c.ack(4);
            c.write("next");
            wire.sent.clear();
            wire.advance(1050, TimeUnit.MILLISECONDS);
            assertThat(next(wire).text()).isEqualTo("next");
        }
    }

    @Test
    void anAcknowledgementInTheMiddleOfASegmentIsServedFromThere_RFC9293_3_10_7_4() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            c.write("0123456789");
            wire.sent.clear();
            c.ack(3);
            wire.advance(1100, TimeUnit.MILLISECONDS);
            Wire.Sent rest = next(wire);
            assertThat(c.rel(rest.seq)).isEqualTo(3);
            assertThat(rest.text()).isEqualTo("3456789");
        }
    }
}
