package dev.culvert.client.proxy;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.client.uplink.LinkedUplink;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.Reason;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.channel.socket.DatagramPacket;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the socket of an association takes and sends: RFC 1928 section 7. */
@NullUnmarked
final class SocksDatagramsTest {
    private static final InetSocketAddress AT = new InetSocketAddress("127.0.0.1", 5_000);
    private static final InetSocketAddress CLIENT = new InetSocketAddress("127.0.0.1", 40_000);
    private static final String TO_10_1_0_7 = "000000" + "01" + "0a010007" + "1388";

    private final ProxyBench bench = new ProxyBench();
    private final EmbeddedChannel socket = bench.link.socket(
            EmbeddedChannel.builder().ticker(bench.link.ticker).build());

    SocksDatagramsTest() {
        socket.pipeline().addLast(new SocksDatagrams(CLIENT.getAddress(), 0, bench.settings));
        socket.pipeline().fireChannelActive();
    }

    @AfterEach
    void end() {
        bench.close();
    }

    private void send(InetSocketAddress from, String hex) {
        byte[] bytes = ByteBufUtil.decodeHexDump(hex);
        socket.writeInbound(new DatagramPacket(
                bench.link.allocator.buffer(Math.max(1, bytes.length)).writeBytes(bytes), AT, from));
        bench.link.settle();
    }

    private String answer() {
        socket.runPendingTasks();
        DatagramPacket packet = socket.readOutbound();
        if (packet == null) {
            return null;
        }
        assertThat(packet.recipient()).isEqualTo(CLIENT);
        String hex = ByteBufUtil.hexDump(packet.content());
        packet.release();
        return hex;
    }

    private int opened(String host) {
        List<WebSocketMessage> frames = bench.link.takeFrames();
        assertThat(frames).extracting(WebSocketMessage::type).containsExactly(Frame.OPEN, Frame.DATAGRAM);
        OpenRequest request = LinkedUplink.request(frames.get(0));
        assertThat(request.destination().hostText()).isEqualTo(host);
        assertThat(request.destination().protocol()).isEqualTo(Destination.UDP);
        assertThat(request.source()).as("one socket at the agent for all").isEqualTo(CLIENT);
        assertThat(frames.get(1).text()).isEqualTo("hi");
        return frames.get(0).flowId();
    }

    @Test
    void eachDestinationHasAFlowAndItsAnswersSayWhose() {
        send(CLIENT, TO_10_1_0_7 + "6869");
        int first = opened("10.1.0.7");
        send(CLIENT, "00000003" + "026e73" + "0035" + "6869");
        int second = opened("ns");
        bench.link.frame(Frame.DATAGRAM, 0, second, (byte) 'x');
        assertThat(answer()).isEqualTo("00000003" + "026e73" + "0035" + "78");
        bench.link.frame(Frame.DATAGRAM, 0, first, (byte) 'y');
        assertThat(answer()).isEqualTo(TO_10_1_0_7 + "79");
        bench.link.frame(Frame.DATAGRAM, Frame.FLAG_PORT, first, (byte) 0x13, (byte) 0x89, (byte) 'z');
        assertThat(answer()).as("from another port of it").isEqualTo("000000010a0100071389" + "7a");
        send(CLIENT, TO_10_1_0_7 + "6869");
        assertThat(bench.link.takeFrames()).extracting(WebSocketMessage::flowId).containsExactly(first);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "00",
                "000000",
                "00000001",
                "00000102030405",
                "000001010a01000713886869",
                "000000020a01000713886869",
                "000000010a01000713",
                "0000000300" + "0035" + "6869",
                "00000003026e",
                "000000010a01000700006869"
            })
    void whatIsNoDatagramOfSocksIsNotHeard(String hex) {
        send(CLIENT, hex.length() % 2 == 0 ? hex : hex + "0");
        assertThat(bench.link.takeFrames()).isEmpty();
        assertThat(answer()).isNull();
    }

    @Test
    void nobodyElseIsHeard() {
        send(new InetSocketAddress("127.0.0.2", 40_000), TO_10_1_0_7 + "6869");
        assertThat(bench.link.takeFrames()).isEmpty();
        send(CLIENT, TO_10_1_0_7 + "6869");
        opened("10.1.0.7");
        send(new InetSocketAddress("127.0.0.1", 40_001), TO_10_1_0_7 + "6869");
        assertThat(bench.link.takeFrames()).as("another port").isEmpty();
    }

    @Test
    void whoHasSaidItsPortIsHeardFromThereAlone() {
        EmbeddedChannel named = bench.link.socket(
                EmbeddedChannel.builder().ticker(bench.link.ticker).build());
        named.pipeline().addLast(new SocksDatagrams(CLIENT.getAddress(), CLIENT.getPort(), bench.settings));
        byte[] bytes = ByteBufUtil.decodeHexDump(TO_10_1_0_7 + "6869");
        named.writeInbound(new DatagramPacket(
                bench.link.allocator.buffer().writeBytes(bytes), AT, new InetSocketAddress("127.0.0.1", 40_001)));
        assertThat(bench.link.takeFrames()).as("another came first").isEmpty();
        named.writeInbound(new DatagramPacket(bench.link.allocator.buffer().writeBytes(bytes), AT, CLIENT));
        opened("10.1.0.7");
    }

    @Test
    void aSmallDatagramDoesNotHoldWhatALargeOneWouldHaveFilled() {
        ByteBuf read = bench.link.allocator.buffer(65_536);
        read.writeBytes(ByteBufUtil.decodeHexDump(TO_10_1_0_7 + "6869"));
        socket.writeInbound(new DatagramPacket(read, AT, CLIENT));
        assertThat(read.refCnt()).as("while its flow is asked for").isZero();
        opened("10.1.0.7");
    }

    @Test
    void oneThatIsRefusedEndsNoOther() {
        send(CLIENT, TO_10_1_0_7 + "6869");
        bench.link.refused(opened("10.1.0.7"), Reason.PROHIBITED);
        assertThat(bench.complaints).hasSize(1);
        assertThat(socket.isOpen()).isTrue();
        send(CLIENT, TO_10_1_0_7 + "6869");
        opened("10.1.0.7");
    }

    @Test
    void whatWasUsedLongestAgoMakesRoomAndWhatIsIdleEnds() {
        for (int i = 0; i <= SocksDatagrams.MAX_DESTINATIONS; i++) {
            send(CLIENT, "000000010a01" + String.format("%04x", i + 1) + "1388" + "6869");
        }
        assertThat(bench.link.uplink.flowCount()).isEqualTo(SocksDatagrams.MAX_DESTINATIONS);
        bench.link.takeFrames();
        bench.link.advanceLinked(SocksDatagrams.IDLE.toMillis() + 60_000);
        assertThat(bench.link.uplink.flowCount()).isZero();
    }

    @Test
    void randomDatagramsHarmNobody() {
        Random random = new Random(3);
        for (int i = 0; i < 5_000; i++) {
            byte[] bytes = new byte[random.nextInt(40)];
            random.nextBytes(bytes);
            for (int zero = 0; zero < Math.min(3, bytes.length); zero++) {
                bytes[zero] = 0;
            }
            if (bytes.length > 3) {
                bytes[3] = (byte) (1 + random.nextInt(4));
            }
            socket.writeInbound(new DatagramPacket(
                    bench.link.allocator.buffer(Math.max(1, bytes.length)).writeBytes(bytes), AT, CLIENT));
        }
        socket.checkException();
        assertThat(socket.isOpen()).isTrue();
        assertThat(bench.link.uplink.flowCount()).isLessThanOrEqualTo(SocksDatagrams.MAX_DESTINATIONS);
    }
}
