package dev.culvert.gateway.web;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http2.DefaultHttp2GoAwayFrame;
import io.netty.handler.codec.http2.Http2CodecUtil;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2FrameTypes;
import io.netty.util.ReferenceCountUtil;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * In front of a connection's codec: frames that neither ask nor bring anything (PING, SETTINGS, PRIORITY, WINDOW_UPDATE, RST_STREAM,
 * unknown ones, empty DATA). No window bounds them, and each costs more to take than to send: who sends them without end is told to be
 * calm, and closed (RFC 9113 10.5). What the other end is sent pays for what it says about that.
 */
final class Http2Budget extends ChannelDuplexHandler {
    /** How many may come at once. */
    static final int MAX = 1_000;

    /** How many more with each second. */
    static final int PER_SECOND = 10;

    /** For each HEADERS or DATA that is sent: a WINDOW_UPDATE for the stream, and one for the connection. */
    private static final int PER_FRAME_SENT = 2;

    /** One more for so many bytes of it: ends that read little at a time grant as little, Go's older ones two of each 512 bytes. */
    private static final int BYTES_EACH = 256;

    private static final int HEAD = 9;

    private final Frames received;
    private final Frames sent;
    private long left = MAX;
    private long seenNanos;
    private boolean ended;
    private @Nullable Deadline last;
    private @Nullable ChannelHandlerContext context;

    /** @param servesClients whether it is the other end that begins with a preface */
    Http2Budget(boolean servesClients) {
        int preface = Http2CodecUtil.connectionPrefaceBuf().readableBytes();
        received = new Frames(servesClients ? preface : 0);
        sent = new Frames(servesClients ? 0 : preface);
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        context = ctx;
        seenNanos = ctx.executor().ticker().nanoTime();
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        if (!ended) {
            received.over((ByteBuf) msg);
            left -= received.takeOthers();
            if (left < 0) {
                earn(ctx);
            }
        }
        if (ended) {
            ReferenceCountUtil.release(msg);
        } else if (left < 0) {
            ReferenceCountUtil.release(msg);
            end();
        } else {
            ctx.fireChannelRead(msg);
        }
    }

    @Override
    public void write(ChannelHandlerContext ctx, Object msg, ChannelPromise promise) {
        if (msg instanceof ByteBuf bytes) {
            sent.over(bytes);
            left += sent.takePaid();
        }
        ctx.write(msg, promise);
    }

    private void earn(ChannelHandlerContext ctx) {
        long now = ctx.executor().ticker().nanoTime();
        long earned = TimeUnit.NANOSECONDS.toSeconds((now - seenNanos) * PER_SECOND);
        if (earned > 0) {
            seenNanos = now;
            left = Math.min(MAX, left + earned);
        }
    }

    /** Ends the connection of who is to be calm, whatever streams it has. On the event loop. */
    void end() {
        ChannelHandlerContext ctx = context;
        if (ended || ctx == null) {
            return;
        }
        ended = true;
        Deadline d = new Deadline(ctx.channel().eventLoop(), ctx::close);
        last = d;
        d.set(Http1Front.LINGER_SECONDS); // who does not read either
        ctx.channel()
                .writeAndFlush(new DefaultHttp2GoAwayFrame(Http2Error.ENHANCE_YOUR_CALM))
                .addListener(said -> ctx.close()); // not by way of the codec, which would wait for its streams
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        Deadline d = last;
        if (d != null) {
            d.end();
        }
        ctx.fireChannelInactive();
    }

    /** The heads of frames in what goes by, however it is cut (RFC 9113 4.1). */
    private static final class Frames {
        private int skipped; // still to come of the preface or of a payload
        private int have; // of a head
        private int length;
        private int type;
        private long paid;
        private int others;

        Frames(int preface) {
            skipped = preface;
        }

        /** Of those that have begun since: how many carry nothing of a request or an answer. */
        int takeOthers() {
            int n = others;
            others = 0;
            return n;
        }

        /** How many such may be said about the rest of them. */
        long takePaid() {
            long n = paid;
            paid = 0;
            return n;
        }

        void over(ByteBuf bytes) {
            int at = bytes.readerIndex();
            int end = bytes.writerIndex();
            while (at < end) {
                if (skipped > 0) {
                    int n = Math.min(skipped, end - at);
                    skipped -= n;
                    at += n;
                    continue;
                }
                int b = bytes.getUnsignedByte(at++);
                if (have < 3) {
                    length = length << 8 | b;
                } else if (have == 3) {
                    type = b;
                }
                if (++have == HEAD) {
                    count();
                    skipped = length;
                    have = 0;
                    length = 0;
                }
            }
        }

        private void count() {
            if (type == Http2FrameTypes.HEADERS
                    || type == Http2FrameTypes.CONTINUATION
                    || type == Http2FrameTypes.DATA && length > 0) {
                paid += PER_FRAME_SENT + length / BYTES_EACH;
            } else {
                others++;
            }
        }
    }
}
