package dev.culvert.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.tunnel.fixture.TestFlow;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.PortedDatagram;
import dev.culvert.tunnel.frame.Reason;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionFactory;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The agent's sockets, asked through a real gateway; the LAN is loopback. */
@NullUnmarked
final class AgentTest {
    private static final int TCP = Destination.TCP;
    private static final int UDP = Destination.UDP;

    @TempDir
    Path dir;

    private TestLan lan;

    @BeforeEach
    void start() throws Exception {
        lan = new TestLan(
                dir,
                List.of("127.0.0.0/8", "::1/128", "10.0.0.0/8"),
                "office:127.0.0.0/8",
                "office:[::1/128]",
                "office:localhost:1-65535/udp",
                "office:0.0.0.0/0");
    }

    @AfterEach
    void stop() {
        lan.close();
    }

    private static DatagramSocket udp(String address) throws Exception {
        DatagramSocket socket = new DatagramSocket(new InetSocketAddress(InetAddress.getByName(address), 0));
        socket.setSoTimeout(1_000 * TestLan.PATIENCE);
        return socket;
    }

    private static DatagramPacket receive(DatagramSocket socket) throws Exception {
        DatagramPacket packet = new DatagramPacket(new byte[65_536], 65_536);
        socket.receive(packet);
        return packet;
    }

    private static String text(DatagramPacket packet) {
        return new String(packet.getData(), 0, packet.getLength(), StandardCharsets.ISO_8859_1);
    }

    private static void reply(DatagramSocket socket, DatagramPacket to, String text) throws Exception {
        byte[] b = text.getBytes(StandardCharsets.ISO_8859_1);
        socket.send(new DatagramPacket(b, b.length, to.getSocketAddress()));
    }

    @Test
    void tcp() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 5, InetAddress.getByName("127.0.0.1"))) {
            server.setSoTimeout(1_000 * TestLan.PATIENCE);
            TestFlow flow = lan.open(TCP, "127.0.0.1", server.getLocalPort());
            try (Socket accepted = server.accept()) {
                accepted.setSoTimeout(1_000 * TestLan.PATIENCE);
                flow.send("question");
                assertThat(accepted.getInputStream().readNBytes(8))
                        .isEqualTo("question".getBytes(StandardCharsets.US_ASCII));
                accepted.getOutputStream().write("answer".getBytes(StandardCharsets.US_ASCII));
                assertThat(flow.next()).isEqualTo("answer");
                accepted.setSoLinger(true, 0);
            }
            assertThat(flow.ended()).isEqualTo(Reason.RESET);
        }
    }

    /** It is the only one, so its flows end with it at once, and both sides see it. */
    @Test
    void anAgentThatIsStoppedResetsItsFlows() throws Exception {
        try (ServerSocket server = new ServerSocket(0, 5, InetAddress.getByName("127.0.0.1"))) {
            server.setSoTimeout(1_000 * TestLan.PATIENCE);
            TestFlow flow = lan.open(TCP, "127.0.0.1", server.getLocalPort());
            try (Socket accepted = server.accept()) {
                accepted.setSoTimeout(1_000 * TestLan.PATIENCE);
                assertThat(flow.refused()).isNull(); // it is open at both ends
                lan.stopAgent();
                assertThat(flow.ended()).isEqualTo(Reason.LINK_LOST);
                assertThatThrownBy(() -> accepted.getInputStream().read()).isInstanceOf(IOException.class);
            }
        }
    }

    @Test
    void refusedByTheHost() throws Exception {
        int port;
        try (ServerSocket server = new ServerSocket(0)) {
            port = server.getLocalPort();
        }
        assertThat(lan.open(TCP, "127.0.0.1", port).refused()).isEqualTo(Reason.CONNECTION_REFUSED);
        assertThat(lan.open(TCP, "::1", port).refused()).isEqualTo(Reason.CONNECTION_REFUSED);
    }

    /** The agent asks its own routes too, whatever the gateway let pass. */
    @Test
    void whatTheAgentDoesNotServe() throws Exception {
        assertThat(lan.open(TCP, "192.0.2.1", 80).refused()).isEqualTo(Reason.PROHIBITED);
    }

    /** Resolves to loopback: a grant of addresses does not open it unless it says so. */
    @Test
    void names() throws Exception {
        assertThat(lan.open(UDP, "localhost", 9).refused()).isNull();
        assertThat(lan.open(TCP, "does-not-exist.invalid", 9).refused()).isEqualTo(Reason.NAME_NOT_FOUND);
    }

    @Test
    void oneSocketForAllDestinationsOfASource() throws Exception {
        try (DatagramSocket a = udp("127.0.0.1");
                DatagramSocket b = udp("127.0.0.2")) {
            TestFlow toA = lan.open(UDP, "127.0.0.1", a.getLocalPort());
            TestFlow toB = lan.open(UDP, "127.0.0.2", b.getLocalPort());
            TestFlow other = lan.open(UDP, "127.0.0.1", a.getLocalPort(), 4001);
            toA.send("1");
            DatagramPacket atA = receive(a);
            toB.send("2");
            DatagramPacket atB = receive(b);
            assertThat(atA.getPort()).isEqualTo(atB.getPort());
            other.send("3");
            assertThat(receive(a).getPort()).isNotEqualTo(atA.getPort());
            reply(a, atA, "from a");
            assertThat(toA.next()).isEqualTo("from a");
            String large = "x".repeat(60_000);
            reply(b, atB, large);
            assertThat(toB.next()).isEqualTo(large);
        }
    }

    /** RFC 4787 5, address-dependent: another port of a host that was asked may answer, another host may not. */
    @Test
    void filtersByAddress() throws Exception {
        try (DatagramSocket a = udp("127.0.0.1");
                DatagramSocket samehost = udp("127.0.0.1");
                DatagramSocket stranger = udp("127.0.0.3")) {
            TestFlow flow = lan.open(UDP, "127.0.0.1", a.getLocalPort());
            flow.send("1");
            DatagramPacket asked = receive(a);
            reply(stranger, asked, "let me in");
            reply(samehost, asked, "other port");
            assertThat(flow.next()).isEqualTo("from " + samehost.getLocalPort() + ": other port");
            flow.send(new PortedDatagram(
                    samehost.getLocalPort(), Unpooled.copiedBuffer("hi", StandardCharsets.US_ASCII)));
            assertThat(text(receive(samehost))).isEqualTo("hi");
        }
    }

    /** The ICMP error is about one destination: that flow hears of it, and datagrams to others of the socket are not lost. */
    @Test
    void portUnreachable() throws Exception {
        try (DatagramSocket alive = udp("127.0.0.1")) {
            TestFlow good = lan.open(UDP, "127.0.0.1", alive.getLocalPort());
            assertThat(good.refused()).isNull();
            for (int i = 0; i < 30; i++) {
                int dead;
                try (DatagramSocket gone = udp("127.0.0.1")) {
                    dead = gone.getLocalPort();
                }
                String host = i % 2 == 0 ? "127.0.0.1" : "127.0.0.2";
                TestFlow bad = lan.open(UDP, host, dead);
                bad.send("anyone?");
                good.send("still " + i);
                assertThat(bad.next()).isEqualTo("icmp 3/3 from " + host + " about anyone?");
                assertThat(text(receive(alive))).isEqualTo("still " + i);
                // RFC 4787 REQ-12: the mapping stays.
                assertThat(bad.hasEnded()).isFalse();
                bad.close();
            }
            assertThat(good.hasEnded()).isFalse();
            DatagramSocket gone = udp("::1");
            int dead = gone.getLocalPort();
            gone.close();
            TestFlow bad6 = lan.open(UDP, "::1", dead);
            bad6.send("anyone?");
            assertThat(bad6.next()).isEqualTo("icmp 1/4 from 0:0:0:0:0:0:0:1 about anyone?");
        }
    }

    /** An empty datagram is a datagram, and takes no other's place. */
    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "::1"})
    void emptyDatagrams(String host) throws Exception {
        try (DatagramSocket peer = udp(host)) {
            TestFlow flow = lan.open(UDP, host, peer.getLocalPort());
            assertThat(flow.refused()).isNull();
            flow.send("");
            DatagramPacket asked = receive(peer);
            assertThat(text(asked)).isEmpty();
            for (String text : List.of("", "a", "", "", "b", "")) {
                reply(peer, asked, text);
            }
            for (String text : List.of("", "a", "", "", "b", "")) {
                assertThat(flow.next()).isEqualTo(text);
            }
            flow.sendAll("x", "", "y", "z", "", "");
            for (String text : List.of("x", "", "y", "z", "", "")) {
                assertThat(text(receive(peer))).isEqualTo(text);
            }
            assertThat(flow.hasEnded()).isFalse();
        }
    }

    /** The longest that UDP has, and what is near it, in both families and both directions: whole, never cut. */
    @ParameterizedTest
    @CsvSource({"127.0.0.1, 65507", "::1, 65527"})
    void longestDatagrams(String host, int longest) throws Exception {
        try (DatagramSocket peer = udp(host);
                DatagramSocket other = udp(host)) {
            TestFlow flow = lan.open(UDP, host, peer.getLocalPort());
            flow.send("hello");
            DatagramPacket asked = receive(peer);
            for (int length : new int[] {65_506, 65_507, 65_508, 65_509, 65_526, 65_527}) {
                if (length <= longest) {
                    String text = "x".repeat(length - 1) + "!";
                    flow.send(text);
                    assertThat(text(receive(peer))).isEqualTo(text);
                    reply(peer, asked, text);
                    assertThat(flow.next()).isEqualTo(text);
                    reply(other, asked, text);
                    assertThat(flow.next()).isEqualTo("from " + other.getLocalPort() + ": " + text);
                }
            }
            flow.send("x".repeat(longest + 1)); // no datagram of this family: lost, and the flow lives on
            flow.send("after");
            assertThat(text(receive(peer))).isEqualTo("after");
        }
    }

    @Test
    void ping() throws Exception {
        TestFlow flow = lan.open(Destination.ICMP, "127.0.0.1", 77);
        flow.send("\0\7data");
        assertThat(flow.next()).isEqualTo("\0\7data");
        flow.send(new PortedDatagram(5, Unpooled.copiedBuffer("an echo has no port", StandardCharsets.US_ASCII)));
        flow.send("\0\10more");
        assertThat(flow.next()).isEqualTo("\0\10more");
    }

    private static ConditionFactory patiently() {
        return Awaitility.await().atMost(TestLan.PATIENCE, TimeUnit.SECONDS);
    }

    /** From the agent's options to what the gateway looks things up in, and back when it is taken back. */
    @Test
    void theGatewayPublishesWhatTheAgentSaysAndItsTokenHolds() {
        lan.publish("a.office.example=http://127.0.0.1:80", "a.elsewhere.example=http://127.0.0.1:80");
        patiently().until(() -> lan.published().equals(List.of("office a.office.example=http://127.0.0.1:80")));
        lan.publish("b.office.example=h2c://localhost:81,hsts");
        patiently()
                .until(() ->
                        lan.published().equals(List.of("office b.office.example=h2c://localhost:81,hsts=31536000")));
        lan.publish();
        patiently().until(() -> lan.published().isEmpty());
    }
}
