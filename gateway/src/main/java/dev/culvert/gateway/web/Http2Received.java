package dev.culvert.gateway.web;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http2.Http2DataFrame;
import io.netty.handler.codec.http2.Http2FrameStream;
import io.netty.handler.codec.http2.Http2UnknownFrame;
import io.netty.util.ReferenceCountUtil;
import java.util.IdentityHashMap;
import java.util.Map;

/**
 * Between a connection's codec and its streams: what would wait in a stream that is not read, and what windows do not bound. Frames of
 * unknown types (RFC 9113 section 5.5) are dropped, and pieces of bodies have a number: windows count their bytes, and each costs a
 * hundred more.
 */
final class Http2Received extends ChannelInboundHandlerAdapter {
    /** Pieces that wait in all streams of a connection. A full connection window has under a hundred of ordinary size. */
    static final int MAX_WAITING = 4_096;

    private final Map<Http2FrameStream, int[]> waiting = new IdentityHashMap<>();
    private final boolean counts;
    private final Runnable onTooMany;
    private int all;
    private boolean ended;

    /**
     * @param counts whether pieces of bodies are counted: then it must be told of each that is read
     * @param onTooMany ends the connection, from which nothing more is handed on
     */
    Http2Received(boolean counts, Runnable onTooMany) {
        this.counts = counts;
        this.onTooMany = onTooMany;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        if (ended || msg instanceof Http2UnknownFrame) {
            ReferenceCountUtil.release(msg);
            return;
        }
        if (counts && msg instanceof Http2DataFrame data) {
            waiting.computeIfAbsent(data.stream(), s -> new int[1])[0]++;
            all++;
        }
        if (all > MAX_WAITING) {
            ended = true;
            ReferenceCountUtil.release(msg);
            onTooMany.run();
            return;
        }
        ctx.fireChannelRead(msg);
    }

    /** A stream has read one. */
    void read(Http2DataFrame data) {
        int[] its = waiting.get(data.stream());
        if (its != null && its[0] > 0) {
            its[0]--;
            all--;
        }
    }

    /** What a stream has not read is read by nobody. */
    void ended(Http2FrameStream stream) {
        int[] its = waiting.remove(stream);
        if (its != null) {
            all -= its[0];
        }
    }
}
