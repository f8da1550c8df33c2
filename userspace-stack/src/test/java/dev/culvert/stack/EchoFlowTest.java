package dev.culvert.stack;

import static dev.culvert.stack.fixture.Packets.CLIENT4;
import static dev.culvert.stack.fixture.Packets.CLIENT6;
import static dev.culvert.stack.fixture.Packets.HOST4;
import static dev.culvert.stack.fixture.Packets.HOST6;
import static dev.culvert.stack.fixture.Packets.address;
import static dev.culvert.stack.fixture.Packets.bytes;
import static dev.culvert.stack.fixture.Packets.echo;
import static dev.culvert.stack.fixture.Packets.fragments;
import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.stack.fixture.Packets;
import dev.culvert.stack.ip.IpCounter;
import dev.culvert.stack.ip.Refusal;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.io.ByteArrayOutputStream;
import java.net.Inet6Address;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pcap4j.packet.IcmpV4CommonPacket;
import org.pcap4j.packet.IcmpV4EchoReplyPacket;
import org.pcap4j.packet.IcmpV6CommonPacket;
import org.pcap4j.packet.IcmpV6EchoReplyPacket;
import org.pcap4j.packet.IpPacket;
import org.pcap4j.packet.IpV4Packet;
import org.pcap4j.packet.IpV6ExtFragmentPacket;
import org.pcap4j.packet.Packet;

class EchoFlowTest {
    private static void assertRequest(StackFixture f, int sequence, byte[] data) {
        EchoMessage request = f.next();
        try {
            assertThat(request.sequence()).isEqualTo(sequence);
            assertThat(ByteBufUtil.getBytes(request.content())).isEqualTo(data);
        } finally {
            request.release();
        }
    }

    @Test
    void pingAndItsReplyOverIpv4() {
        try (StackFixture f = new StackFixture()) {
            f.in(echo(CLIENT4, HOST4, 0xabcd, 0xfffe, bytes(56)));
            EchoFlow flow = f.echoFlows.get(0);
            assertThat(flow.destination()).isEqualTo(address(HOST4));
            assertThat(flow.identifier()).isEqualTo(0xabcd);
            assertThat(flow.remoteAddress().getAddress()).isEqualTo(address(CLIENT4));
            assertRequest(f, 0xfffe, bytes(56));
            f.assertSilent();
            flow.writeAndFlush(new EchoMessage(0xfffe, Unpooled.wrappedBuffer(bytes(56))));
            IpPacket sent = (IpPacket) f.outParsed();
            IcmpV4EchoReplyPacket reply = sent.get(IcmpV4EchoReplyPacket.class);
            assertThat(sent.get(IcmpV4CommonPacket.class).hasValidChecksum(false))
                    .isTrue();
            assertThat(sent.getHeader().getSrcAddr()).isEqualTo(address(HOST4));
            assertThat(sent.getHeader().getDstAddr()).isEqualTo(address(CLIENT4));
            assertThat(reply.getHeader().getIdentifier()).isEqualTo((short) 0xabcd);
            assertThat(reply.getHeader().getSequenceNumber()).isEqualTo((short) 0xfffe);
            assertThat(reply.getPayload().getRawData()).isEqualTo(bytes(56));
        }
    }

    @Test
    void pingAndItsReplyOverIpv6() {
        try (StackFixture f = new StackFixture()) {
            f.in(echo(CLIENT6, HOST6, 7, 1, bytes(57)));
            assertRequest(f, 1, bytes(57));
            f.echoFlows.get(0).writeAndFlush(new EchoMessage(1, Unpooled.wrappedBuffer(bytes(57))));
            Packet sent = f.outParsed();
            assertThat(sent.get(IcmpV6CommonPacket.class)
                            .hasValidChecksum((Inet6Address) address(HOST6), (Inet6Address) address(CLIENT6), false))
                    .isTrue();
            assertThat(sent.get(IcmpV6EchoReplyPacket.class).getPayload().getRawData())
                    .isEqualTo(bytes(57));
        }
    }

    @Test
    void oneFlowForEachIdentifierAndDestination() {
        try (StackFixture f = new StackFixture()) {
            f.in(echo(CLIENT4, HOST4, 1, 1, bytes(8)));
            f.in(echo(CLIENT4, HOST4, 1, 2, bytes(8)));
            f.in(echo(CLIENT4, HOST4, 2, 1, bytes(8)));
            f.in(echo(CLIENT4, "8.8.8.8", 1, 1, bytes(8)));
            assertThat(f.echoFlows).hasSize(3);
            assertThat(f.stack.stats().echoFlows()).isEqualTo(3);
            f.advance(60, TimeUnit.SECONDS);
            assertThat(f.stack.stats().echoFlows()).isZero();
            assertThat(f.count(IpCounter.ECHO_FLOWS_IDLE)).isEqualTo(3);
        }
    }

    @Test
    void fullTableEvictsTheFlowIdleLongest() {
        StackConfig.Builder config = StackConfig.builder().echo(2, Duration.ofSeconds(60));
        try (StackFixture f = new StackFixture(config)) {
            for (int id = 1; id <= 3; id++) {
                f.in(echo(CLIENT4, HOST4, id, 1, bytes(8)));
            }
            assertThat(f.echoFlows).extracting(EchoFlow::isOpen).containsExactly(false, true, true);
            assertThat(f.count(IpCounter.ECHO_FLOWS_EVICTED)).isEqualTo(1);
        }
    }

    @ParameterizedTest
    @CsvSource({"4,1472", "4,1473", "4,2953", "4,65507", "6,1452", "6,1453", "6,65507"})
    void largePingsAreReassembledAndTheirRepliesFragmented(int version, int length) throws Exception {
        String client = version == 4 ? CLIENT4 : CLIENT6;
        String host = version == 4 ? HOST4 : HOST6;
        try (StackFixture f = new StackFixture()) {
            fragments(echo(client, host, 1, 1, bytes(length)), 1400, 9).forEach(f::in);
            assertRequest(f, 1, bytes(length));
            f.echoFlows.get(0).writeAndFlush(new EchoMessage(1, Unpooled.wrappedBuffer(bytes(length))));
            // The oracle reads each fragment's headers; the test puts the data together.
            ByteArrayOutputStream whole = new ByteArrayOutputStream();
            byte[] raw;
            int fragments = 0;
            boolean more = true;
            while ((raw = f.poll()) != null) {
                assertThat(more).as("a fragment after the last").isTrue();
                assertThat(raw.length).isLessThanOrEqualTo(1500);
                if (version == 4) {
                    IpV4Packet packet = IpV4Packet.newPacket(raw, 0, raw.length);
                    assertThat(packet.getHeader().hasValidChecksum(false)).isTrue();
                    assertThat(packet.getHeader().getTotalLengthAsInt()).isEqualTo(raw.length);
                    assertThat(packet.getHeader().getFragmentOffset() * 8).isEqualTo(whole.size());
                    more = packet.getHeader().getMoreFragmentFlag();
                    whole.write(raw, 20, raw.length - 20);
                } else if (length + 48 <= 1500) {
                    more = false;
                    whole.write(raw, 40, raw.length - 40);
                } else {
                    IpV6ExtFragmentPacket packet = IpV6ExtFragmentPacket.newPacket(raw, 40, raw.length - 40);
                    assertThat(packet.getHeader().getFragmentOffset() * 8).isEqualTo(whole.size());
                    more = packet.getHeader().getM();
                    whole.write(raw, 48, raw.length - 48);
                }
                fragments++;
            }
            assertThat(more).as("the last fragment").isFalse();
            byte[] message = whole.toByteArray();
            assertThat(Arrays.copyOfRange(message, 8, message.length)).isEqualTo(bytes(length));
            int step = version == 4 ? 1480 : 1448;
            int unfragmented = version == 4 ? 1480 : 1460;
            assertThat(fragments).isEqualTo(length + 8 <= unfragmented ? 1 : (length + 8 + step - 1) / step);
            if (version == 4) {
                assertThat(IcmpV4CommonPacket.newPacket(message, 0, message.length)
                                .hasValidChecksum(false))
                        .isTrue();
            } else {
                assertThat(IcmpV6CommonPacket.newPacket(message, 0, message.length)
                                .hasValidChecksum((Inet6Address) address(host), (Inet6Address) address(client), false))
                        .isTrue();
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Refusal.class)
    void refusalQuotesTheRequest(Refusal refusal) throws Exception {
        try (StackFixture f = new StackFixture()) {
            f.in(echo(CLIENT4, HOST4, 0x1234, 9, bytes(56)));
            f.echoFlows.get(0).unreachable(9, refusal);
            if (refusal == Refusal.TIMED_OUT) {
                f.assertSilent();
                return;
            }
            byte[] raw = f.out();
            IcmpV4CommonPacket error = IpV4Packet.newPacket(raw, 0, raw.length).get(IcmpV4CommonPacket.class);
            assertThat(error.hasValidChecksum(false)).isTrue();
            assertThat(raw[20]).isEqualTo((byte) 3);
            assertThat(raw[21]).isEqualTo((byte) new int[] {1, -1, 1, 0, 13}[refusal.ordinal()]);
            assertThat(Arrays.copyOfRange(raw, 48, 56)).startsWith(8, 0).endsWith(0x12, 0x34, 0, 9);
            f.in(echo(CLIENT6, HOST6, 0x1234, 9, bytes(56)));
            f.echoFlows.get(1).unreachable(9, refusal);
            byte[] raw6 = f.out();
            assertThat(raw6[40]).isEqualTo((byte) 1);
            assertThat(raw6[41]).isEqualTo((byte) new int[] {3, -1, 3, 0, 1}[refusal.ordinal()]);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 3, 4, 5, 9, 10, 11, 12, 13, 42, 255})
    void whatIsNoEchoRequestIsDroppedQuietly(int type) {
        try (StackFixture f = new StackFixture()) {
            byte[] icmp = new byte[28];
            icmp[0] = (byte) type;
            f.in(2, 0, 0, Packets.ip(CLIENT4, HOST4, 1, icmp));
            f.in(2, 0, 0, Packets.ip(CLIENT6, HOST6, 58, icmp));
            assertThat(f.count(IpCounter.DROPPED_ICMP)).isEqualTo(2);
            assertThat(f.echoFlows).isEmpty();
            f.assertSilent();
        }
    }

    @Test
    void corruptOrShortMessagesAreDropped() {
        try (StackFixture f = new StackFixture()) {
            byte[] corrupt = echo(CLIENT4, HOST4, 1, 1, bytes(56));
            corrupt[40] ^= 1;
            f.in(corrupt);
            byte[] corrupt6 = echo(CLIENT6, HOST6, 1, 1, bytes(56));
            corrupt6[60] ^= 1;
            f.in(corrupt6);
            assertThat(f.count(IpCounter.DROPPED_CHECKSUM)).isEqualTo(2);
            f.in(2, 0, 0, Packets.ip(CLIENT4, HOST4, 1, new byte[7]));
            assertThat(f.count(IpCounter.DROPPED_ICMP)).isEqualTo(1);
        }
    }

    @Test
    void errorAboutOurReplyReachesTheFlow() {
        try (StackFixture f = new StackFixture()) {
            f.in(echo(CLIENT4, HOST4, 5, 1, bytes(8)));
            f.echoFlows.get(0).writeAndFlush(new EchoMessage(1, Unpooled.wrappedBuffer(bytes(8))));
            byte[] ours = f.out();
            byte[] error = new byte[8 + ours.length];
            error[0] = 3;
            error[1] = 1;
            System.arraycopy(ours, 0, error, 8, ours.length);
            f.in(2, 0, 0, Packets.ip(CLIENT4, HOST4, 1, error));
            assertThat(f.events).containsExactly(new IcmpErrorEvent(3, 1, new InetSocketAddress(address(HOST4), 0)));
            // The same about an identifier that nobody uses.
            error[8 + 24 + 1] = 99;
            f.in(2, 0, 0, Packets.ip(CLIENT4, HOST4, 1, error));
            assertThat(f.count(IpCounter.DROPPED_ICMP_NO_FLOW)).isEqualTo(1);
        }
    }

    @Test
    void onlyEchoMessagesCanBeWritten() {
        try (StackFixture f = new StackFixture()) {
            f.in(echo(CLIENT4, HOST4, 5, 1, bytes(8)));
            EchoFlow flow = f.echoFlows.get(0);
            assertThat(flow.write("text").cause()).isInstanceOf(UnsupportedOperationException.class);
            assertThat(flow.write(new EchoMessage(1, Unpooled.wrappedBuffer(bytes(65_508))))
                            .cause())
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("65508");
        }
    }
}
