package dev.culvert.gateway.door;

import dev.culvert.address.AddressText;
import dev.culvert.tunnel.link.LinkUpgrade;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.timeout.IdleStateEvent;
import io.netty.util.ReferenceCountUtil;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * HTTP at the gateway's port. An upgrade with a token is the {@link LinkGate}'s, whatever Host it says; everything else is answered as
 * an ordinary web server would, that has one page under its own names, and none under others.
 */
final class WebEdge extends ChannelInboundHandlerAdapter {
    private static final Logger log = LoggerFactory.getLogger(WebEdge.class);

    private static final String INDEX =
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Welcome</title></head>\n"
                    + "<body><h1>It works</h1><p>There is nothing to see here yet.</p></body></html>\n";

    /** Most body bytes that anybody may announce: none is of use here. */
    private static final long MAX_BODY = 16 << 10;

    private final HttpAnswers answers;
    private final OwnNames own;
    private final LinkGate gate;

    /**
     * @param own under which there is a page
     * @param reader what hands on requests
     * @param httpHandlers what is taken out of the pipeline when the channel becomes a link, beside this handler
     */
    WebEdge(LinkGate.Shared shared, OwnNames own, RequestReader reader, ChannelHandler... httpHandlers) {
        this.own = own;
        answers = new HttpAnswers(reader);
        gate = new LinkGate(shared, answers, reader, this, httpHandlers);
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
        if (msg instanceof HttpRequest request) {
            answer(ctx, request);
        } else if (!(msg instanceof HttpObject)) {
            ctx.fireChannelRead(msg); // on the way to a link
            return;
        }
        ReferenceCountUtil.release(msg); // the end of a request, which has no body
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        ctx.fireChannelReadComplete();
        if (!gate.isBusy()) { // what comes behind an upgrade is not HTTP any more
            ctx.read();
        }
    }

    private void answer(ChannelHandlerContext ctx, HttpRequest request) {
        if (answers.hasEnded() || gate.isBusy()) {
            // RFC 6455 4.1: a client waits for the answer to its upgrade. What comes before is none of its frames, and
            // to serve it as HTTP would answer out of order.
            ctx.close();
            return;
        }
        HttpResponseStatus malformed = malformed(request);
        if (malformed != null) {
            answers.status(ctx, request, malformed, true);
            return;
        }
        if (ctx.pipeline().get(SslHandler.class) == null
                && Boolean.TRUE.equals(
                        ctx.channel().attr(GatewayChannel.EXPECTS_TLS).get())) {
            // Before the upgrade: a token that was sent in the clear must not be rewarded.
            answers.page(
                    ctx,
                    request,
                    HttpResponseStatus.BAD_REQUEST,
                    "<html><body>The plain HTTP request was sent to HTTPS port</body></html>\n",
                    true);
            return;
        }
        String bearer = bearer(request);
        if (bearer == null || !isUpgrade(request)) {
            serve(ctx, request);
        } else {
            gate.upgrade(ctx, request, bearer);
        }
    }

    /** What a request is answered that HTTP/1.1 does not allow; null when it does. */
    private static @Nullable HttpResponseStatus malformed(HttpRequest request) {
        if (request.decoderResult().isFailure()) {
            Throwable cause = request.decoderResult().cause();
            return cause instanceof TooLongHttpLineException
                    ? HttpResponseStatus.REQUEST_URI_TOO_LONG
                    : cause instanceof TooLongHttpHeaderException
                            ? HttpResponseStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
                            : HttpResponseStatus.BAD_REQUEST;
        }
        // RFC 9112 3.2: exactly one Host, since HTTP/1.1.
        int hosts = request.headers().getAll(HttpHeaderNames.HOST).size();
        boolean is11 = request.protocolVersion().compareTo(HttpVersion.HTTP_1_1) >= 0;
        if (hosts > 1 || hosts == 0 && is11) {
            return HttpResponseStatus.BAD_REQUEST;
        }
        // RFC 9112 6.1: to HTTP/1.0 it means nothing, and a proxy before us may have seen another end of the request.
        if (!is11 && request.headers().contains(HttpHeaderNames.TRANSFER_ENCODING)) {
            return HttpResponseStatus.BAD_REQUEST;
        }
        return HttpUtil.getContentLength(request, 0L) > MAX_BODY ? HttpResponseStatus.REQUEST_ENTITY_TOO_LARGE : null;
    }

    private static boolean isUpgrade(HttpRequest request) {
        return HttpMethod.GET.equals(request.method())
                && request.protocolVersion().compareTo(HttpVersion.HTTP_1_1) >= 0
                && !HttpAnswers.hasBody(request)
                && LinkUpgrade.isLinkRequest(request);
    }

    private static @Nullable String bearer(HttpRequest request) {
        List<String> values = request.headers().getAll(HttpHeaderNames.AUTHORIZATION);
        String value = values.size() == 1 ? values.get(0) : null;
        return value != null && value.regionMatches(true, 0, "Bearer ", 0, 7)
                ? value.substring(7).strip()
                : null;
    }

    private void serve(ChannelHandlerContext ctx, HttpRequest request) {
        if (!own.areAsked(request, ctx.channel().localAddress())) {
            answers.status(ctx, request, HttpResponseStatus.NOT_FOUND, false);
        } else if (!HttpMethod.HEAD.equals(request.method()) && !HttpMethod.GET.equals(request.method())) {
            answers.status(ctx, request, HttpResponseStatus.METHOD_NOT_ALLOWED, false);
        } else if (path(request.uri()).equals("/") || path(request.uri()).equals("/index.html")) {
            answers.page(ctx, request, HttpResponseStatus.OK, INDEX, false);
        } else {
            answers.status(ctx, request, HttpResponseStatus.NOT_FOUND, false);
        }
    }

    /** RFC 9112 3.2.2: the absolute form is accepted, though only proxies are sent it. */
    private static String path(String uri) {
        int scheme = uri.indexOf("://");
        int slash = uri.indexOf('/', scheme + 3);
        return scheme < 1 || uri.startsWith("/") ? uri : slash < 0 ? "/" : uri.substring(slash);
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event instanceof IdleStateEvent) {
            ctx.close();
        } else {
            ctx.fireUserEventTriggered(event);
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        log.debug("closing {}: {}", AddressText.of(Visitor.of(ctx.channel()).from()), cause.toString());
        ctx.close();
    }
}
