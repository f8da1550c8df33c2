package dev.culvert.client.up;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.stack.ip.IpPacket;
import dev.culvert.stack.ip.IpParser;
import dev.culvert.stack.wire.Checksum;
import dev.culvert.stack.wire.IpProtocol;
import dev.culvert.stack.wire.Tcp;
import dev.culvert.stack.wire.VirtioNetHeader;
import dev.culvert.tun.device.SoftwareOffload;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.pcap4j.packet.IllegalRawDataException;
import org.pcap4j.packet.IpSelector;
import org.pcap4j.packet.IpV4Packet;
import org.pcap4j.packet.IpV6Packet;
import org.pcap4j.packet.Packet;
import org.pcap4j.packet.TcpPacket;

/**
 * Cuts TCP super-packets up as the device does it in software, and judges each segment: by Pcap4J, which shares no code with
 * us, and by the parser of our own stack. What a segment must say is worked out here from the super-packet's raw bytes.
 */
final class SegmentJudge {
    private static final int FIN_PSH = Tcp.FIN | Tcp.PSH;

    private SegmentJudge() {}

    /** What came of one super-packet. */
    record Cut(List<byte[]> segments, byte[] payload, int sequence, int flags) {}

    /** Takes {@code message}: virtio header, IP, TCP with a partial checksum, payload. */
    static Cut cut(ByteBuf message) {
        try {
            byte[] whole = new byte[message.readableBytes() - VirtioNetHeader.LENGTH];
            message.getBytes(message.readerIndex() + VirtioNetHeader.LENGTH, whole);
            SoftwareOffload offload = new SoftwareOffload();
            int count = offload.begin(message);
            assertThat(count).as("segments").isPositive();
            ByteBuf out = Unpooled.directBuffer(whole.length);
            List<byte[]> segments = new ArrayList<>();
            try {
                for (int i = 0; i < count; i++) {
                    out.clear();
                    offload.emit(message, i, out);
                    byte[] segment = new byte[out.readableBytes()];
                    out.readBytes(segment);
                    segments.add(segment);
                }
            } finally {
                out.release();
            }
            int type = VirtioNetHeader.gsoType(message, message.readerIndex());
            int size = type == VirtioNetHeader.GSO_NONE
                    ? whole.length
                    : VirtioNetHeader.gsoSize(message, message.readerIndex());
            int transport = VirtioNetHeader.csumStart(message, message.readerIndex());
            return judge(whole, transport, size, segments);
        } finally {
            message.release();
        }
    }

    private static Cut judge(byte[] whole, int transport, int size, List<byte[]> segments) {
        int headers = transport + (whole[transport + 12] >>> 4 & 15) * 4;
        int payload = whole.length - headers;
        assertThat(segments).hasSize(Math.max(1, (payload + size - 1) / size));
        int sequence = int32(whole, transport + 4);
        int flags = whole[transport + 13] & 0xff;
        ByteArrayOutputStream joined = new ByteArrayOutputStream(payload);
        for (int i = 0; i < segments.size(); i++) {
            byte[] segment = segments.get(i);
            boolean last = i == segments.size() - 1;
            assertThat(segment).hasSize(headers + (last ? payload - joined.size() : size));
            byte[] expected = Arrays.copyOf(whole, headers);
            int length = expected[0] >>> 4 == 4 ? segment.length : segment.length - 40;
            if (expected[0] >>> 4 == 4) {
                setInt16(expected, 2, length);
                setInt16(expected, 4, int16(whole, 4) + i); // RFC 6864 section 4.1, and as Linux counts
                setInt16(expected, 10, int16(segment, 10)); // judged below
            } else {
                setInt16(expected, 4, length);
            }
            int offset = sequence + joined.size();
            setInt16(expected, transport + 4, offset >>> 16);
            setInt16(expected, transport + 6, offset);
            expected[transport + 13] =
                    (byte) (flags & ~(last ? 0 : FIN_PSH) & ~(i == 0 ? 0 : Tcp.CWR)); // RFC 3168 section 6.1.2
            setInt16(expected, transport + 16, int16(segment, transport + 16)); // judged below
            assertThat(Arrays.copyOf(segment, headers))
                    .as("headers of segment " + i)
                    .isEqualTo(expected);
            byte[] data = Arrays.copyOfRange(segment, headers, segment.length);
            askPcap4j(segment, offset, data);
            askOurParser(segment, transport);
            joined.writeBytes(data);
        }
        byte[] bytes = joined.toByteArray();
        assertThat(bytes).isEqualTo(Arrays.copyOfRange(whole, headers, whole.length));
        return new Cut(segments, bytes, sequence, flags);
    }

    private static void askPcap4j(byte[] segment, int sequence, byte[] data) {
        Packet packet;
        try {
            packet = IpSelector.newPacket(segment, 0, segment.length);
        } catch (IllegalRawDataException e) {
            throw new AssertionError("Pcap4J does not read it", e);
        }
        TcpPacket tcp = packet.get(TcpPacket.class);
        assertThat(tcp).as("TCP in %s", packet).isNotNull();
        if (packet instanceof IpV4Packet v4) {
            assertThat(v4.getHeader().hasValidChecksum(false)).isTrue();
            assertThat(v4.getHeader().getTotalLengthAsInt()).isEqualTo(segment.length);
            assertThat(tcp.hasValidChecksum(
                            v4.getHeader().getSrcAddr(), v4.getHeader().getDstAddr(), false))
                    .isTrue();
        } else {
            IpV6Packet v6 = (IpV6Packet) packet;
            assertThat(v6.getHeader().getPayloadLengthAsInt()).isEqualTo(segment.length - 40);
            assertThat(tcp.hasValidChecksum(
                            v6.getHeader().getSrcAddr(), v6.getHeader().getDstAddr(), false))
                    .isTrue();
        }
        assertThat(tcp.getHeader().getSequenceNumber()).isEqualTo(sequence);
        assertThat(tcp.getPayload() == null ? new byte[0] : tcp.getPayload().getRawData())
                .isEqualTo(data);
    }

    private static void askOurParser(byte[] segment, int transport) {
        ByteBuf b = Unpooled.wrappedBuffer(segment);
        IpPacket ip = new IpPacket();
        assertThat(IpParser.parse(b, 0, segment.length, ip))
                .as("why it is dropped")
                .isNull();
        assertThat(ip.protocol()).isEqualTo(IpProtocol.TCP);
        assertThat(ip.payload()).isEqualTo(transport);
        assertThat(ip.end()).isEqualTo(segment.length);
        int length = segment.length - transport;
        long pseudo = ip.version() == 4
                ? Checksum.pseudoHeaderOfIpv4(b, 0, IpProtocol.TCP, length)
                : Checksum.pseudoHeaderOfIpv6(b, 0, IpProtocol.TCP, length);
        assertThat(Checksum.isValid(Checksum.add(pseudo, Checksum.sum(b, transport, length))))
                .isTrue();
    }

    static int int16(byte[] b, int at) {
        return (b[at] & 0xff) << 8 | b[at + 1] & 0xff;
    }

    static int int32(byte[] b, int at) {
        return int16(b, at) << 16 | int16(b, at + 2);
    }

    private static void setInt16(byte[] b, int at, int value) {
        b[at] = (byte) (value >>> 8);
        b[at + 1] = (byte) value;
    }
}
