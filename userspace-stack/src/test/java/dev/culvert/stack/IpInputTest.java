package dev.culvert.stack;

import static dev.culvert.stack.fixture.Packets.CLIENT4;
import static dev.culvert.stack.fixture.Packets.CLIENT6;
import static dev.culvert.stack.fixture.Packets.HOST4;
import static dev.culvert.stack.fixture.Packets.HOST6;
import static dev.culvert.stack.fixture.Packets.address;
import static dev.culvert.stack.fixture.Packets.bytes;
import static dev.culvert.stack.fixture.Packets.fixChecksum;
import static dev.culvert.stack.fixture.Packets.put16;
import static dev.culvert.stack.fixture.Packets.udp;
import static dev.culvert.stack.fixture.Packets.withExtensions;
import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.stack.fixture.Packets;
import dev.culvert.stack.ip.IpCounter;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pcap4j.packet.IcmpV4CommonPacket;
import org.pcap4j.packet.IcmpV6CommonPacket;
import org.pcap4j.packet.IpPacket;
import org.pcap4j.packet.Packet;

class IpInputTest {
    private static final byte[] PAD8 = {17, 0, 1, 4, 0, 0, 0, 0};

    private static byte[] udp4() {
        return udp(CLIENT4, HOST4, 40000, 5000, bytes(20));
    }

    private static byte[] udp6() {
        return udp(CLIENT6, HOST6, 40000, 5000, bytes(20));
    }

    private static void assertDropped(StackFixture f, IpCounter cause, byte[] packet) {
        long before = f.count(cause);
        long all = f.stack.stats().dropped();
        f.in(packet);
        assertThat(f.count(cause)).as(cause.name()).isEqualTo(before + 1);
        assertThat(f.stack.stats().dropped()).as("all drops").isEqualTo(all + 1);
        assertThat(f.udpFlows).isEmpty();
    }

    @Test
    void contradictoryLengthsAreDropped() {
        try (StackFixture f = new StackFixture()) {
            byte[] shortHeader = udp4();
            shortHeader[0] = 0x44;
            assertDropped(f, IpCounter.DROPPED_LENGTH, fixChecksum(shortHeader));
            byte[] longHeader = Arrays.copyOf(udp4(), 30);
            longHeader[0] = 0x4f;
            assertDropped(f, IpCounter.DROPPED_LENGTH, longHeader);
            byte[] totalTooLong = udp4();
            put16(totalTooLong, 2, totalTooLong.length + 1);
            assertDropped(f, IpCounter.DROPPED_LENGTH, fixChecksum(totalTooLong));
            byte[] totalTooShort = udp4();
            put16(totalTooShort, 2, 19);
            assertDropped(f, IpCounter.DROPPED_LENGTH, fixChecksum(totalTooShort));
            assertDropped(f, IpCounter.DROPPED_LENGTH, Arrays.copyOf(udp4(), 19));
            assertDropped(f, IpCounter.DROPPED_LENGTH, Arrays.copyOf(udp6(), 39));
            assertDropped(f, IpCounter.DROPPED_LENGTH, Arrays.copyOf(udp6(), 50));
            assertDropped(f, IpCounter.DROPPED_VERSION, new byte[] {0x55, 0, 0, 0});
            assertDropped(f, IpCounter.DROPPED_NO_HEADER, new byte[0]);
            f.assertSilent();
        }
    }

    @Test
    void aMessageShorterThanTheDeviceHeaderIsDropped() {
        try (StackFixture f = new StackFixture()) {
            ByteBuf runt = Unpooled.directBuffer().writeZero(7);
            f.channel.writeInbound(runt);
            assertThat(runt.refCnt()).isZero();
            assertThat(f.count(IpCounter.DROPPED_NO_HEADER)).isEqualTo(1);
        }
    }

    @Test
    void paddingBehindThePacketIsNotPartOfIt() {
        try (StackFixture f = new StackFixture()) {
            f.in(Arrays.copyOf(udp4(), 60));
            f.in(Arrays.copyOf(udp6(), 100));
            assertThat(f.read).hasSize(2);
        }
    }

    @Test
    void ipv4HeaderMustBeIntactAndAlive() {
        try (StackFixture f = new StackFixture()) {
            byte[] corrupt = udp4();
            corrupt[10] ^= 1;
            assertDropped(f, IpCounter.DROPPED_HEADER_CHECKSUM, corrupt);
            byte[] dead = udp4();
            dead[8] = 0;
            assertDropped(f, IpCounter.DROPPED_TTL, fixChecksum(dead));
            byte[] dead6 = udp6();
            dead6[7] = 0;
            assertDropped(f, IpCounter.DROPPED_TTL, dead6);
        }
    }

    @Test
    void ipv4OptionsAreSkipped() {
        try (StackFixture f = new StackFixture()) {
            byte[] plain = udp4();
            byte[] options = new byte[plain.length + 40];
            System.arraycopy(plain, 0, options, 0, 20);
            Arrays.fill(options, 20, 60, (byte) 1);
            System.arraycopy(plain, 20, options, 60, plain.length - 20);
            options[0] = 0x4f;
            put16(options, 2, options.length);
            f.in(fixChecksum(options));
            assertThat(f.read).hasSize(1);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"})
    void impossibleIpv4SourcesAreMartians(String source) {
        try (StackFixture f = new StackFixture()) {
            assertDropped(f, IpCounter.DROPPED_MARTIAN, udp(source, HOST4, 1, 2, bytes(1)));
            f.assertSilent();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"::", "::1", "ff02::1"})
    void impossibleIpv6SourcesAreMartians(String source) {
        try (StackFixture f = new StackFixture()) {
            assertDropped(f, IpCounter.DROPPED_MARTIAN, udp(source, HOST6, 1, 2, bytes(1)));
            f.assertSilent();
        }
    }

    @Test
    void impossibleDestinationsAndMappedAddressesAreMartians() {
        try (StackFixture f = new StackFixture()) {
            assertDropped(f, IpCounter.DROPPED_MARTIAN, udp(CLIENT4, "127.0.0.1", 1, 2, bytes(1)));
            assertDropped(f, IpCounter.DROPPED_MARTIAN, udp(CLIENT4, "0.0.0.0", 1, 2, bytes(1)));
            assertDropped(f, IpCounter.DROPPED_MARTIAN, udp(CLIENT6, "::1", 1, 2, bytes(1)));
            byte[] mapped = udp6();
            Arrays.fill(mapped, 8, 18, (byte) 0);
            mapped[18] = mapped[19] = (byte) 0xff;
            assertDropped(f, IpCounter.DROPPED_MARTIAN, mapped);
        }
    }

    @Test
    void landPacketsAreDropped() {
        try (StackFixture f = new StackFixture()) {
            assertDropped(f, IpCounter.DROPPED_LAND, udp(HOST4, HOST4, 1, 1, bytes(1)));
            assertDropped(f, IpCounter.DROPPED_LAND, udp(HOST6, HOST6, 1, 1, bytes(1)));
        }
    }

    @ParameterizedTest
    @CsvSource({
        CLIENT4 + ",224.0.0.251",
        CLIENT4 + ",239.255.255.250",
        CLIENT4 + ",255.255.255.255",
        "0.0.0.0,255.255.255.255",
        CLIENT6 + ",ff02::fb",
        "::,ff02::16",
        "fe80::1,ff02::2"
    })
    void linkChatterIsDroppedQuietly(String source, String group) {
        try (StackFixture f = new StackFixture()) {
            assertDropped(f, IpCounter.DROPPED_MULTICAST, udp(source, group, 5353, 5353, bytes(1)));
            assertDropped(f, IpCounter.DROPPED_MULTICAST, Packets.ip(source, group, 99, bytes(8)));
            f.assertSilent();
        }
    }

    @Test
    void unknownIpv4ProtocolIsAnsweredProtocolUnreachable() {
        try (StackFixture f = new StackFixture()) {
            byte[] esp = Packets.ip(CLIENT4, HOST4, 50, bytes(1000));
            assertDropped(f, IpCounter.DROPPED_PROTOCOL, esp);
            IpPacket sent = (IpPacket) f.outParsed();
            IcmpV4CommonPacket error = sent.get(IcmpV4CommonPacket.class);
            assertThat(sent.getHeader().getSrcAddr()).isEqualTo(address(HOST4));
            assertThat(sent.getHeader().getDstAddr()).isEqualTo(address(CLIENT4));
            assertThat(error.hasValidChecksum(false)).isTrue();
            assertThat(error.getHeader().getType().value()).isEqualTo((byte) 3);
            assertThat(error.getHeader().getCode().value()).isEqualTo((byte) 2);
            // RFC 1812 section 4.3.2.3: as much as fits 576 bytes.
            assertThat(sent.getRawData()).hasSize(576).endsWith(Arrays.copyOf(esp, 548));
        }
    }

    @Test
    void unknownIpv6NextHeaderIsAnsweredParameterProblemWithItsPlace() {
        try (StackFixture f = new StackFixture()) {
            byte[] ah = withExtensions(
                    Packets.ip(CLIENT6, HOST6, 51, bytes(2000)), 60, new byte[] {51, 0, 1, 4, 0, 0, 0, 0});
            assertDropped(f, IpCounter.DROPPED_PROTOCOL, ah);
            byte[] raw = f.out();
            assertThat(raw).hasSize(1280).endsWith(Arrays.copyOf(ah, 1232));
            assertThat(Arrays.copyOfRange(raw, 40, 42)).containsExactly(4, 1);
            assertThat(Arrays.copyOfRange(raw, 44, 48)).containsExactly(0, 0, 0, 40);
            assertDropped(f, IpCounter.DROPPED_PROTOCOL, Packets.ip(CLIENT6, HOST6, 59, bytes(8)));
            f.assertSilent();
        }
    }

    @Test
    void ipv6ExtensionHeadersAreWalked() {
        try (StackFixture f = new StackFixture()) {
            byte[] hopByHop = {60, 0, 5, 2, 0, 0, 1, 0};
            byte[] destination = {43, 0, 0, 0, 0, 0, 0, 0};
            byte[] routing = {44, 0, 0, 0, 0, 0, 0, 0};
            byte[] atomicFragment = {17, 0, 0, 0, 1, 2, 3, 4};
            f.in(withExtensions(udp6(), 0, hopByHop, destination, routing, atomicFragment));
            assertThat(f.read).hasSize(1);
            assertThat(f.stack.stats().dropped()).isZero();
            assertThat(f.stack.stats().reassembling()).isZero();
        }
    }

    @Test
    void ipv6ExtensionHeadersHaveLimits() {
        try (StackFixture f = new StackFixture()) {
            byte[] again = {60, 0, 1, 4, 0, 0, 0, 0};
            byte[][] nine = new byte[9][];
            Arrays.fill(nine, again);
            nine[8] = PAD8;
            assertDropped(f, IpCounter.DROPPED_EXTENSION, withExtensions(udp6(), 60, nine));
            byte[] long1024 = new byte[1032];
            long1024[0] = 17;
            long1024[1] = (byte) 128;
            assertDropped(f, IpCounter.DROPPED_EXTENSION, withExtensions(udp6(), 60, long1024));
            byte[] beyondEnd = {17, 100, 1, 4, 0, 0, 0, 0};
            assertDropped(f, IpCounter.DROPPED_EXTENSION, withExtensions(udp6(), 60, beyondEnd));
            byte[] optionBeyondHeader = {17, 0, 1, 5, 0, 0, 0, 0};
            assertDropped(f, IpCounter.DROPPED_EXTENSION, withExtensions(udp6(), 60, optionBeyondHeader));
            byte[] discard = {17, 0, 0x41, 4, 0, 0, 0, 0};
            assertDropped(f, IpCounter.DROPPED_EXTENSION, withExtensions(udp6(), 60, discard));
            f.assertSilent();
        }
    }

    @ParameterizedTest
    @CsvSource({
        // Option that asks for an error: code 2 at the option. Routing header with segments left: code 0 at its type.
        // Hop-by-hop that is not first: code 1 at the field that names it.
        "60, '17,0,-62,4,0,0,0,0', '', 2, 42",
        "43, '17,0,9,1,0,0,0,0', '', 0, 42",
        "60, '0,0,1,4,0,0,0,0', '17,0,1,4,0,0,0,0', 1, 40"
    })
    void extensionHeadersThatMustNotBeIgnoredAreAnswered(int type, String one, String two, int code, int pointer) {
        try (StackFixture f = new StackFixture()) {
            byte[] packet = two == null || two.isEmpty()
                    ? withExtensions(udp6(), type, parse(one))
                    : withExtensions(udp6(), type, parse(one), parse(two));
            assertDropped(f, IpCounter.DROPPED_EXTENSION, packet);
            Packet sent = f.outParsed();
            IcmpV6CommonPacket error = sent.get(IcmpV6CommonPacket.class);
            assertThat(error.hasValidChecksum(
                            (java.net.Inet6Address) address(HOST6), (java.net.Inet6Address) address(CLIENT6), false))
                    .isTrue();
            byte[] raw = sent.getRawData();
            assertThat(raw[40]).isEqualTo((byte) 4);
            assertThat(raw[41]).isEqualTo((byte) code);
            assertThat(raw[47]).isEqualTo((byte) pointer);
        }
    }

    private static byte[] parse(String list) {
        String[] parts = list.split(",");
        byte[] bytes = new byte[parts.length];
        for (int i = 0; i < parts.length; i++) {
            bytes[i] = Byte.parseByte(parts[i].trim());
        }
        return bytes;
    }

    @Test
    void errorsAreNotAnsweredWithErrors() {
        try (StackFixture f = new StackFixture()) {
            // An ICMPv6 error behind an option that asks for an answer.
            byte[] error = Packets.ip(CLIENT6, HOST6, 58, new byte[] {1, 0, 0, 0, 0, 0, 0, 0});
            byte[] option = {58, 0, (byte) 0xc2, 4, 0, 0, 0, 0};
            f.in(withExtensions(error, 60, option));
            assertThat(f.count(IpCounter.DROPPED_EXTENSION)).isEqualTo(1);
            f.assertSilent();
            // The same about an echo request is answered.
            byte[] request = Packets.echo(CLIENT6, HOST6, 1, 1, bytes(8));
            f.in(withExtensions(request, 60, option));
            assertThat(f.outParsed().contains(IcmpV6CommonPacket.class)).isTrue();
        }
    }

    @Test
    void errorsAreRateLimited() {
        StackConfig.Builder config = StackConfig.builder().icmpErrors(10, 5);
        try (StackFixture f = new StackFixture(config)) {
            byte[] esp = Packets.ip(CLIENT4, HOST4, 50, bytes(10));
            for (int i = 0; i < 20; i++) {
                f.in(esp);
            }
            assertThat(f.count(IpCounter.ICMP_ERRORS_OUT)).isEqualTo(5);
            assertThat(f.count(IpCounter.ICMP_ERRORS_LIMITED)).isEqualTo(15);
            f.advance(100, TimeUnit.MILLISECONDS);
            f.in(esp);
            f.in(esp);
            assertThat(f.count(IpCounter.ICMP_ERRORS_OUT)).isEqualTo(6);
        }
    }

    @Test
    void tcpChecksumIsVerifiedBeforeTcpSeesTheSegment() {
        try (StackFixture f = new StackFixture()) {
            byte[] syn = Packets.syn(CLIENT4, HOST4, 40000, 80);
            syn[36] ^= 1;
            assertDropped(f, IpCounter.DROPPED_CHECKSUM, syn);
            byte[] syn6 = Packets.syn(CLIENT6, HOST6, 40000, 80);
            syn6[56] ^= 1;
            assertDropped(f, IpCounter.DROPPED_CHECKSUM, syn6);
            assertThat(f.tcpRequests).isEmpty();
        }
    }

    @Test
    void anythingButAPacketIsPassedOn() {
        try (StackFixture f = new StackFixture()) {
            f.channel.writeInbound("not a packet");
            assertThat((String) f.channel.readInbound()).isEqualTo("not a packet");
        }
    }
}
