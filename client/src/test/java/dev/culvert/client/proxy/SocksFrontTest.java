package dev.culvert.client.proxy;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.client.forward.TestSocket;
import dev.culvert.client.uplink.LinkedUplink;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.Reason;
import io.netty.buffer.ByteBufUtil;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** SOCKS byte by byte: RFC 1928 and RFC 1929, and what programs have made of version 4. */
@NullUnmarked
final class SocksFrontTest {
    private static final String GREETING = "050100";
    private static final String TO_10_1_0_7 = "0501000" + "1" + "0a010007" + "0050";
    private static final String GRANTED = "05000001000000000000";

    private ProxyBench bench = new ProxyBench();

    @AfterEach
    void end() {
        bench.close();
    }

    private static byte[] hex(String text) {
        return ByteBufUtil.decodeHexDump(text);
    }

    private static String name(String host) {
        return "03" + String.format("%02x", host.length())
                + ByteBufUtil.hexDump(host.getBytes(StandardCharsets.US_ASCII));
    }

    private String say(TestSocket client, String hex) {
        client.send(hex(hex));
        bench.link.settle();
        return ByteBufUtil.hexDump(client.takeBytes());
    }

    @Test
    void anAddressIsConnectedTo() throws Exception {
        TestSocket client = bench.connect();
        assertThat(say(client, GREETING)).isEqualTo("0500");
        assertThat(say(client, TO_10_1_0_7)).as("before the far side is there").isEmpty();
        WebSocketMessage open = bench.link.oneFrame(Frame.OPEN);
        assertThat(LinkedUplink.request(open).destination())
                .isEqualTo(Destination.of(Destination.TCP, InetAddress.getByName("10.1.0.7"), 80));
        assertThat(LinkedUplink.request(open).source()).isEqualTo(TestSocket.APPLICATION);
        bench.link.opened(open.flowId());
        assertThat(ByteBufUtil.hexDump(client.takeBytes())).isEqualTo(GRANTED);
        client.send("question");
        assertThat(bench.link.takeData()).isEqualTo("question");
        bench.link.data(open.flowId(), "answer");
        assertThat(client.take()).isEqualTo("answer");
    }

    @Test
    void aNameIsForTheAgentToResolve() {
        TestSocket client = bench.connect();
        say(client, GREETING);
        say(client, "050100" + name("DB.office.example") + "1538");
        assertThat(LinkedUplink.request(bench.link.oneFrame(Frame.OPEN)).destination())
                .isEqualTo(Destination.ofName(Destination.TCP, "db.office.example", 5432));
    }

    @Test
    void anIpv6AddressIsConnectedTo() throws Exception {
        TestSocket client = bench.connect();
        say(client, GREETING);
        say(client, "05010004" + "fd710000000000000000000000000007" + "0016");
        assertThat(LinkedUplink.request(bench.link.oneFrame(Frame.OPEN)).destination())
                .isEqualTo(Destination.of(Destination.TCP, InetAddress.getByName("fd71::7"), 22));
    }

    @Test
    void anAddressInThePlaceOfANameIsAnAddress() throws Exception {
        TestSocket client = bench.connect();
        say(client, GREETING);
        say(client, "050100" + name("10.1.0.7") + "0050");
        assertThat(LinkedUplink.request(bench.link.oneFrame(Frame.OPEN)).destination())
                .isEqualTo(Destination.of(Destination.TCP, InetAddress.getByName("10.1.0.7"), 80));
    }

    @Test
    void itMayComeByteByByteAndAllAtOnceWithWhatIsForTheFarSide() {
        for (boolean bytewise : new boolean[] {true, false}) {
            TestSocket client = bench.connect();
            byte[] all = hex(GREETING + TO_10_1_0_7 + "616263");
            if (bytewise) {
                for (byte one : all) {
                    client.send(one);
                }
            } else {
                client.send(all);
            }
            int id = bench.open();
            assertThat(ByteBufUtil.hexDump(client.takeBytes())).isEqualTo("0500" + GRANTED);
            assertThat(bench.link.takeData()).isEqualTo("abc");
            bench.link.frame(Frame.RESET, 0, id, (byte) Reason.RESET.code());
            assertThat(client.isOpen()).isFalse();
        }
    }

    @ParameterizedTest
    @CsvSource({
        "CONNECTION_REFUSED, 05",
        "TIMED_OUT, 06",
        "HOST_UNREACHABLE, 04",
        "NAME_NOT_FOUND, 04",
        "NETWORK_UNREACHABLE, 03",
        "NO_AGENT, 03",
        "PROHIBITED, 02",
        "UNSPECIFIED, 01"
    })
    void theReplySaysWhatTheAgentMet(Reason met, String code) {
        TestSocket client = bench.connect();
        say(client, GREETING + TO_10_1_0_7);
        bench.link.refused(bench.link.oneFrame(Frame.OPEN).flowId(), met);
        assertThat(ByteBufUtil.hexDump(client.takeBytes())).isEqualTo("05" + code + "0001000000000000");
        assertThat(client.isOpen()).isFalse();
        assertThat(bench.complaints).hasSize(1);
    }

    @Test
    void whatNoAgentServesIsUnreachable() {
        TestSocket client = bench.connect();
        assertThat(say(client, GREETING + "05010001" + "0a020007" + "0050")).startsWith("05000503");
        assertThat(client.isOpen()).isFalse();
        assertThat(bench.link.takeFrames()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "05020001, 07", // BIND
        "05090001, 07",
        "05010002, 08",
        "050100ff, 08"
    })
    void whatIsNotSupportedIsSaidToBe(String request, String code) {
        TestSocket client = bench.connect();
        assertThat(say(client, GREETING + request + "0a0100070050"))
                .isEqualTo("0500" + "05" + code + "0001000000000000");
        assertThat(client.isOpen()).isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"127.1", "a b", "", "0x7f.1", "a..b", "-a", "h\n"})
    void whatIsNoHostIsRefused(String host) {
        TestSocket client = bench.connect();
        assertThat(say(client, GREETING + "050100" + name(host) + "0050")).isEqualTo("0500" + "05010001000000000000");
        assertThat(client.isOpen()).isFalse();
    }

    @Test
    void portZeroIsRefused() {
        assertThat(say(bench.connect(), GREETING + "05010001" + "0a010007" + "0000"))
                .startsWith("05000501");
    }

    @Test
    void whoOffersNoMethodThatDoesIsToldSo() {
        TestSocket client = bench.connect();
        assertThat(say(client, "050102")).isEqualTo("05ff");
        assertThat(client.isOpen()).isFalse();
        assertThat(say(bench.connect(), "0500")).isEqualTo("05ff");
    }

    @Test
    void aPasswordIsAskedForAndWrongOnesTakeTime() {
        bench.close();
        bench = new ProxyBench("alice:secret");
        TestSocket right = bench.connect();
        assertThat(say(right, "05020002")).isEqualTo("0502");
        assertThat(say(right, "0105616c69636506736563726574")).isEqualTo("0100");
        say(right, TO_10_1_0_7);
        bench.open();
        assertThat(ByteBufUtil.hexDump(right.takeBytes())).isEqualTo(GRANTED);
        for (String wrong :
                new String[] {"0105616c69636506736563726575", "01000" + "0", "0205616c69636506736563726574"}) {
            TestSocket client = bench.connect();
            say(client, "050102");
            assertThat(say(client, wrong)).isEmpty();
            assertThat(say(client, TO_10_1_0_7)).as("nothing more is heard").isEmpty();
            bench.link.advance(ProxySettings.WRONG_PASSWORD_MILLIS);
            assertThat(ByteBufUtil.hexDump(client.takeBytes())).isEqualTo("0101");
            assertThat(client.isOpen()).isFalse();
        }
        assertThat(say(bench.connect(), GREETING)).as("without one").isEqualTo("05ff");
        assertThat(say(bench.connect(), "04010050" + "0a010007" + "00"))
                .as("version 4 has none")
                .startsWith("005b");
    }

    @ParameterizedTest
    @CsvSource({
        "0401005000000007" + "616c69636500" + "646200, db",
        "040100500a010007" + "00, 10.1.0.7",
        "040100500a010007" + "616c69636500, 10.1.0.7"
    })
    void versionFourConnectsByAddressAndByName(String request, String host) {
        TestSocket client = bench.connect();
        for (byte one : hex(request)) {
            assertThat(client.takeBytes()).isEmpty();
            client.send(one);
        }
        WebSocketMessage open = bench.link.oneFrame(Frame.OPEN);
        assertThat(LinkedUplink.request(open).destination().hostText()).isEqualTo(host);
        bench.link.opened(open.flowId());
        assertThat(ByteBufUtil.hexDump(client.takeBytes())).isEqualTo("005a000000000000");
        client.send("x");
        assertThat(bench.link.takeData()).isEqualTo("x");
    }

    @Test
    void versionFourIsToldOfRefusals() {
        TestSocket client = bench.connect();
        say(client, "040100500a01000700");
        bench.link.refused(bench.link.oneFrame(Frame.OPEN).flowId(), Reason.CONNECTION_REFUSED);
        assertThat(ByteBufUtil.hexDump(client.takeBytes())).isEqualTo("005b000000000000");
        assertThat(say(bench.connect(), "040200500a01000700")).as("BIND").isEqualTo("005b000000000000");
        assertThat(say(bench.connect(), "040100500a010007" + "61".repeat(256)))
                .as("a user's name without end")
                .isEqualTo("005b000000000000");
    }

    @Test
    void whoSaysNothingHasHalfAMinute() {
        TestSocket silent = bench.connect();
        TestSocket slow = bench.connect();
        slow.send(hex("0501"));
        bench.link.advanceLinked(ProxyFront.HANDSHAKE.toMillis() - 1_000);
        assertThat(slow.isOpen()).isTrue();
        slow.send(hex("00"));
        bench.link.advanceLinked(2_000);
        assertThat(silent.isOpen()).isFalse();
        assertThat(slow.isOpen()).as("of all together").isFalse();
    }

    @Test
    void aConnectionHasTimeOnceItHasSaidWhereTo() {
        TestSocket client = bench.connect();
        say(client, GREETING + TO_10_1_0_7);
        bench.open();
        bench.link.advanceLinked(10 * ProxyFront.HANDSHAKE.toMillis());
        assertThat(client.isOpen()).isTrue();
    }

    @Test
    void whoEndsItsInputBeforeItHasSaidAnythingIsClosed() {
        TestSocket client = bench.connect();
        client.endInput();
        assertThat(client.isOpen()).isFalse();
        TestSocket half = bench.connect();
        half.send(hex("0501"));
        half.endInput();
        assertThat(half.isOpen()).isFalse();
    }

    @Test
    void whoGivesUpWhileTheFarSideIsDialledCancelsThat() {
        TestSocket client = bench.connect();
        say(client, GREETING + TO_10_1_0_7);
        int id = bench.link.oneFrame(Frame.OPEN).flowId();
        client.close();
        assertThat(bench.link.oneFrame(Frame.RESET).flowId()).isEqualTo(id);
    }

    /** Whatever comes, and in whatever pieces: nothing is thrown, nothing is kept, and it ends. */
    @Test
    void randomBytesHarmNobody() {
        Random random = new Random(7);
        String[] beginnings = {
            "", "05", "050100", "0501000501000", "04", "040100500000000", "050100050300010000000000", "0501000503"
        };
        for (int round = 0; round < 3_000; round++) {
            TestSocket client = bench.connect();
            String beginning = beginnings[random.nextInt(beginnings.length)];
            byte[] begun = hex(beginning.length() % 2 == 0 ? beginning : beginning + random.nextInt(10));
            if (begun.length > 0 && begun[begun.length - 1] != 3) {
                client.send(begun);
            }
            for (int i = random.nextInt(6); i > 0 && client.isOpen(); i--) {
                byte[] some = new byte[1 + random.nextInt(40)];
                random.nextBytes(some);
                client.send(some);
            }
            client.checkException();
            for (WebSocketMessage frame : bench.link.takeFrames()) {
                if (frame.type() == Frame.OPEN) {
                    bench.link.refused(frame.flowId(), Reason.CONNECTION_REFUSED);
                }
            }
            client.takeBytes();
            if (random.nextBoolean()) {
                client.endInput();
            }
            bench.link.forget(client);
        }
        bench.link.settle();
        assertThat(bench.link.uplink.flowCount()).isZero();
    }
}
