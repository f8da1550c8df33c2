package dev.culvert.gateway.door;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import org.jspecify.annotations.Nullable;

/**
 * Hands on the heads of requests, each when it is whole. Until then it is bytes in a buffer of its own, which the connection
 * pays for ({@link Strangers}), and nothing is made of it: a header line of three bytes costs three, not a hundred and
 * twenty-five. Each byte is looked at once, however slowly they come. Bodies are not read at all: no request that is
 * answered here has one. The first handler of HTTP.
 */
final class RequestReader extends ChannelInboundHandlerAdapter {
    /** Longest request line. */
    static final int MAX_LINE = 4_096;

    /** Most bytes of a head: a token is at most 16 KiB. */
    static final int MAX_HEAD = 24 << 10;

    /** Most header lines: browsers send twenty, and each proxy a few more. */
    static final int MAX_LINES = 64;

    /** What the decoder makes of a header line costs that much more heap than its bytes: an entry, two strings. */
    private static final int LINE_COST = 160;

    private static final int FIRST_BUFFER = 512;

    private final Strangers.Stranger stranger;

    private @Nullable ByteBuf held;
    private int length;
    private int lines;
    private int lineLength;
    private boolean discarding;

    RequestReader(Strangers.Stranger stranger) {
        this.stranger = stranger;
    }

    /** The last answer has been given: what comes now is not looked at. */
    void discard() {
        discarding = true;
        release();
    }

    /** The connection is no stranger's any more: nobody takes its place from here on. */
    void admitted() {
        stranger.leave();
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        if (!(msg instanceof ByteBuf in)) {
            ctx.fireChannelRead(msg);
            return;
        }
        try {
            while (in.isReadable() && !discarding) {
                int end = endOfHead(in);
                if (discarding) {
                    ctx.fireChannelRead(tooLong());
                } else if (end >= 0) {
                    pass(ctx, in, end);
                } else {
                    keep(ctx, in);
                }
            }
        } finally {
            in.release();
        }
    }

    /**
     * Goes through {@code in}.
     *
     * @return the index behind the head's end; -1 when it is not there. It is {@link #discarding} when the head is too long
     */
    private int endOfHead(ByteBuf in) {
        for (int i = in.readerIndex(); i < in.writerIndex(); i++) {
            byte b = in.getByte(i);
            length++;
            if (b == '\n') {
                if (lineLength == 0) {
                    return i + 1;
                }
                lines++;
                lineLength = 0;
            } else if (b != '\r') {
                lineLength++;
            }
            if (length > MAX_HEAD || lines > 1 + MAX_LINES || lines == 0 && lineLength > MAX_LINE) {
                discard();
                return -1;
            }
        }
        return -1;
    }

    /** What the decoder says of a head that is too long, in its words. */
    private HttpRequest tooLong() {
        HttpRequest request = new DefaultHttpRequest(HttpVersion.HTTP_1_0, HttpMethod.GET, "/");
        request.setDecoderResult(DecoderResult.failure(
                lines == 0
                        ? new TooLongHttpLineException("a request line of more than " + MAX_LINE + " bytes")
                        : new TooLongHttpHeaderException("a head of more than " + MAX_LINES + " lines")));
        return request;
    }

    private void pass(ChannelHandlerContext ctx, ByteBuf in, int end) {
        long cost = length + (long) lines * LINE_COST;
        int n = end - in.readerIndex();
        ByteBuf whole = held;
        held = null;
        length = 0;
        lines = 0;
        if (whole == null) {
            whole = in.readRetainedSlice(n);
        } else {
            whole.writeBytes(in, n);
        }
        // Until the next: what is made of it may wait for a token to be verified.
        if (stranger.costs(cost)) {
            ctx.fireChannelRead(whole);
        } else {
            whole.release();
            end(ctx);
        }
    }

    /** Copied: else a few bytes would pin what they were read into. */
    private void keep(ChannelHandlerContext ctx, ByteBuf in) {
        int n = in.readableBytes();
        ByteBuf before = held;
        int needed = (before == null ? 0 : before.readableBytes()) + n;
        if (before == null || before.writableBytes() < n) {
            int capacity = Math.max(FIRST_BUFFER, Integer.highestOneBit(needed) << 1);
            // Both buffers are there for a moment; for that there is no need to be exact.
            if (!stranger.costs(capacity)) {
                in.skipBytes(n);
                end(ctx);
                return;
            }
            ByteBuf roomy = ctx.alloc().buffer(capacity);
            if (before != null) {
                roomy.writeBytes(before);
                before.release();
            }
            held = roomy;
            before = roomy;
        }
        before.writeBytes(in);
    }

    private void end(ChannelHandlerContext ctx) {
        discard();
        ctx.close();
    }

    private void release() {
        if (held != null) {
            held.release();
            held = null;
        }
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext ctx) {
        ByteBuf rest = held;
        held = null;
        stranger.leave();
        if (rest != null && ctx.channel().isActive()) {
            ctx.fireChannelRead(rest); // behind an upgrade: for the link to judge
        } else if (rest != null) {
            rest.release();
        }
    }
}
