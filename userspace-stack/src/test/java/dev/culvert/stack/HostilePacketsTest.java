package dev.culvert.stack;

import static dev.culvert.stack.fixture.Packets.CLIENT4;
import static dev.culvert.stack.fixture.Packets.CLIENT6;
import static dev.culvert.stack.fixture.Packets.HOST4;
import static dev.culvert.stack.fixture.Packets.HOST6;
import static dev.culvert.stack.fixture.Packets.address;
import static dev.culvert.stack.fixture.Packets.bytes;
import static dev.culvert.stack.fixture.Packets.echo;
import static dev.culvert.stack.fixture.Packets.fixChecksum;
import static dev.culvert.stack.fixture.Packets.fragment;
import static dev.culvert.stack.fixture.Packets.put16;
import static dev.culvert.stack.fixture.Packets.syn;
import static dev.culvert.stack.fixture.Packets.udp;
import static dev.culvert.stack.fixture.Packets.withExtensions;
import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.stack.fixture.Packets;
import dev.culvert.stack.ip.IpCounter;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.ChannelOption;
import java.net.Inet4Address;
import java.net.Inet6Address;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What only somebody means harm with: each packet has one right answer, mostly none. */
class HostilePacketsTest {
    private static final String LSRR = "830704c0a8074500";

    // ---- IPv4 options (RFC 7126) ----

    private static byte[] withOptions(byte[] packet, String hex) {
        byte[] options = HexFormat.of().parseHex(hex);
        byte[] out = new byte[packet.length + options.length];
        System.arraycopy(packet, 0, out, 0, 20);
        System.arraycopy(options, 0, out, 20, options.length);
        System.arraycopy(packet, 20, out, 20 + options.length, packet.length - 20);
        out[0] = (byte) (0x40 | 5 + options.length / 4);
        put16(out, 2, out.length);
        return fixChecksum(out);
    }

    @ParameterizedTest
    @CsvSource({
        "loose source route, 830704c0a8074500",
        "strict source route, 890704c0a8074500",
        "a route that is at its end, 830708c0a8074500",
        "a route behind padding, 01010101830704c0a8074500",
        "record route, 0707040000000000",
        "timestamp, 4408050000000000",
        "stream identifier, 88040001",
        "MTU probe, 0b0405dc",
        "MTU reply, 0c0405dc",
        "traceroute, 520c00010001ffff00000000",
        "VISA, 8e040000",
        "extended Internet protocol, 91040000",
        "address extension, 930a00000000000000000000",
        "sender directed, 95030000",
        "dynamic packet state, 97040000",
        "upstream multicast, 98040000",
        "experiments, 1e040000",
        "experiments, 5e040000",
        "experiments, 9e040000",
        "experiments, de040000",
        "two options, 94040000830704c0a8074500"
    })
    void optionsThatAskForSomethingOnTheWayAreDroppedQuietly(String name, String option) {
        try (StackFixture f = new StackFixture()) {
            f.in(withOptions(echo(CLIENT4, HOST4, 7, 1, bytes(56)), option));
            f.in(withOptions(udp(CLIENT4, HOST4, 40000, 53, bytes(8)), option));
            f.in(withOptions(syn(CLIENT4, HOST4, 40000, 80), option));
            assertThat(f.count(IpCounter.DROPPED_OPTION)).as(name).isEqualTo(3);
            assertThat(f.echoFlows).isEmpty();
            assertThat(f.udpFlows).isEmpty();
            assertThat(f.tcpRequests).isEmpty();
            f.assertSilent();
        }
    }

    @ParameterizedTest
    @CsvSource({
        "padding, 01010100",
        "router alert, 94040000",
        "basic security, 820b00000000000000000000",
        "extended security, 85040000",
        "commercial security, 86060000000100" + "00",
        "quick start, 1908000000000000",
        "unknown, c8040102",
        "what lies behind the end, 00830704c0a80745"
    })
    void optionsThatMayBeOverlookedAre(String name, String option) {
        try (StackFixture f = new StackFixture()) {
            f.in(withOptions(echo(CLIENT4, HOST4, 7, 1, bytes(56)), option));
            assertThat(f.echoFlows).as(name).hasSize(1);
            assertThat(f.stack.stats().dropped()).isZero();
        }
    }

    @ParameterizedTest
    @CsvSource({
        "length 0, c8000000, 20",
        "length 1, 01c80100, 21",
        "beyond the header, 01c80400, 21",
        "no length, 010101c8, 23",
        "source route without an end, 83280400, 20"
    })
    void optionsThatContradictThemselvesAreAnswered(String name, String option, int pointer) {
        try (StackFixture f = new StackFixture()) {
            f.in(withOptions(echo(CLIENT4, HOST4, 7, 1, bytes(56)), option));
            assertThat(f.count(IpCounter.DROPPED_OPTION)).as(name).isEqualTo(1);
            byte[] error = f.out();
            assertThat(Arrays.copyOfRange(error, 20, 22)).containsExactly(12, 0);
            assertThat(error[24]).isEqualTo((byte) pointer);
            f.assertSilent();
        }
    }

    @Test
    void aSourceRouteInAFragmentIsDroppedToo() {
        try (StackFixture f = new StackFixture()) {
            byte[] packet = udp(CLIENT4, HOST4, 40000, 53, bytes(48));
            byte[] first = fragment(packet, 0, Arrays.copyOfRange(packet, 20, 44), true, 5);
            f.in(withOptions(first, LSRR));
            f.in(fragment(packet, 24, Arrays.copyOfRange(packet, 44, packet.length), false, 5));
            assertThat(f.read).isEmpty();
            assertThat(f.count(IpCounter.DROPPED_OPTION)).isEqualTo(1);
        }
    }

    // ---- IPv6 routing headers (RFC 5095) and header chains (RFC 7112) ----

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 253})
    void aRouteThatIsNotAtItsEndIsAnsweredAndNotFollowed(int type) {
        try (StackFixture f = new StackFixture()) {
            byte[] routing = new byte[24];
            routing[0] = 58;
            routing[1] = 2;
            routing[2] = (byte) type;
            routing[3] = 1;
            System.arraycopy(address("2001:db8::99").getAddress(), 0, routing, 8, 16);
            f.in(withExtensions(echo(CLIENT6, HOST6, 1, 1, bytes(8)), 43, routing));
            assertThat(f.echoFlows).isEmpty();
            byte[] error = f.out();
            assertThat(Arrays.copyOfRange(error, 40, 42)).containsExactly(4, 0);
            assertThat(error[47]).as("pointer at the routing type").isEqualTo((byte) 42);
            f.assertSilent();
        }
    }

    @ParameterizedTest
    @CsvSource({
        "TCP without its flags, 6, 9c40005000000001",
        "TCP without its window, 6, 9c400050000000010000000050020000",
        "options and nothing behind them, 60, 1100010400000000",
        "options that go on in the next fragment, 60, 1101010c00000000"
    })
    void aFirstFragmentWithoutTheHeadersIsAnsweredAndNotKept(String name, int nextHeader, String data) {
        try (StackFixture f = new StackFixture()) {
            byte[] packet = Packets.ip(CLIENT6, HOST6, nextHeader, bytes(64));
            f.in(fragment(packet, 0, HexFormat.of().parseHex(data), true, 9));
            assertThat(f.count(IpCounter.DROPPED_FRAGMENT_MALFORMED)).as(name).isEqualTo(1);
            assertThat(f.stack.stats().reassembling()).isZero();
            assertThat(Arrays.copyOfRange(f.out(), 40, 42)).containsExactly(4, 3);
            f.assertSilent();
        }
    }

    // ---- Martians ----

    @Test
    void whatClaimsToComeFromTheStackItselfIsAMartian() {
        StackConfig.Builder config = StackConfig.builder()
                .router((Inet4Address) address("100.127.255.2"), (Inet6Address) address("fd63:756c:7665:7274::2"));
        try (StackFixture f = new StackFixture(config)) {
            f.in(udp("100.127.255.2", HOST4, 1, 2, bytes(1)));
            f.in(echo("fd63:756c:7665:7274::2", HOST6, 1, 2, bytes(1)));
            byte[] dying = udp("100.127.255.2", HOST4, 1, 2, bytes(1));
            dying[8] = 1;
            f.in(fixChecksum(dying));
            assertThat(f.count(IpCounter.DROPPED_MARTIAN)).isEqualTo(3);
            f.assertSilent();
            f.in(udp("100.127.255.1", HOST4, 1, 2, bytes(1)));
            assertThat(f.read).hasSize(1);
        }
    }

    // ---- What the device's header says ----

    @Test
    void aSegmentSizeThatMakesManyDatagramsOfOnePacketIsALie() {
        try (StackFixture f = new StackFixture()) {
            byte[] packet = udp(CLIENT4, HOST4, 40000, 53, bytes(129));
            f.in(1, 5, 1, packet);
            f.in(1, 5, 0, packet);
            assertThat(f.read).isEmpty();
            assertThat(f.count(IpCounter.DROPPED_UDP_MALFORMED)).isEqualTo(2);
            f.in(1, 5, 2, packet);
            assertThat(f.read).hasSize(65);
        }
    }

    @ParameterizedTest
    @CsvSource({"1,1", "1,4", "1,5", "1,3", "1,255", "0,5", "3,1"})
    void noTypeOrOffsetOfTheHeaderReachesBeyondThePacket(int flags, int type) {
        for (int word : new int[] {0, 1, 20, 65_535}) {
            for (byte[] ip : new byte[][] {
                syn(CLIENT4, HOST4, 40000, 80),
                udp(CLIENT6, HOST6, 1, 2, bytes(3)),
                echo(CLIENT4, HOST4, 1, 1, bytes(4)),
                Packets.fragments(udp(CLIENT4, HOST4, 1, 2, bytes(100)), 48, 3).get(0)
            }) {
                try (StackFixture f = new StackFixture()) {
                    ByteBuf packet = Unpooled.directBuffer()
                            .writeByte(flags)
                            .writeByte(type)
                            .writeShort(word)
                            .writeShort(word)
                            .writeShort(word)
                            .writeShort(word)
                            .writeBytes(ip);
                    f.channel.writeInbound(packet);
                    assertThat(f.count(IpCounter.DROPPED_INTERNAL_ERROR)).isZero();
                }
            }
        }
    }

    // ---- Memory, in bytes ----

    @Test
    void aFragmentInALongBufferHoldsNoMoreThanIsCounted() {
        UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(true, true);
        StackConfig.Builder config =
                StackConfig.builder().reassembly(1 << 20, 1024, 1024, java.time.Duration.ofSeconds(60));
        try (StackFixture f = new StackFixture(config)) {
            f.channel.config().setOption(ChannelOption.ALLOCATOR, allocator);
            byte[] packet = udp(CLIENT4, HOST4, 1, 2, bytes(64));
            for (int i = 0; i < 1024; i++) {
                // The link pads: 16 KiB of which the IP header owns 44.
                byte[] padded = Arrays.copyOf(fragment(packet, 0, bytes(24), true, i), 16_384);
                ByteBuf in = StackFixture.device(0, 0, 0, padded);
                ByteBuf own = allocator.directBuffer(in.readableBytes()).writeBytes(in);
                in.release();
                f.channel.writeInbound(own);
            }
            assertThat(f.stack.stats().reassembling()).isEqualTo(1024);
            assertThat(allocator.metric().usedDirectMemory())
                    .isLessThan(f.stack.stats().reassemblyBytes());
        }
    }

    @Test
    void datagramsThatNobodyReadsAreBoundedForAllFlowsTogether() {
        StackConfig.Builder config = StackConfig.builder().queue(256, 65_535, 1 << 20);
        try (StackFixture f = new StackFixture(config)) {
            f.autoRead = false;
            for (int flow = 0; flow < 100; flow++) {
                for (int i = 0; i < 256; i++) {
                    f.in(udp(CLIENT4, HOST4, 1000 + flow, 53, bytes(1)));
                }
            }
            // 257 each, objects included.
            assertThat(100 * 256 - f.count(IpCounter.DROPPED_QUEUE_FULL)).isEqualTo((1 << 20) / 257);
            f.udpFlows.get(0).close();
            f.in(udp(CLIENT4, HOST4, 1001, 99, bytes(1)));
            long dropped = f.count(IpCounter.DROPPED_QUEUE_FULL);
            for (int i = 0; i < 200; i++) {
                f.in(udp(CLIENT4, HOST4, 5000, 53, bytes(1)));
            }
            assertThat(f.count(IpCounter.DROPPED_QUEUE_FULL))
                    .as("what the closed one had is free")
                    .isEqualTo(dropped);
        }
    }

    // ---- Others' errors ----

    @Test
    void errorsThatArePassedOnDoNotSilenceTheStacksOwn() {
        StackConfig.Builder config = StackConfig.builder().icmpErrors(10, 5);
        try (StackFixture f = new StackFixture(config)) {
            f.in(udp(CLIENT4, HOST4, 40000, 53, bytes(8)));
            for (int i = 0; i < 100; i++) {
                f.udpFlows
                        .get(0)
                        .error(
                                new java.net.InetSocketAddress(address(HOST4), 53),
                                Unpooled.EMPTY_BUFFER,
                                new PathError(3, 1, 0, address("192.0.2.1")));
            }
            assertThat(f.count(IpCounter.ICMP_ERRORS_OUT)).isEqualTo(5);
            f.in(Packets.ip(CLIENT4, HOST4, 50, bytes(10)));
            assertThat(f.count(IpCounter.ICMP_ERRORS_OUT)).isEqualTo(6);
        }
    }
}
