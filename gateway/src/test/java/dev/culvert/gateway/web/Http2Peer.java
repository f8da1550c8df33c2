package dev.culvert.gateway.web;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http2.DefaultHttp2DataFrame;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.DefaultHttp2HeadersFrame;
import io.netty.handler.codec.http2.DefaultHttp2ResetFrame;
import io.netty.handler.codec.http2.DefaultHttp2WindowUpdateFrame;
import io.netty.handler.codec.http2.Http2ChannelDuplexHandler;
import io.netty.handler.codec.http2.Http2DataFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2Frame;
import io.netty.handler.codec.http2.Http2FrameCodec;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import io.netty.handler.codec.http2.Http2FrameStream;
import io.netty.handler.codec.http2.Http2GoAwayFrame;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2HeadersFrame;
import io.netty.handler.codec.http2.Http2ResetFrame;
import io.netty.handler.codec.http2.Http2Settings;
import io.netty.util.ReferenceCountUtil;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The test's end of a connection in HTTP/2: a browser, or a target. What it is told is written down by stream. */
final class Http2Peer implements AutoCloseable {
    /** In the order in which they came from the other end. */
    final List<Http2FrameStream> streams = new ArrayList<>();

    /** Whether content is granted again at once. */
    boolean takes = true;

    /** Bytes that have been carried to the other end. */
    long said;

    @Nullable
    Http2Error goAway;

    private final Http2FrameCodec codec;
    private final Map<Http2FrameStream, StringBuilder> heard = new HashMap<>();
    private final Http2ChannelDuplexHandler ears = new Http2ChannelDuplexHandler() {
        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            if (msg instanceof Http2HeadersFrame head) {
                if (!streams.contains(head.stream())) {
                    streams.add(head.stream());
                }
                StringBuilder text = new StringBuilder();
                head.headers()
                        .forEach(f -> text.append(f.getKey())
                                .append(": ")
                                .append(f.getValue())
                                .append('\n'));
                hear(head.stream(), text + (head.isEndStream() ? "END" : ""));
            } else if (msg instanceof Http2DataFrame data) {
                hear(
                        data.stream(),
                        data.content().toString(StandardCharsets.ISO_8859_1) + (data.isEndStream() ? "END" : ""));
                if (takes) {
                    ctx.write(
                            new DefaultHttp2WindowUpdateFrame(data.initialFlowControlledBytes()).stream(data.stream()));
                    ctx.flush();
                }
            } else if (msg instanceof Http2ResetFrame reset) {
                hear(reset.stream(), "RESET " + reset.errorCode());
            } else if (msg instanceof Http2GoAwayFrame away) {
                goAway = Http2Error.valueOf(away.errorCode());
            }
            ReferenceCountUtil.release(msg);
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
            if (event instanceof Http2ResetFrame reset) {
                hear(reset.stream(), "RESET " + reset.errorCode());
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            // Of a stream, or of a connection that the other end has closed.
        }
    };
    private final EmbeddedChannel channel;

    private Http2Peer(Http2FrameCodecBuilder builder, Http2Settings settings) {
        codec = builder.initialSettings(settings).validateHeaders(false).build();
        channel = new EmbeddedChannel(codec, ears);
    }

    static Http2Peer browser() {
        return new Http2Peer(Http2FrameCodecBuilder.forClient(), Http2Settings.defaultSettings());
    }

    static Http2Peer target(Http2Settings settings) {
        return new Http2Peer(Http2FrameCodecBuilder.forServer(), settings);
    }

    private void hear(Http2FrameStream stream, String text) {
        heard.computeIfAbsent(stream, s -> new StringBuilder()).append(text);
    }

    /** Carries what either side has written to the other, once. */
    boolean carry(EmbeddedChannel other) {
        boolean any = false;
        other.runPendingTasks();
        for (ByteBuf b = channel.readOutbound(); b != null; b = channel.readOutbound()) {
            any = true;
            said += b.readableBytes();
            if (other.isOpen()) {
                other.writeInbound(b);
            } else {
                b.release();
            }
        }
        for (ByteBuf b = other.readOutbound(); b != null; b = other.readOutbound()) {
            any = true;
            if (channel.isOpen()) {
                channel.writeInbound(b);
            } else {
                b.release();
            }
        }
        return any;
    }

    static Http2Headers get(String path) {
        return new DefaultHttp2Headers(false)
                .method("GET")
                .scheme("https")
                .authority("app.example.com")
                .path(path);
    }

    static Http2Headers status(int status) {
        return new DefaultHttp2Headers(false).status(Integer.toString(status));
    }

    /** A new stream of a browser's. */
    Http2FrameStream ask(Http2Headers head, boolean ends) {
        Http2FrameStream stream = ears.newStream();
        head(stream, head, ends);
        return stream;
    }

    void head(Http2FrameStream stream, Http2Headers head, boolean ends) {
        channel.writeOutbound(new DefaultHttp2HeadersFrame(head, ends).stream(stream));
    }

    void send(Http2FrameStream stream, String text, boolean ends) {
        channel.writeOutbound(new DefaultHttp2DataFrame(Unpooled.copiedBuffer(text, StandardCharsets.ISO_8859_1), ends)
                .stream(stream));
    }

    void reset(Http2FrameStream stream, Http2Error error) {
        channel.writeOutbound(new DefaultHttp2ResetFrame(error).stream(stream));
    }

    /** Grants content that was not granted when it came. */
    void grant(Http2FrameStream stream, int bytes) {
        channel.writeOutbound(new DefaultHttp2WindowUpdateFrame(bytes).stream(stream));
    }

    void write(Http2Frame frame) {
        channel.writeOutbound(frame);
    }

    /** A frame as it is on the wire (RFC 9113 4.1), for what no codec would write. */
    static ByteBuf frame(int type, int flags, int stream, byte... payload) {
        return Unpooled.buffer()
                .writeMedium(payload.length)
                .writeByte(type)
                .writeByte(flags)
                .writeInt(stream)
                .writeBytes(payload);
    }

    boolean isOpen() {
        return channel.isOpen();
    }

    /** What a stream has been told since it was last asked. */
    String heard(Http2FrameStream stream) {
        StringBuilder text = heard.remove(stream);
        return text == null ? "" : text.toString();
    }

    @Override
    public void close() {
        channel.finishAndReleaseAll();
    }
}
