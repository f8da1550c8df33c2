package dev.culvert.tun.device;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pcap4j.packet.IpPacket;
import org.pcap4j.packet.IpV4Packet;
import org.pcap4j.packet.IpV6Packet;
import org.pcap4j.packet.TcpPacket;
import org.pcap4j.packet.UdpPacket;

/** Pcap4J reads what comes out: it shares no code with us. */
final class SoftwareOffloadTest {
    private static final int FIN = 1;
    private static final int PSH = 8;
    private static final int ACK = 16;
    private static final int CWR = 128;

    private final long seed = Long.getLong("culvert.seed", System.nanoTime());
    private final Random random = new Random(seed);

    private static List<byte[]> run(ByteBuf message) {
        SoftwareOffload offload = new SoftwareOffload();
        byte[] before = bytes(message);
        List<byte[]> packets = new ArrayList<>();
        int count = offload.begin(message);
        ByteBuf out = Unpooled.directBuffer(SoftwareOffload.MAX_PACKET, SoftwareOffload.MAX_PACKET);
        try {
            for (int i = 0; i < count; i++) {
                out.clear();
                offload.emit(message, i, out);
                packets.add(bytes(out));
            }
            assertThat(bytes(message)).isEqualTo(before);
        } finally {
            out.release();
            message.release();
        }
        return packets;
    }

    private static byte[] bytes(ByteBuf buffer) {
        byte[] bytes = new byte[buffer.readableBytes()];
        buffer.getBytes(buffer.readerIndex(), bytes);
        return bytes;
    }

    private static IpPacket parse(byte[] packet, boolean ipv6) throws Exception {
        if (ipv6) {
            IpV6Packet ip = IpV6Packet.newPacket(packet, 0, packet.length);
            assertThat(ip.getHeader().getPayloadLengthAsInt()).isEqualTo(packet.length - 40);
            return ip;
        }
        IpV4Packet ip = IpV4Packet.newPacket(packet, 0, packet.length);
        assertThat(ip.getHeader().getTotalLengthAsInt()).isEqualTo(packet.length);
        assertThat(ip.getHeader().hasValidChecksum(false)).isTrue();
        return ip;
    }

    @ParameterizedTest
    @CsvSource({"false,40000,1448", "true,40000,1428", "false,65400,1448", "false,1449,1448", "true,2896,1448"})
    void cutsTcpAsTheKernelWould(boolean ipv6, int payload, int mss) throws Exception {
        long seq = 0xffff_f000L;
        ByteBuf message = Packets.tcp(ipv6, payload, mss, CWR | ACK | PSH | FIN, seq, random);
        byte[] whole = bytes(message);
        List<byte[]> packets = run(message);
        int header = VirtioNetHeader.LENGTH + (ipv6 ? 40 : 20) + Packets.TCP_HEADER;

        assertThat(packets).as("seed " + seed).hasSize((payload + mss - 1) / mss);
        int at = 0;
        for (int i = 0; i < packets.size(); i++) {
            IpPacket ip = parse(packets.get(i), ipv6);
            TcpPacket tcp = ip.get(TcpPacket.class);
            boolean last = i == packets.size() - 1;
            assertThat(tcp.hasValidChecksum(
                            ip.getHeader().getSrcAddr(), ip.getHeader().getDstAddr(), false))
                    .as("checksum of segment " + i + ", seed " + seed)
                    .isTrue();
            assertThat(tcp.getHeader().getSequenceNumberAsLong()).isEqualTo((seq + at) & 0xffff_ffffL);
            assertThat(tcp.getHeader().getFin()).isEqualTo(last);
            assertThat(tcp.getHeader().getPsh()).isEqualTo(last);
            assertThat(tcp.getHeader().getAck()).isTrue();
            assertThat((packets.get(i)[(ipv6 ? 40 : 20) + 13] & CWR) != 0).isEqualTo(i == 0);
            byte[] data = tcp.getPayload().getRawData();
            assertThat(data).hasSize(last ? payload - at : mss);
            assertThat(data).isEqualTo(java.util.Arrays.copyOfRange(whole, header + at, header + at + data.length));
            if (!ipv6) {
                assertThat(((IpV4Packet) ip).getHeader().getIdentificationAsInt())
                        .isEqualTo((0xfffe + i) & 0xffff);
            }
            at += data.length;
        }
        assertThat(at).isEqualTo(payload);
    }

    @ParameterizedTest
    @CsvSource({"false,9000,1200", "true,9001,1200"})
    void cutsUdpIntoDatagrams(boolean ipv6, int payload, int size) throws Exception {
        List<byte[]> packets = run(Packets.udp(ipv6, payload, size, random));
        assertThat(packets).hasSize((payload + size - 1) / size);
        int total = 0;
        for (byte[] packet : packets) {
            IpPacket ip = parse(packet, ipv6);
            UdpPacket udp = ip.get(UdpPacket.class);
            assertThat(udp.hasValidChecksum(
                            ip.getHeader().getSrcAddr(), ip.getHeader().getDstAddr(), false))
                    .isTrue();
            assertThat(udp.getHeader().getLengthAsInt())
                    .isEqualTo(8 + udp.getPayload().length());
            total += udp.getPayload().length();
        }
        assertThat(total).isEqualTo(payload);
    }

    @Test
    void completesChecksumsOfEveryLength() throws Exception {
        for (int payload = 1; payload < 70; payload++) {
            for (boolean ipv6 : new boolean[] {false, true}) {
                IpPacket ip =
                        parse(run(Packets.udp(ipv6, payload, 1400, random)).get(0), ipv6);
                assertThat(ip.get(UdpPacket.class)
                                .hasValidChecksum(
                                        ip.getHeader().getSrcAddr(),
                                        ip.getHeader().getDstAddr(),
                                        false))
                        .as("payload " + payload + " seed " + seed)
                        .isTrue();
                ip = parse(run(Packets.tcp(ipv6, payload, 1400, ACK, 5, random)).get(0), ipv6);
                assertThat(ip.get(TcpPacket.class)
                                .hasValidChecksum(
                                        ip.getHeader().getSrcAddr(),
                                        ip.getHeader().getDstAddr(),
                                        false))
                        .isTrue();
            }
        }
    }

    @Test
    void refusesHeadersThatDoNotFitThePacket() {
        assertThat(begin(VirtioNetHeader.CSUM_START, 0x7fff)).isEqualTo(SoftwareOffload.MALFORMED);
        assertThat(begin(VirtioNetHeader.CSUM_OFFSET, 0x7fff)).isEqualTo(SoftwareOffload.MALFORMED);
        assertThat(begin(VirtioNetHeader.GSO_SIZE, 0)).isEqualTo(SoftwareOffload.MALFORMED);
        assertThat(begin(VirtioNetHeader.LENGTH + 2, 0xffff)).isEqualTo(SoftwareOffload.MALFORMED);
        assertThat(begin(VirtioNetHeader.LENGTH + 6, 0x0020)).isEqualTo(SoftwareOffload.MALFORMED);
        assertThat(begin(VirtioNetHeader.LENGTH, 0x4f00)).isEqualTo(SoftwareOffload.MALFORMED);
    }

    private int begin(int index, int value) {
        ByteBuf message = Packets.tcp(false, 4000, 1448, ACK, 1, random);
        message.setShort(index, value);
        int result = new SoftwareOffload().begin(message);
        message.release();
        return result;
    }

    @FuzzTest
    void survivesAnything(byte[] data) {
        ByteBuf message = Unpooled.wrappedBuffer(data);
        int payloadMost = data.length;
        int total = 0;
        for (byte[] packet : run(message)) {
            assertThat(packet.length).isPositive().isLessThanOrEqualTo(SoftwareOffload.MAX_PACKET);
            total++;
        }
        assertThat(total).isLessThanOrEqualTo(Math.max(1, payloadMost));
    }

    @Test
    void survivesDamagedPackets() {
        System.out.println("seed " + seed + " (again with -Dculvert.seed)");
        for (int round = 0; round < 3_000; round++) {
            ByteBuf message = random.nextBoolean()
                    ? Packets.tcp(random.nextBoolean(), random.nextInt(5000), 1 + random.nextInt(2000), ACK, 1, random)
                    : Packets.udp(random.nextBoolean(), random.nextInt(5000), 1 + random.nextInt(2000), random);
            for (int i = random.nextInt(4); i >= 0; i--) {
                message.setByte(random.nextInt(Math.min(80, message.writerIndex())), random.nextInt(256));
            }
            if (random.nextInt(4) == 0) {
                message.writerIndex(random.nextInt(message.writerIndex()));
            }
            survivesAnything(bytes(message));
            message.release();
        }
    }
}
