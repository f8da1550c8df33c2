package dev.culvert.gateway.door;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.DateFormatter;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import java.nio.charset.StandardCharsets;
import java.util.Date;
import java.util.concurrent.TimeUnit;

/** What one HTTP connection is answered, as an ordinary web server would. On its event loop. */
final class HttpAnswers {
    private static final String TEXT = "text/plain";
    private static final String HTML = "text/html";

    /**
     * How long input is read and thrown away behind the last answer, when more of it may come: the rest of a request, or
     * others that were sent behind it. A connection that is closed with input unread is reset, and answers with it.
     */
    private static final long LINGER_MILLIS = 1_000;

    /** Answers on one connection: as many as web servers give, so that each costs its share of a TLS handshake. */
    static final int MAX_ANSWERS = 100;

    private final RequestReader reader;
    private int given;
    private boolean ended;

    /** @param reader what hands on requests: it stops after the last answer */
    HttpAnswers(RequestReader reader) {
        this.reader = reader;
    }

    /** Whether a body follows, as the request says. */
    static boolean hasBody(HttpRequest request) {
        return request.headers().contains(HttpHeaderNames.TRANSFER_ENCODING)
                || HttpUtil.getContentLength(request, 0L) > 0;
    }

    /** The last answer has been written: nothing more is said on this connection. */
    boolean hasEnded() {
        return ended;
    }

    /** The page of a status, as web servers have them. */
    void status(
            ChannelHandlerContext ctx,
            HttpRequest request,
            HttpResponseStatus status,
            boolean close,
            CharSequence... headers) {
        String html = "<html><head><title>" + status + "</title></head><body><h1>" + status + "</h1></body></html>\n";
        send(ctx, request, status, HTML, html, close, headers);
    }

    void page(ChannelHandlerContext ctx, HttpRequest request, HttpResponseStatus status, String html, boolean close) {
        send(ctx, request, status, HTML, html, close);
    }

    /** One line for whoever has a token of ours. */
    void line(
            ChannelHandlerContext ctx,
            HttpRequest request,
            HttpResponseStatus status,
            String line,
            boolean close,
            CharSequence... headers) {
        send(ctx, request, status, TEXT, line, close, headers);
    }

    private void send(
            ChannelHandlerContext ctx,
            HttpRequest request,
            HttpResponseStatus status,
            String type,
            String text,
            boolean close,
            CharSequence... headers) {
        ByteBuf body = Unpooled.copiedBuffer(text, StandardCharsets.UTF_8);
        int length = body.readableBytes();
        if (HttpMethod.HEAD.equals(request.method())) {
            body.release();
            body = Unpooled.EMPTY_BUFFER;
        }
        FullHttpResponse response = new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, status, body);
        response.headers()
                .set(HttpHeaderNames.CONTENT_TYPE, type + "; charset=utf-8")
                .set(HttpHeaderNames.CONTENT_LENGTH, length)
                .set(HttpHeaderNames.DATE, DateFormatter.format(new Date()));
        if (status.code() == HttpResponseStatus.METHOD_NOT_ALLOWED.code()) {
            response.headers().set(HttpHeaderNames.ALLOW, "GET, HEAD");
        }
        for (int i = 0; i < headers.length; i += 2) {
            response.headers().set(headers[i], headers[i + 1]);
        }
        boolean unread = request.decoderResult().isFailure() || hasBody(request);
        // Whoever sends a body, or reads no answers, is nobody's browser. After a body it is also where a proxy before
        // us and we could disagree about the next request's beginning.
        boolean last = close || ++given >= MAX_ANSWERS || !HttpUtil.isKeepAlive(request);
        if (last || unread || !ctx.channel().isWritable()) {
            ended = true;
            reader.discard();
            response.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
            ChannelFuture written = ctx.writeAndFlush(response);
            if (unread || HttpUtil.isKeepAlive(request)) {
                ctx.executor().schedule(() -> ctx.close(), LINGER_MILLIS, TimeUnit.MILLISECONDS);
            } else {
                written.addListener(ChannelFutureListener.CLOSE);
            }
        } else {
            ctx.writeAndFlush(response);
        }
    }
}
