package dev.culvert.tunnel.link;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.culvert.tunnel.fixture.FlowRecorder;
import dev.culvert.tunnel.fixture.LinkPair;
import dev.culvert.tunnel.fixture.RawPeer;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.flow.LinkFlowTest;
import dev.culvert.tunnel.frame.AddressRanges;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Arbitrary bytes never throw, never leak, and either mean something or close the link with a reason. */
@NullUnmarked
class LinkFuzzTest {
    @FuzzTest
    void bytesOnALink(byte[] data) {
        for (Link.Role role : Link.Role.values()) {
            feed(role, Unpooled.wrappedBuffer(data), 1 + data.length / 3);
        }
    }

    @FuzzTest
    void framesOnALink(byte[] data) {
        ByteBuf stream = Unpooled.buffer();
        for (int at = 0; at < data.length; ) {
            int n = Math.min(data.length - at, 8 + (data[at] & 0x1f));
            stream.writeBytes(
                    WebSocketMessage.encode(0x82, java.util.Arrays.copyOfRange(data, at, at + n), 0x0102_0304));
            at += n;
        }
        feed(Link.Role.WEBSOCKET_SERVER, stream, 500);
    }

    @FuzzTest
    void openRequests(byte[] data) {
        ByteBuf b = Unpooled.wrappedBuffer(data);
        OpenRequest request;
        try {
            request = OpenRequest.decode(b);
        } catch (ProtocolException e) {
            assertThat(e.getMessage()).startsWith("OPEN");
            return;
        }
        assertThat(roundTrip(request)).isEqualTo(request);
    }

    @FuzzTest
    void announcements(byte[] data) {
        for (Class<?> type : List.of(Announcement.Agent.class, Announcement.Reachable.class)) {
            try {
                Object value = Announcement.decode(Unpooled.wrappedBuffer(data), type);
                byte[] again = Announcement.encode(value);
                assertThat((Object) Announcement.decode(Unpooled.wrappedBuffer(again), type))
                        .isEqualTo(value);
            } catch (ProtocolException e) {
                assertThat(e.getMessage()).startsWith("ANNOUNCE");
            }
        }
    }

    private static OpenRequest roundTrip(OpenRequest request) {
        ByteBuf b = Unpooled.buffer();
        request.encode(b);
        try {
            return OpenRequest.decode(b);
        } catch (ProtocolException e) {
            throw new AssertionError(request.toString(), e);
        }
    }

    /** A link whose flows are accepted, written to and half-closed, so that every state is reached. */
    private static void feed(Link.Role role, ByteBuf stream, int cut) {
        List<IncomingFlow> pending = new ArrayList<>();
        FlowMultiplexer mux = new FlowMultiplexer(pending::add);
        try (RawPeer p = new RawPeer(role, false, mux)) {
            mux.open(LinkPair.request(LinkPair.tcp()), new FlowRecorder());
            mux.open(LinkPair.request(LinkPair.udp()), new FlowRecorder(false));
            while (stream.isReadable()) {
                p.send(stream.readBytes(Math.min(cut, stream.readableBytes())));
                for (IncomingFlow flow : pending) {
                    LinkFlow f = flow.accept(new FlowRecorder(pending.size() % 2 == 0));
                    if (f != null) {
                        f.writeAndFlush(LinkFlowTest.text("hello"));
                    }
                }
                pending.clear();
            }
            p.takeRecords();
            assertThat(p.channel.isOpen() || p.link.isDown()).isTrue();
            p.advance(16_000);
            assertThat(p.channel.isOpen()).isFalse(); // closed for a reason, or for silence
            assertThat(mux.flowCount()).isZero();
            p.channel.checkException();
        }
    }

    @ParameterizedTest
    @EnumSource(Link.Role.class)
    void randomBytes(Link.Role role) {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int i = 0; i < 300; i++) {
            byte[] data = LinkFlowTest.random(random.nextLong(), 1 + random.nextInt(400));
            try {
                feed(role, Unpooled.wrappedBuffer(data), 1 + random.nextInt(100));
            } catch (Throwable t) {
                throw new AssertionError("seed " + seed + " run " + i, t);
            }
        }
    }

    /** Frames of known types with plausible ids and mostly right payloads reach further than random bytes do. */
    @ParameterizedTest
    @EnumSource(Link.Role.class)
    void randomFrames(Link.Role role) {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int i = 0; i < 200; i++) {
            ByteBuf stream = Unpooled.buffer();
            Integer key = role == Link.Role.WEBSOCKET_SERVER ? random.nextInt() : null;
            for (int k = random.nextInt(30); k >= 0; k--) {
                int type = random.nextInt(15);
                ByteBuf payload = Unpooled.buffer();
                if (type == Frame.OPEN && random.nextInt(10) > 0) {
                    LinkPair.request(random.nextBoolean() ? LinkPair.tcp() : LinkPair.udp())
                            .encode(payload);
                } else {
                    payload.writeBytes(LinkFlowTest.random(k, random.nextInt(20)));
                }
                int id = random.nextInt(6) | (random.nextInt(3) == 0 ? Frame.SERVER_OPENED : 0);
                if (type == Frame.OPEN) {
                    id = role == Link.Role.WEBSOCKET_CLIENT ? id | Frame.SERVER_OPENED : id & 7;
                }
                byte[] bytes = new byte[payload.readableBytes()];
                payload.readBytes(bytes);
                stream.writeBytes(
                        WebSocketMessage.encode(0x82, WebSocketMessage.frame(type, random.nextInt(2), id, bytes), key));
            }
            try {
                feed(role, stream, 1 + random.nextInt(400));
            } catch (Throwable t) {
                throw new AssertionError("seed " + seed + " run " + i, t);
            }
        }
    }

    @Test
    void openRequestsRoundTrip() throws Exception {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int i = 0; i < 2_000; i++) {
            int[] protocols = {Destination.TCP, Destination.UDP, Destination.ICMP};
            int protocol = protocols[random.nextInt(3)];
            int port = 1 + random.nextInt(65_535);
            Destination destination = random.nextBoolean()
                    ? Destination.of(protocol, address(random), port)
                    : Destination.ofName(protocol, "ü".repeat(1 + random.nextInt(126)) + "x", port);
            OpenRequest.Restriction restriction = null;
            if (random.nextBoolean()) {
                List<OpenRequest.AddressRange> only = random.nextBoolean() ? ranges(random) : null;
                List<OpenRequest.AddressRange> except = random.nextBoolean() ? ranges(random) : List.of();
                restriction = only == null && except.isEmpty() ? null : new OpenRequest.Restriction(only, except);
            }
            OpenRequest request = new OpenRequest(
                    destination,
                    random.nextBoolean() ? "agent-" + i : null,
                    random.nextBoolean() ? "laptop" : null,
                    random.nextBoolean() ? new InetSocketAddress(address(random), random.nextInt(65_536)) : null,
                    random.nextInt(Integer.MAX_VALUE),
                    random.nextInt(1_000_000),
                    restriction);
            assertThat(roundTrip(request)).as("seed %d", seed).isEqualTo(request);
        }
    }

    private static List<OpenRequest.AddressRange> ranges(Random random) throws Exception {
        List<OpenRequest.AddressRange> out = new ArrayList<>();
        for (int k = random.nextInt(random.nextInt(20) == 0 ? AddressRanges.MAX : 5); k > 0; k--) {
            InetAddress a = address(random);
            out.add(new OpenRequest.AddressRange(a, random.nextInt(a.getAddress().length * 8 + 1)));
        }
        return out;
    }

    private static InetAddress address(Random random) throws Exception {
        byte[] b = new byte[random.nextBoolean() ? 4 : 16];
        random.nextBytes(b);
        return InetAddress.getByAddress(b);
    }

    @Test
    void attributesOfALaterVersionAreSkipped() throws Exception {
        ByteBuf b = Unpooled.buffer();
        LinkPair.request(LinkPair.tcp()).encode(b);
        b.writeByte(200).writeShort(3).writeBytes(new byte[3]);
        b.writeByte(6).writeShort(6).writeInt(77).writeShort(0); // a longer RTT attribute: what is behind is ignored
        OpenRequest r = OpenRequest.decode(b);
        assertThat(r.agent()).isEqualTo("office");
        assertThat(r.rttMicros()).isEqualTo(77);
    }

    @Test
    void announcementsOfOtherVersionsAreUnderstood() throws Exception {
        ByteBuf b = Unpooled.copiedBuffer(
                "{\"instance\":\"i\",\"routes\":[\"10.0.0.0/8\"],\"future\":{\"a\":[1]}}",
                java.nio.charset.StandardCharsets.UTF_8);
        assertThat(Announcement.decode(b, Announcement.Agent.class))
                .isEqualTo(new Announcement.Agent("i", null, List.of("10.0.0.0/8"), false));
    }

    @Test
    void namesThatDoNotFitTheWireAreRefusedBeforeTheyReachIt() {
        for (String name : List.of("ü".repeat(127), "a b", "a\nb", "")) {
            org.assertj.core.api.Assertions.assertThatThrownBy(() -> Destination.ofName(Destination.TCP, name, 1))
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }
}
