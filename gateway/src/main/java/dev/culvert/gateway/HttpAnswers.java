package dev.culvert.gateway;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.DateFormatter;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import java.nio.charset.StandardCharsets;
import java.util.Date;

/** What one HTTP connection is answered, as an ordinary web server would. On its event loop. */
final class HttpAnswers {
    private static final String TEXT = "text/plain";
    private static final String HTML = "text/html";

    private boolean ended;

    /** The last answer has been written: nothing more is said on this connection. */
    boolean hasEnded() {
        return ended;
    }

    /** The page of a status, as web servers have them. */
    void status(
            ChannelHandlerContext ctx,
            FullHttpRequest request,
            HttpResponseStatus status,
            boolean close,
            CharSequence... headers) {
        String html = "<html><head><title>" + status + "</title></head><body><h1>" + status + "</h1></body></html>\n";
        send(ctx, request, status, HTML, html, close, headers);
    }

    void page(
            ChannelHandlerContext ctx, FullHttpRequest request, HttpResponseStatus status, String html, boolean close) {
        send(ctx, request, status, HTML, html, close);
    }

    /** One line for whoever has a token of ours. */
    void line(
            ChannelHandlerContext ctx,
            FullHttpRequest request,
            HttpResponseStatus status,
            String line,
            boolean close,
            CharSequence... headers) {
        send(ctx, request, status, TEXT, line, close, headers);
    }

    private void send(
            ChannelHandlerContext ctx,
            FullHttpRequest request,
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
        // Whoever sends a body, or reads no answers, is nobody's browser. After a body it is also where a proxy before
        // us and we could disagree about the next request's beginning.
        if (close
                || !HttpUtil.isKeepAlive(request)
                || request.content().isReadable()
                || request.headers().contains(HttpHeaderNames.TRANSFER_ENCODING)
                || !ctx.channel().isWritable()) {
            ended = true;
            response.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
            ctx.writeAndFlush(response).addListener(ChannelFutureListener.CLOSE);
        } else {
            ctx.writeAndFlush(response);
        }
    }
}
