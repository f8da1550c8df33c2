package dev.culvert.command.metrics;

import dev.culvert.text.Printable;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;

/** Answers the first request of a connection, which ends when whoever asked closes it, or with its time. */
final class MetricsRequests extends SimpleChannelInboundHandler<HttpObject> {
    /** What there is. */
    interface Text {
        byte[] get() throws IOException;
    }

    static final String PATH = "/metrics";

    private static final String PLAIN = "text/plain; charset=utf-8";

    private final Text metrics;
    private final Consumer<String> log;
    private boolean answered;

    MetricsRequests(Text metrics, Consumer<String> log) {
        this.metrics = metrics;
        this.log = log;
    }

    @Override
    protected void channelRead0(ChannelHandlerContext ctx, HttpObject message) {
        if (answered) {
            return; // content of the request, or another one
        }
        answered = true;
        if (message.decoderResult().isFailure() || !(message instanceof HttpRequest request)) {
            answer(ctx, HttpResponseStatus.BAD_REQUEST, "this is no request that is understood here\n");
        } else if (!new QueryStringDecoder(request.uri()).rawPath().equals(PATH)) {
            answer(ctx, HttpResponseStatus.NOT_FOUND, "metrics are at " + PATH + "\n");
        } else if (!request.method().equals(HttpMethod.GET)) {
            answer(ctx, HttpResponseStatus.METHOD_NOT_ALLOWED, "metrics are to be read\n");
        } else {
            tell(ctx);
        }
    }

    private void tell(ChannelHandlerContext ctx) {
        byte[] text;
        try {
            text = metrics.get();
        } catch (IOException e) {
            answer(ctx, HttpResponseStatus.SERVICE_UNAVAILABLE, e.getMessage() + "\n");
            return;
        } catch (RuntimeException e) {
            log.accept("metrics cannot be told: " + Printable.line(e.toString()));
            answer(ctx, HttpResponseStatus.INTERNAL_SERVER_ERROR, "the program's log says why\n");
            return;
        }
        answer(ctx, HttpResponseStatus.OK, Scrape.CONTENT_TYPE, text);
    }

    private static void answer(ChannelHandlerContext ctx, HttpResponseStatus status, String words) {
        answer(ctx, status, PLAIN, words.getBytes(StandardCharsets.UTF_8));
    }

    private static void answer(ChannelHandlerContext ctx, HttpResponseStatus status, String type, byte[] content) {
        DefaultFullHttpResponse response =
                new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, status, Unpooled.wrappedBuffer(content));
        response.headers()
                .set(HttpHeaderNames.CONTENT_TYPE, type)
                .set(HttpHeaderNames.CONTENT_LENGTH, content.length)
                .set("x-content-type-options", "nosniff")
                .set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
        if (status.equals(HttpResponseStatus.METHOD_NOT_ALLOWED)) {
            response.headers().set(HttpHeaderNames.ALLOW, HttpMethod.GET);
        }
        // Not closed here: what has not been read of the request would reset the connection, and the answer with it.
        ctx.writeAndFlush(response).addListener(f -> ((DuplexChannel) ctx.channel()).shutdownOutput());
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        ctx.close(); // reset by whoever asked
    }
}
