package dev.culvert.gateway.web;

import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoop;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2FrameCodec;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import io.netty.handler.codec.http2.Http2GoAwayFrame;
import io.netty.handler.codec.http2.Http2MultiplexHandler;
import io.netty.handler.codec.http2.Http2Settings;
import io.netty.handler.codec.http2.Http2SettingsFrame;
import io.netty.handler.codec.http2.Http2StreamChannel;
import io.netty.handler.codec.http2.Http2StreamChannelBootstrap;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A connection to a target in HTTP/2, begun with prior knowledge (RFC 9113 3.3): many streams, each an {@link Http2Target}. It is
 * read all the time; what is not taken of a stream is bounded by that stream's window, and holds up no other.
 */
final class Http2TargetConnection extends ChannelInboundHandlerAdapter {
    /** Streams at once, if the target takes as many. */
    static final int MAX_STREAMS = 100;

    /** What one answer may have on its way to a browser: 256 KiB in 50 ms are 5 MB/s. */
    static final int STREAM_WINDOW = 256 << 10;

    /** All streams' windows together: browsers that do not read hold up nobody else's answers. */
    private static final int CONNECTION_WINDOW = MAX_STREAMS * STREAM_WINDOW;

    /** Most bytes of a head: targets are trusted with more than browsers, and some set many cookies. */
    private static final int MAX_HEAD = 64 << 10;

    /** Resets within {@link #RESET_SECONDS} behind which it takes no more streams; those that it has may be as many again, within 200. */
    static final int MAX_RESETS = 100;

    private static final long RESET_SECONDS = 30;

    /** DATA without content, one behind another. */
    private static final int MAX_EMPTY_DATA = 100;

    /** Without a stream; servers wait for minutes. */
    static final long IDLE_SECONDS = 30;

    /** Until the target's first SETTINGS, which it sends at once. */
    static final long SETTINGS_SECONDS = 10;

    /** An exchange that was given up after so long, while nothing at all came, may have met a target that is gone without a word. */
    private static final long SUSPECT_SECONDS = 10;

    /** Streams on one connection, so that none lives for ever: their numbers end at 2^30. */
    private static final int MAX_REQUESTS = 1 << 20;

    private final Channel channel;
    private final Http2Targets.OfSite pool;
    private final Http2FrameCodec codec;
    private final Http2StreamChannelBootstrap opener;
    private final Set<Channel> streams = Collections.newSetFromMap(new IdentityHashMap<>());
    private final Deadline idle;
    private @Nullable Throwable cause;
    private boolean settled;
    private int resets;
    private long resetsSinceNanos;
    private boolean retired; // takes no more streams
    private boolean ended;
    private boolean takesConnect; // RFC 8441
    private int open;
    private int requests;
    private long lastReadNanos;

    /** Takes a channel that {@link Site#connect} has given. */
    Http2TargetConnection(Channel channel, Http2Targets.OfSite pool) {
        this.channel = channel;
        this.pool = pool;
        codec = Http2FrameCodecBuilder.forClient()
                .initialSettings(Http2Settings.defaultSettings()
                        .pushEnabled(false)
                        .initialWindowSize(STREAM_WINDOW)
                        .maxHeaderListSize(MAX_HEAD))
                .decoderEnforceMaxConsecutiveEmptyDataFrames(MAX_EMPTY_DATA)
                .build();
        opener = new Http2StreamChannelBootstrap(channel);
        idle = new Deadline(channel.eventLoop(), this::expired);
        lastReadNanos = nanoTime();
    }

    Channel channel() {
        return channel;
    }

    void start() {
        if (!channel.isActive()) {
            fail(null);
            return;
        }
        idle.set(SETTINGS_SECONDS);
        Http2Budget budget = new Http2Budget(false);
        channel.pipeline()
                .addLast(
                        budget,
                        codec,
                        new Http2Received(false, budget::end),
                        new Http2MultiplexHandler(new ChannelInitializer<>() {
                            @Override
                            protected void initChannel(Channel unasked) {
                                // RFC 9113 5.1.1, 8.4: none but pushed ones may be, and none is to be pushed.
                                loop().execute(() -> fail(new Http2Exception(
                                        Http2Error.PROTOCOL_ERROR, "a stream that was not asked for")));
                            }
                        }),
                        this);
        channel.config().setAutoRead(true);
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) throws Http2Exception {
        codec.connection()
                .local()
                .flowController()
                .incrementWindowSize(
                        codec.connection().connectionStream(),
                        CONNECTION_WINDOW
                                - codec.connection().local().flowController().initialWindowSize());
        ctx.flush();
    }

    /** Whether its target has not said yet how many streams it takes. */
    boolean isStarting() {
        return !settled && !ended;
    }

    /** Whether there is, or will be when others have ended, room for another stream. */
    boolean mayServe() {
        return !retired && !ended && hasPath();
    }

    boolean hasRoom() {
        return mayServe()
                && settled
                && channel.isActive()
                && open < Math.min(MAX_STREAMS, codec.connection().local().maxActiveStreams());
    }

    /** Whether bytes go to the target now, and do not wait for the agent to come back. */
    boolean hasPath() {
        return pool.site().hasPath(channel);
    }

    /** Whether the target takes extended CONNECT, by which WebSockets come. */
    boolean takesConnect() {
        return takesConnect;
    }

    /** A new stream; there must be room. */
    Http2Target open() {
        idle.clear();
        open++;
        Http2Target stream = new Http2Target(this, requests++ > 0);
        if (requests >= MAX_REQUESTS) {
            retire();
        }
        Future<Http2StreamChannel> opening = opener.handler(stream).open();
        opening.addListener(opened -> {
            if (!opened.isSuccess()) {
                stream.gone(opened.cause());
                return;
            }
            Channel its = opening.getNow();
            streams.add(its);
            its.closeFuture().addListener(closed -> streams.remove(its));
        });
        return stream;
    }

    /** It serves one visitor's connection, and takes no more streams when that has ended. */
    void boundTo(Channel visitor) {
        ChannelFutureListener gone = closed -> retire();
        visitor.closeFuture().addListener(gone);
        channel.closeFuture().addListener(closed -> visitor.closeFuture().removeListener(gone));
    }

    /** See {@link WaitingBytes}. */
    long waiting() {
        return WaitingBytes.of(codec, streams);
    }

    /** Why it ended; null when nothing is known. */
    @Nullable
    Throwable cause() {
        return cause;
    }

    EventLoop loop() {
        return channel.eventLoop();
    }

    long nanoTime() {
        return channel.eventLoop().ticker().nanoTime();
    }

    /**
     * A stream has been reset, for one browser's sake. Targets count that too (CVE-2023-44487), and end a connection of which many were;
     * on it are other browsers' requests.
     */
    void reset() {
        long now = nanoTime();
        if (resets == 0 || now - resetsSinceNanos > TimeUnit.SECONDS.toNanos(RESET_SECONDS)) {
            resets = 0;
            resetsSinceNanos = now;
        }
        if (++resets >= MAX_RESETS) {
            retire();
        }
    }

    /** Takes no more streams: the target takes none, or there is doubt whether it is there. */
    void retire() {
        if (!retired) {
            retired = true;
            pool.retired(this);
        }
        if (open == 0) {
            channel.close();
        }
    }

    /**
     * A stream has ended.
     *
     * @param unansweredSinceNanos since when it had waited for its answer; null when that had begun
     */
    void closed(@Nullable Long unansweredSinceNanos) {
        open--;
        long silentSinceNanos = nanoTime() - TimeUnit.SECONDS.toNanos(SUSPECT_SECONDS);
        boolean suspect = unansweredSinceNanos != null
                && unansweredSinceNanos - silentSinceNanos < 0
                && lastReadNanos - silentSinceNanos < 0;
        if (ended) {
            return;
        }
        if (retired || suspect) {
            retire();
        } else if (open == 0) {
            idle.set(IDLE_SECONDS);
        }
        pool.changed(loop());
    }

    private void expired() {
        if (!settled) {
            fail(new Http2Exception(Http2Error.SETTINGS_TIMEOUT, "no SETTINGS have come"));
        } else {
            retire();
        }
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        if (msg instanceof Http2SettingsFrame frame) {
            takesConnect |= Boolean.TRUE.equals(frame.settings().connectProtocolEnabled()); // for good: RFC 8441 3
            if (!settled) {
                settled = true;
                idle.set(IDLE_SECONDS);
            }
            pool.changed(loop());
        } else if (msg instanceof Http2GoAwayFrame) {
            retire();
            pool.changed(loop());
        }
        ReferenceCountUtil.release(msg); // of others the codec has taken note
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        lastReadNanos = nanoTime();
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event == ChannelInputShutdownEvent.INSTANCE) {
            fail(null);
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        end();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable problem) {
        fail(problem);
    }

    /** At once: there is nobody to say more to. */
    private void fail(@Nullable Throwable why) {
        if (cause == null) {
            cause = why;
        }
        ChannelHandlerContext ctx = channel.pipeline().context(codec);
        if (ctx == null) {
            channel.close();
        } else {
            ctx.close(); // not by way of the codec, which would wait for its streams
        }
        end();
    }

    private void end() {
        idle.end();
        if (!ended) {
            ended = true;
            Throwable why = cause;
            pool.ended(
                    this,
                    settled
                            ? null
                            : why != null
                                    ? why
                                    : new Http2Exception(Http2Error.PROTOCOL_ERROR, "closed before SETTINGS"));
        }
    }
}
