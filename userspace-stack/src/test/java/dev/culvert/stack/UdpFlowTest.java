package dev.culvert.stack;

import static dev.culvert.stack.fixture.Packets.CLIENT4;
import static dev.culvert.stack.fixture.Packets.CLIENT6;
import static dev.culvert.stack.fixture.Packets.HOST4;
import static dev.culvert.stack.fixture.Packets.HOST6;
import static dev.culvert.stack.fixture.Packets.address;
import static dev.culvert.stack.fixture.Packets.bytes;
import static dev.culvert.stack.fixture.Packets.udp;
import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.stack.fixture.Packets;
import dev.culvert.stack.ip.IpCounter;
import dev.culvert.stack.ip.Refusal;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.socket.DatagramPacket;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pcap4j.packet.IcmpV4CommonPacket;
import org.pcap4j.packet.IcmpV6CommonPacket;
import org.pcap4j.packet.IpPacket;
import org.pcap4j.packet.IpV4Packet;
import org.pcap4j.packet.Packet;
import org.pcap4j.packet.UdpPacket;

class UdpFlowTest {
    private static DatagramPacket reply(String from, int port, byte[] data) {
        return new DatagramPacket(
                Unpooled.wrappedBuffer(data),
                new InetSocketAddress("0.0.0.0", 0),
                new InetSocketAddress(address(from), port));
    }

    private static void assertDatagram(DatagramPacket datagram, String to, int port, byte[] data) {
        try {
            assertThat(datagram.recipient()).isEqualTo(new InetSocketAddress(address(to), port));
            assertThat(ByteBufUtil.getBytes(datagram.content())).isEqualTo(data);
        } finally {
            datagram.release();
        }
    }

    @ParameterizedTest
    @CsvSource({CLIENT4 + "," + HOST4, CLIENT6 + "," + HOST6})
    void deliversTheFirstDatagramAfterChannelActive(String client, String host) {
        try (StackFixture f = new StackFixture()) {
            f.in(udp(client, host, 40000, 5000, bytes(99)));
            assertThat(f.udpFlows).hasSize(1);
            assertThat(f.udpFlows.get(0).remoteAddress()).isEqualTo(new InetSocketAddress(address(client), 40000));
            assertThat(f.udpFlows.get(0).parent()).isSameAs(f.channel);
            assertThat(f.lifecycle).containsExactly("active", "complete");
            assertDatagram(f.next(), host, 5000, bytes(99));
        }
    }

    @Test
    void oneMappingServesAllDestinations() {
        try (StackFixture f = new StackFixture()) {
            f.in(udp(CLIENT4, HOST4, 40000, 5000, bytes(1)));
            f.in(udp(CLIENT4, "8.8.8.8", 40000, 5001, bytes(2)));
            f.in(udp(CLIENT4, HOST4, 40001, 5000, bytes(3)));
            assertThat(f.udpFlows).hasSize(2);
            assertDatagram(f.next(), HOST4, 5000, bytes(1));
            assertDatagram(f.next(), "8.8.8.8", 5001, bytes(2));
            assertDatagram(f.next(), HOST4, 5000, bytes(3));
        }
    }

    @Test
    void emptyDatagramIsADatagram() {
        try (StackFixture f = new StackFixture()) {
            f.in(udp(CLIENT4, HOST4, 40000, 5000, new byte[0]));
            assertDatagram(f.next(), HOST4, 5000, new byte[0]);
            f.udpFlows.get(0).writeAndFlush(reply(HOST4, 5000, new byte[0]));
            UdpPacket sent = f.outParsed().get(UdpPacket.class);
            assertThat(sent.getHeader().getLengthAsInt()).isEqualTo(8);
        }
    }

    @ParameterizedTest
    @CsvSource({
        CLIENT4 + "," + HOST4 + ",1",
        CLIENT4 + "," + HOST4 + ",1472",
        CLIENT6 + "," + HOST6 + ",1",
        CLIENT6 + "," + HOST6 + ",1452"
    })
    void writesOnePacketThatTheOracleAccepts(String client, String host, int length) {
        try (StackFixture f = new StackFixture()) {
            f.in(udp(client, host, 40000, 5000, bytes(1)));
            f.udpFlows.get(0).writeAndFlush(reply(host, 5000, bytes(length)));
            IpPacket sent = (IpPacket) f.outParsed();
            UdpPacket datagram = sent.get(UdpPacket.class);
            assertThat(sent.getHeader().getSrcAddr()).isEqualTo(address(host));
            assertThat(sent.getHeader().getDstAddr()).isEqualTo(address(client));
            assertThat(datagram.getHeader().getSrcPort().valueAsInt()).isEqualTo(5000);
            assertThat(datagram.getHeader().getDstPort().valueAsInt()).isEqualTo(40000);
            assertThat(datagram.hasValidChecksum(address(host), address(client), false))
                    .isTrue();
            assertThat(datagram.getPayload().getRawData()).isEqualTo(bytes(length));
            if (sent instanceof IpV4Packet v4) {
                assertThat(v4.getHeader().hasValidChecksum(false)).isTrue();
                assertThat(v4.getHeader().getDontFragmentFlag()).isTrue();
            }
            f.assertSilent();
            assertThat(f.count(IpCounter.UDP_OUT)).isEqualTo(1);
        }
    }

    @Test
    void aDatagramTooLongForUdpFailsItsWriteAlone() {
        try (StackFixture f = new StackFixture()) {
            f.in(udp(CLIENT4, HOST4, 40000, 5000, bytes(1)));
            UdpFlow flow = f.udpFlows.get(0);
            ChannelFuture tooLong = flow.write(reply(HOST4, 5000, bytes(65_508)));
            ChannelFuture otherFamily = flow.write(reply(HOST6, 5000, bytes(1)));
            ChannelFuture noDatagram = flow.write(Unpooled.wrappedBuffer(bytes(1)));
            ChannelFuture good = flow.writeAndFlush(reply(HOST4, 5000, bytes(1)));
            assertThat(tooLong.cause())
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("65508");
            assertThat(otherFamily.cause()).isInstanceOf(IllegalArgumentException.class);
            assertThat(noDatagram.cause()).isInstanceOf(UnsupportedOperationException.class);
            assertThat(good.isSuccess()).isTrue();
            assertThat(f.outParsed().contains(UdpPacket.class)).isTrue();
        }
    }

    @Test
    void closesWhenIdleForFiveMinutesAndNotBefore() {
        try (StackFixture f = new StackFixture()) {
            f.in(udp(CLIENT4, HOST4, 40000, 5000, bytes(1)));
            f.advance(200, TimeUnit.SECONDS);
            f.udpFlows.get(0).writeAndFlush(reply(HOST4, 5000, bytes(1)));
            f.advance(299, TimeUnit.SECONDS);
            assertThat(f.udpFlows.get(0).isOpen()).isTrue();
            f.advance(1100, TimeUnit.MILLISECONDS);
            assertThat(f.udpFlows.get(0).isOpen()).isFalse();
            assertThat(f.lifecycle).endsWith("inactive");
            assertThat(f.count(IpCounter.UDP_FLOWS_IDLE)).isEqualTo(1);
            assertThat(f.stack.stats().udpFlows()).isZero();
            f.in(udp(CLIENT4, HOST4, 40000, 5000, bytes(1)));
            assertThat(f.udpFlows).hasSize(2);
        }
    }

    @Test
    void answeredDnsFlowIsShortUnansweredIsNot() {
        try (StackFixture f = new StackFixture()) {
            f.in(udp(CLIENT4, HOST4, 40000, 53, bytes(30)));
            f.in(udp(CLIENT4, HOST4, 40001, 53, bytes(30)));
            f.in(udp(CLIENT4, HOST4, 40001, 53, bytes(30)));
            f.in(udp(CLIENT4, HOST4, 40002, 5353, bytes(30)));
            for (UdpFlow flow : f.udpFlows) {
                flow.writeAndFlush(reply(HOST4, 53, bytes(60)));
            }
            f.advance(11, TimeUnit.SECONDS);
            assertThat(f.udpFlows.get(0).isOpen()).as("answered").isFalse();
            assertThat(f.udpFlows.get(1).isOpen())
                    .as("one answer for two questions")
                    .isTrue();
            assertThat(f.udpFlows.get(2).isOpen()).as("not DNS").isTrue();
        }
    }

    @Test
    void fullTableEvictsTheFlowIdleLongest() {
        StackConfig.Builder config = StackConfig.builder().udp(3, Duration.ofMinutes(5), Duration.ofSeconds(10));
        try (StackFixture f = new StackFixture(config)) {
            for (int port = 1; port <= 3; port++) {
                f.in(udp(CLIENT4, HOST4, port, 5000, bytes(1)));
                f.advance(1, TimeUnit.SECONDS);
            }
            f.in(udp(CLIENT4, HOST4, 1, 5000, bytes(1)));
            f.in(udp(CLIENT4, HOST4, 4, 5000, bytes(1)));
            assertThat(f.udpFlows).extracting(UdpFlow::isOpen).containsExactly(true, false, true, true);
            assertThat(f.count(IpCounter.UDP_FLOWS_EVICTED)).isEqualTo(1);
            assertThat(f.stack.stats().udpFlows()).isEqualTo(3);
        }
    }

    @Test
    void aReaderThatDoesNotReadIsGivenAQueueWithABound() {
        StackConfig.Builder config = StackConfig.builder().queue(4, 65_535, 1 << 20);
        try (StackFixture f = new StackFixture(config)) {
            f.autoRead = false;
            for (int i = 0; i < 6; i++) {
                f.in(udp(CLIENT4, HOST4, 40000, 5000, new byte[] {(byte) i}));
            }
            assertThat(f.read).isEmpty();
            assertThat(f.count(IpCounter.DROPPED_QUEUE_FULL)).isEqualTo(2);
            f.udpFlows.get(0).read();
            f.channel.runPendingTasks();
            for (int i = 0; i < 4; i++) {
                assertDatagram(f.next(), HOST4, 5000, new byte[] {(byte) i});
            }
            f.in(udp(CLIENT4, HOST4, 40000, 5000, bytes(7)));
            assertThat(f.read).isEmpty();
            f.udpFlows.get(0).config().setAutoRead(true);
            f.channel.runPendingTasks();
            assertDatagram(f.next(), HOST4, 5000, bytes(7));
        }
    }

    @Test
    void unreadDatagramsAreReleasedWithTheFlow() {
        try (StackFixture f = new StackFixture()) {
            f.autoRead = false;
            f.in(udp(CLIENT4, HOST4, 40000, 5000, bytes(700)));
            f.channel.pipeline().remove(f.stack);
            assertThat(f.udpFlows.get(0).isOpen()).isFalse();
            assertThat(f.stack.stats().udpFlows()).isZero();
            assertThat(f.lifecycle).endsWith("inactive");
        }
    }

    @Test
    void splitsASuperPacketIntoItsDatagrams() {
        try (StackFixture f = new StackFixture()) {
            f.in(1, 5, 1000, udp(CLIENT4, HOST4, 40000, 443, bytes(2500)));
            assertThat(f.read).hasSize(3);
            byte[] all = bytes(2500);
            assertDatagram(f.next(), HOST4, 443, java.util.Arrays.copyOfRange(all, 0, 1000));
            assertDatagram(f.next(), HOST4, 443, java.util.Arrays.copyOfRange(all, 1000, 2000));
            assertDatagram(f.next(), HOST4, 443, java.util.Arrays.copyOfRange(all, 2000, 2500));
            f.in(1, 5, 0, udp(CLIENT4, HOST4, 40000, 443, bytes(2500)));
            assertThat(f.count(IpCounter.DROPPED_UDP_MALFORMED)).isEqualTo(1);
        }
    }

    @Test
    void checksumIsVerifiedUnlessTheDeviceVouchesForIt() {
        try (StackFixture f = new StackFixture()) {
            byte[] bad = udp(CLIENT4, HOST4, 40000, 5000, bytes(10));
            bad[26] ^= 1;
            f.in(bad);
            assertThat(f.udpFlows).isEmpty();
            assertThat(f.count(IpCounter.DROPPED_CHECKSUM)).isEqualTo(1);
            f.in(1, 0, 0, bad);
            f.in(2, 0, 0, bad);
            assertThat(f.read).hasSize(2);
            byte[] none = udp(CLIENT4, HOST4, 40000, 5000, bytes(10));
            none[26] = none[27] = 0;
            f.in(none);
            assertThat(f.read).hasSize(3);
            byte[] none6 = udp(CLIENT6, HOST6, 40000, 5000, bytes(10));
            none6[46] = none6[47] = 0;
            f.in(none6);
            assertThat(f.count(IpCounter.DROPPED_CHECKSUM)).isEqualTo(2);
        }
    }

    @Test
    void malformedDatagramsAreDroppedAndCounted() {
        try (StackFixture f = new StackFixture()) {
            byte[] tooLong = udp(CLIENT4, HOST4, 40000, 5000, bytes(10));
            Packets.put16(tooLong, 24, 19);
            byte[] tooShort = udp(CLIENT4, HOST4, 40000, 5000, bytes(10));
            Packets.put16(tooShort, 24, 7);
            f.in(1, 0, 0, tooLong);
            f.in(1, 0, 0, tooShort);
            f.in(1, 0, 0, Packets.ip(CLIENT4, HOST4, 17, bytes(7)));
            f.in(udp(CLIENT4, HOST4, 40000, 0, bytes(10)));
            f.in(udp(CLIENT4, HOST4, 0, 5000, bytes(10)));
            assertThat(f.udpFlows).isEmpty();
            assertThat(f.count(IpCounter.DROPPED_UDP_MALFORMED)).isEqualTo(5);
            f.assertSilent();
        }
    }

    @ParameterizedTest
    @EnumSource(Refusal.class)
    void refusalBecomesTheIcmpErrorOfItsKind(Refusal refusal) throws Exception {
        try (StackFixture f = new StackFixture()) {
            f.in(udp(CLIENT4, HOST4, 40000, 5000, bytes(10)));
            f.udpFlows.get(0).unreachable(new InetSocketAddress(address(HOST4), 5000), refusal);
            f.in(udp(CLIENT6, HOST6, 40000, 5000, bytes(10)));
            f.udpFlows.get(1).unreachable(new InetSocketAddress(address(HOST6), 5000), refusal);
            if (refusal == Refusal.TIMED_OUT) {
                f.assertSilent();
                return;
            }
            byte[] raw4 = f.out();
            IpV4Packet sent4 = IpV4Packet.newPacket(raw4, 0, raw4.length);
            assertThat(sent4.getHeader().hasValidChecksum(false)).isTrue();
            assertThat(sent4.getHeader().getDstAddr()).isEqualTo(address(CLIENT4));
            IcmpV4CommonPacket error4 = sent4.get(IcmpV4CommonPacket.class);
            assertThat(error4.hasValidChecksum(false)).isTrue();
            assertThat(error4.getHeader().getType().value()).isEqualTo((byte) 3);
            assertThat(error4.getHeader().getCode().value())
                    .isEqualTo((byte) new int[] {3, -1, 1, 0, 13}[refusal.ordinal()]);
            // The quote: what the application's kernel looks up its socket by.
            IpV4Packet quote4 = IpV4Packet.newPacket(raw4, 28, raw4.length - 28);
            assertThat(quote4.getHeader().hasValidChecksum(false)).isTrue();
            assertThat(quote4.getHeader().getSrcAddr()).isEqualTo(address(CLIENT4));
            assertThat(quote4.getHeader().getDstAddr()).isEqualTo(address(HOST4));
            assertThat(raw4[48] << 8 | raw4[49] & 0xff).isEqualTo((short) 40000);
            assertThat(raw4[50] << 8 | raw4[51] & 0xff).isEqualTo(5000);

            Packet sent6 = f.outParsed();
            IcmpV6CommonPacket error6 = sent6.get(IcmpV6CommonPacket.class);
            IpPacket.IpHeader header6 = ((IpPacket) sent6).getHeader();
            assertThat(error6.hasValidChecksum(
                            (java.net.Inet6Address) header6.getSrcAddr(),
                            (java.net.Inet6Address) header6.getDstAddr(),
                            false))
                    .isTrue();
            assertThat(error6.getHeader().getType().value()).isEqualTo((byte) 1);
            assertThat(error6.getHeader().getCode().value())
                    .isEqualTo((byte) new int[] {4, -1, 3, 0, 1}[refusal.ordinal()]);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void kernelsPortUnreachableReachesTheFlowThatItConcerns(int family) {
        String client = family == 0 ? CLIENT4 : CLIENT6;
        String host = family == 0 ? HOST4 : HOST6;
        try (StackFixture f = new StackFixture()) {
            f.in(udp(client, host, 40000, 5000, bytes(10)));
            f.udpFlows.get(0).writeAndFlush(reply(host, 5000, bytes(10)));
            byte[] ours = f.out();
            byte[] icmp = new byte[8 + ours.length];
            icmp[0] = (byte) (family == 0 ? 3 : 1);
            icmp[1] = (byte) (family == 0 ? 3 : 4);
            System.arraycopy(ours, 0, icmp, 8, ours.length);
            // Flag 2: verified by the device, so that the test need not compute an ICMP checksum.
            f.in(2, 0, 0, Packets.ip(client, host, family == 0 ? 1 : 58, icmp));
            assertThat(f.events)
                    .containsExactly(new IcmpErrorEvent(icmp[0], icmp[1], new InetSocketAddress(address(host), 5000)));
            assertThat(f.count(IpCounter.ICMP_ERRORS_IN)).isEqualTo(1);
            f.assertSilent();
        }
    }

    @Test
    void aListenerThatThrowsClosesItsFlowAndNothingElse() {
        try (StackFixture f = new StackFixture()) {
            f.thrownByListener = new IllegalStateException("deliberate");
            f.in(udp(CLIENT4, HOST4, 40000, 5000, bytes(10)));
            f.thrownByListener = null;
            assertThat(f.stack.stats().udpFlows()).isZero();
            f.in(udp(CLIENT4, HOST4, 40001, 5000, bytes(10)));
            assertThat(f.udpFlows).hasSize(1);
        }
    }

    @Test
    void aFlowThatTheListenerClosesAtOnceLeavesNothing() {
        try (StackFixture f = new StackFixture()) {
            f.refuse = true;
            f.in(udp(CLIENT4, HOST4, 40000, 5000, bytes(10)));
            f.in(Packets.echo(CLIENT4, HOST4, 1, 1, bytes(10)));
            assertThat(f.stack.stats().udpFlows()).isZero();
            assertThat(f.stack.stats().echoFlows()).isZero();
            assertThat(f.read).isEmpty();
            f.advance(10, TimeUnit.MINUTES);
            assertThat(f.count(IpCounter.UDP_FLOWS_IDLE)).isZero();
            assertThat(f.count(IpCounter.ECHO_FLOWS_IDLE)).isZero();
        }
    }

    @Test
    void waitsForTheDeviceToBeWritable() {
        try (StackFixture f = new StackFixture()) {
            f.in(udp(CLIENT4, HOST4, 40000, 5000, bytes(10)));
            UdpFlow flow = f.udpFlows.get(0);
            f.channel.unsafe().outboundBuffer().setUserDefinedWritability(1, false);
            f.channel.runPendingTasks();
            ChannelFuture held = flow.writeAndFlush(reply(HOST4, 5000, bytes(10)));
            assertThat(held.isDone()).isFalse();
            f.assertSilent();
            f.channel.unsafe().outboundBuffer().setUserDefinedWritability(1, true);
            f.channel.runPendingTasks();
            assertThat(held.isSuccess()).isTrue();
            assertThat(f.outParsed().contains(UdpPacket.class)).isTrue();
        }
    }
}
