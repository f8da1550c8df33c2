package dev.culvert.stack.tcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.stack.ip.Refusal;
import dev.culvert.stack.tcp.TcpCounters.Counter;
import dev.culvert.stack.wire.Tcp;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** RFC 9293 sections 3.5 and 3.10.7.2: opening. */
class TcpHandshakeTest {
    @Test
    void synBecomesARequestAndIsNotAnsweredBeforeItIsAccepted() {
        try (Wire wire = new Wire()) {
            TcpRequest request = wire.syn();
            wire.expectNothing();
            assertThat(request.source().toString()).isEqualTo("/10.0.0.1:40000");
            assertThat(request.destination().toString()).isEqualTo("/192.168.1.2:80");
            assertThat(wire.count(Counter.PENDING)).isEqualTo(1);
            assertThat(request.isPending()).isTrue();
        }
    }

    @Test
    void acceptAnswersSynAckWithOptionsOnlyIfOffered() {
        try (Wire wire = new Wire()) {
            wire.syn("mss=1460").accept(new Wire.App());
            Wire.Sent synAck = wire.expect("SA");
            assertThat(synAck.ack).isEqualTo(Wire.PEER_ISN + 1);
            assertThat(synAck.mss).isEqualTo(1460);
            assertThat(synAck.windowScale).isEqualTo(-1);
            assertThat(synAck.sackPermitted).isFalse();
            assertThat(synAck.timestamps).isFalse();
        }
    }

    @Test
    void offeredOptionsAreAnswered() {
        try (Wire wire = new Wire()) {
            wire.peerTimestamps = true;
            wire.syn("mss=1460", "ws=7", "sackok").accept(new Wire.App());
            Wire.Sent synAck = wire.expect("SA");
            assertThat(synAck.windowScale).isEqualTo(8);
            assertThat(synAck.sackPermitted).isTrue();
            assertThat(synAck.timestamps).isTrue();
            assertThat(synAck.timestampEcho).isEqualTo(5_000);
            assertThat(synAck.window).as("RFC 7323 2.2: not scaled").isEqualTo(65_535);
        }
    }

    @Test
    void mssOfIpv6LeavesRoomForItsHeader() {
        try (Wire wire = new Wire()) {
            wire.ipv6 = true;
            Wire.Conn c = wire.connect("mss=1440");
            assertThat(c.synAck.mss).isEqualTo(1440);
            assertThat(c.flow.remoteAddress().getAddress().getHostAddress()).isEqualTo("fd00:0:0:0:0:0:0:1");
            assertThat(c.flow.localAddress().getAddress().getHostAddress()).isEqualTo("2001:db8:0:0:0:0:0:2");
        }
    }

    @Test
    void channelBecomesActiveWithTheAckOfSynAck() {
        try (Wire wire = new Wire()) {
            Wire.App app = new Wire.App();
            TcpFlow flow = wire.syn().accept(app);
            assertThat(flow.isRegistered()).isTrue();
            assertThat(flow.isActive()).isFalse();
            int iss = wire.expect("SA").seq;
            wire.send(Tcp.ACK, Wire.PEER_ISN + 1, iss + 1, "");
            assertThat(flow.isActive()).isTrue();
            assertThat(app.active).isEqualTo(1);
            assertThat(flow.parent()).isSameAs(wire.channel);
            assertThat(flow.eventLoop()).isSameAs(wire.channel.eventLoop());
        }
    }

    @Test
    void dataMayComeWithTheAckOfSynAck() {
        try (Wire wire = new Wire()) {
            Wire.App app = new Wire.App();
            wire.syn().accept(app);
            int iss = wire.expect("SA").seq;
            wire.send(Tcp.ACK | Tcp.PSH, Wire.PEER_ISN + 1, iss + 1, "hello");
            assertThat(app.read.toString()).isEqualTo("hello");
            assertThat(wire.expect("A").ack).isEqualTo(Wire.PEER_ISN + 6);
        }
    }

    @Test
    void wrongAckInSynReceivedIsReset_3_10_7_4() {
        try (Wire wire = new Wire()) {
            wire.syn().accept(new Wire.App());
            int iss = wire.expect("SA").seq;
            wire.send(Tcp.ACK, Wire.PEER_ISN + 1, iss + 77, "");
            assertThat(wire.expect("R").seq).isEqualTo(iss + 77);
        }
    }

    @Test
    void retransmittedSynIsAbsorbedWhileTheRequestIsPending() {
        try (Wire wire = new Wire()) {
            wire.syn();
            wire.send(Tcp.SYN, Wire.PEER_ISN, 0, "", "mss=1460");
            assertThat(wire.requests).hasSize(1);
            assertThat(wire.count(Counter.SYN_RETRANSMITS_IN)).isEqualTo(1);
            wire.expectNothing();
        }
    }

    @Test
    void retransmittedSynIsAnsweredAgainAfterAccept() {
        try (Wire wire = new Wire()) {
            wire.syn().accept(new Wire.App());
            int iss = wire.expect("SA").seq;
            wire.send(Tcp.SYN, Wire.PEER_ISN, 0, "", "mss=1460");
            assertThat(wire.expect("SA").seq).isEqualTo(iss);
        }
    }

    @Test
    void synWithAnotherIsnReplacesThePendingRequest() {
        try (Wire wire = new Wire()) {
            TcpRequest first = wire.syn();
            int[] abandoned = {0};
            first.onAbandoned(() -> abandoned[0]++);
            wire.send(Tcp.SYN, 99_999, 0, "", "mss=1460");
            assertThat(abandoned[0]).isEqualTo(1);
            assertThat(first.isPending()).isFalse();
            assertThat(wire.requests).hasSize(2);
            assertThat(wire.count(Counter.PENDING)).isEqualTo(1);
        }
    }

    @Test
    void resetAbandonsThePendingRequest() {
        try (Wire wire = new Wire()) {
            TcpRequest request = wire.syn();
            int[] abandoned = {0};
            request.onAbandoned(() -> abandoned[0]++);
            wire.send(Tcp.RST, Wire.PEER_ISN + 9, 0, "");
            assertThat(abandoned[0]).as("wrong sequence number").isZero();
            wire.send(Tcp.RST, Wire.PEER_ISN + 1, 0, "");
            assertThat(abandoned[0]).isEqualTo(1);
            assertThatThrownBy(() -> request.accept(new Wire.App())).isInstanceOf(IllegalStateException.class);
            request.refuse(Refusal.CONNECTION_REFUSED);
            wire.expectNothing();
            wire.expectEmpty();
        }
    }

    @Test
    void requestIsAbandonedWhenThePeerStopsRetransmitting() {
        try (Wire wire = new Wire()) {
            int[] abandoned = {0};
            wire.syn().onAbandoned(() -> abandoned[0]++);
            wire.advance(4_900, TimeUnit.MILLISECONDS);
            assertThat(abandoned[0]).isZero();
            wire.advance(200, TimeUnit.MILLISECONDS);
            assertThat(abandoned[0]).isEqualTo(1);
            wire.expectEmpty();
            wire.expectNothing();
        }
    }

    @Test
    void requestLivesWhileThePeerRetransmitsWithBackOff() {
        try (Wire wire = new Wire()) {
            int[] abandoned = {0};
            wire.syn().onAbandoned(() -> abandoned[0]++);
            for (int gap : new int[] {1, 2, 4, 8, 16}) {
                wire.advance(gap, TimeUnit.SECONDS);
                wire.send(Tcp.SYN, Wire.PEER_ISN, 0, "", "mss=1460");
            }
            assertThat(abandoned[0]).isZero();
            wire.advance(75, TimeUnit.SECONDS);
            assertThat(abandoned[0]).isEqualTo(1);
        }
    }

    @Test
    void refusalIsAResetThatAcknowledgesTheSyn_3_5_2() {
        try (Wire wire = new Wire()) {
            wire.syn().refuse(Refusal.CONNECTION_REFUSED);
            Wire.Sent reset = wire.expect("RA");
            assertThat(reset.seq).isZero();
            assertThat(reset.ack).isEqualTo(Wire.PEER_ISN + 1);
            wire.expectEmpty();
        }
    }

    @Test
    void refusalByTimeoutIsSilent() {
        try (Wire wire = new Wire()) {
            wire.syn().refuse(Refusal.TIMED_OUT);
            wire.expectNothing();
            assertThat(wire.icmp).isEmpty();
        }
    }

    @Test
    void otherRefusalsQuoteTheSynAsItCame() {
        try (Wire wire = new Wire()) {
            wire.syn().refuse(Refusal.PROHIBITED);
            wire.expectNothing();
            assertThat(wire.icmp).containsExactly(Refusal.PROHIBITED);
            assertThat(wire.icmpQuotes.get(0))
                    .hasSize(2 * 44)
                    .startsWith("4500")
                    .endsWith("020405b4");
        }
    }

    @Test
    void synAckIsRetransmittedWithBackOffThenGivenUp() {
        try (Wire wire = new Wire()) {
            Wire.App app = new Wire.App();
            TcpFlow flow = wire.syn().accept(app);
            wire.expect("SA");
            for (int gap : new int[] {1, 2, 4, 8, 16}) {
                int waited = 0;
                while (wire.sent.isEmpty()) {
                    wire.advance(10, TimeUnit.MILLISECONDS);
                    waited += 10;
                }
                wire.expect("SA");
                assertThat(waited).isBetween(gap * 1000, gap * 1000 + 20);
            }
            wire.advance(40, TimeUnit.SECONDS);
            assertThat(flow.isOpen()).isFalse();
            assertThat(flow.closeFuture().isDone()).isTrue();
            assertThat(app.events).hasSize(1);
            assertThat(app.events.get(0)).startsWith("exception: Connection timed out");
            wire.expectEmpty();
        }
    }

    @Test
    void segmentsForNoConnectionAreReset_3_10_7_1() {
        try (Wire wire = new Wire()) {
            wire.send(Tcp.ACK, 5, 77, "x");
            assertThat(wire.expect("R").seq).isEqualTo(77);
            wire.send(Tcp.FIN, 5, 77, "xyz");
            assertThat(wire.expect("RA").ack).isEqualTo(9);
            wire.send(Tcp.RST, 5, 77, "");
            wire.expectNothing();
        }
    }

    @Test
    void synOfPort0IsDroppedSilently() {
        try (Wire wire = new Wire()) {
            wire.peerPort = 0;
            wire.send(Tcp.SYN, 1, 0, "");
            wire.peerPort = 1;
            wire.serverPort = 0;
            wire.send(Tcp.SYN, 1, 0, "");
            wire.expectNothing();
            assertThat(wire.requests).isEmpty();
            assertThat(wire.count(Counter.DROPPED_ADDRESS)).isEqualTo(2);
        }
    }

    @Test
    void pendingRequestsAreCappedPerSourceAndInAll() {
        try (Wire wire = new Wire(TcpConfig.builder().maxPending(5, 3))) {
            for (int i = 0; i < 4; i++) {
                wire.peerPort = 50_000 + i;
                wire.send(Tcp.SYN, 1, 0, "");
            }
            assertThat(wire.requests).hasSize(3);
            assertThat(wire.count(Counter.DROPPED_SYN_LIMIT)).isEqualTo(1);
            wire.requests.get(0).refuse(Refusal.TIMED_OUT);
            wire.send(Tcp.SYN, 1, 0, "");
            assertThat(wire.requests).as("a place was free again").hasSize(4);
            wire.ipv6 = true;
            for (int i = 0; i < 4; i++) {
                wire.peerPort = 50_000 + i;
                wire.send(Tcp.SYN, 1, 0, "");
            }
            assertThat(wire.requests).as("5 in all").hasSize(6);
            assertThat(wire.count(Counter.PENDING)).isEqualTo(5);
        }
    }

    @Test
    void flowsAreCapped() {
        try (Wire wire = new Wire(TcpConfig.builder().maxFlows(1))) {
            wire.connect();
            wire.peerPort++;
            wire.send(Tcp.SYN, 1, 0, "");
            assertThat(wire.requests).hasSize(1);
            assertThat(wire.count(Counter.DROPPED_SYN_LIMIT)).isEqualTo(1);
        }
    }

    @Test
    void initialSequenceNumbersDifferByConnectionAndGrowWithTime_3_4_1() {
        try (Wire wire = new Wire()) {
            wire.syn().accept(new Wire.App());
            int first = wire.expect("SA").seq;
            wire.peerPort++;
            wire.syn().accept(new Wire.App());
            assertThat(Math.abs((long) wire.expect("SA").seq - first)).isGreaterThan(1000);
            wire.peerPort--;
            wire.send(Tcp.RST, Wire.PEER_ISN + 1, 0, "");
            wire.advance(1, TimeUnit.SECONDS);
            wire.sent.clear();
            wire.syn().accept(new Wire.App());
            assertThat(wire.expect("SA").seq - first).isBetween(240_000, 260_000);
        }
    }

    @Test
    void closeBeforeTheHandshakeIsOverSendsFinAfterIt() {
        try (Wire wire = new Wire()) {
            Wire.App app = new Wire.App();
            app.onActive = ctx -> ctx.close();
            wire.syn().accept(app);
            int iss = wire.expect("SA").seq;
            wire.send(Tcp.ACK, Wire.PEER_ISN + 1, iss + 1, "");
            assertThat(wire.expect("FA").seq).isEqualTo(iss + 1);
        }
    }

    @Test
    void malformedSegmentsAreCountedAndDropped() {
        try (Wire wire = new Wire()) {
            wire.send(Tcp.SYN, 2, 0, "", "hex=02ff05b4");
            assertThat(wire.count(Counter.DROPPED_MALFORMED)).isEqualTo(1);
            wire.send(Tcp.SYN, 2, 0, "", "hex=01010800");
            assertThat(wire.count(Counter.DROPPED_MALFORMED)).isEqualTo(2);
        }
    }

    @Test
    void failingListenerRefusesItsRequestOnly() {
        try (Wire wire = new Wire()) {
            wire.listenerFailure = new IllegalStateException("bug");
            wire.send(Tcp.SYN, 1, 0, "");
            assertThat(wire.expect("RA").ack).isEqualTo(2);
            wire.listenerFailure = null;
            wire.connect();
        }
    }

    @Test
    void settingsOutOfRangeAreRefusedByName() {
        assertThatThrownBy(() -> TcpConfig.builder().mtu(100).build())
                .hasMessageContaining("mtu=100")
                .hasMessageContaining("1280");
        assertThatThrownBy(() ->
                        TcpConfig.builder().userTimeout(Duration.ofSeconds(5)).build())
                .hasMessageContaining("userTimeout");
    }
}
