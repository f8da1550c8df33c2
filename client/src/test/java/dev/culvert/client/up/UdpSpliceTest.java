package dev.culvert.client.up;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.Reason;
import io.netty.buffer.Unpooled;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** An application's UDP socket: packets on one side, frames on the other. */
@NullUnmarked
final class UdpSpliceTest {
    private static final int PORT = 50_000;

    private final ClientBench bench = new ClientBench(Packet.NETWORK4, Packet.NETWORK6);
    private boolean ipv6;

    @AfterEach
    void end() {
        bench.close();
        assertThat(bench.uplink.flowCount()).as("flows").isZero();
        assertThat(bench.counts.udp).as("sockets that are counted").isZero();
        assertThat(bench.allocator.metric().usedDirectMemory())
                .as("memory left")
                .isZero();
    }

    private void send(int to, String payload) {
        bench.packet(Packet.udp(ipv6, PORT, to, 9_000, 64, payload));
    }

    /** The first datagram to a host; the flow's id. */
    private int open(int to, String payload) {
        send(to, payload);
        List<WebSocketMessage> frames = bench.takeFrames();
        assertThat(ClientBench.types(frames)).containsExactly(Frame.OPEN, Frame.DATAGRAM);
        assertThat(frames.get(1).flowId()).isEqualTo(frames.get(0).flowId());
        assertThat(frames.get(1).text()).isEqualTo(payload);
        return frames.get(0).flowId();
    }

    private int opened(int to) {
        int id = open(to, "hello");
        bench.frame(Frame.OPENED, 0, id, ClientBench.opened(0));
        assertThat(bench.takePackets()).isEmpty();
        return id;
    }

    private void reply(int id, int flags, String payload) {
        bench.frame(Frame.DATAGRAM, flags, id, payload.getBytes(StandardCharsets.ISO_8859_1));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void datagramsGoBothWays(boolean six) throws Exception {
        ipv6 = six;
        send(7, "question");
        List<WebSocketMessage> frames = bench.takeFrames();
        assertThat(ClientBench.types(frames)).as("at once").containsExactly(Frame.OPEN, Frame.DATAGRAM);
        OpenRequest request = OpenRequest.decode(frames.get(0).payload());
        InetAddress host = InetAddress.getByName(six ? "fd63:99::7" : "10.99.0.7");
        assertThat(request.destination()).isEqualTo(Destination.of(Destination.UDP, host, 9_000));
        assertThat(request.source()).isEqualTo(new InetSocketAddress(six ? "fd09::2" : "10.9.0.2", PORT));
        assertThat(frames.get(0).flags()).as("there is nothing to ask about").isZero();
        assertThat(frames.get(1).text()).isEqualTo("question");
        assertThat(frames.get(1).flags()).isZero();
        assertThat(bench.counts.udp).isEqualTo(1);
        int id = frames.get(0).flowId();
        bench.frame(Frame.OPENED, 0, id, ClientBench.opened(0));
        reply(id, 0, "answer");
        Packet answer = bench.onePacket();
        assertThat(answer.payload()).isEqualTo("answer");
        assertThat(answer.from()).isEqualTo(7);
        assertThat(answer.sourcePort()).isEqualTo(9_000);
        assertThat(answer.destinationPort()).isEqualTo(PORT);
        send(7, "more");
        assertThat(bench.oneFrame(Frame.DATAGRAM).flowId()).as("the same flow").isEqualTo(id);
    }

    @Test
    void eachDestinationOfASocketIsAFlow() throws Exception {
        int seven = opened(7);
        int eight = opened(8);
        assertThat(eight).isNotEqualTo(seven);
        assertThat(bench.counts.udp).isEqualTo(1);
        send(7, "to seven");
        assertThat(bench.oneFrame(Frame.DATAGRAM).flowId()).isEqualTo(seven);
        reply(eight, 0, "from eight");
        assertThat(bench.onePacket().from()).isEqualTo(8);
        bench.frame(Frame.RESET, 0, seven, (byte) Reason.IDLE.code());
        assertThat(bench.takePackets()).isEmpty();
        assertThat(open(7, "again")).isNotEqualTo(seven);
        send(8, "to eight");
        assertThat(bench.oneFrame(Frame.DATAGRAM).flowId()).isEqualTo(eight);
    }

    /** TFTP answers from another port. */
    @Test
    void aHostMayAnswerFromAnotherPort() {
        int id = opened(7);
        bench.frame(Frame.DATAGRAM, Frame.FLAG_PORT, id, (byte) 0x0f, (byte) 0xa0, (byte) 'x');
        Packet answer = bench.onePacket();
        assertThat(answer.sourcePort()).isEqualTo(4_000);
        assertThat(answer.from()).isEqualTo(7);
        assertThat(answer.payload()).isEqualTo("x");
    }

    @ParameterizedTest
    @CsvSource({
        "CONNECTION_REFUSED, 3/3, 1/4",
        "RESET, 3/3, 1/4",
        "HOST_UNREACHABLE, 3/1, 1/3",
        "NETWORK_UNREACHABLE, 3/0, 1/0",
        "NO_AGENT, 3/0, 1/0",
        "PROHIBITED, 3/13, 1/1",
        "TIMED_OUT, silence, silence",
        "OVERLOADED, silence, silence",
        "IDLE, silence, silence",
        "CANCELLED, silence, silence"
    })
    void whyADatagramDidNotArriveIsToldAboutIt(Reason why, String seen4, String seen6) {
        for (boolean six : new boolean[] {false, true}) {
            ipv6 = six;
            int id = open(7, "hello");
            bench.frame(Frame.REFUSED, 0, id, (byte) why.code());
            String seen = six ? seen6 : seen4;
            if (seen.equals("silence")) {
                assertThat(bench.takePackets()).isEmpty();
            } else {
                Packet error = bench.onePacket();
                assertThat(error.icmp()).isEqualTo(seen);
                assertThat(error.quoted().sourcePort()).isEqualTo(PORT);
                assertThat(error.quoted().destinationPort()).isEqualTo(9_000);
                assertThat(error.quoted().to()).isEqualTo(7);
            }
            int again = open(7, "again");
            assertThat(again).as("the next one is tried anew").isNotEqualTo(id);
        }
    }

    @Test
    void whereNoAgentIsTheNetworkIsUnreachable() {
        bench.announce("10.98.0.0/16");
        bench.advance(1_000);
        send(7, "hello");
        assertThat(bench.takeFrames()).isEmpty();
        assertThat(bench.onePacket().icmp()).isEqualTo("3/0");
    }

    /** What a router behind the agent says comes from that router, and is about the application's own datagram. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void whatTheNetworkBehindTheAgentSaysIsToldInItsName(boolean otherPort) throws Exception {
        int id = opened(7);
        var said = Unpooled.buffer();
        if (otherPort) {
            said.writeShort(4_000);
        }
        said.writeByte(3).writeByte(4).writeInt(1_400).writeByte(4).writeBytes(new byte[] {10, 98, 0, 33});
        said.writeBytes("hello".getBytes(StandardCharsets.US_ASCII));
        byte[] payload = new byte[said.readableBytes()];
        said.readBytes(payload);
        bench.frame(Frame.DATAGRAM, Frame.FLAG_ERROR | (otherPort ? Frame.FLAG_PORT : 0), id, payload);
        Packet error = bench.onePacket();
        assertThat(error.icmp()).isEqualTo("3/4");
        assertThat(error.from()).isEqualTo(33);
        assertThat(error.identifier() << 16 | error.echoSequence()).as("MTU").isEqualTo(1_400);
        assertThat(error.quoted().to()).isEqualTo(7);
        assertThat(error.quoted().destinationPort()).isEqualTo(otherPort ? 4_000 : 9_000);
        reply(id, 0, "no error ends a flow");
        assertThat(bench.onePacket().payload()).isEqualTo("no error ends a flow");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aHopLimitIsCarriedLessOne(boolean six) {
        ipv6 = six;
        bench.packet(Packet.udp(six, PORT, 7, 33_434, 2, "probe"));
        List<WebSocketMessage> frames = bench.takeFrames();
        assertThat(ClientBench.types(frames)).containsExactly(Frame.OPEN, Frame.DATAGRAM);
        assertThat(frames.get(1).flags()).isEqualTo(Frame.FLAG_HOP_LIMIT);
        assertThat(frames.get(1).text()).isEqualTo("\u0001probe");
        bench.frame(Frame.OPENED, 0, frames.get(0).flowId(), ClientBench.opened(0));
        bench.frame(Frame.DATAGRAM, Frame.FLAG_HOP_LIMIT, frames.get(0).flowId(), (byte) 9, (byte) 'x');
        assertThat(bench.takePackets())
                .as("a hop limit on the way back means nothing")
                .isEmpty();
    }

    /** Its kernel says so when the next datagram comes; the agent's kernel is to say it to the sender then. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aSocketThatIsClosedEndsTheFlow(boolean six) {
        ipv6 = six;
        int seven = opened(7);
        int eight = opened(8);
        reply(seven, 0, "too late");
        bench.packet(Packet.portUnreachable(bench.onePacket()));
        assertThat(bench.oneFrame(Frame.RESET).flowId()).isEqualTo(seven);
        send(8, "to eight");
        assertThat(bench.oneFrame(Frame.DATAGRAM).flowId()).isEqualTo(eight);
        assertThat(bench.takePackets()).as("of its own doing it hears nothing").isEmpty();
    }

    @Test
    void aSocketThatIsIdleForLongEndsItsFlows() {
        int seven = opened(7);
        int eight = opened(8);
        bench.advanceLinked(4 * 60_000);
        assertThat(bench.takeFrames()).isEmpty();
        bench.advanceLinked(2 * 60_000);
        List<WebSocketMessage> frames = bench.takeFrames();
        assertThat(ClientBench.types(frames)).containsExactly(Frame.RESET, Frame.RESET);
        assertThat(frames.stream().map(WebSocketMessage::flowId)).containsExactlyInAnyOrder(seven, eight);
        assertThat(bench.counts.udp).isZero();
        assertThat(bench.uplink.flowCount()).isZero();
        assertThat(bench.takePackets()).isEmpty();
    }

    @Test
    void theDestinationUsedLongestAgoMakesRoom() {
        int first = -1;
        int second = -1;
        for (int i = 0; i < UdpSplice.MAX_DESTINATIONS; i++) {
            send(i, "x");
            List<WebSocketMessage> frames = bench.takeFrames();
            first = i == 0 ? frames.get(0).flowId() : first;
            second = i == 1 ? frames.get(0).flowId() : second;
        }
        send(0, "used again");
        assertThat(bench.oneFrame(Frame.DATAGRAM).flowId()).isEqualTo(first);
        send(UdpSplice.MAX_DESTINATIONS, "one too many");
        List<WebSocketMessage> frames = bench.takeFrames();
        assertThat(ClientBench.types(frames)).containsExactlyInAnyOrder(Frame.RESET, Frame.OPEN, Frame.DATAGRAM);
        assertThat(frames.stream()
                        .filter(f -> f.type() == Frame.RESET)
                        .findFirst()
                        .orElseThrow()
                        .flowId())
                .isEqualTo(second);
        assertThat(bench.uplink.flowCount()).isEqualTo(UdpSplice.MAX_DESTINATIONS);
    }

    @Test
    void aLinkThatBreaksIsSilenceAndTheNextOneTakesTheSocketUp() {
        opened(7);
        bench.disconnect();
        assertThat(bench.takePackets()).isEmpty();
        assertThat(bench.counts.udp)
                .as("the application's socket is still there")
                .isEqualTo(1);
        send(7, "lost");
        assertThat(bench.takePackets()).isEmpty();
        bench.advance(10_000);
        send(7, "told");
        assertThat(bench.onePacket().icmp()).isEqualTo("3/0");
        bench.reconnect();
        open(7, "arrives");
    }

    @Test
    void thereIsNoPortZero() {
        int id = opened(7);
        bench.packet(Packet.udp(false, PORT, 7, 0, 64, "x"));
        assertThat(bench.takeFrames()).isEmpty();
        send(7, "the socket is as it was");
        assertThat(bench.oneFrame(Frame.DATAGRAM).flowId()).isEqualTo(id);
    }

    /** As on a full wire: what does not fit is lost, what fits arrives, and nothing waits without bound. */
    @Test
    void aFullInterfaceLosesDatagrams() {
        int id = opened(7);
        byte[] large = new byte[60_000];
        var one = Unpooled.buffer();
        for (int i = 0; i < 40; i++) {
            one.writeBytes(
                    bench.link.message(WebSocketMessage.BINARY, WebSocketMessage.frame(Frame.DATAGRAM, 0, id, large)));
        }
        bench.link.send(one);
        bench.settle();
        long bytes = bench.takePackets().stream().mapToInt(p -> p.ip().length).sum();
        assertThat(bytes).isBetween(1L << 19, 3L << 19);
        reply(id, 0, "there is room again");
        assertThat(bench.onePacket().payload()).isEqualTo("there is room again");
    }
}
