package dev.culvert.client.up;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.Reason;
import io.netty.buffer.Unpooled;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A run of ping: packets on one side, frames on the other. */
@NullUnmarked
final class EchoSpliceTest {
    private static final int IDENTIFIER = 0x1234;

    private final ClientBench bench = new ClientBench(Packet.NETWORK4, Packet.NETWORK6);
    private boolean ipv6;

    @AfterEach
    void end() {
        bench.close();
        assertThat(bench.uplink.flowCount()).as("flows").isZero();
        assertThat(bench.counts.echo).as("runs that are counted").isZero();
        assertThat(bench.allocator.metric().usedDirectMemory())
                .as("memory left")
                .isZero();
    }

    private void ping(int sequence, String data) {
        bench.packet(Packet.echo(ipv6, 7, IDENTIFIER, sequence, 64, data));
    }

    private int open(int sequence, String data) {
        ping(sequence, data);
        List<WebSocketMessage> frames = bench.takeFrames();
        assertThat(ClientBench.types(frames)).containsExactly(Frame.OPEN, Frame.DATAGRAM);
        assertThat(frames.get(1).payload().readUnsignedShort()).isEqualTo(sequence);
        assertThat(frames.get(1).text().substring(2)).isEqualTo(data);
        return frames.get(0).flowId();
    }

    private int opened() {
        int id = open(1, "ping");
        bench.frame(Frame.OPENED, 0, id, ClientBench.opened(0));
        assertThat(bench.takePackets()).isEmpty();
        return id;
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aReplyIsTheHostsOwn(boolean six) throws Exception {
        ipv6 = six;
        ping(1, "first");
        List<WebSocketMessage> frames = bench.takeFrames();
        assertThat(ClientBench.types(frames)).containsExactly(Frame.OPEN, Frame.DATAGRAM);
        OpenRequest request = OpenRequest.decode(frames.get(0).payload());
        InetAddress host = InetAddress.getByName(six ? "fd63:99::7" : "10.99.0.7");
        assertThat(request.destination()).isEqualTo(Destination.of(Destination.ICMP, host, IDENTIFIER));
        assertThat(request.agent()).isEqualTo("office");
        assertThat(bench.counts.echo).isEqualTo(1);
        int id = frames.get(0).flowId();
        bench.frame(Frame.OPENED, 0, id, ClientBench.opened(0));
        assertThat(bench.takePackets()).as("nobody answers for the host").isEmpty();
        bench.frame(Frame.DATAGRAM, 0, id, "\0\1first".getBytes(StandardCharsets.ISO_8859_1));
        Packet reply = bench.onePacket();
        assertThat(reply.icmp()).isEqualTo(six ? "129/0" : "0/0");
        assertThat(reply.from()).isEqualTo(7);
        assertThat(reply.identifier()).isEqualTo(IDENTIFIER);
        assertThat(reply.echoSequence()).isEqualTo(1);
        assertThat(reply.payload()).isEqualTo("first");
        ping(2, "second");
        assertThat(bench.oneFrame(Frame.DATAGRAM).flowId()).as("the same flow").isEqualTo(id);
    }

    @ParameterizedTest
    @CsvSource({
        "HOST_UNREACHABLE, 3/1, 1/3",
        "NETWORK_UNREACHABLE, 3/0, 1/0",
        "NO_AGENT, 3/0, 1/0",
        "PROHIBITED, 3/13, 1/1",
        "UNSUPPORTED, 3/13, 1/1",
        "CONNECTION_REFUSED, 3/1, 1/3",
        "TIMED_OUT, silence, silence",
        "IDLE, silence, silence",
        "CANCELLED, silence, silence"
    })
    void whyThereIsNoReplyIsToldAboutTheLastRequest(Reason why, String seen4, String seen6) {
        for (boolean six : new boolean[] {false, true}) {
            ipv6 = six;
            int id = open(1, "a");
            ping(2, "b");
            bench.oneFrame(Frame.DATAGRAM);
            bench.frame(Frame.REFUSED, 0, id, (byte) why.code());
            String seen = six ? seen6 : seen4;
            if (seen.equals("silence")) {
                assertThat(bench.takePackets()).isEmpty();
            } else {
                Packet error = bench.onePacket();
                assertThat(error.icmp()).isEqualTo(seen);
                assertThat(error.quoted().identifier()).isEqualTo(IDENTIFIER);
                assertThat(error.quoted().echoSequence()).isEqualTo(2);
                assertThat(error.quoted().to()).isEqualTo(7);
            }
            assertThat(open(3, "c")).as("the next one is tried anew").isNotEqualTo(id);
        }
    }

    @Test
    void whereNoAgentIsTheNetworkIsUnreachable() {
        bench.announce("10.98.0.0/16");
        bench.advance(1_000);
        ping(5, "x");
        assertThat(bench.takeFrames()).isEmpty();
        Packet error = bench.onePacket();
        assertThat(error.icmp()).isEqualTo("3/0");
        assertThat(error.quoted().echoSequence()).isEqualTo(5);
        assertThat(bench.counts.refused).isEqualTo(1);
    }

    /** traceroute -I: each router on the way says so itself. */
    @Test
    void aHopLimitIsCarriedAndTheRouterIsHeard() {
        bench.packet(Packet.echo(false, 7, IDENTIFIER, 4, 3, "probe"));
        List<WebSocketMessage> frames = bench.takeFrames();
        assertThat(ClientBench.types(frames)).containsExactly(Frame.OPEN, Frame.DATAGRAM);
        assertThat(frames.get(1).flags()).isEqualTo(Frame.FLAG_HOP_LIMIT);
        assertThat(frames.get(1).text()).isEqualTo("\u0002\0\u0004probe");
        int id = frames.get(0).flowId();
        bench.frame(Frame.OPENED, 0, id, ClientBench.opened(0));
        byte[] said = Unpooled.buffer(19)
                .writeByte(11)
                .writeByte(0)
                .writeInt(0)
                .writeByte(4)
                .writeBytes(new byte[] {10, 98, 0, 33})
                .writeShort(4)
                .writeBytes("probe!".getBytes(StandardCharsets.US_ASCII))
                .array();
        bench.frame(Frame.DATAGRAM, Frame.FLAG_ERROR, id, said);
        Packet error = bench.onePacket();
        assertThat(error.icmp()).isEqualTo("11/0");
        assertThat(error.from()).isEqualTo(33);
        assertThat(error.quoted().echoSequence()).isEqualTo(4);
        assertThat(error.quoted().to()).isEqualTo(7);
    }

    @Test
    void anErrorAboutNothingIsNoError() {
        int id = opened();
        bench.frame(
                Frame.DATAGRAM,
                Frame.FLAG_ERROR,
                id,
                (byte) 3,
                (byte) 1,
                (byte) 0,
                (byte) 0,
                (byte) 0,
                (byte) 0,
                (byte) 0,
                (byte) 7);
        assertThat(bench.takePackets()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void aReplyWithoutANumberIsNoReply(int length) {
        int id = opened();
        bench.frame(Frame.DATAGRAM, 0, id, new byte[length]);
        assertThat(bench.takePackets()).isEmpty();
        bench.frame(Frame.DATAGRAM, 0, id, (byte) 0, (byte) 1);
        assertThat(bench.onePacket().echoSequence()).isEqualTo(1);
    }

    @Test
    void aRunThatIsOverEndsTheFlow() {
        int id = opened();
        bench.advanceLinked(2 * 60_000);
        assertThat(bench.counts.echo).isZero();
        assertThat(bench.takeFrames()).anyMatch(f -> f.type() == Frame.RESET && f.flowId() == id);
        assertThat(bench.uplink.flowCount()).isZero();
    }

    @Test
    void aLinkThatBreaksIsSilenceAndTheNextOneTakesTheRunUp() {
        opened();
        bench.disconnect();
        assertThat(bench.takePackets()).isEmpty();
        ping(2, "lost");
        assertThat(bench.takePackets()).isEmpty();
        bench.reconnect();
        open(3, "arrives");
        assertThat(bench.counts.echo).isEqualTo(1);
    }
}
