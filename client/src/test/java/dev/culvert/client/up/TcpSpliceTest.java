package dev.culvert.client.up;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.stack.wire.Tcp;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.Reason;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The contract of a SYN, and what the two ends of a connection hear of each other: packets on one side, frames on the other. */
@NullUnmarked
final class TcpSpliceTest {
    private static final int CREDIT = 65_536;

    private final ClientBench bench = new ClientBench(Packet.NETWORK4, Packet.NETWORK6);
    private boolean ipv6;
    private int port = 40_000;

    /** What the application's kernel sends next, and expects. */
    private int next = 1_000;

    private int expected;
    private int id;

    @AfterEach
    void end() {
        bench.close();
        assertThat(bench.uplink.flowCount()).as("flows").isZero();
        assertThat(bench.counts.tcp).as("flows that are counted").isZero();
        assertThat(bench.allocator.metric().usedDirectMemory())
                .as("memory left")
                .isZero();
    }

    private void send(int flags, String payload) {
        bench.packet(Packet.tcp(ipv6, port, 7, flags, next, expected, payload));
        next += payload.length() + ((flags & (Tcp.SYN | Tcp.FIN)) != 0 ? 1 : 0);
    }

    /** The SYN, and what the gateway gets of it. */
    private WebSocketMessage syn() {
        send(Tcp.SYN, "");
        WebSocketMessage open = bench.oneFrame(Frame.OPEN);
        id = open.flowId();
        return open;
    }

    private void gateway(int type, int flags, byte... payload) {
        bench.frame(type, flags, id, payload);
    }

    private void gateway(String data) {
        gateway(Frame.DATA, 0, data.getBytes(java.nio.charset.StandardCharsets.ISO_8859_1));
    }

    /** The one packet, which says this; the application's kernel takes it. */
    private Packet packet(int flags) {
        Packet packet = bench.onePacket();
        assertThat(packet.destinationPort()).isEqualTo(port);
        assertThat(packet.flags() & ~Tcp.PSH).isEqualTo(flags);
        expected = packet.sequence() + packet.data().length() + ((packet.flags() & (Tcp.SYN | Tcp.FIN)) != 0 ? 1 : 0);
        return packet;
    }

    private void establish() {
        establish(Frame.FLAG_PROBES, CREDIT);
    }

    private void establish(int flags, int credit) {
        syn();
        gateway(Frame.OPENED, flags, ClientBench.opened(credit));
        packet(Tcp.SYN | Tcp.ACK);
        send(Tcp.ACK, "");
        assertThat(bench.counts.tcp).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aSynIsAnsweredWhenTheAgentHasReachedTheHost(boolean six) throws Exception {
        ipv6 = six;
        WebSocketMessage open = syn();
        OpenRequest request = OpenRequest.decode(open.payload());
        InetAddress host = InetAddress.getByName(six ? "fd63:99::7" : "10.99.0.7");
        assertThat(request.destination()).isEqualTo(Destination.of(Destination.TCP, host, 80));
        assertThat(request.agent()).isEqualTo("office");
        assertThat(request.source()).isEqualTo(new InetSocketAddress(six ? "fd09::2" : "10.9.0.2", port));
        assertThat(open.flags()).as("that it will ask about the host").isEqualTo(Frame.FLAG_PROBES);
        bench.advance(500);
        assertThat(bench.takePackets()).as("before the agent has said anything").isEmpty();
        gateway(Frame.OPENED, 0, ClientBench.opened(CREDIT));
        assertThat(packet(Tcp.SYN | Tcp.ACK).acknowledgement()).isEqualTo(next);
        assertThat(bench.counts.tcp).as("before the ACK of that").isZero();
        send(Tcp.ACK, "");
        assertThat(bench.counts.tcp).isEqualTo(1);
    }

    @Test
    void bytesGoBothWays() {
        establish();
        send(Tcp.ACK | Tcp.PSH, "question");
        WebSocketMessage data = bench.oneFrame(Frame.DATA);
        assertThat(data.flowId()).isEqualTo(id);
        assertThat(data.text()).isEqualTo("question");
        bench.advance(1_000);
        assertThat(bench.takePackets()).allMatch(p -> p.acknowledgement() == next);
        gateway("answer");
        assertThat(packet(Tcp.ACK).data()).isEqualTo("answer");
    }

    /** What the application would see on the LAN, by what the agent meets. */
    @ParameterizedTest
    @CsvSource({
        "CONNECTION_REFUSED, rst, rst",
        "RESET, rst, rst",
        "TIMED_OUT, silence, silence",
        "OVERLOADED, silence, silence",
        "LINK_LOST, silence, silence",
        "SHUTTING_DOWN, silence, silence",
        "CANCELLED, silence, silence",
        "HOST_UNREACHABLE, 3/1, 1/3",
        "NAME_NOT_FOUND, 3/1, 1/3",
        "UNSPECIFIED, 3/1, 1/3",
        "NETWORK_UNREACHABLE, 3/0, 1/0",
        "NO_AGENT, 3/0, 1/0",
        "PROHIBITED, 3/13, 1/1",
        "UNSUPPORTED, 3/13, 1/1"
    })
    void whatTheAgentMeetsIsWhatTheApplicationMeets(Reason met, String seen4, String seen6) {
        for (boolean six : new boolean[] {false, true}) {
            ipv6 = six;
            port++;
            long refused = bench.counts.refused;
            syn();
            gateway(Frame.REFUSED, 0, (byte) met.code(), (byte) 'n');
            String seen = six ? seen6 : seen4;
            if (seen.equals("silence")) {
                assertThat(bench.takePackets()).isEmpty();
                next--; // the kernel asks again
                syn();
                gateway(Frame.REFUSED, 0, (byte) met.code());
                assertThat(bench.takePackets()).isEmpty();
            } else if (seen.equals("rst")) {
                assertThat(packet(Tcp.RST | Tcp.ACK).acknowledgement()).isEqualTo(next);
            } else {
                Packet error = bench.onePacket();
                assertThat(error.icmp()).isEqualTo(seen);
                assertThat(error.quoted().sourcePort()).as("about the SYN").isEqualTo(port);
                assertThat(error.quoted().to()).isEqualTo(7);
            }
            assertThat(bench.counts.refused).isGreaterThan(refused);
        }
    }

    @Test
    void whereNoAgentIsTheNetworkIsUnreachable() {
        bench.announce("10.98.0.0/16");
        bench.advance(1_000);
        send(Tcp.SYN, "");
        assertThat(bench.takeFrames()).isEmpty();
        assertThat(bench.onePacket().icmp()).isEqualTo("3/0");
        assertThat(bench.counts.refused).isEqualTo(1);
    }

    @Test
    void whileTheLinkHasJustGoneThereIsSilence() {
        bench.disconnect();
        send(Tcp.SYN, "");
        assertThat(bench.takePackets()).isEmpty();
        bench.advance(10_000);
        port++;
        send(Tcp.SYN, "");
        assertThat(bench.onePacket().icmp()).isEqualTo("3/0");
        bench.reconnect();
        port++;
        syn();
        gateway(Frame.OPENED, 0, ClientBench.opened(CREDIT));
        packet(Tcp.SYN | Tcp.ACK);
    }

    @Test
    void anApplicationThatGivesUpCancelsTheDial() {
        syn();
        send(Tcp.RST, "");
        assertThat(bench.oneFrame(Frame.RESET).flowId()).isEqualTo(id);
        gateway(Frame.OPENED, 0, ClientBench.opened(CREDIT)); // had gone already
        assertThat(bench.takePackets()).isEmpty();
        assertThat(bench.uplink.flowCount()).isZero();
    }

    /** The handshake's end may never come: what the agent has dialled is for nobody. */
    @Test
    void anApplicationThatGoesBeforeTheHandshakeEndsFreesTheFlow() {
        syn();
        gateway(Frame.OPENED, 0, ClientBench.opened(CREDIT));
        packet(Tcp.SYN | Tcp.ACK);
        send(Tcp.RST, "");
        assertThat(bench.oneFrame(Frame.RESET).flowId()).isEqualTo(id);
        assertThat(bench.uplink.flowCount()).isZero();
    }

    @Test
    void aHostThatGoesBeforeTheHandshakeEndsIsNotWaitedFor() {
        syn();
        gateway(Frame.OPENED, 0, ClientBench.opened(CREDIT));
        packet(Tcp.SYN | Tcp.ACK);
        gateway(Frame.RESET, 0, (byte) Reason.RESET.code());
        assertThat(bench.uplink.flowCount()).isZero();
        bench.takePackets();
        send(Tcp.ACK, "");
        assertThat(bench.takePackets()).isNotEmpty().allMatch(p -> (p.flags() & Tcp.RST) != 0);
    }

    /** What comes from the link before the application's ACK waits, and is not lost. */
    @Test
    void aHostThatTalksFirstIsHeardAfterTheHandshake() {
        syn();
        gateway(Frame.OPENED, 0, ClientBench.opened(CREDIT));
        packet(Tcp.SYN | Tcp.ACK);
        gateway("220 ready");
        gateway(Frame.FIN, 0);
        assertThat(bench.takePackets()).isEmpty();
        send(Tcp.ACK, "");
        List<Packet> packets = bench.takePackets();
        assertThat(packets.stream().map(Packet::data)).contains("220 ready");
        assertThat(packets.get(packets.size() - 1).flags() & Tcp.FIN).isNotZero();
    }

    @Test
    void theApplicationsEndIsSaidAndTheHostMayTalkOn() {
        establish();
        send(Tcp.ACK | Tcp.PSH, "last words");
        send(Tcp.ACK | Tcp.FIN, "");
        assertThat(ClientBench.types(bench.takeFrames())).containsExactly(Frame.DATA, Frame.FIN);
        bench.advance(1_000);
        bench.takePackets();
        gateway("still here");
        assertThat(packet(Tcp.ACK).data()).isEqualTo("still here");
        gateway(Frame.FIN, 0);
        packet(Tcp.ACK | Tcp.FIN);
        send(Tcp.ACK, "");
        assertThat(bench.uplink.flowCount()).isZero();
        assertThat(bench.takeFrames()).as("both have ended in order").noneMatch(f -> f.type() == Frame.RESET);
    }

    @Test
    void theHostsEndIsSaidAndTheApplicationMayTalkOn() {
        establish();
        gateway(Frame.FIN, 0);
        packet(Tcp.ACK | Tcp.FIN);
        send(Tcp.ACK | Tcp.PSH, "more");
        assertThat(bench.oneFrame(Frame.DATA).text()).isEqualTo("more");
        send(Tcp.ACK | Tcp.FIN, "");
        bench.oneFrame(Frame.FIN);
        assertThat(bench.uplink.flowCount()).isZero();
    }

    @Test
    void theApplicationsResetReachesTheHost() {
        establish();
        send(Tcp.RST, "");
        assertThat(bench.oneFrame(Frame.RESET).flowId()).isEqualTo(id);
        assertThat(bench.uplink.flowCount()).isZero();
        assertThat(bench.takePackets()).isEmpty();
    }

    @ParameterizedTest
    @EnumSource(
            value = Reason.class,
            names = {"RESET", "TIMED_OUT", "PROHIBITED", "SHUTTING_DOWN"})
    void theHostsResetReachesTheApplication(Reason why) {
        establish();
        gateway(Frame.RESET, 0, (byte) why.code());
        Packet reset = packet(Tcp.RST | Tcp.ACK);
        assertThat(reset.acknowledgement()).isEqualTo(next);
        assertThat(bench.uplink.flowCount()).isZero();
        assertThat(bench.takeFrames()).isEmpty();
    }

    @Test
    void aLinkThatBreaksResetsTheApplication() {
        establish();
        bench.disconnect();
        packet(Tcp.RST | Tcp.ACK);
        assertThat(bench.counts.tcp).isZero();
    }

    /** More than the other end has room for waits at the application, whose window says so. */
    @Test
    void noMoreIsSentThanTheOtherEndHasRoomFor() {
        establish(0, 3_000);
        String kilobyte = "k".repeat(1_000);
        int taken = 0;
        for (int i = 0; i < 5; i++) {
            send(Tcp.ACK | Tcp.PSH, kilobyte);
            taken += data();
        }
        assertThat(taken).isEqualTo(3_000);
        gateway(Frame.CREDIT, 0, new byte[] {0, 0, 5, (byte) 0xdc}); // 1,500
        assertThat(data()).isEqualTo(1_500);
        gateway(Frame.CREDIT, 0, new byte[] {0, 1, 0, 0});
        assertThat(data()).isEqualTo(500);
    }

    private int data() {
        return bench.takeFrames().stream()
                .filter(f -> f.type() == Frame.DATA)
                .mapToInt(f -> f.payload().readableBytes())
                .sum();
    }

    /** An application that does not read holds up the other end: it is not given more credit than its kernel takes. */
    @Test
    void anApplicationThatDoesNotReadIsNotSentForWithoutEnd() {
        establish();
        byte[] chunk = new byte[16_000];
        long room = CREDIT;
        int sent = 0;
        while (room >= chunk.length) {
            assertThat(sent).as("bytes that wait for one application").isLessThan(8 * CREDIT);
            gateway(Frame.DATA, 0, chunk);
            sent += chunk.length;
            room += credit() - chunk.length;
        }
        int shown = 0;
        for (Packet packet : bench.takePackets()) {
            shown += packet.data().length();
            expected = packet.sequence() + packet.data().length();
        }
        assertThat(shown).as("within the application's window").isBetween(1, 65_535);
        send(Tcp.ACK, ""); // it has read all that
        bench.advance(1);
        assertThat(credit()).as("there is room again").isPositive();
    }

    private long credit() {
        return bench.takeFrames().stream()
                .filter(f -> f.type() == Frame.CREDIT)
                .mapToLong(f -> f.payload().readUnsignedInt())
                .sum();
    }

    /** The host answers a keep-alive, or nobody does. */
    @Test
    void aKeepAliveIsAnsweredWhenTheHostHasBeenHeardOf() {
        establish();
        bench.packet(Packet.tcp(false, port, 7, Tcp.ACK, next - 1, expected, ""));
        WebSocketMessage probe = bench.oneFrame(Frame.CREDIT);
        assertThat(probe.flags()).isEqualTo(Frame.FLAG_PROBE);
        bench.advance(1_000);
        assertThat(bench.takePackets()).as("nothing has been heard yet").isEmpty();
        gateway(Frame.CREDIT, Frame.FLAG_ALIVE, new byte[4]);
        assertThat(packet(Tcp.ACK).acknowledgement()).isEqualTo(next);
    }

    /** As an older agent has it. */
    @Test
    void whereTheAgentDoesNotAskTheStackAnswersAKeepAlive() {
        establish(0, CREDIT);
        bench.packet(Packet.tcp(false, port, 7, Tcp.ACK, next - 1, expected, ""));
        assertThat(packet(Tcp.ACK).acknowledgement()).isEqualTo(next);
        assertThat(bench.takeFrames()).isEmpty();
    }
}
