package dev.culvert.gateway;

import dev.culvert.token.AgentToken;
import dev.culvert.token.ClientToken;
import dev.culvert.token.Token;
import dev.culvert.token.TokenException;
import dev.culvert.token.TokenVerifier;
import dev.culvert.tunnel.FrameReceiver;
import dev.culvert.tunnel.Link;
import dev.culvert.tunnel.LinkSettings;
import dev.culvert.tunnel.LinkUpgrade;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.timeout.IdleStateEvent;
import java.nio.charset.StandardCharsets;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * HTTP at the gateway's port. An upgrade with a token of ours becomes a link; everything else, among it an upgrade with a
 * token that is not ours, is answered as an ordinary web server would. The reason for a refusal is told only to the
 * bearer of a token that this gateway's keys have signed.
 */
final class WebEdge extends SimpleChannelInboundHandler<FullHttpRequest> {
    private static final Logger log = LoggerFactory.getLogger(WebEdge.class);

    private static final byte[] INDEX =
            ("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Welcome</title></head>\n"
                            + "<body><h1>It works</h1><p>There is nothing to see here yet.</p></body></html>\n")
                    .getBytes(StandardCharsets.UTF_8);

    /** What every connection of one listener shares. */
    record Shared(
            TokenVerifier verifier,
            Executor verifying,
            LinkRegistry registry,
            LinkSettings settings,
            AtomicInteger clientNumbers) {}

    private final Shared shared;
    private final ChannelHandler[] httpHandlers;

    /** @param httpHandlers what is taken out of the pipeline when the channel becomes a link, beside this handler */
    WebEdge(Shared shared, ChannelHandler... httpHandlers) {
        this.shared = shared;
        this.httpHandlers = httpHandlers;
    }

    @Override
    protected void channelRead0(ChannelHandlerContext ctx, FullHttpRequest request) {
        if (request.decoderResult().isFailure()) {
            respond(
                    ctx,
                    request,
                    HttpResponseStatus.BAD_REQUEST,
                    "text/html",
                    page(HttpResponseStatus.BAD_REQUEST),
                    true);
            return;
        }
        String bearer = bearer(request);
        if (bearer != null && HttpMethod.GET.equals(request.method()) && LinkUpgrade.isLinkRequest(request)) {
            ctx.channel().config().setAutoRead(false); // nothing may be read as HTTP meanwhile
            request.retain();
            try {
                shared.verifying.execute(() -> verify(ctx, request, bearer));
            } catch (RejectedExecutionException e) {
                request.release();
                respond(
                        ctx,
                        request,
                        HttpResponseStatus.SERVICE_UNAVAILABLE,
                        "text/plain",
                        "too many links at once; try again",
                        true);
            }
            return;
        }
        serve(ctx, request);
    }

    private static @org.jspecify.annotations.Nullable String bearer(FullHttpRequest request) {
        String value = request.headers().get(HttpHeaderNames.AUTHORIZATION);
        return value != null && value.regionMatches(true, 0, "Bearer ", 0, 7)
                ? value.substring(7).strip()
                : null;
    }

    /** On the verifying thread: signatures cost too much for the event loop that moves packets. */
    private void verify(ChannelHandlerContext ctx, FullHttpRequest request, String bearer) {
        try {
            Token token = shared.verifier.verify(bearer);
            ctx.executor().execute(() -> accept(ctx, request, token));
        } catch (TokenException e) {
            ctx.executor().execute(() -> reject(ctx, request, e));
        } catch (RuntimeException e) {
            log.warn("verifying a token from {} failed", ctx.channel().remoteAddress(), e);
            ctx.executor().execute(() -> {
                respond(
                        ctx,
                        request,
                        HttpResponseStatus.INTERNAL_SERVER_ERROR,
                        "text/html",
                        page(HttpResponseStatus.INTERNAL_SERVER_ERROR),
                        true);
                request.release();
            });
        }
    }

    private void reject(ChannelHandlerContext ctx, FullHttpRequest request, TokenException e) {
        shared.registry.counters.refusedTokens.increment();
        log.info("refused a token from {}: {}", ctx.channel().remoteAddress(), e.getMessage());
        boolean ours = e.reason() == TokenException.Cause.EXPIRED || e.reason() == TokenException.Cause.NOT_YET_VALID;
        HttpResponseStatus status = ours ? HttpResponseStatus.FORBIDDEN : HttpResponseStatus.NOT_FOUND;
        respond(
                ctx,
                request,
                status,
                ours ? "text/plain" : "text/html",
                ours ? String.valueOf(e.getMessage()) : page(status),
                true);
        request.release();
    }

    private void accept(ChannelHandlerContext ctx, FullHttpRequest request, Token token) {
        Channel channel = ctx.channel();
        try {
            if (!channel.isActive()) {
                return;
            }
            if (!LinkUpgrade.speaksOurVersion(request)) {
                respond(
                        ctx,
                        request,
                        HttpResponseStatus.UPGRADE_REQUIRED,
                        "text/plain",
                        "this gateway speaks " + LinkUpgrade.SUBPROTOCOL + " only; update the older of the two",
                        true);
                return;
            }
            FrameReceiver receiver;
            if (token instanceof ClientToken client) {
                receiver = new ClientLink(shared.registry, client, shared.clientNumbers.incrementAndGet());
            } else {
                receiver = new AgentLink(shared.registry, (AgentToken) token);
            }
            Link link = new Link(
                    Link.Role.WEBSOCKET_SERVER,
                    channel.pipeline().get(SslHandler.class) != null,
                    shared.settings,
                    receiver);
            ctx.writeAndFlush(LinkUpgrade.switchingProtocols(request)).addListener(f -> {
                if (f.isSuccess() && channel.isActive()) {
                    LinkUpgrade.install(channel, link, httpHandlers);
                    channel.pipeline().remove(this);
                } else {
                    channel.close();
                }
            });
        } finally {
            request.release();
        }
    }

    // ---- the ordinary web server ----

    private void serve(ChannelHandlerContext ctx, FullHttpRequest request) {
        boolean head = HttpMethod.HEAD.equals(request.method());
        if (!head && !HttpMethod.GET.equals(request.method())) {
            respond(
                    ctx,
                    request,
                    HttpResponseStatus.METHOD_NOT_ALLOWED,
                    "text/html",
                    page(HttpResponseStatus.METHOD_NOT_ALLOWED),
                    false);
            return;
        }
        if (ctx.pipeline().get(SslHandler.class) == null
                && Boolean.TRUE.equals(
                        ctx.channel().attr(GatewayChannel.EXPECTS_TLS).get())) {
            respond(
                    ctx,
                    request,
                    HttpResponseStatus.BAD_REQUEST,
                    "text/html",
                    "<html><body>The plain HTTP request was sent to HTTPS port</body></html>\n",
                    true);
            return;
        }
        String uri = request.uri();
        if (uri.equals("/") || uri.equals("/index.html")) {
            respond(ctx, request, HttpResponseStatus.OK, "text/html", Unpooled.wrappedBuffer(INDEX), false);
        } else {
            respond(ctx, request, HttpResponseStatus.NOT_FOUND, "text/html", page(HttpResponseStatus.NOT_FOUND), false);
        }
    }

    private static String page(HttpResponseStatus status) {
        return "<html><head><title>" + status + "</title></head><body><h1>" + status + "</h1></body></html>\n";
    }

    private static void respond(
            ChannelHandlerContext ctx,
            FullHttpRequest request,
            HttpResponseStatus status,
            String type,
            String text,
            boolean close) {
        respond(ctx, request, status, type, Unpooled.copiedBuffer(text, StandardCharsets.UTF_8), close);
    }

    private static void respond(
            ChannelHandlerContext ctx,
            FullHttpRequest request,
            HttpResponseStatus status,
            String type,
            ByteBuf body,
            boolean close) {
        int length = body.readableBytes();
        if (HttpMethod.HEAD.equals(request.method())) {
            body.release();
            body = Unpooled.EMPTY_BUFFER;
        }
        FullHttpResponse response = new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, status, body);
        response.headers()
                .set(HttpHeaderNames.CONTENT_TYPE, type + "; charset=utf-8")
                .set(HttpHeaderNames.CONTENT_LENGTH, length)
                .set(
                        HttpHeaderNames.DATE,
                        DateTimeFormatter.RFC_1123_DATE_TIME.format(ZonedDateTime.now(ZoneOffset.UTC)));
        if (status.code() == 405) {
            response.headers().set(HttpHeaderNames.ALLOW, "GET, HEAD");
        }
        if (close || !HttpUtil.isKeepAlive(request)) {
            response.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
            ctx.writeAndFlush(response).addListener(ChannelFutureListener.CLOSE);
        } else {
            ctx.writeAndFlush(response);
        }
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event instanceof IdleStateEvent) {
            ctx.close();
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        log.debug("closing {}: {}", ctx.channel().remoteAddress(), cause.toString());
        ctx.close();
    }
}
