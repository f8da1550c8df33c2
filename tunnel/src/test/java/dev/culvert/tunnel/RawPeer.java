package dev.culvert.tunnel;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.MockTicker;
import io.netty.util.concurrent.Ticker;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;

/** A link whose peer is the test itself, byte by byte: builds WebSocket messages, reads what the link answers. */
@NullUnmarked
final class RawPeer implements AutoCloseable {
    /** A WebSocket message of the link's. */
    record Message(int opcode, boolean last, boolean masked, int key, byte[] body) {
        int type() {
            return body[0] & 0xff;
        }

        int flags() {
            return body[1] & 0xff;
        }

        int flowId() {
            return Unpooled.wrappedBuffer(body).getInt(4);
        }

        ByteBuf payload() {
            return Unpooled.wrappedBuffer(body, Frame.HEADER_LENGTH, body.length - Frame.HEADER_LENGTH);
        }

        int closeCode() {
            return (body[0] & 0xff) << 8 | body[1] & 0xff;
        }

        String closeText() {
            return new String(body, 2, body.length - 2, StandardCharsets.UTF_8);
        }
    }

    /** A frame that the link gave its receiver. */
    record Received(int type, int flags, int flowId, String payload) {}

    final MockTicker ticker = Ticker.newMockTicker();
    final Link link;
    final LinkPair.Gate gate = new LinkPair.Gate();
    final EmbeddedChannel channel;
    final List<Received> frames = new ArrayList<>();
    final List<String> downs = new ArrayList<>();
    private final Link.Role role;
    private final ByteBuf outbound = Unpooled.buffer();

    /** A link that hands its frames to this test. */
    RawPeer(Link.Role role, boolean secure) {
        this(role, secure, null);
    }

    RawPeer(Link.Role role, boolean secure, FrameReceiver receiver) {
        this.role = role;
        FrameReceiver r = receiver != null
                ? receiver
                : new FrameReceiver() {
                    @Override
                    public void linkUp(Link link) {}

                    @Override
                    public void frame(Link link, int type, int flags, int flowId, ByteBuf payload) {
                        frames.add(new Received(type, flags, flowId, payload.toString(StandardCharsets.ISO_8859_1)));
                        payload.release();
                    }

                    @Override
                    public void batchComplete(Link link) {}

                    @Override
                    public void linkDown(Link link, String why) {
                        downs.add(why);
                    }
                };
        link = new Link(role, secure, LinkSettings.DEFAULT, r);
        channel = EmbeddedChannel.builder().ticker(ticker).handlers(gate, link).build();
    }

    /** One WebSocket message as this link's peer would send it, with a masking key when that is the client. */
    ByteBuf message(int b0, byte[] body) {
        return message(b0, body, role == Link.Role.WEBSOCKET_SERVER ? 0x1234_5678 : null);
    }

    static ByteBuf message(int b0, byte[] body, Integer key) {
        ByteBuf b = Unpooled.buffer();
        int m = key == null ? 0 : 0x80;
        b.writeByte(b0);
        if (body.length <= 125) {
            b.writeByte(m | body.length);
        } else if (body.length <= 0xffff) {
            b.writeByte(m | 126).writeShort(body.length);
        } else {
            b.writeByte(m | 127).writeLong(body.length);
        }
        if (key != null) {
            b.writeInt(key);
        }
        for (int i = 0; i < body.length; i++) {
            b.writeByte(body[i] ^ (key == null ? 0 : key >>> (24 - 8 * (i & 3))));
        }
        return b;
    }

    static byte[] frame(int type, int flags, int flowId, byte[] payload) {
        ByteBuf b = Unpooled.buffer();
        b.writeByte(type).writeByte(flags).writeShort(0).writeInt(flowId).writeBytes(payload);
        byte[] bytes = new byte[b.readableBytes()];
        b.readBytes(bytes);
        return bytes;
    }

    void sendFrame(int type, int flags, int flowId, byte... payload) {
        send(message(0x82, frame(type, flags, flowId, payload)));
    }

    /** One read of exactly these bytes. */
    void send(ByteBuf bytes) {
        ByteBuf read = channel.alloc().directBuffer(Math.max(2_048, bytes.readableBytes()));
        read.writeBytes(bytes);
        bytes.release();
        if (channel.isOpen()) {
            channel.writeInbound(read);
        } else {
            read.release();
        }
    }

    void advance(long millis) {
        ticker.advance(millis, TimeUnit.MILLISECONDS);
        channel.runScheduledPendingTasks();
        channel.runPendingTasks();
    }

    /** What the link has written since the last call, as buffers: one each TLS record. */
    List<Integer> takeRecords() {
        channel.runPendingTasks();
        List<Integer> sizes = new ArrayList<>();
        for (ByteBuf b = channel.readOutbound(); b != null; b = channel.readOutbound()) {
            sizes.add(b.readableBytes());
            outbound.writeBytes(b);
            b.release();
        }
        return sizes;
    }

    /** The whole messages that the link has written since the last call. */
    List<Message> take() {
        takeRecords();
        List<Message> messages = new ArrayList<>();
        while (outbound.isReadable()) {
            int b0 = outbound.readUnsignedByte();
            int b1 = outbound.readUnsignedByte();
            long n = b1 & 0x7f;
            if (n == 126) {
                n = outbound.readUnsignedShort();
            } else if (n == 127) {
                n = outbound.readLong();
            }
            boolean masked = (b1 & 0x80) != 0;
            int key = masked ? outbound.readInt() : 0;
            byte[] body = new byte[(int) n];
            outbound.readBytes(body);
            for (int i = 0; i < body.length; i++) {
                body[i] ^= (byte) (key >>> (24 - 8 * (i & 3)));
            }
            messages.add(new Message(b0 & 0x0f, (b0 & 0x80) != 0, masked, key, body));
        }
        return messages;
    }

    /** The frames among {@link #take()}, without PING. */
    List<Message> takeFrames() {
        return take().stream()
                .filter(m -> m.opcode() == 2 && m.type() != Frame.PING)
                .toList();
    }

    /** The Close message, which must have been written. */
    Message takeClose() {
        return take().stream()
                .filter(m -> m.opcode() == 8)
                .findFirst()
                .orElseThrow(() -> new AssertionError("no Close frame was written"));
    }

    @Override
    public void close() {
        channel.close();
        channel.runPendingTasks();
        channel.finishAndReleaseAll();
        channel.checkException();
    }
}
