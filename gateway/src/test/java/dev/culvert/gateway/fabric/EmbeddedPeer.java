package dev.culvert.gateway.fabric;

import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.link.LinkSettings;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;

/** A peer of a link of the gateway's in one thread, which writes its frames by hand and reads when the test likes. */
@NullUnmarked
class EmbeddedPeer {
    /** What the gateway has sent. */
    record Received(int type, int flags, int flowId, ByteBuf payload) {}

    final EmbeddedChannel channel = new EmbeddedChannel();
    final FrameSwitch link;
    private final ByteBufAllocator allocator;

    /** The code and text of the gateway's Close, when it has come. */
    String close;

    EmbeddedPeer(FrameSwitch link, ByteBufAllocator allocator) {
        this.link = link;
        this.allocator = allocator;
        channel.freezeTime(); // else a peer that says nothing is given up where the test takes long
        channel.config().setAllocator(allocator);
        channel.pipeline().addLast(new Link(Link.Role.WEBSOCKET_SERVER, true, LinkSettings.DEFAULT, link));
    }

    void announce(String instance, String... routes) {
        String quoted = routes.length == 0 ? "" : "\"" + String.join("\",\"", routes) + "\"";
        String json = "{\"instance\":\"" + instance + "\",\"routes\":[" + quoted + "]}";
        send(Frame.ANNOUNCE, 0, 0, Unpooled.copiedBuffer(json, StandardCharsets.UTF_8));
    }

    /** Sends one frame as one masked message (RFC 6455 section 5.2), the key being 0. Takes {@code payload}. */
    final void send(int type, int flags, int flowId, ByteBuf payload) {
        int n = Frame.HEADER_LENGTH + payload.readableBytes();
        ByteBuf message = allocator.directBuffer(16 + n);
        message.writeByte(0x82);
        if (n < 126) {
            message.writeByte(0x80 | n);
        } else {
            message.writeByte(0x80 | 126).writeShort(n);
        }
        message.writeInt(0);
        message.writeByte(type).writeByte(flags).writeShort(0).writeInt(flowId).writeBytes(payload);
        payload.release();
        if (channel.isOpen()) {
            channel.writeInbound(message);
        } else {
            message.release();
        }
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
        channel.advanceTimeBy(millis, TimeUnit.MILLISECONDS);
        channel.runScheduledPendingTasks();
        channel.runPendingTasks();
    }

    /** All frames that have come since it was last asked. */
    final List<Received> take() {
        channel.runPendingTasks();
        channel.checkException();
        ByteBuf all = Unpooled.buffer();
        for (ByteBuf b = channel.readOutbound(); b != null; b = channel.readOutbound()) {
            all.writeBytes(b);
            b.release();
        }
        List<Received> frames = new ArrayList<>();
        while (all.isReadable()) {
            int opcode = all.readUnsignedByte();
            int length = all.readUnsignedByte();
            length = length < 126 ? length : length == 126 ? all.readUnsignedShort() : (int) all.readLong();
            ByteBuf message = all.readSlice(length);
            if (opcode == 0x82) {
                int type = message.readUnsignedByte();
                int flags = message.readUnsignedByte();
                message.skipBytes(2);
                int flowId = message.readInt();
                frames.add(new Received(type, flags, flowId, message));
            } else if (opcode == 0x88 && length >= 2) {
                close = message.readUnsignedShort() + " " + message.toString(StandardCharsets.UTF_8);
            }
        }
        return frames;
    }

    /** Those of one type. */
    final List<Received> take(int type) {
        return take().stream().filter(f -> f.type() == type).toList();
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
