package dev.culvert.stack;

import static dev.culvert.stack.fixture.Packets.CLIENT4;
import static dev.culvert.stack.fixture.Packets.CLIENT6;
import static dev.culvert.stack.fixture.Packets.HOST4;
import static dev.culvert.stack.fixture.Packets.HOST6;
import static dev.culvert.stack.fixture.Packets.address;
import static dev.culvert.stack.fixture.Packets.bytes;
import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.stack.fixture.Packets;
import dev.culvert.stack.ip.IpCounter;
import dev.culvert.stack.ip.Refusal;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.socket.DatagramPacket;
import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetSocketAddress;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pcap4j.packet.IcmpV4CommonPacket;
import org.pcap4j.packet.IcmpV6CommonPacket;
import org.pcap4j.packet.IpPacket;
import org.pcap4j.packet.IpV4Packet;
import org.pcap4j.packet.IpV6Packet;

/** Traceroute: what ends at the stack, what goes on with a hop limit, and the errors that come back from beyond. */
class HopLimitTest {
    private static final String ROUTER4 = "100.127.255.2";
    private static final String ROUTER6 = "fd63:756c:7665:7274::2";

    private static StackFixture withRouter() {
        return new StackFixture(
                StackConfig.builder().router((Inet4Address) address(ROUTER4), (Inet6Address) address(ROUTER6)));
    }

    private static String client(int version) {
        return version == 4 ? CLIENT4 : CLIENT6;
    }

    private static String host(int version) {
        return version == 4 ? HOST4 : HOST6;
    }

    /** Checks addresses, checksums, type and code, and returns the MTU field and what follows it: the quote. */
    private static byte[] assertError(StackFixture f, int version, String from, int type, int code, int rest)
            throws Exception {
        byte[] raw = f.out();
        int header = version == 4 ? 20 : 40;
        IpPacket sent =
                version == 4 ? IpV4Packet.newPacket(raw, 0, raw.length) : IpV6Packet.newPacket(raw, 0, raw.length);
        assertThat(sent.getHeader().getSrcAddr()).isEqualTo(address(from));
        assertThat(sent.getHeader().getDstAddr()).isEqualTo(address(client(version)));
        if (version == 4) {
            assertThat(((IpV4Packet) sent).getHeader().hasValidChecksum(false)).isTrue();
            assertThat(sent.get(IcmpV4CommonPacket.class).hasValidChecksum(false))
                    .isTrue();
        } else {
            assertThat(sent.get(IcmpV6CommonPacket.class)
                            .hasValidChecksum(
                                    (Inet6Address) address(from), (Inet6Address) address(client(version)), false))
                    .isTrue();
        }
        assertThat(List.of((int) raw[header], (int) raw[header + 1])).containsExactly(type, code);
        assertThat((raw[header + 4] & 0xff) << 24
                        | (raw[header + 5] & 0xff) << 16
                        | (raw[header + 6] & 0xff) << 8
                        | raw[header + 7] & 0xff)
                .isEqualTo(rest);
        return Arrays.copyOfRange(raw, header + 8, raw.length);
    }

    @ParameterizedTest
    @ValueSource(ints = {4, 6})
    void whatHasOneHopLeftEndsHereWhateverItCarries(int version) throws Exception {
        List<byte[]> packets = List.of(
                Packets.udp(client(version), host(version), 40000, 33434, bytes(32)),
                Packets.echo(client(version), host(version), 7, 1, bytes(32)),
                Packets.syn(client(version), host(version), 50000, 443),
                Packets.ip(client(version), host(version), 50, bytes(40)));
        try (StackFixture f = withRouter()) {
            for (byte[] packet : packets) {
                Packets.limited(packet, 1);
                f.in(packet);
                byte[] quote = assertError(f, version, version == 4 ? ROUTER4 : ROUTER6, version == 4 ? 11 : 3, 0, 0);
                assertThat(quote).isEqualTo(packet);
            }
            assertThat(f.count(IpCounter.DROPPED_TTL)).isEqualTo(packets.size());
            assertThat(f.udpFlows).isEmpty();
            assertThat(f.echoFlows).isEmpty();
            assertThat(f.tcpRequests).isEmpty();
            f.assertSilent();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {4, 6})
    void ofADatagramInFragmentsOnlyTheFirstIsAnswered(int version) throws Exception {
        byte[] whole = Packets.limited(Packets.udp(client(version), host(version), 40000, 33434, bytes(3000)), 1);
        try (StackFixture f = withRouter()) {
            Packets.fragments(whole, 1400, 3).forEach(f::in);
            assertError(f, version, version == 4 ? ROUTER4 : ROUTER6, version == 4 ? 11 : 3, 0, 0);
            f.assertSilent();
            assertThat(f.stack.stats().get(IpCounter.REASSEMBLED)).isZero();
        }
    }

    /** RFC 1122 section 3.2.2, RFC 4443 section 2.4 (e). */
    @ParameterizedTest
    @ValueSource(ints = {4, 6})
    void anErrorWithOneHopLeftIsNotAnswered(int version) {
        byte[] error = new byte[60];
        error[0] = (byte) (version == 4 ? 3 : 1);
        try (StackFixture f = withRouter()) {
            f.in(Packets.limited(Packets.ip(client(version), host(version), version == 4 ? 1 : 58, error), 1));
            f.assertSilent();
        }
    }

    @Test
    void aStackWithoutAddressSpeaksInTheDestinationsName() throws Exception {
        try (StackFixture f = new StackFixture()) {
            f.in(Packets.limited(Packets.udp(CLIENT4, HOST4, 40000, 33434, bytes(8)), 1));
            assertError(f, 4, HOST4, 11, 0, 0);
        }
    }

    @Test
    void routersRefusalsComeFromTheRouterAndAClosedPortsFromTheHost() throws Exception {
        try (StackFixture f = withRouter()) {
            f.in(Packets.udp(CLIENT4, HOST4, 40000, 5000, bytes(8)));
            InetSocketAddress destination = new InetSocketAddress(address(HOST4), 5000);
            f.udpFlows.get(0).unreachable(destination, Refusal.PROHIBITED);
            assertError(f, 4, ROUTER4, 3, 13, 0);
            f.udpFlows.get(0).unreachable(destination, Refusal.CONNECTION_REFUSED);
            assertError(f, 4, HOST4, 3, 3, 0);
        }
    }

    @ParameterizedTest
    @CsvSource({"4,2,1", "4,31,30", "4,32,0", "4,255,0", "6,2,1", "6,31,30", "6,32,0", "6,255,0"})
    void lowHopLimitsAreCarriedLessTheHopThatWeAre(int version, int sent, int carried) {
        try (StackFixture f = withRouter()) {
            f.in(Packets.limited(Packets.udp(client(version), host(version), 40000, 33434, bytes(32)), sent));
            Object datagram = f.next();
            try {
                if (carried == 0) {
                    assertThat(datagram).isInstanceOf(DatagramPacket.class);
                } else {
                    UdpProbe probe = (UdpProbe) datagram;
                    assertThat(probe.hopLimit()).isEqualTo(carried);
                    assertThat(probe.recipient()).isEqualTo(new InetSocketAddress(address(host(version)), 33434));
                    assertThat(ByteBufUtil.getBytes(probe.content())).isEqualTo(bytes(32));
                }
            } finally {
                io.netty.util.ReferenceCountUtil.release(datagram);
            }
            f.in(Packets.limited(Packets.echo(client(version), host(version), 7, 1, bytes(32)), sent));
            EchoMessage echo = f.next();
            assertThat(echo.hopLimit()).isEqualTo(carried);
            echo.release();
            f.assertSilent();
        }
    }

    /** Each probe's own header comes back: programs know their probes by port, identification, checksum or payload. */
    @ParameterizedTest
    @ValueSource(ints = {4, 6})
    void aRouterBeyondIsTheErrorsSourceAndItsQuoteIsTheProbe(int version) throws Exception {
        String router = version == 4 ? "172.16.0.1" : "fd00:77::1";
        int exceeded = version == 4 ? 11 : 3;
        try (StackFixture f = withRouter()) {
            byte[][] probes = new byte[8][];
            for (int i = 0; i < probes.length; i++) {
                byte[] payload = bytes(32);
                payload[0] = (byte) i;
                // Two by two to the same port.
                probes[i] = Packets.limited(
                        Packets.udp(client(version), host(version), 40000, 33434 + i / 2, payload), 2 + i / 2);
                f.in(probes[i]);
            }
            UdpFlow flow = f.udpFlows.get(0);
            for (int i = 0; i < probes.length; i++) {
                ByteBuf about = Unpooled.wrappedBuffer(new byte[] {(byte) i});
                flow.error(
                        new InetSocketAddress(address(host(version)), 33434 + i / 2),
                        about,
                        new PathError(exceeded, 0, 0, address(router)));
                assertThat(assertError(f, version, router, exceeded, 0, 0))
                        .isEqualTo(Packets.limited(probes[i].clone(), 1));
            }
            assertThat(flow.isOpen())
                    .as("no error ends the flow (RFC 4787 REQ-12)")
                    .isTrue();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {4, 6})
    void anEchoIsKnownBySequenceNumber(int version) throws Exception {
        String router = version == 4 ? "172.16.0.1" : "fd00:77::1";
        int exceeded = version == 4 ? 11 : 3;
        try (StackFixture f = withRouter()) {
            byte[][] probes = new byte[4][];
            for (int i = 0; i < probes.length; i++) {
                probes[i] = Packets.limited(Packets.echo(client(version), host(version), 7, i, bytes(32)), 2 + i);
                f.in(probes[i]);
            }
            EchoFlow flow = f.echoFlows.get(0);
            for (int i = probes.length - 1; i >= 0; i--) {
                flow.error(i, Unpooled.EMPTY_BUFFER, new PathError(exceeded, 0, 0, address(router)));
                assertThat(assertError(f, version, router, exceeded, 0, 0))
                        .isEqualTo(Packets.limited(probes[i].clone(), 1));
            }
            // One that was no probe: headers such as it had.
            flow.error(99, Unpooled.EMPTY_BUFFER, new PathError(exceeded, 0, 0, address(router)));
            byte[] quote = assertError(f, version, router, exceeded, 0, 0);
            int icmp = version == 4 ? 20 : 40;
            assertThat(quote).hasSize(icmp + 8);
            assertThat(quote[icmp]).isEqualTo((byte) (version == 4 ? 8 : 128));
            assertThat(quote[icmp + 7]).isEqualTo((byte) 99);
        }
    }

    /** RFC 792, RFC 1812 section 5.2.7.1, RFC 4443 section 3: what comes from beyond keeps type, code and MTU. */
    @ParameterizedTest
    @CsvSource({
        "4,3,0,0",
        "4,3,1,0",
        "4,3,3,0",
        "4,3,9,0",
        "4,3,10,0",
        "4,3,13,0",
        "4,11,0,0",
        "4,11,1,0",
        "4,3,4,1400",
        "6,1,0,0",
        "6,1,1,0",
        "6,1,3,0",
        "6,1,4,0",
        "6,1,5,0",
        "6,3,0,0",
        "6,2,0,1400",
    })
    void everyKindOfErrorKeepsItsCode(int version, int type, int code, int mtu) throws Exception {
        String router = version == 4 ? "172.16.0.1" : "fd00:77::1";
        PathError error = new PathError(type, code, mtu, address(router));
        try (StackFixture f = withRouter()) {
            f.in(Packets.udp(client(version), host(version), 40000, 5000, bytes(32)));
            f.udpFlows.get(0).error(new InetSocketAddress(address(host(version)), 5000), Unpooled.EMPTY_BUFFER, error);
            byte[] quote = assertError(f, version, router, type, code, mtu);
            int udp = version == 4 ? 20 : 40;
            assertThat(quote).hasSize(udp + 8);
            assertThat((quote[udp] & 0xff) << 8 | quote[udp + 1] & 0xff).isEqualTo(40000);
            assertThat((quote[udp + 2] & 0xff) << 8 | quote[udp + 3] & 0xff).isEqualTo(5000);
        }
    }

    @Test
    void anOffenderThatNoPacketComesFromIsReplacedByTheStack() throws Exception {
        try (StackFixture f = withRouter()) {
            f.in(Packets.udp(CLIENT4, HOST4, 40000, 5000, bytes(32)));
            InetSocketAddress destination = new InetSocketAddress(address(HOST4), 5000);
            for (String offender : List.of("127.0.0.1", "224.0.0.1", "255.255.255.255", "0.0.0.0", ROUTER6)) {
                f.udpFlows.get(0).error(destination, Unpooled.EMPTY_BUFFER, new PathError(3, 1, 0, address(offender)));
                assertError(f, 4, ROUTER4, 3, 1, 0);
            }
            f.udpFlows.get(0).error(destination, Unpooled.EMPTY_BUFFER, new PathError(3, 1, 0, null));
            assertError(f, 4, ROUTER4, 3, 1, 0);
        }
    }

    /** A redirect, an echo reply, a source quench, a parameter problem; an MTU that no path has. */
    @ParameterizedTest
    @CsvSource({"5,1,0", "0,0,0", "8,0,0", "4,0,0", "12,0,0", "3,4,0", "3,4,67", "3,4,65536", "3,256,0"})
    void whatIsNoErrorOfAPathIsNotPassedOn(int type, int code, int mtu) {
        try (StackFixture f = withRouter()) {
            f.in(Packets.udp(CLIENT4, HOST4, 40000, 5000, bytes(32)));
            f.udpFlows
                    .get(0)
                    .error(
                            new InetSocketAddress(address(HOST4), 5000),
                            Unpooled.EMPTY_BUFFER,
                            new PathError(type, code, mtu, address("172.16.0.1")));
            f.assertSilent();
        }
    }
}
