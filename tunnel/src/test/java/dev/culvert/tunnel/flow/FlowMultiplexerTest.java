package dev.culvert.tunnel.flow;

import static dev.culvert.tunnel.fixture.LinkPair.tcp;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.tunnel.fixture.FlowRecorder;
import dev.culvert.tunnel.fixture.LinkPair;
import dev.culvert.tunnel.fixture.RawPeer;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Drain;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.outgoing.FairWriter;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayDeque;
import java.util.Collections;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Frames that break the rules, link-wide frames, liveness, and the caps of a multiplexer. */
@NullUnmarked
class FlowMultiplexerTest {
    private final ArrayDeque<IncomingFlow> incoming = new ArrayDeque<>();
    private final FlowMultiplexer mux = new FlowMultiplexer(incoming::add);
    private final RawPeer peer = new RawPeer(Link.Role.WEBSOCKET_SERVER, false, mux);

    @AfterEach
    void close() {
        peer.close();
    }

    private static byte[] open(Destination destination) {
        ByteBuf b = Unpooled.buffer();
        new OpenRequest(destination, null, null, null, 1_000, 0, null).encode(b);
        byte[] bytes = new byte[b.readableBytes()];
        b.readBytes(bytes);
        return bytes;
    }

    private static byte[] u32(long v) {
        return new byte[] {(byte) (v >>> 24), (byte) (v >>> 16), (byte) (v >>> 8), (byte) v};
    }

    private FlowRecorder accepted(int id, Destination destination) {
        peer.sendFrame(Frame.OPEN, 0, id, open(destination));
        FlowRecorder r = new FlowRecorder(false);
        incoming.remove().accept(r);
        peer.take();
        return r;
    }

    static Stream<Arguments> violations() {
        return Stream.<Arguments>of(
                at(
                        "DATA beyond credit",
                        p -> {
                            for (int i = 0; i < 5; i++) {
                                p.sendFrame(Frame.DATA, 0, 2, new byte[16_000]);
                            }
                        },
                        "beyond its credit"),
                at(
                        "DATA after FIN",
                        p -> {
                            p.sendFrame(Frame.FIN, 0, 2);
                            p.sendFrame(Frame.DATA, 0, 2, (byte) 1);
                        },
                        "after its FIN"),
                at(
                        "FIN twice",
                        p -> {
                            p.sendFrame(Frame.FIN, 0, 2);
                            p.sendFrame(Frame.FIN, 0, 2);
                        },
                        "twice"),
                at("DATAGRAM to a stream", p -> p.sendFrame(Frame.DATAGRAM, 0, 2, (byte) 1), "which is a stream"),
                at("DATA to a datagram flow", p -> p.sendFrame(Frame.DATA, 0, 4, (byte) 1), "which is not a stream"),
                at("FIN to a datagram flow", p -> p.sendFrame(Frame.FIN, 0, 4), "for a datagram flow"),
                at("ported and short", p -> p.sendFrame(Frame.DATAGRAM, Frame.FLAG_PORT, 4, (byte) 1), "too short"),
                at("no hop limit", p -> p.sendFrame(Frame.DATAGRAM, Frame.FLAG_HOP_LIMIT, 4), "too short"),
                at("error and short", p -> p.sendFrame(Frame.DATAGRAM, Frame.FLAG_ERROR, 4, new byte[6]), "too short"),
                at("CREDIT short", p -> p.sendFrame(Frame.CREDIT, 0, 2, (byte) 1), "shorter than 4"),
                at("CREDIT overflow", p -> p.sendFrame(Frame.CREDIT, 0, 2, u32(0x7fff_ffffL)), "CREDIT adds up to"),
                at("OPENED for the peer's own flow", p -> p.sendFrame(Frame.OPENED, 0, 2, new byte[8]), "OPENED twice"),
                at("OPEN of a flow that exists", p -> p.sendFrame(Frame.OPEN, 0, 2, open(tcp())), "which exists"),
                at("OPEN with our id", p -> p.sendFrame(Frame.OPEN, 0, 0x8000_0002, open(tcp())), "not the sender's"),
                at("OPEN of flow 0", p -> p.sendFrame(Frame.OPEN, 0, 0, open(tcp())), "not the sender's"),
                at("OPEN malformed", p -> p.sendFrame(Frame.OPEN, 0, 6, (byte) 6, (byte) 9), "host kind=9"),
                at("OPEN truncated", p -> p.sendFrame(Frame.OPEN, 0, 6, (byte) 6), "truncated"),
                at("PING short", p -> p.sendFrame(Frame.PING, 0, 0, (byte) 6), "not 8 bytes"));
    }

    private static Arguments at(String what, Consumer<RawPeer> attack, String text) {
        return Arguments.of(what, attack, text);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("violations")
    void aViolationClosesTheLinkWithCode1002(String what, Consumer<RawPeer> attack, String text) {
        FlowRecorder stream = accepted(2, tcp());
        FlowRecorder datagrams = accepted(4, LinkPair.udp());
        attack.accept(peer);
        WebSocketMessage close = peer.takeClose();
        assertThat(close.closeCode()).isEqualTo(1002);
        assertThat(close.closeText()).contains(text);
        assertThat(stream.events).endsWith("LINK_LOST", "inactive");
        assertThat(datagrams.events).endsWith("LINK_LOST", "inactive");
        assertThat(stream.error).hasMessageContaining(text);
        assertThat(mux.flowCount()).isZero();
    }

    @Test
    void unknownFramesAndStrayOnesAreSkippedAndCounted() {
        peer.sendFrame(13, 255, 0, (byte) 1);
        peer.sendFrame(255, 0, 9);
        peer.sendFrame(0, 0, 9);
        for (int type :
                new int[] {Frame.DATA, Frame.FIN, Frame.RESET, Frame.CREDIT, Frame.OPENED, Frame.REFUSED, Frame.DATAGRAM
                }) {
            peer.sendFrame(type, 0, 1234);
        }
        assertThat(mux.unknownFrames()).isEqualTo(10);
        FlowRecorder stream = accepted(2, tcp());
        peer.sendFrame(200, 0, 2);
        assertThat(mux.unknownFrames()).isEqualTo(11);
        assertThat(stream.events).containsExactly("active");
    }

    @Test
    void resetAndRefusalWithoutReasonReadAsUnspecified() {
        FlowRecorder stream = accepted(2, tcp());
        peer.sendFrame(Frame.RESET, 0, 2);
        assertThat(stream.events).containsExactly("active", "UNSPECIFIED", "inactive");
        FlowRecorder other = accepted(4, tcp());
        peer.sendFrame(Frame.RESET, 0, 4, (byte) 200);
        assertThat(other.events).containsExactly("active", "UNSPECIFIED", "inactive");
    }

    @Test
    void pingIsAnsweredWithItsPayload() {
        peer.take();
        peer.sendFrame(Frame.PING, 0, 0, new byte[] {1, 2, 3, 4, 5, 6, 7, 8});
        assertThat(peer.takeFrames()).singleElement().satisfies(m -> {
            assertThat(m.type()).isEqualTo(Frame.PONG);
            assertThat(m.payload()).isEqualTo(Unpooled.wrappedBuffer(new byte[] {1, 2, 3, 4, 5, 6, 7, 8}));
        });
    }

    @Test
    void theRoundTripIsMeasured() {
        byte[] ping = peer.take().get(0).body();
        peer.advance(25);
        peer.sendFrame(Frame.PONG, 0, 0, java.util.Arrays.copyOfRange(ping, 8, 16));
        assertThat(peer.link.rttMicros()).isEqualTo(25_000);
        peer.advance(3_000);
        byte[] second = peer.take().get(0).body();
        peer.advance(10);
        peer.sendFrame(Frame.PONG, 0, 0, java.util.Arrays.copyOfRange(second, 8, 16));
        peer.sendFrame(Frame.PONG, 0, 0, new byte[] {99, 0, 0, 0, 0, 0, 0, 0});
        peer.sendFrame(Frame.PONG, 0, 0, (byte) 1);
        assertThat(peer.link.rttMicros()).isEqualTo(10_000);
        assertThat(peer.link.minRttMicros()).isEqualTo(10_000);
    }

    @Test
    void aSilentPeerIsGivenUpWithinFifteenSeconds() {
        FlowRecorder stream = accepted(2, tcp());
        peer.advance(2_500);
        peer.sendFrame(Frame.CREDIT, 0, 2, u32(1)); // the last that is heard, half a second before a check
        long silent = 0;
        while (peer.channel.isOpen() && silent < 60_000) {
            peer.advance(500);
            silent += 500;
        }
        assertThat(silent).isBetween(12_000L, 15_000L);
        assertThat(stream.error).hasMessageContaining("nothing heard for 12 s");
    }

    @Test
    void anyByteKeepsTheLinkAlive() {
        for (int i = 0; i < 20; i++) {
            peer.advance(10_000);
            peer.sendFrame(99, 0, 0);
        }
        assertThat(peer.channel.isOpen()).isTrue();
    }

    @Test
    void drainAndAnnounceReachTheListener() {
        try (LinkPair pair = new LinkPair()) {
            pair.server.link.drain(new Drain("restart\u0007 soon"));
            pair.server.link.drain(new Drain("and again"));
            pair.client.mux.announce(new Announcement.Agent("i-1", "0.1", List.of("10.0.0.0/8"), true));
            pair.pump();
            assertThat(pair.client.drains).containsExactly(new Drain("restart\\u0007 soon"));
            assertThat(pair.client.mux.isDraining()).isTrue();
            assertThat(pair.server.announced).singleElement().asString().contains("\"10.0.0.0/8\"");
            assertThat(pair.client.ups).isEqualTo(1);
        }
    }

    @Test
    void anAnnouncementThatFitsNoFrameIsRefusedHere() {
        List<String> routes = Collections.nCopies(5_000, "192.168.100.0/24");
        assertThatThrownBy(() -> mux.announce(new Announcement.Agent("i", null, routes, false)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("most is 65536");
        assertThat(peer.link.isDown()).isFalse();
    }

    @Test
    void flowsAreCapped() {
        byte[] open = open(tcp());
        ByteBuf many = Unpooled.buffer();
        for (int i = 1; i <= FlowMultiplexer.MAX_FLOWS; i++) {
            many.writeBytes(peer.message(0x82, WebSocketMessage.frame(Frame.OPEN, 0, i, open)));
        }
        peer.send(many);
        assertThat(mux.flowCount()).isEqualTo(FlowMultiplexer.MAX_FLOWS);
        peer.take();
        peer.sendFrame(Frame.OPEN, 0, FlowMultiplexer.MAX_FLOWS + 1, open);
        assertThat(peer.takeFrames()).singleElement().satisfies(m -> {
            assertThat(m.type()).isEqualTo(Frame.REFUSED);
            assertThat(m.payload().getByte(0)).isEqualTo((byte) Reason.OVERLOADED.code());
        });
        assertThat(mux.canOpen()).isFalse();
        assertThatThrownBy(() -> mux.open(LinkPair.request(tcp()), new FlowRecorder()))
                .hasMessageContaining("131072 exist");
    }

    @Test
    void aPeerThatMakesUsQueueControlFramesAndDoesNotReadIsCutOff() {
        peer.gate.shut();
        int pong = 2 + Frame.HEADER_LENGTH + 8;
        pings(FairWriter.MAX_CONTROL / pong - 30_000);
        assertThat(peer.link.isDown()).isFalse();
        pings(30_000);
        assertThat(peer.link.isDown()).isTrue();
        peer.advance(1_000);
        assertThat(peer.channel.isOpen()).isFalse();
    }

    private void pings(int n) {
        ByteBuf pings = Unpooled.buffer();
        ByteBuf ping = peer.message(0x82, WebSocketMessage.frame(Frame.PING, 0, 0, new byte[8]));
        for (int i = 0; i < n; i++) {
            pings.writeBytes(ping.duplicate());
        }
        peer.send(pings);
    }

    /** What an agent's answers take is counted in bytes: refusals with long texts are as much as many without. */
    @Test
    void longRefusalsCountAsWhatTheyAre() {
        peer.gate.shut();
        int sent = 0;
        byte[] open = open(tcp());
        while (!peer.link.isDown()) {
            peer.sendFrame(Frame.OPEN, 0, ++sent, open);
            incoming.remove().refuse(Reason.PROHIBITED, "x".repeat(200));
            peer.channel.runPendingTasks();
        }
        assertThat(sent).isBetween(FairWriter.MAX_CONTROL / 230, FairWriter.MAX_CONTROL / 200);
    }

    @Test
    void whoOpensFlowsStopsWhileTheOtherSideDoesNotRead() {
        peer.gate.shut();
        int flows = 0;
        while (mux.canOpen()) {
            mux.open(LinkPair.request(tcp()), new FlowRecorder());
            flows++;
        }
        assertThat(flows).isBetween(1_000, 20_000);
        assertThatThrownBy(() -> mux.open(LinkPair.request(tcp()), new FlowRecorder()))
                .hasMessageContaining("the other side does not read");
        assertThat(peer.link.isDown()).isFalse();
        peer.gate.open();
        peer.channel.runPendingTasks();
        assertThat(mux.canOpen()).isTrue();
    }

    @Test
    void ofAnnouncementsOnlyTheNewestWaits() {
        peer.gate.shut();
        for (int i = 0; i < 10_000; i++) {
            mux.announce(new Announcement.Agent("i" + i, null, List.of("10.0.0.0/8"), false));
        }
        assertThat(peer.link.writer().heldBytes()).isLessThan(1_000);
        peer.gate.open();
        assertThat(peer.takeFrames()).singleElement().satisfies(m -> {
            assertThat(m.type()).isEqualTo(Frame.ANNOUNCE);
            assertThat(m.payload().toString(java.nio.charset.StandardCharsets.UTF_8))
                    .contains("i9999");
        });
    }

    /** In slices, so that other links of the loop have their turn meanwhile; and each of them once. */
    @Test
    void manyFlowsEndWithTheirLink() {
        byte[] open = open(tcp());
        ByteBuf many = Unpooled.buffer();
        int flows = 8_000; // more than one turn
        for (int i = 1; i <= flows; i++) {
            many.writeBytes(peer.message(0x82, WebSocketMessage.frame(Frame.OPEN, 0, i, open)));
        }
        peer.send(many);
        int[] abandoned = {0};
        incoming.forEach(f -> f.onAbandoned(() -> abandoned[0]++));
        peer.link.close(1000, "bye");
        for (int i = 0; mux.flowCount() > 0 && i < flows; i++) {
            peer.advance(1);
        }
        assertThat(abandoned[0]).isEqualTo(flows);
    }
}
