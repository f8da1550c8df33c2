package dev.culvert.gateway.web;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelPipeline;
import io.netty.handler.codec.http2.Http2ConnectionAdapter;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2FrameCodec;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import io.netty.handler.codec.http2.Http2MultiplexHandler;
import io.netty.handler.codec.http2.Http2Settings;
import io.netty.handler.codec.http2.Http2Stream;
import io.netty.handler.codec.http2.Http2StreamChannel;
import io.netty.util.ReferenceCountUtil;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** An HTTP/2 connection of a browser: many streams, each a {@link Http2Front}. */
final class Http2Connection extends ChannelInboundHandlerAdapter {
    /** As many as browsers use, and as RFC 9113 6.5.2 recommends at least. */
    private static final int MAX_STREAMS = 100;

    /** What one upload may have on its way to a target: 256 KiB in 50 ms are 5 MB/s. */
    private static final int STREAM_WINDOW = 256 << 10;

    /** The same for all streams: four uploads that their targets do not take hold up the others. */
    private static final int CONNECTION_WINDOW = 1 << 20;

    /** RST_STREAM from a browser within a window of seconds: a page that is left cancels its streams (rapid reset). */
    private static final int MAX_RESETS = 200;

    /** The same of resets that a browser makes us send (MadeYouReset). */
    private static final int MAX_OWN_RESETS = 200;

    private static final int RESET_SECONDS = 30;

    /** CONTINUATION frames that are hardly filled: a head needs one or two at all. */
    private static final int MAX_SMALL_CONTINUATIONS = 8;

    /** Answers to PING and SETTINGS that a browser does not read. */
    private static final int MAX_CONTROL_FRAMES = 1_000;

    /** DATA without content tells nothing. */
    private static final int MAX_EMPTY_DATA = 4;

    private final Http2FrameCodec codec;
    private final Set<Channel> streams = Collections.newSetFromMap(new IdentityHashMap<>());
    private @Nullable Deadline idle;

    private Http2Connection(Http2FrameCodec codec) {
        this.codec = codec;
    }

    static void install(ChannelPipeline pipeline, Sites sites, Browser browser) {
        Http2FrameCodec codec = Http2FrameCodecBuilder.forServer()
                .initialSettings(Http2Settings.defaultSettings()
                        .maxConcurrentStreams(MAX_STREAMS)
                        .initialWindowSize(STREAM_WINDOW)
                        .maxHeaderListSize(RequestDecoder.MAX_HEAD)
                        .connectProtocolEnabled(true))
                .validateRequiredPseudoHeaders(true)
                .decoderEnforceMaxRstFramesPerWindow(MAX_RESETS, RESET_SECONDS)
                .encoderEnforceMaxRstFramesPerWindow(MAX_OWN_RESETS, RESET_SECONDS)
                .decoderEnforceMaxSmallContinuationFrames(MAX_SMALL_CONTINUATIONS)
                .decoderEnforceMaxConsecutiveEmptyDataFrames(MAX_EMPTY_DATA)
                .encoderEnforceMaxQueuedControlFrames(MAX_CONTROL_FRAMES)
                .build();
        Http2Connection connection = new Http2Connection(codec);
        Http2Budget budget = new Http2Budget(true);
        Http2Received received = new Http2Received(true, budget::end);
        pipeline.addLast(budget, codec, received, new Http2MultiplexHandler(new ChannelInitializer<Channel>() {
            @Override
            protected void initChannel(Channel stream) {
                connection.streams.add(stream);
                stream.closeFuture().addListener(f -> {
                    connection.streams.remove(stream);
                    received.ended(((Http2StreamChannel) stream).stream());
                });
                stream.pipeline().addLast(new Http2Front(sites, browser, received));
            }
        }));
        pipeline.addLast(connection);
        pipeline.channel().config().setAutoRead(true); // streams have windows of their own
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) throws Http2Exception {
        Deadline d = new Deadline(ctx.channel().eventLoop(), ctx::close);
        idle = d;
        d.set(Http1Front.HEAD_SECONDS);
        Rest rest = Rest.of(ctx.channel());
        rest.begin(ctx.channel().eventLoop().ticker().nanoTime());
        codec.connection()
                .local()
                .flowController()
                .incrementWindowSize(
                        codec.connection().connectionStream(),
                        CONNECTION_WINDOW
                                - codec.connection().local().flowController().initialWindowSize());
        codec.connection().addListener(new Http2ConnectionAdapter() {
            @Override
            public void onStreamActive(Http2Stream stream) {
                d.clear();
                rest.end(); // if it is given up GOAWAY has been said, and what has begun is completed
            }

            @Override
            public void onStreamClosed(Http2Stream stream) {
                if (codec.connection().numActiveStreams() == 0 && ctx.channel().isActive()) {
                    d.set(Http1Front.KEEP_ALIVE_SECONDS);
                    rest.begin(ctx.channel().eventLoop().ticker().nanoTime());
                }
            }
        });
    }

    /** See {@link WaitingBytes}. */
    long waiting() {
        return WaitingBytes.of(codec, streams);
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        ReferenceCountUtil.release(msg); // settings, pings: the codec has answered
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        Deadline d = idle;
        if (d != null) {
            d.end();
        }
        List.copyOf(streams)
                .forEach(Channel::close); // who has not read all is not told else, and waits with its target
        ctx.fireChannelInactive();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        if (!(cause instanceof Http2Exception)) {
            ctx.close(); // else the codec does, when it has said why
        }
    }
}
