package dev.culvert.stack.tcp;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.pcap4j.packet.IllegalRawDataException;
import org.pcap4j.packet.IpPacket;
import org.pcap4j.packet.IpSelector;
import org.pcap4j.packet.IpV4Packet;
import org.pcap4j.packet.IpV6Packet;
import org.pcap4j.packet.Packet;
import org.pcap4j.packet.TcpMaximumSegmentSizeOption;
import org.pcap4j.packet.TcpPacket;
import org.pcap4j.packet.TcpSackOption;
import org.pcap4j.packet.TcpSackPermittedOption;
import org.pcap4j.packet.TcpTimestampsOption;
import org.pcap4j.packet.TcpWindowScaleOption;
import org.pcap4j.packet.namednumber.TcpOptionKind;

/** What we emit, read by someone else's parser: Pcap4J as the oracle of headers, options and checksums. */
class EmittedSegmentTest {
    private static Packet parse(Wire.Sent s) {
        try {
            return IpSelector.newPacket(s.ip, 0, s.ip.length);
        } catch (IllegalRawDataException e) {
            throw new AssertionError(s.toString(), e);
        }
    }

    private static TcpPacket check(Wire.Sent s) {
        Packet packet = parse(s);
        IpPacket ip = (IpPacket) packet;
        TcpPacket tcp = packet.get(TcpPacket.class);
        assertThat(tcp).isNotNull();
        if (packet instanceof IpV4Packet v4) {
            assertThat(v4.getHeader().hasValidChecksum(false)).isTrue();
            assertThat(v4.getHeader().getTotalLengthAsInt()).isEqualTo(s.ip.length);
            assertThat(v4.getHeader().getDontFragmentFlag()).isTrue();
        } else {
            assertThat(((IpV6Packet) packet).getHeader().getPayloadLengthAsInt())
                    .isEqualTo(s.ip.length - 40);
        }
        assertThat(tcp.hasValidChecksum(
                        ip.getHeader().getSrcAddr(), ip.getHeader().getDstAddr(), false))
                .as(s.toString())
                .isTrue();
        assertThat(tcp.getHeader().getSequenceNumber()).isEqualTo(s.seq);
        assertThat(tcp.getHeader().getAcknowledgmentNumber()).isEqualTo(s.ack);
        assertThat(tcp.getHeader().getSrcPort().valueAsInt()).isEqualTo(80);
        assertThat(tcp.getHeader().getDstPort().valueAsInt()).isEqualTo(40_000);
        assertThat(tcp.getPayload() == null ? 0 : tcp.getPayload().length()).isEqualTo(s.payload.length);
        return tcp;
    }

    private static <T> T option(TcpPacket tcp, Class<T> type) {
        return tcp.getHeader().getOptions().stream()
                .filter(type::isInstance)
                .map(type::cast)
                .findFirst()
                .orElseThrow(() -> new AssertionError(type + " in " + tcp));
    }

    @Test
    void synAckIsWhatTheOracleReads() {
        for (boolean ipv6 : new boolean[] {false, true}) {
            try (Wire wire = new Wire()) {
                wire.ipv6 = ipv6;
                wire.peerTimestamps = true;
                Wire.Conn c = wire.connect("mss=1400", "sackok", "ws=5");
                TcpPacket tcp = check(c.synAck);
                assertThat(tcp.getHeader().getSyn() && tcp.getHeader().getAck()).isTrue();
                assertThat(option(tcp, TcpMaximumSegmentSizeOption.class).getMaxSegSizeAsInt())
                        .isEqualTo(ipv6 ? 1440 : 1460);
                assertThat(option(tcp, TcpWindowScaleOption.class).getShiftCountAsInt())
                        .isEqualTo(8);
                assertThat(option(tcp, TcpTimestampsOption.class).getTsEchoReply())
                        .isEqualTo(5_000);
                assertThat(option(tcp, TcpSackPermittedOption.class).getKind()).isEqualTo(TcpOptionKind.SACK_PERMITTED);
            }
        }
    }

    @Test
    void sackBlocksAreWhatTheOracleReads() {
        try (Wire wire = new Wire()) {
            wire.peerTimestamps = true;
            Wire.Conn c = wire.connect("mss=1400", "sackok", "ws=5");
            wire.send(16, wire.peerNext + 100, c.iss + 1, "later");
            TcpSackOption sack = option(check(wire.expect("A")), TcpSackOption.class);
            java.nio.ByteBuffer raw = java.nio.ByteBuffer.wrap(sack.getRawData());
            assertThat(raw.remaining()).isEqualTo(10);
            assertThat(raw.getInt(2)).isEqualTo(wire.peerNext + 100);
            assertThat(raw.getInt(6)).isEqualTo(wire.peerNext + 105);
        }
    }

    @Test
    void everySegmentOfARandomConversationIsValid() {
        long seed = 4711;
        Random random = new Random(seed);
        for (int round = 0; round < 20; round++) {
            try (Wire wire = new Wire()) {
                wire.ipv6 = random.nextBoolean();
                wire.peerTimestamps = random.nextBoolean();
                List<Wire.Sent> all = new ArrayList<>();
                Wire.Conn c = wire.connect("mss=1400", "sackok", "ws=7");
                wire.tap = all::add;
                int acked = 0;
                for (int i = 0; i < 30; i++) {
                    byte[] bytes = new byte[random.nextInt(90_000)];
                    random.nextBytes(bytes);
                    // In pieces, so that super-segments are gathered from several buffers.
                    int at = 0;
                    while (at < bytes.length) {
                        int n = Math.min(bytes.length - at, 1 + random.nextInt(30_000));
                        c.flow.write(wire.alloc().directBuffer().writeBytes(bytes, at, n));
                        at += n;
                    }
                    c.flow.flush();
                    if (random.nextBoolean()) {
                        c.data("x".repeat(random.nextInt(500)), acked);
                    }
                    for (Wire.Sent s : all) {
                        check(s);
                        acked = Math.max(acked, c.rel(s.seq) + s.payload.length);
                    }
                    all.clear();
                    c.ack(acked);
                }
                c.flow.close();
                all.forEach(EmittedSegmentTest::check);
            } catch (AssertionError e) {
                throw new AssertionError("seed=" + seed + " round=" + round, e);
            }
        }
    }
}
