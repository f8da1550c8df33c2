package dev.culvert.stack;

import static dev.culvert.stack.fixture.Packets.CLIENT4;
import static dev.culvert.stack.fixture.Packets.CLIENT6;
import static dev.culvert.stack.fixture.Packets.HOST4;
import static dev.culvert.stack.fixture.Packets.HOST6;
import static dev.culvert.stack.fixture.Packets.address;
import static dev.culvert.stack.fixture.Packets.syn;
import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.stack.ip.IpCounter;
import dev.culvert.stack.ip.Refusal;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.net.InetSocketAddress;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.pcap4j.packet.IpPacket;
import org.pcap4j.packet.TcpPacket;

/** The seam between IP and TCP: segments reach TCP whole, and its answers leave. TCP itself is tested next to it. */
class TcpThroughStackTest {
    @Test
    void synBecomesARequestWithItsAddresses() {
        try (StackFixture f = new StackFixture()) {
            f.in(syn(CLIENT4, HOST4, 40000, 443));
            f.in(syn(CLIENT6, HOST6, 40001, 8443));
            assertThat(f.tcpRequests).hasSize(2);
            assertThat(f.tcpRequests.get(0).source()).isEqualTo(new InetSocketAddress(address(CLIENT4), 40000));
            assertThat(f.tcpRequests.get(0).destination()).isEqualTo(new InetSocketAddress(address(HOST4), 443));
            assertThat(f.tcpRequests.get(1).source()).isEqualTo(new InetSocketAddress(address(CLIENT6), 40001));
            assertThat(f.tcpRequests.get(1).destination()).isEqualTo(new InetSocketAddress(address(HOST6), 8443));
            f.assertSilent();
        }
    }

    @Test
    void acceptIsAnsweredBySynAck() {
        try (StackFixture f = new StackFixture()) {
            f.in(syn(CLIENT4, HOST4, 40000, 443));
            f.tcpRequests.get(0).accept(new ChannelInboundHandlerAdapter());
            TcpPacket answer = f.outParsed().get(TcpPacket.class);
            assertThat(answer.getHeader().getSyn()).isTrue();
            assertThat(answer.getHeader().getAck()).isTrue();
            assertThat(answer.getHeader().getAcknowledgmentNumber()).isEqualTo(1001);
            assertThat(answer.hasValidChecksum(address(HOST4), address(CLIENT4), false))
                    .isTrue();
        }
    }

    @ParameterizedTest
    @EnumSource(Refusal.class)
    void refusalIsAnsweredInItsKindAndQuotesTheSyn(Refusal refusal) {
        try (StackFixture f = new StackFixture()) {
            byte[] syn = syn(CLIENT4, HOST4, 40000, 443);
            f.in(syn);
            f.tcpRequests.get(0).refuse(refusal);
            switch (refusal) {
                case TIMED_OUT -> f.assertSilent();
                case CONNECTION_REFUSED -> {
                    TcpPacket answer = f.outParsed().get(TcpPacket.class);
                    assertThat(answer.getHeader().getRst()).isTrue();
                    assertThat(answer.getHeader().getAck()).isTrue();
                    assertThat(answer.getHeader().getAcknowledgmentNumber()).isEqualTo(1001);
                }
                default -> {
                    byte[] error = f.out();
                    assertThat(new int[] {error[20], error[21]}).containsExactly(3, refusal.icmpv4Code());
                    byte[] quote = Arrays.copyOfRange(error, 28, error.length);
                    assertThat(quote.length).isGreaterThanOrEqualTo(28);
                    assertThat(quote).isEqualTo(Arrays.copyOf(syn, quote.length));
                    assertThat(f.count(IpCounter.ICMP_ERRORS_OUT)).isEqualTo(1);
                }
            }
            f.assertSilent();
        }
    }

    @Test
    void refusalOverIpv6() {
        try (StackFixture f = new StackFixture()) {
            f.in(syn(CLIENT6, HOST6, 40000, 443));
            f.tcpRequests.get(0).refuse(Refusal.PROHIBITED);
            IpPacket sent = (IpPacket) f.outParsed();
            assertThat(sent.getHeader().getDstAddr()).isEqualTo(address(CLIENT6));
            assertThat(Arrays.copyOfRange(sent.getRawData(), 40, 42)).containsExactly(1, 1);
        }
    }

    @Test
    void flowsEndWithThePacketChannel() {
        try (StackFixture f = new StackFixture()) {
            f.in(syn(CLIENT4, HOST4, 40000, 443));
            f.in(syn(CLIENT4, HOST4, 40001, 443));
            var flow = f.tcpRequests.get(0).accept(new ChannelInboundHandlerAdapter());
            f.out();
            f.channel.close();
            f.channel.runPendingTasks();
            assertThat(flow.isOpen()).isFalse();
            f.channel.checkException();
        }
    }
}
