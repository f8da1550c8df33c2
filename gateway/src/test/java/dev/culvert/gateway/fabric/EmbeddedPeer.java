package dev.culvert.gateway.fabric;

import dev.culvert.tunnel.fixture.RawPeer;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.link.Link;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.Ticker;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;

/** The peer of a link of the gateway's in one thread and in frozen time, which reads when the test likes. */
@NullUnmarked
class EmbeddedPeer {
    private final RawPeer peer;
    final EmbeddedChannel channel;
    final FrameSwitch link;

    /** The code and text of the gateway's Close, when it has come. */
    String close;

    EmbeddedPeer(FrameSwitch link, ByteBufAllocator allocator) {
        this(link, allocator, 1);
    }

    /** @param version of the link protocol */
    EmbeddedPeer(FrameSwitch link, ByteBufAllocator allocator, int version) {
        this.link = link;
        peer = new RawPeer(Link.Role.WEBSOCKET_SERVER, true, link, Ticker.newMockTicker(), allocator, version);
        channel = peer.channel;
    }

    void announce(String instance, String... routes) {
        String quoted = routes.length == 0 ? "" : "\"" + String.join("\",\"", routes) + "\"";
        say("{\"instance\":\"" + instance + "\",\"routes\":[" + quoted + "]}");
    }

    final void say(String json) {
        send(Frame.ANNOUNCE, 0, 0, Unpooled.copiedBuffer(json, StandardCharsets.UTF_8));
    }

    /** Takes {@code payload}. */
    final void send(int type, int flags, int flowId, ByteBuf payload) {
        peer.sendFrame(type, flags, flowId, ByteBufUtil.getBytes(payload));
        payload.release();
    }

    final boolean isUp() {
        return channel.isOpen() && link.side().isUp();
    }

    /** Whether the peer reads: when not, what the gateway has for it waits there. */
    final void reads(boolean reads) {
        if (channel.isOpen()) {
            channel.unsafe().outboundBuffer().setUserDefinedWritability(1, reads);
        }
    }

    final void advance(long millis) {
        peer.advance(millis);
    }

    /** All frames that have come since it was last asked. */
    final List<WebSocketMessage> take() {
        List<WebSocketMessage> frames = new ArrayList<>();
        for (WebSocketMessage message : peer.take()) {
            if (message.opcode() == 2) {
                frames.add(message);
            } else if (message.opcode() == 8 && message.body().length >= 2) {
                close = message.closeCode() + " " + message.closeText();
            }
        }
        channel.checkException();
        return frames;
    }

    /** Those of one type. */
    final List<WebSocketMessage> take(int type) {
        return take().stream().filter(f -> f.type() == type).toList();
    }

    /**
     * The peer ends the link.
     *
     * @param code of its Close; 0 when it says nothing
     */
    final void ends(int code) {
        if (code == 0) {
            channel.close();
        } else {
            peer.send(peer.message(0x88, new byte[] {(byte) (code >> 8), (byte) code}));
        }
        advance(1);
    }

    /** Ends the link, as the network does, and waits until all its flows have ended. */
    final void end() {
        if (isUp()) {
            link.side().close(1000, "the end");
        }
        for (int i = 0; link.side().flowCount() > 0 && i < 1_000_000; i++) {
            advance(1); // flows end in slices; a closed EmbeddedChannel forgets what was scheduled
        }
        channel.close();
        take();
        channel.finishAndReleaseAll();
    }
}
