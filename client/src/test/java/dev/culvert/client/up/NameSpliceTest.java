package dev.culvert.client.up;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.stack.fixture.Packets;
import dev.culvert.stack.wire.Tcp;
import dev.culvert.tunnel.fixture.DnsBytes;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Frame;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A program asks the stack's own name server: packets on one side, frames on the other. */
@NullUnmarked
final class NameSpliceTest {
    private static final int PORT = 50_000;

    private final ClientBench bench = new ClientBench(Packet.NETWORK4, Packet.NETWORK6);

    @AfterEach
    void end() {
        bench.close();
        assertThat(bench.uplink.flowCount()).as("flows").isZero();
        assertThat(bench.allocator.metric().usedDirectMemory())
                .as("memory left")
                .isZero();
    }

    private static String client(boolean six) {
        return six ? "fd09::2" : "10.9.0.2";
    }

    private static String service(boolean six) {
        return six ? "fd63:756c:7665:7274::53" : "100.127.255.53";
    }

    private static byte[] payload(WebSocketMessage frame) {
        return ByteBufUtil.getBytes(frame.payload());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aDatagram(boolean six) {
        byte[] question = DnsBytes.question(7, "db.corp.example", 1);
        bench.packet(Packets.udp(client(six), service(six), PORT, 53, question));
        List<WebSocketMessage> frames = bench.takeFrames();
        assertThat(ClientBench.types(frames)).containsExactly(Frame.OPEN, Frame.DATAGRAM);
        int id = frames.get(0).flowId();
        bench.frame(Frame.OPENED, 0, id, ClientBench.opened(0));
        byte[] answer = DnsBytes.answer(payload(frames.get(1)), 0, 100);
        bench.frame(Frame.DATAGRAM, 0, id, answer);
        Packet reply = bench.onePacket();
        assertThat(reply.from()).isEqualTo(0x53 - (six ? 0 : 0x53 - 53));
        assertThat(reply.sourcePort()).isEqualTo(53);
        assertThat(reply.destinationPort()).isEqualTo(PORT);
        answer[0] = 0;
        answer[1] = 7;
        assertThat(reply.payload().getBytes(StandardCharsets.ISO_8859_1)).isEqualTo(answer);

        bench.packet(Packets.udp(client(six), service(six), PORT, 54, question));
        assertThat(bench.onePacket().icmp()).as("another port is nobody's").isEqualTo(six ? "1/0" : "3/0");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aConnection(boolean six) {
        int next = 1_000;
        bench.packet(tcp(six, Tcp.SYN, next++, 0, new byte[0]));
        Packet accepted = bench.onePacket();
        assertThat(accepted.flags()).as("at once: it is here").isEqualTo(Tcp.SYN | Tcp.ACK);
        int expected = accepted.sequence() + 1;
        bench.packet(tcp(six, Tcp.ACK, next, expected, new byte[0]));
        byte[] question = DnsBytes.question(7, "db.corp.example", 1);
        byte[] framed = ByteBufUtil.getBytes(
                Unpooled.buffer().writeShort(question.length).writeBytes(question));
        bench.packet(tcp(six, Tcp.ACK | Tcp.PSH, next, expected, framed));
        next += framed.length;
        int id = bench.oneFrame(Frame.OPEN).flowId();
        bench.frame(Frame.OPENED, 0, id, ClientBench.opened(65_536));
        bench.takeFrames();
        bench.takePackets();
        byte[] answer = DnsBytes.answer(question, 0, 50);
        bench.frame(
                Frame.DATA,
                0,
                id,
                ByteBufUtil.getBytes(Unpooled.buffer().writeShort(answer.length).writeBytes(answer)));
        StringBuilder got = new StringBuilder();
        for (Packet packet : bench.takePackets()) {
            got.append(packet.data());
        }
        assertThat(got.substring(2).getBytes(StandardCharsets.ISO_8859_1)).isEqualTo(answer);
        bench.packet(tcp(six, Tcp.RST | Tcp.ACK, next, expected + answer.length + 2, new byte[0]));
    }

    private static byte[] tcp(boolean six, int flags, int sequence, int acknowledgement, byte[] payload) {
        return Packets.tcp(client(six), service(six), PORT, 53, flags, sequence, acknowledgement, payload);
    }
}
