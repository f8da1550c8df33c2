package dev.culvert.tunnel.websocket;

import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import org.jspecify.annotations.Nullable;

/**
 * The receiving half of the WebSocket framing (RFC 6455 section 5) that a link needs: binary messages, whole or in
 * fragments, each one frame; Ping and Close. A message that lies whole in one buffer, as a TLS record's does, is not
 * copied. Event loop only.
 */
public final class WebSocketDecoder {
    static final int OP_CONTINUATION = 0;
    static final int OP_TEXT = 1;
    static final int OP_BINARY = 2;
    static final int OP_CLOSE = 8;
    static final int OP_PING = 9;
    static final int OP_PONG = 10;

    private static final int MAX_MESSAGE = Frame.HEADER_LENGTH + Frame.MAX_PAYLOAD;

    /** Fragments of one message: nobody sends more of 64 KiB but to make work. */
    static final int MAX_FRAGMENTS = 1_024;

    /** What has been decoded. */
    public interface Sink {
        /** A frame. The sink owns {@code payload}; the headers before its reader index belong to nobody else. */
        void frame(int type, int flags, int flowId, ByteBuf payload) throws ProtocolException;

        /** A WebSocket Ping; {@code body} is borrowed. */
        void ping(ByteBuf body);

        /** A WebSocket Close; {@code body} is borrowed. */
        void closed(ByteBuf body);
    }

    private final ByteBufAllocator alloc;
    private final boolean maskExpected;
    private final Sink sink;
    private @Nullable ByteBuf partial; // the beginning of a message that has not come whole
    private @Nullable ByteBuf fragments; // of a fragmented message, RFC 6455 5.4
    private int fragmentCount;
    private long messages;
    private boolean closed;

    /** @param maskExpected whether the peer is the WebSocket client (RFC 6455 5.1) */
    public WebSocketDecoder(ByteBufAllocator alloc, boolean maskExpected, Sink sink) {
        this.alloc = alloc;
        this.maskExpected = maskExpected;
        this.sink = sink;
    }

    /**
     * Takes {@code in} and delivers what is complete.
     *
     * @throws ProtocolException when the peer breaks the protocol; nothing more may be decoded
     */
    public void decode(ByteBuf in) throws ProtocolException {
        ByteBuf p = partial;
        if (p != null) {
            partial = null;
            in = join(p, in);
        }
        messages(in);
    }

    /** How many messages have come whole. */
    public long messages() {
        return messages;
    }

    /** Whether a message has begun that is not whole. */
    public boolean isIncomplete() {
        return partial != null || fragments != null;
    }

    /** Releases what is incomplete and delivers nothing more. */
    public void close() {
        closed = true;
        if (partial != null) {
            partial.release();
            partial = null;
        }
        if (fragments != null) {
            fragments.release();
            fragments = null;
        }
    }

    private ByteBuf join(ByteBuf partial, ByteBuf in) {
        int n = in.readableBytes();
        if (partial.refCnt() == 1
                && partial.maxWritableBytes() >= n
                && partial.writableBytes() >= n
                && !partial.isReadOnly()) {
            partial.writeBytes(in);
            in.release();
            return partial;
        }
        ByteBuf joined = alloc.directBuffer(partial.readableBytes() + n);
        joined.writeBytes(partial).writeBytes(in);
        partial.release();
        in.release();
        return joined;
    }

    /** Consumes {@code in}: what does not make a whole message is kept in {@link #partial}. */
    private void messages(ByteBuf in) throws ProtocolException {
        boolean passedOn = false;
        try {
            while (!closed) {
                int start = in.readerIndex();
                int available = in.readableBytes();
                if (available < 2) {
                    break;
                }
                int b0 = in.getUnsignedByte(start);
                int b1 = in.getUnsignedByte(start + 1);
                boolean masked = (b1 & 0x80) != 0;
                long length = b1 & 0x7f;
                int header = 2;
                if (length == 126) {
                    header = 4;
                } else if (length == 127) {
                    header = 10;
                }
                header += masked ? 4 : 0;
                if (available < header) {
                    break;
                }
                if (length == 126) {
                    length = in.getUnsignedShort(start + 2);
                } else if (length == 127) {
                    length = in.getLong(start + 2);
                }
                checkHeader(b0, masked, length);
                if (available < header + length) {
                    break;
                }
                int n = (int) length;
                int at = start + header;
                if (masked) {
                    int key = in.getInt(at - 4);
                    if (key != 0) {
                        WebSocketMask.apply(in, at, n, key);
                    }
                }
                in.readerIndex(at + n);
                if (b0 == (0x80 | OP_BINARY)) {
                    if (n < Frame.HEADER_LENGTH) {
                        throw new ProtocolException(
                                "frame of " + n + " bytes is shorter than its header of " + Frame.HEADER_LENGTH);
                    }
                    int typeFlags = in.getUnsignedShort(at);
                    int flowId = in.getInt(at + 4);
                    ByteBuf payload;
                    if (!in.isReadable() && start == 0) {
                        passedOn = true; // the usual case: one record, one frame
                        payload = in.readerIndex(at + Frame.HEADER_LENGTH);
                    } else {
                        payload = in.retainedSlice(start, header + n).readerIndex(header + Frame.HEADER_LENGTH);
                    }
                    messages++;
                    sink.frame(typeFlags >>> 8, typeFlags & 0xff, flowId, payload);
                    if (passedOn) {
                        return;
                    }
                } else {
                    other(b0, in.slice(at, n));
                }
            }
            if (!closed && in.isReadable()) {
                partial = in;
                passedOn = true;
                reserve();
            }
        } finally {
            if (!passedOn) {
                in.release();
            }
        }
    }

    /** Moves the partial message into a buffer that holds all of it, unless it is in one: no pinned neighbour, no regrowth. */
    private void reserve() {
        ByteBuf p = partial;
        if (p == null || p.refCnt() == 1 && p.readerIndex() == 0 && p.writableBytes() >= Frame.RECORD) {
            return;
        }
        ByteBuf roomy = alloc.directBuffer(p.readableBytes() + 2 * Frame.RECORD);
        roomy.writeBytes(p);
        p.release();
        partial = roomy;
    }

    private void checkHeader(int b0, boolean masked, long length) throws ProtocolException {
        int opcode = b0 & 0x0f;
        if ((b0 & 0x70) != 0) {
            throw new ProtocolException("WebSocket message with reserved bits set, and no extension was agreed");
        }
        if (masked != maskExpected) {
            throw new ProtocolException(
                    masked ? "masked message from a WebSocket server" : "unmasked message from a WebSocket client");
        }
        if (opcode >= OP_CLOSE && (length > 125 || (b0 & 0x80) == 0)) {
            throw new ProtocolException("WebSocket control message that is fragmented or longer than 125 bytes");
        }
        if (opcode == OP_TEXT) {
            throw new ProtocolException(1003, "text message; this link takes binary messages only");
        }
        if (length < 0 || length > MAX_MESSAGE) {
            throw new ProtocolException(
                    1009, "message of " + Long.toUnsignedString(length) + " bytes, most is " + MAX_MESSAGE);
        }
    }

    /** Anything but a whole binary message. {@code body} is borrowed. */
    private void other(int b0, ByteBuf body) throws ProtocolException {
        boolean last = (b0 & 0x80) != 0;
        switch (b0 & 0x0f) {
            case OP_PING -> sink.ping(body);
            case OP_PONG -> {}
            case OP_CLOSE -> sink.closed(body);
            case OP_BINARY -> {
                if (fragments != null) {
                    throw new ProtocolException("a new message began inside a fragmented one");
                }
                fragmentCount = 1;
                fragments = alloc.directBuffer(body.readableBytes() * 2 + 64).writeBytes(body);
            }
            case OP_CONTINUATION -> continuation(last, body);
            default -> throw new ProtocolException("WebSocket opcode " + (b0 & 0x0f));
        }
    }

    private void continuation(boolean last, ByteBuf body) throws ProtocolException {
        ByteBuf whole = fragments;
        if (whole == null) {
            throw new ProtocolException("continuation without a beginning");
        }
        if (++fragmentCount > MAX_FRAGMENTS) {
            throw new ProtocolException(1009, "message of more than " + MAX_FRAGMENTS + " fragments");
        }
        if (whole.readableBytes() + body.readableBytes() > MAX_MESSAGE) {
            throw new ProtocolException(1009, "fragmented message of more than " + MAX_MESSAGE + " bytes");
        }
        whole.writeBytes(body);
        if (last) {
            fragments = null;
            if (whole.readableBytes() < Frame.HEADER_LENGTH) {
                whole.release();
                throw new ProtocolException("frame is shorter than its header of " + Frame.HEADER_LENGTH);
            }
            int typeFlags = whole.readUnsignedShort();
            whole.skipBytes(2);
            int flowId = whole.readInt();
            messages++;
            sink.frame(typeFlags >>> 8, typeFlags & 0xff, flowId, whole);
        }
    }
}
