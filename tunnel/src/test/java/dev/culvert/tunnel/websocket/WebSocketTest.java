package dev.culvert.tunnel.websocket;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.fixture.RawPeer;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.flow.LinkFlowTest;
import dev.culvert.tunnel.frame.Drain;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.link.Link;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The WebSocket layer of a link, byte by byte (RFC 6455 section 5). */
@NullUnmarked
class WebSocketTest {
    private RawPeer peer;

    @AfterEach
    void close() {
        if (peer != null) {
            peer.close();
        }
    }

    private RawPeer server() {
        peer = new RawPeer(Link.Role.WEBSOCKET_SERVER, false);
        peer.take();
        return peer;
    }

    private RawPeer client(boolean secure) {
        peer = new RawPeer(Link.Role.WEBSOCKET_CLIENT, secure);
        return peer;
    }

    private static byte[] ascii(String s) {
        return s.getBytes(StandardCharsets.US_ASCII);
    }

    @Test
    void aClientMasksWithTheZeroKeyInsideTlsOnly() {
        List<WebSocketMessage> inTls = client(true).take();
        assertThat(inTls).singleElement().satisfies(m -> {
            assertThat(m.masked()).isTrue();
            assertThat(m.key()).isZero();
            assertThat(m.type()).isEqualTo(Frame.PING);
        });
        peer.close();
        RawPeer plain = client(false);
        plain.link.drain(new Drain("a"));
        plain.link.drain(new Drain("b"));
        assertThat(plain.take())
                .hasSize(3)
                .allMatch(WebSocketMessage::masked)
                .extracting(WebSocketMessage::key)
                .doesNotContain(0)
                .doesNotHaveDuplicates();
    }

    @Test
    void aServerDoesNotMask() {
        peer = new RawPeer(Link.Role.WEBSOCKET_SERVER, false);
        assertThat(peer.take()).singleElement().matches(m -> !m.masked());
    }

    /** A stream with every kind of message in it, and the frames that must come of it. */
    private static ByteBuf stream(RawPeer peer, List<RawPeer.Received> expected) {
        ByteBuf all = Unpooled.buffer();
        for (int size : new int[] {0, 1, 117, 118, 300}) {
            byte[] payload = LinkFlowTest.random(size, size);
            all.writeBytes(peer.message(0x82, WebSocketMessage.frame(77, size & 0xff, size, payload)));
            expected.add(new RawPeer.Received(77, size & 0xff, size, new String(payload, StandardCharsets.ISO_8859_1)));
        }
        byte[] whole = WebSocketMessage.frame(78, 1, -2, ascii("in three pieces"));
        all.writeBytes(peer.message(0x02, slice(whole, 0, 3)));
        all.writeBytes(peer.message(0x89, ascii("ping")));
        all.writeBytes(peer.message(0x00, slice(whole, 3, 10)));
        all.writeBytes(peer.message(0x00, new byte[0]));
        all.writeBytes(peer.message(0x8a, ascii("stray pong")));
        all.writeBytes(peer.message(0x80, slice(whole, 10, whole.length)));
        expected.add(new RawPeer.Received(78, 1, -2, "in three pieces"));
        all.writeBytes(peer.message(0x82, WebSocketMessage.frame(79, 0, 7, ascii("end"))));
        expected.add(new RawPeer.Received(79, 0, 7, "end"));
        return all;
    }

    private static byte[] slice(byte[] b, int from, int to) {
        return java.util.Arrays.copyOfRange(b, from, to);
    }

    @ParameterizedTest
    @EnumSource(Link.Role.class)
    void everyCutOfAStreamGivesTheSameFrames(Link.Role role) {
        List<RawPeer.Received> expected = new ArrayList<>();
        ByteBuf stream;
        try (RawPeer sample = new RawPeer(role, true)) {
            stream = stream(sample, expected);
        }
        for (int cut = 0; cut <= stream.readableBytes(); cut++) {
            try (RawPeer p = new RawPeer(role, true)) {
                p.send(stream.copy(0, cut));
                p.send(stream.copy(cut, stream.readableBytes() - cut));
                assertThat(p.frames).as("cut at %d", cut).isEqualTo(expected);
                assertThat(p.take().stream().filter(m -> m.opcode() == 10))
                        .as("pong, cut at %d", cut)
                        .singleElement()
                        .satisfies(m -> assertThat(m.body()).isEqualTo(ascii("ping")));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Link.Role.class)
    void oneByteAtATimeGivesTheSameFrames(Link.Role role) {
        List<RawPeer.Received> expected = new ArrayList<>();
        try (RawPeer p = new RawPeer(role, true)) {
            ByteBuf stream = stream(p, expected);
            while (stream.isReadable()) {
                p.send(stream.readBytes(1));
            }
            assertThat(p.frames).isEqualTo(expected);
        }
    }

    @Test
    void randomCutsOfLargeFramesGiveTheSameFrames() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        try (RawPeer p = new RawPeer(Link.Role.WEBSOCKET_SERVER, false)) {
            ByteBuf stream = Unpooled.buffer();
            List<RawPeer.Received> expected = new ArrayList<>();
            for (int i = 0; i < 60; i++) {
                byte[] payload = LinkFlowTest.random(i, random.nextInt(i % 9 == 0 ? 65_537 : 16_369));
                stream.writeBytes(
                        WebSocketMessage.encode(0x82, WebSocketMessage.frame(80, 0, i, payload), random.nextInt()));
                expected.add(new RawPeer.Received(80, 0, i, new String(payload, StandardCharsets.ISO_8859_1)));
            }
            while (stream.isReadable()) {
                p.send(stream.readBytes(Math.min(stream.readableBytes(), 1 + random.nextInt(20_000))));
            }
            assertThat(p.frames).as("seed %d", seed).isEqualTo(expected);
        }
    }

    static Stream<Arguments> violations() {
        byte[] ok = WebSocketMessage.frame(77, 0, 0, new byte[0]);
        Integer key = 5;
        return Stream.of(
                Arguments.of(
                        "unmasked",
                        WebSocketMessage.encode(0x82, ok, null),
                        1002,
                        "unmasked message from a WebSocket client"),
                Arguments.of("reserved bit", WebSocketMessage.encode(0xc2, ok, key), 1002, "reserved bits"),
                Arguments.of("text", WebSocketMessage.encode(0x81, ascii("hello"), key), 1003, "text message"),
                Arguments.of("opcode 3", WebSocketMessage.encode(0x83, ok, key), 1002, "opcode 3"),
                Arguments.of("opcode 11", WebSocketMessage.encode(0x8b, ok, key), 1002, "opcode 11"),
                Arguments.of("fragmented ping", WebSocketMessage.encode(0x09, ok, key), 1002, "control message"),
                Arguments.of("long ping", WebSocketMessage.encode(0x89, new byte[126], key), 1002, "control message"),
                Arguments.of("short frame", WebSocketMessage.encode(0x82, new byte[7], key), 1002, "frame of 7 bytes"),
                Arguments.of(
                        "stray continuation", WebSocketMessage.encode(0x80, ok, key), 1002, "continuation without"),
                Arguments.of(
                        "message in message",
                        Unpooled.wrappedBuffer(
                                WebSocketMessage.encode(0x02, ok, key), WebSocketMessage.encode(0x02, ok, key)),
                        1002,
                        "inside a fragmented one"),
                Arguments.of(
                        "short fragmented frame",
                        Unpooled.wrappedBuffer(
                                WebSocketMessage.encode(0x02, new byte[3], key),
                                WebSocketMessage.encode(0x80, new byte[4], key)),
                        1002,
                        "shorter than its header"),
                Arguments.of(
                        "large",
                        Unpooled.buffer()
                                .writeByte(0x82)
                                .writeByte(0xff)
                                .writeLong(65_545)
                                .writeInt(0),
                        1009,
                        "message of 65545 bytes, most is 65544"),
                Arguments.of(
                        "negative length",
                        Unpooled.buffer()
                                .writeByte(0x82)
                                .writeByte(0xff)
                                .writeLong(-1)
                                .writeInt(0),
                        1009,
                        "18446744073709551615 bytes"),
                Arguments.of(
                        "large in pieces",
                        Unpooled.wrappedBuffer(
                                WebSocketMessage.encode(0x02, new byte[60_000], key),
                                WebSocketMessage.encode(0x00, new byte[6_000], key)),
                        1009,
                        "fragmented message"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("violations")
    void aViolationClosesTheLinkWithAReason(String what, ByteBuf bytes, int code, String text) {
        RawPeer p = server();
        p.send(bytes);
        WebSocketMessage close = p.takeClose();
        assertThat(close.closeCode()).isEqualTo(code);
        assertThat(close.closeText()).contains(text).doesNotContain("\n");
        assertThat(p.downs).singleElement().asString().contains(text);
        assertThat(p.channel.isOpen()).as("waits for the peer's Close").isTrue();
        p.sendFrame(77, 0, 0);
        assertThat(p.frames).as("nothing is delivered any more").isEmpty();
        p.advance(1_000);
        assertThat(p.channel.isOpen()).isFalse();
    }

    @Test
    void aMaskedMessageFromAServerIsAViolation() {
        RawPeer p = client(true);
        p.send(WebSocketMessage.encode(0x82, WebSocketMessage.frame(77, 0, 0, new byte[0]), 0));
        assertThat(p.takeClose().closeCode()).isEqualTo(1002);
    }

    @Test
    void closeIsAnsweredAndTheChannelCloses() {
        RawPeer p = server();
        byte[] body = ("\003\351" + "going\naway").getBytes(StandardCharsets.ISO_8859_1);
        p.send(p.message(0x88, body));
        assertThat(p.takeClose().closeCode()).isEqualTo(1000);
        assertThat(p.downs).containsExactly("it said: going\\u000aaway");
        assertThat(p.channel.isOpen()).isFalse();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2})
    void aCloseWithoutTextIsUnderstood(int length) {
        RawPeer p = server();
        p.send(p.message(0x88, slice(new byte[] {3, (byte) 0xe8}, 0, length)));
        assertThat(p.downs)
                .containsExactly(length == 2 ? "closed by the peer, code 1000" : "connection closed by the peer");
    }

    @Test
    void closeSaysWhyAndIsSaidOnce() {
        RawPeer p = server();
        p.link.close(1001, "x".repeat(500));
        p.link.close(1001, "again");
        assertThat(p.take()).filteredOn(m -> m.opcode() == 8).singleElement().satisfies(m -> {
            assertThat(m.closeCode()).isEqualTo(1001);
            assertThat(m.closeText()).isEqualTo("x".repeat(120));
        });
        assertThat(p.downs).hasSize(1);
        assertThat(p.link.isDown()).isTrue();
    }

    @Test
    void aPeerThatNeverReadsItsCloseFrameIsClosedAllTheSame() {
        RawPeer p = server();
        p.gate.shut();
        p.link.close(1001, "stop");
        p.advance(1_000);
        assertThat(p.channel.isOpen()).isFalse();
    }

    @Test
    void aPeerThatClosesAndDoesNotReadIsClosedAllTheSame() {
        RawPeer p = server();
        p.gate.shut();
        p.send(p.message(0x88, new byte[0]));
        p.advance(1_000);
        assertThat(p.channel.isOpen()).isFalse();
    }

    @Test
    void pongsAreNotQueuedForAPeerThatDoesNotRead() {
        RawPeer p = server();
        p.gate.shut();
        for (int i = 0; i < 100; i++) {
            p.send(p.message(0x89, new byte[125]));
        }
        p.gate.open();
        assertThat(p.take()).filteredOn(m -> m.opcode() == 10).isEmpty();
        p.send(p.message(0x89, ascii("now")));
        assertThat(p.take()).filteredOn(m -> m.opcode() == 10).hasSize(1);
    }

    @Test
    void ofPingsThatCameTogetherTheLatestIsAnswered() {
        RawPeer p = server();
        ByteBuf many = Unpooled.buffer();
        for (int i = 0; i < 1_000; i++) {
            many.writeBytes(p.message(0x89, ascii("ping " + i)));
        }
        p.send(many);
        assertThat(p.take())
                .filteredOn(m -> m.opcode() == 10)
                .singleElement()
                .satisfies(m -> assertThat(m.body()).isEqualTo(ascii("ping 999")));
    }

    @Test
    void endlessFragmentsCloseTheLink() {
        RawPeer p = server();
        p.send(p.message(0x02, new byte[1]));
        for (int i = 1; i < WebSocketDecoder.MAX_FRAGMENTS; i++) {
            p.send(p.message(0x00, new byte[i % 2]));
        }
        assertThat(p.downs).isEmpty();
        p.send(p.message(0x00, new byte[1]));
        assertThat(p.takeClose().closeCode()).isEqualTo(1009);
    }

    /** Each byte is a sign of life; a message that never ends is none all the same. */
    @ParameterizedTest
    @ValueSource(strings = {"half a frame", "fragments", "pings between fragments"})
    void aMessageThatNeverEndsClosesTheLink(String how) {
        RawPeer p = server();
        ByteBuf large = p.message(0x82, WebSocketMessage.frame(77, 0, 0, new byte[60_000]));
        p.send(how.equals("half a frame") ? large.readBytes(10) : p.message(0x02, new byte[1]));
        for (int second = 0; second < Link.MESSAGE_DEADLINE.toSeconds() - 4; second++) {
            p.send(
                    switch (how) {
                        case "half a frame" -> large.readBytes(1);
                        case "fragments" -> p.message(0x00, new byte[1]);
                        default -> p.message(0x89, new byte[0]);
                    });
            p.advance(1_000);
        }
        assertThat(p.downs).isEmpty();
        for (int second = 0; second < 8 && p.downs.isEmpty(); second++) {
            p.send(how.equals("half a frame") ? large.readBytes(1) : p.message(0x89, new byte[0]));
            p.advance(1_000);
        }
        assertThat(p.downs).singleElement().asString().contains("not come whole");
    }

    /** On a slow line there is always a message that is not whole; but each one ends. */
    @Test
    void aSlowLineIsNoPeerThatNeverEnds() {
        RawPeer p = server();
        ByteBuf stream = Unpooled.buffer();
        for (int i = 0; i < 300; i++) {
            stream.writeBytes(p.message(0x82, WebSocketMessage.frame(77, 0, i, new byte[300])));
        }
        while (stream.readableBytes() > 200) {
            p.send(stream.readBytes(200));
            p.advance(1_000);
        }
        assertThat(p.downs).isEmpty();
    }

    @Test
    void maskIsTheXorOfRfc6455() {
        Random random = new Random(1);
        for (int n = 0; n < 40; n++) {
            int key = random.nextInt();
            byte[] plain = LinkFlowTest.random(n, n + 3);
            ByteBuf b = Unpooled.copiedBuffer(plain);
            WebSocketMask.apply(b, 3, n, key);
            for (int i = 0; i < n; i++) {
                assertThat(b.getByte(3 + i)).isEqualTo((byte) (plain[3 + i] ^ key >>> (24 - 8 * (i % 4))));
            }
            assertThat(b.getByte(0)).isEqualTo(plain[0]);
        }
    }
}
