package dev.culvert.tunnel.websocket;

import io.netty.buffer.ByteBuf;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Writes WebSocket messages (RFC 6455 section 5) into buffers, in place: a binary message's header before its payload, its
 * masking behind, and whole control messages. One for a link; used on the link's event loop only.
 */
public final class WebSocketEncoder {
    /** The longest header: two bytes, eight of length, four of the masking key. */
    public static final int MAX_HEADER = 14;

    /** FIN and the opcode of a binary message. */
    private static final int BINARY = 0x82;

    private final boolean masked;
    private final boolean zeroKey;
    private int key;

    /**
     * @param masked whether RFC 6455 wants our messages masked (we are the WebSocket client)
     * @param zeroKey mask with key 0, which changes nothing: only inside TLS (see docs/decisions)
     */
    public WebSocketEncoder(boolean masked, boolean zeroKey) {
        this.masked = masked;
        this.zeroKey = zeroKey;
    }

    /** Bytes before a payload of {@code n} bytes. */
    public int headerLength(int n) {
        return (masked ? 6 : 2) + (n <= 125 ? 0 : n <= 0xffff ? 2 : 8);
    }

    /** Appends the header of a binary message of {@code n} bytes, which the caller appends then. */
    public void begin(ByteBuf b, int n) {
        b.writeByte(BINARY);
        int m = masked ? 0x80 : 0;
        if (n <= 125) {
            b.writeByte(m | n);
        } else if (n <= 0xffff) {
            b.writeByte(m | 126).writeShort(n);
        } else {
            b.writeByte(m | 127).writeLong(n);
        }
        if (masked) {
            key = zeroKey ? 0 : ThreadLocalRandom.current().nextInt();
            b.writeInt(key);
        }
    }

    /** The payload of the message begun last is whole, {@code n} bytes from {@code at} on: masks it. */
    public void end(ByteBuf b, int at, int n) {
        if (masked && key != 0) {
            WebSocketMask.apply(b, at, n, key);
        }
    }

    /** Appends a Pong that echoes {@code body}, at most 125 bytes. */
    public void pong(ByteBuf b, byte[] body) {
        control(b, WebSocketDecoder.OP_PONG, body.length).writeBytes(body);
    }

    /** Appends a Close that gives no reason in words. */
    public void close(ByteBuf b, int code) {
        close(b, code, new byte[0], 0);
    }

    /** Appends a Close with the first {@code n} bytes of a reason in UTF-8, at most 123. */
    public void close(ByteBuf b, int code, byte[] reason, int n) {
        control(b, WebSocketDecoder.OP_CLOSE, 2 + n).writeShort(code).writeBytes(reason, 0, n);
    }

    private ByteBuf control(ByteBuf b, int opcode, int length) {
        b.writeByte(0x80 | opcode).writeByte((masked ? 0x80 : 0) | length);
        return masked ? b.writeInt(0) : b; // a Close or Pong carries nothing that masking could protect a proxy from
    }
}
