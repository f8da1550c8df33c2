package dev.culvert.stack.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.stack.tcp.TcpCounters.Counter;
import dev.culvert.stack.wire.Tcp;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** The receiving half: RFC 9293 sections 3.8.6 and 3.10.7.4, RFC 2018, RFC 5961, RFC 7323. */
class TcpReceiveTest {
    @Test
    void oneAckPerBatchCoversAllItsSegments() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            for (int i = 0; i < 5; i++) {
                wire.queue(Tcp.ACK, wire.peerNext, c.iss + 1, "abcd");
                wire.peerNext += 4;
            }
            wire.expectNothing();
            wire.endBatch();
            assertThat(wire.expect("A").ack).isEqualTo(wire.peerNext);
            wire.expectNothing();
            assertThat(c.app.read.toString()).isEqualTo("abcd".repeat(5));
            assertThat(c.app.events).containsExactly("active", "readComplete");
        }
    }

    @Test
    void acknowledgementRidesOnDataThatTheApplicationAnswers() {
        try (Wire wire = new Wire()) {
            Wire.App app = new Wire.App();
            app.onRead = ctx -> ctx.writeAndFlush(wire.alloc().directBuffer().writeBytes(new byte[] {'o', 'k'}));
            Wire.Conn c = wire.connect(app);
            c.data("question", 0);
            Wire.Sent answer = wire.expect("PA");
            assertThat(answer.text()).isEqualTo("ok");
            assertThat(answer.ack).isEqualTo(wire.peerNext);
            wire.expectNothing();
        }
    }

    @Test
    void outOfOrderDataIsAcknowledgedAtOnceWithSack() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect("mss=1460", "sackok");
            int base = wire.peerNext;
            wire.queue(Tcp.ACK, base + 10, c.iss + 1, "bbbbb");
            Wire.Sent first = wire.expect("A");
            assertThat(first.ack).isEqualTo(base);
            assertThat(first.sack).containsExactly(new int[] {base + 10, base + 15});
            wire.queue(Tcp.ACK, base + 30, c.iss + 1, "ddddd");
            assertThat(wire.expect("A").sack)
                    .as("newest first, RFC 2018 section 4")
                    .containsExactly(new int[] {base + 30, base + 35}, new int[] {base + 10, base + 15});
            wire.queue(Tcp.ACK, base + 15, c.iss + 1, "ccccc");
            assertThat(wire.expect("A").sack)
                    .containsExactly(new int[] {base + 10, base + 20}, new int[] {base + 30, base + 35});
            wire.endBatch();
            wire.send(Tcp.ACK, base, c.iss + 1, "aaaaaaaaaa");
            Wire.Sent filled = wire.expect("A");
            assertThat(filled.ack).isEqualTo(base + 20);
            assertThat(filled.sack).containsExactly(new int[] {base + 30, base + 35});
            assertThat(c.app.read.toString()).isEqualTo("aaaaaaaaaabbbbbccccc");
        }
    }

    @Test
    void atMostThreeSackBlocksFit() {
        try (Wire wire = new Wire()) {
            wire.peerTimestamps = true;
            Wire.Conn c = wire.connect("mss=1460", "sackok");
            int base = wire.peerNext;
            for (int i = 1; i <= 5; i++) {
                wire.queue(Tcp.ACK, base + 10 * i, c.iss + 1, "x");
            }
            Wire.Sent last = null;
            for (int i = 0; i < 5; i++) {
                last = wire.expect("A");
            }
            assertThat(java.util.Objects.requireNonNull(last).sack)
                    .containsExactly(new int[] {base + 50, base + 51}, new int[] {base + 40, base + 41}, new int[] {
                        base + 30, base + 31
                    });
            wire.endBatch();
        }
    }

    @Test
    void overlappingSegmentsAreTrimmed() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            int base = wire.peerNext;
            wire.queue(Tcp.ACK, base + 4, c.iss + 1, "efgh");
            wire.queue(Tcp.ACK, base + 2, c.iss + 1, "cdefghij");
            wire.queue(Tcp.ACK, base + 6, c.iss + 1, "ghijkl");
            wire.queue(Tcp.ACK, base, c.iss + 1, "abc");
            wire.endBatch();
            assertThat(c.app.read.toString()).isEqualTo("abcdefghijkl");
        }
    }

    @Test
    void duplicateIsAcknowledgedAtOnceAndNotDelivered_3_10_7_4() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            c.data("abc", 0);
            wire.expect("A");
            wire.queue(Tcp.ACK, wire.peerNext - 3, c.iss + 1, "abc");
            assertThat(wire.expect("A").ack).isEqualTo(wire.peerNext);
            wire.endBatch();
            assertThat(c.app.read.toString()).isEqualTo("abc");
            assertThat(wire.count(Counter.DUPLICATE_SEGMENTS)).isEqualTo(1);
        }
    }

    @Test
    void unreadDataClosesTheWindowAndReadingReopensIt_3_8_6() {
        try (Wire wire = new Wire(TcpConfig.builder().receiveBuffer(4096, 4096))) {
            Wire.App app = new Wire.App();
            app.autoRead = false;
            Wire.Conn c = wire.connect(app);
            for (int i = 0; i < 4; i++) {
                c.data("z".repeat(1024), 0);
                assertThat(wire.expect("A").window).isEqualTo(4096 - 1024 * (i + 1));
            }
            c.data("!", 0);
            wire.peerNext--;
            Wire.Sent probe = wire.expect("A");
            assertThat(probe.window).isZero();
            assertThat(probe.ack).isEqualTo(wire.peerNext);
            assertThat(app.read).isEmpty();
            assertThat(wire.count(Counter.RECEIVE_QUEUED)).isEqualTo(4096);
            c.flow.config().setAutoRead(true);
            wire.channel.runPendingTasks();
            assertThat(wire.expect("A").window).as("window update").isEqualTo(4096);
            assertThat(app.read).hasSize(4096);
            wire.expectNothing();
        }
    }

    @Test
    void rightEdgeNeverMovesLeftAndMovesOnlyBySubstance_3_8_6_2_2() {
        try (Wire wire = new Wire(TcpConfig.builder().receiveBuffer(8192, 8192))) {
            Wire.App app = new Wire.App();
            Wire.Conn c = wire.connect(app);
            int edge = Wire.PEER_ISN + 1 + c.synAck.window;
            for (int i = 0; i < 40; i++) {
                c.data("tiny", 0);
                Wire.Sent ack = wire.expect("A");
                int now = ack.ack + ack.window;
                assertThat(now).isGreaterThanOrEqualTo(edge);
                if (now != edge) {
                    assertThat(now - edge).isGreaterThanOrEqualTo(1460);
                }
                edge = now;
            }
        }
    }

    @Test
    void backPressureByReadDeliversOnlyWhatWasAskedFor() {
        try (Wire wire = new Wire()) {
            Wire.App app = new Wire.App();
            app.autoRead = false;
            Wire.Conn c = wire.connect(app);
            c.data("one", 0);
            assertThat(app.read).isEmpty();
            c.flow.read();
            wire.channel.runPendingTasks();
            assertThat(app.read.toString()).isEqualTo("one");
            c.data("two", 0);
            assertThat(app.read.toString()).isEqualTo("one");
            c.flow.read();
            wire.channel.runPendingTasks();
            assertThat(app.read.toString()).isEqualTo("onetwo");
        }
    }

    @Test
    void autoReadClearedInTheMiddleOfABatchStopsDelivery() {
        try (Wire wire = new Wire()) {
            Wire.App app = new Wire.App();
            app.onRead = ctx -> ctx.channel().config().setAutoRead(false);
            Wire.Conn c = wire.connect(app);
            wire.queue(Tcp.ACK, wire.peerNext, c.iss + 1, "one");
            wire.queue(Tcp.ACK, wire.peerNext + 3, c.iss + 1, "two");
            wire.endBatch();
            assertThat(app.read.toString()).isEqualTo("one");
            assertThat(wire.count(Counter.RECEIVE_QUEUED)).isEqualTo(3);
        }
    }

    @Test
    void manySmallUnreadSegmentsGatherInFewBuffers() {
        try (Wire wire = new Wire()) {
            Wire.App app = new Wire.App();
            app.autoRead = false;
            Wire.Conn c = wire.connect(app);
            io.netty.buffer.ByteBuf packet = wire.alloc().directBuffer(65_536);
            for (int i = 0; i < 1000; i++) {
                io.netty.buffer.ByteBuf p = wire.packet(Tcp.ACK, wire.peerNext++, c.iss + 1, new byte[] {'x'});
                packet.clear().writeBytes(p);
                p.release();
                wire.receive(packet);
            }
            assertThat(packet.refCnt()).as("nothing keeps the packet buffer").isEqualTo(1);
            packet.release();
            wire.endBatch();
            c.flow.config().setAutoRead(true);
            wire.channel.runPendingTasks();
            assertThat(app.read).hasSize(1000);
            assertThat(app.reads).isEqualTo(1);
        }
    }

    @Test
    void receiveBufferGrowsWhileTheApplicationKeepsUp() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect("mss=1460", "ws=7");
            byte[] chunk = new byte[60_000];
            int window = 0;
            for (int i = 0; i < 400; i++) {
                wire.queue(Tcp.ACK, wire.peerNext, c.iss + 1, chunk);
                wire.peerNext += chunk.length;
                wire.endBatch();
                window = wire.expect("A").window << 8;
            }
            assertThat(window).isEqualTo(8 << 20);
        }
    }

    @Test
    void resetCountsOnlyWithTheExactSequenceNumber_RFC5961_3() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            wire.advance(1, TimeUnit.SECONDS);
            wire.send(Tcp.RST, wire.peerNext + 100, 0, "");
            assertThat(wire.expect("A").ack).as("challenge").isEqualTo(wire.peerNext);
            wire.send(Tcp.RST, wire.peerNext + 100, 0, "");
            wire.expectNothing();
            wire.send(Tcp.RST, wire.peerNext - 1, 0, "");
            wire.expectNothing();
            assertThat(c.flow.isActive()).isTrue();
            wire.send(Tcp.RST, wire.peerNext, 0, "");
            assertThat(c.flow.isOpen()).isFalse();
            assertThat(c.app.events).hasSize(3);
            assertThat(c.app.events.get(1)).startsWith("exception: Connection reset by peer");
            assertThat(c.app.events.get(2)).isEqualTo("inactive");
            wire.expectEmpty();
        }
    }

    @Test
    void synInAConnectionIsChallenged_RFC5961_4() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            wire.advance(1, TimeUnit.SECONDS);
            wire.send(Tcp.SYN, wire.peerNext + 5, 0, "");
            assertThat(wire.expect("A").ack).isEqualTo(wire.peerNext);
            assertThat(c.flow.isActive()).isTrue();
        }
    }

    @Test
    void ackOfWhatWasNeverSentIsChallengedAndItsDataDropped_RFC5961_5() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            wire.advance(1, TimeUnit.SECONDS);
            wire.send(Tcp.ACK, wire.peerNext, c.iss + 1000, "evil");
            assertThat(wire.expect("A").ack).isEqualTo(wire.peerNext);
            assertThat(c.app.read).isEmpty();
            assertThat(wire.count(Counter.DROPPED_BAD_ACK)).isEqualTo(1);
        }
    }

    @Test
    void segmentWithoutAckIsDropped() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            wire.send(Tcp.PSH, wire.peerNext, 0, "x");
            wire.expectNothing();
            assertThat(c.app.read).isEmpty();
        }
    }

    @Test
    void olderTimestampIsRejected_PAWS_RFC7323_5() {
        try (Wire wire = new Wire()) {
            wire.peerTimestamps = true;
            Wire.Conn c = wire.connect();
            wire.peerClock += 100;
            c.data("new", 0);
            assertThat(wire.expect("A").timestampEcho).isEqualTo(wire.peerClock);
            wire.peerClock -= 50;
            wire.send(Tcp.ACK, wire.peerNext, c.iss + 1, "old");
            wire.expect("A");
            assertThat(c.app.read.toString()).isEqualTo("new");
            assertThat(wire.count(Counter.DROPPED_PAWS)).isEqualTo(1);
            wire.peerTimestamps = false;
            wire.send(Tcp.ACK, wire.peerNext, c.iss + 1, "none");
            assertThat(c.app.read.toString()).isEqualTo("new");
            assertThat(wire.count(Counter.DROPPED_NO_TIMESTAMP)).isEqualTo(1);
        }
    }

    @Test
    void urgentDataStaysInBand() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            wire.send(Tcp.ACK | Tcp.URG | Tcp.PSH, wire.peerNext, c.iss + 1, "urgent");
            assertThat(c.app.read.toString()).isEqualTo("urgent");
        }
    }

    @Test
    void keepAliveProbeOfThePeerIsAnswered_3_8_4() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            wire.advance(1, TimeUnit.SECONDS);
            wire.send(Tcp.ACK, wire.peerNext - 1, c.iss + 1, "");
            assertThat(wire.expect("A").ack).isEqualTo(wire.peerNext);
        }
    }

    /** The channel's holder stands for another host: where that is dead the peer's kernel is to find it out by itself. */
    @Test
    void keepAliveProbeIsTheHoldersToAnswer() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            int[] asked = {0};
            c.flow.onKeepAlive(() -> asked[0]++);
            for (String payload : new String[] {"", "x"}) {
                wire.advance(5, TimeUnit.SECONDS);
                asked[0] = 0;
                wire.send(Tcp.ACK, wire.peerNext - 1, c.iss + 1, payload);
                wire.expectNothing();
                assertThat(asked[0]).isEqualTo(1);
                wire.send(Tcp.ACK, wire.peerNext - 1, c.iss + 1, payload);
                wire.expectNothing();
                assertThat(asked[0]).as("at once again").isEqualTo(1);
                c.flow.answerKeepAlive();
                assertThat(wire.expect("A").ack).isEqualTo(wire.peerNext);
                c.flow.answerKeepAlive();
                wire.expectNothing();
            }
            assertThat(c.app.read.toString()).isEmpty();
        }
    }

    /** What is no keep-alive probe is answered as ever, whoever answers those. */
    @Test
    void othersThatComeAgainAreAnsweredAtOnce() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            int[] asked = {0};
            c.flow.onKeepAlive(() -> asked[0]++);
            wire.send(Tcp.ACK | Tcp.PSH, wire.peerNext, c.iss + 1, "k");
            wire.peerNext++;
            assertThat(wire.expect("A").ack).isEqualTo(wire.peerNext);
            wire.advance(200, TimeUnit.MILLISECONDS);
            wire.send(Tcp.ACK | Tcp.PSH, wire.peerNext - 1, c.iss + 1, "k"); // its ACK was late
            assertThat(wire.expect("A").ack).isEqualTo(wire.peerNext);
            wire.advance(5, TimeUnit.SECONDS);
            wire.send(Tcp.ACK, wire.peerNext - 2, c.iss + 1, "");
            assertThat(wire.expect("A").ack).isEqualTo(wire.peerNext);
            wire.advance(5, TimeUnit.SECONDS);
            wire.send(Tcp.ACK | Tcp.FIN, wire.peerNext - 1, c.iss + 1, "k");
            assertThat(wire.expect("A").ack).isEqualTo(wire.peerNext + 1);
            assertThat(asked[0]).isZero();
        }
    }

    /** RFC 9293 section 3.8.6.1: a probe of a closed window, which Linux writes as it writes a keep-alive probe. */
    @Test
    void probeOfAClosedWindowIsAnsweredAtOnce() {
        try (Wire wire = new Wire(TcpConfig.builder().receiveBuffer(4_096, 4_096))) {
            Wire.Conn c = wire.connect();
            int[] asked = {0};
            c.flow.onKeepAlive(() -> asked[0]++);
            c.flow.config().setAutoRead(false);
            while (wire.peerNext < Wire.PEER_ISN + 1 + 4_096) {
                wire.send(Tcp.ACK, wire.peerNext, c.iss + 1, "x".repeat(1_024));
                wire.peerNext += 1_024;
            }
            wire.sent.clear();
            wire.advance(5, TimeUnit.SECONDS);
            wire.send(Tcp.ACK, wire.peerNext - 1, c.iss + 1, "");
            assertThat(wire.expect("A").ack).isEqualTo(wire.peerNext);
            assertThat(asked[0]).isZero();
            c.flow.config().setAutoRead(true);
            wire.advance(1, TimeUnit.SECONDS);
            wire.sent.clear();
        }
    }

    @Test
    void outOfOrderQueueIsBounded() {
        try (Wire wire = new Wire()) {
            Wire.Conn c = wire.connect();
            for (int i = 0; i < OutOfOrderQueue.MAX_SEGMENTS + 10; i++) {
                wire.queue(Tcp.ACK, wire.peerNext + 10 + 2 * i, c.iss + 1, "x");
            }
            wire.endBatch();
            assertThat(wire.count(Counter.DROPPED_QUEUE_FULL)).isEqualTo(10);
            wire.sent.clear();
        }
    }

    @Test
    void outOfOrderDataCountsAgainstTheBudgetOfAllFlows() {
        try (Wire wire = new Wire(TcpConfig.builder().receiveBuffer(4096, 4096).receiveBudget(4096))) {
            Wire.Conn one = wire.connect();
            int first = wire.peerPort++;
            Wire.Conn other = wire.connect();
            wire.peerPort = first;
            wire.queue(Tcp.ACK, wire.peerNext + 1000, one.iss + 1, new byte[3000]);
            wire.endBatch();
            assertThat(wire.count(Counter.RECEIVE_QUEUED)).isEqualTo(3000);
            wire.sent.clear();
            wire.peerPort++;
            wire.queue(Tcp.ACK, wire.peerNext + 10, other.iss + 1, new byte[1050]);
            wire.queue(Tcp.ACK, wire.peerNext + 2000, other.iss + 1, new byte[1096]);
            wire.queue(Tcp.ACK, wire.peerNext + 20, other.iss + 1, new byte[20]);
            wire.endBatch();
            assertThat(wire.count(Counter.DROPPED_QUEUE_FULL)).isPositive();
            assertThat(wire.count(Counter.RECEIVE_QUEUED)).isLessThanOrEqualTo(4096);
            wire.sent.clear();
            wire.peerPort = first;
            wire.send(Tcp.RST, Wire.PEER_ISN + 1, 0, "");
            wire.peerPort++;
            wire.send(Tcp.RST, Wire.PEER_ISN + 1, 0, "");
            wire.expectEmpty();
        }
    }

    @Test
    void sequenceNumbersWrap() {
        try (Wire wire = new Wire()) {
            wire.send(Tcp.SYN, -3, 0, "", "mss=1460");
            Wire.App app = new Wire.App();
            wire.requests.get(0).accept(app);
            int iss = wire.expect("SA").seq;
            wire.send(Tcp.ACK, -2, iss + 1, "");
            wire.send(Tcp.ACK, -2, iss + 1, "abcdef");
            assertThat(wire.expect("A").ack).isEqualTo(4);
            wire.send(Tcp.ACK, 4, iss + 1, "gh");
            assertThat(app.read.toString()).isEqualTo("abcdefgh");
        }
    }

    @Test
    void bufferGrowsToTwiceWhatAFarPeerCanSendInARoundTrip() {
        try (Wire wire = new Wire(TcpConfig.builder().receiveBuffer(BUFFER, 8 << 20))) {
            Wire.Conn c = wire.connect("mss=1460", "ws=10");
            c.data("x", 0);
            for (int i = 0; i < 8; i++) {
                wire.advance(50, TimeUnit.MILLISECONDS); // what the peer was told comes back as data a round trip later
                sendUpTo(c.flow.connection().receiver.edge, wire, c);
            }
            assertThat(c.flow.connection().receiver.buffer()).isGreaterThanOrEqualTo(4 << 20);
            for (int i = 0; i < 4; i++) {
                wire.advance(50, TimeUnit.MILLISECONDS);
                sendUpTo(c.flow.connection().receiver.edge, wire, c);
            }
            assertThat(c.flow.connection().receiver.buffer()).isEqualTo(8 << 20);
        }
    }

    @Test
    void bufferOfANearPeerDoesNotGrowBecauseDataWaits() {
        try (Wire wire = new Wire(TcpConfig.builder().receiveBuffer(BUFFER, 8 << 20))) {
            Wire.Conn c = wire.connect("mss=1460", "ws=10");
            c.data("x", 0);
            wire.advance(1, TimeUnit.MILLISECONDS);
            sendUpTo(c.flow.connection().receiver.edge, wire, c);
            // The same rate all the time, 256 KiB in 5 ms; but the first round trip was 1 ms, so the rest is waiting.
            for (int i = 0; i < 50; i++) {
                wire.advance(5, TimeUnit.MILLISECONDS);
                sendUpTo(c.flow.connection().receiver.edge, wire, c);
            }
            assertThat(c.flow.connection().receiver.buffer()).isLessThanOrEqualTo(2 * BUFFER);
        }
    }

    private static final int BUFFER = 256 << 10;

    private static void sendUpTo(int edge, Wire wire, Wire.Conn c) {
        while (wire.peerNext != edge) {
            int n = Math.min(32_000, edge - wire.peerNext);
            wire.queue(Tcp.ACK, wire.peerNext, c.iss + 1, "d".repeat(n));
            wire.peerNext += n;
        }
        wire.endBatch();
    }
}
