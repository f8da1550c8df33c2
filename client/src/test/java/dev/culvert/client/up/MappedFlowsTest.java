package dev.culvert.client.up;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.client.uplink.RouteTable;
import dev.culvert.stack.wire.Tcp;
import dev.culvert.token.Route;
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
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A network that is shown under other addresses: applications see these alone, the agent its own. */
@NullUnmarked
final class MappedFlowsTest {
    private static final String REAL_4 = "172.20.0.0/16";
    private static final String REAL_6 = "fd00:20::/32";

    private final ClientBench bench = new ClientBench(new RouteTable.Wanted(
            List.of(
                    Route.parse(Packet.NETWORK4 + "=office:" + REAL_4),
                    Route.parse(Packet.NETWORK6 + "=office:" + REAL_6)),
            true,
            false));

    @BeforeEach
    void announce() {
        bench.announce(REAL_4, REAL_6, "10.98.0.0/16");
        bench.advance(1_000);
    }

    @AfterEach
    void end() {
        bench.close();
        assertThat(bench.allocator.metric().usedDirectMemory())
                .as("memory left")
                .isZero();
    }

    private static InetAddress real(boolean six) throws Exception {
        return InetAddress.getByName(six ? "fd00:20::7" : "172.20.0.7");
    }

    private int opened(int protocol, int port, boolean six) throws Exception {
        List<WebSocketMessage> frames = bench.takeFrames();
        OpenRequest request = OpenRequest.decode(frames.get(0).payload());
        assertThat(request.agent()).isEqualTo("office");
        assertThat(request.destination()).isEqualTo(Destination.of(protocol, real(six), port));
        int id = frames.get(0).flowId();
        bench.frame(Frame.OPENED, 0, id, ClientBench.opened(0));
        return id;
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aConnectionGoesToTheHostsOwnAddressAndIsSeenWithTheOther(boolean six) throws Exception {
        bench.packet(Packet.tcp(six, 40_000, 7, Tcp.SYN, 1_000, 0, ""));
        opened(Destination.TCP, 80, six);
        Packet answer = bench.onePacket();
        assertThat(answer.flags()).isEqualTo(Tcp.SYN | Tcp.ACK);
        assertThat(source(answer)).isEqualTo(InetAddress.getByName(six ? "fd63:99::7" : "10.99.0.7"));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aRefusalComesFromTheAddressThatWasAsked(boolean six) throws Exception {
        bench.packet(Packet.tcp(six, 40_000, 7, Tcp.SYN, 1_000, 0, ""));
        int id = bench.takeFrames().get(0).flowId();
        bench.frame(Frame.REFUSED, 0, id, (byte) Reason.CONNECTION_REFUSED.code());
        Packet answer = bench.onePacket();
        assertThat(answer.flags() & Tcp.RST).isEqualTo(Tcp.RST);
        assertThat(source(answer)).isEqualTo(InetAddress.getByName(six ? "fd63:99::7" : "10.99.0.7"));
    }

    /** Who says it, and about whom: a hop and the host within the network, and a router elsewhere, which is shown as it is. */
    @ParameterizedTest
    @CsvSource({
        "172.20.0.1, 10.99.0.1",
        "172.20.0.7, 10.99.0.7",
        "172.20.255.255, 10.99.255.255",
        "10.98.0.33, 10.98.0.33",
        "172.21.0.1, 172.21.0.1",
        "fd00:20::1, fd63:99::1",
        "fd00:21::1, fd00:21::1",
    })
    void whoComplainsIsShownUnderTheAddressThatItHasHere(String offender, String shown) throws Exception {
        boolean six = offender.contains(":");
        byte[] from = InetAddress.getByName(offender).getAddress();
        bench.packet(Packet.udp(six, 50_000, 7, 9_000, 3, "probe"));
        int udp = opened(Destination.UDP, 9_000, six);
        bench.frame(Frame.DATAGRAM, Frame.FLAG_ERROR, udp, error(six, from, "", "probe"));
        assertTold(bench.onePacket(), six, shown);
        bench.packet(Packet.echo(six, 7, 0x1234, 4, 3, "probe"));
        int echo = opened(Destination.ICMP, 0x1234, six);
        bench.frame(Frame.DATAGRAM, Frame.FLAG_ERROR, echo, error(six, from, "\0\4", "probe"));
        assertTold(bench.onePacket(), six, shown);
    }

    private static byte[] error(boolean six, byte[] offender, String sequence, String about) {
        return Unpooled.buffer()
                .writeByte(six ? 3 : 11)
                .writeByte(0)
                .writeInt(0)
                .writeByte(offender.length)
                .writeBytes(offender)
                .writeBytes((sequence + about).getBytes(StandardCharsets.ISO_8859_1))
                .copy()
                .array();
    }

    private static void assertTold(Packet error, boolean six, String from) throws Exception {
        assertThat(error.icmp()).isEqualTo(six ? "3/0" : "11/0");
        assertThat(source(error)).isEqualTo(InetAddress.getByName(from));
        byte[] quoted = error.quoted().ip();
        byte[] to = java.util.Arrays.copyOfRange(quoted, six ? 24 : 16, six ? 40 : 20);
        assertThat(InetAddress.getByAddress(to))
                .as("the application's own datagram is quoted")
                .isEqualTo(InetAddress.getByName(six ? "fd63:99::7" : "10.99.0.7"));
    }

    private static InetAddress source(Packet packet) throws Exception {
        boolean six = packet.isIpv6();
        return InetAddress.getByAddress(java.util.Arrays.copyOfRange(packet.ip(), six ? 8 : 12, six ? 24 : 16));
    }

    /** A flow keeps its address when nothing else is shown under it any more. */
    @org.junit.jupiter.api.Test
    void aFlowOutlivesItsMap() throws Exception {
        bench.packet(Packet.udp(false, 50_000, 7, 9_000, 64, "hello"));
        int udp = opened(Destination.UDP, 9_000, false);
        bench.announce("10.98.0.0/16");
        bench.advance(1_000);
        bench.takeFrames();
        bench.frame(Frame.DATAGRAM, 0, udp, "answer".getBytes(StandardCharsets.ISO_8859_1));
        assertThat(source(bench.onePacket())).isEqualTo(InetAddress.getByName("10.99.0.7"));
        bench.frame(
                Frame.DATAGRAM,
                Frame.FLAG_ERROR,
                udp,
                error(false, InetAddress.getByName("172.20.0.1").getAddress(), "", "hello"));
        assertTold(bench.onePacket(), false, "10.99.0.1");
    }
}
