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
import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.timeout.IdleStateEvent;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
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

    private static final LogLimiter REFUSALS = new LogLimiter();

    private final Shared shared;
    private final ChannelHandler[] httpHandlers;

    /** Nothing more is answered on this connection: it is being closed, or a token is being verified. */
    private boolean done;

    /** @param httpHandlers what is taken out of the pipeline when the channel becomes a link, beside this handler */
    WebEdge(Shared shared, ChannelHandler... httpHandlers) {
        this.shared = shared;
        this.httpHandlers = httpHandlers;
    }

    @Override
    protected void channelRead0(ChannelHandlerContext ctx, FullHttpRequest request) {
        if (done) {
            // RFC 6455 4.1: a client waits for the answer to its upgrade. What comes before is none of its frames, and
            // to serve it as HTTP would answer out of order.
            ctx.close();
            return;
        }
        HttpResponseStatus malformed = malformed(request);
        if (malformed != null) {
            respond(ctx, request, malformed, "text/html", page(malformed), true);
            return;
        }
        if (ctx.pipeline().get(SslHandler.class) == null
                && Boolean.TRUE.equals(
                        ctx.channel().attr(GatewayChannel.EXPECTS_TLS).get())) {
            // Before the upgrade: a token that was sent in the clear must not be rewarded.
            respond(
                    ctx,
                    request,
                    HttpResponseStatus.BAD_REQUEST,
                    "text/html",
                    "<html><body>The plain HTTP request was sent to HTTPS port</body></html>\n",
                    true);
            return;
        }
        String bearer = bearer(request);
        if (bearer == null || !isUpgrade(request)) {
            serve(ctx, request);
            return;
        }
        done = true;
        ctx.channel().config().setAutoRead(false); // what comes now is not HTTP any more
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
    }

    /** What a request is answered that HTTP/1.1 does not allow; null when it does. */
    private static @Nullable HttpResponseStatus malformed(FullHttpRequest request) {
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
        if (hosts > 1 || hosts == 0 && request.protocolVersion().compareTo(HttpVersion.HTTP_1_1) >= 0) {
            return HttpResponseStatus.BAD_REQUEST;
        }
        return null;
    }

    private static boolean isUpgrade(FullHttpRequest request) {
        return HttpMethod.GET.equals(request.method())
                && request.protocolVersion().compareTo(HttpVersion.HTTP_1_1) >= 0
                && !request.content().isReadable()
                && LinkUpgrade.isLinkRequest(request);
    }

    private static @Nullable String bearer(FullHttpRequest request) {
        List<String> values = request.headers().getAll(HttpHeaderNames.AUTHORIZATION);
        String value = values.size() == 1 ? values.get(0) : null;
        return value != null && value.regionMatches(true, 0, "Bearer ", 0, 7)
                ? value.substring(7).strip()
                : null;
    }

    /** On the verifying thread: signatures cost too much for the event loop that moves packets. */
    private void verify(ChannelHandlerContext ctx, FullHttpRequest request, String bearer) {
        Runnable then;
        if (!ctx.channel().isActive()) {
            then = request::release; // it gave up while it waited: no time for it
        } else {
            try {
                Token token = shared.verifier.verify(bearer);
                then = () -> accept(ctx, request, token);
            } catch (TokenException e) {
                boolean ours =
                        e.reason() == TokenException.Cause.EXPIRED || e.reason() == TokenException.Cause.NOT_YET_VALID;
                then = () -> reject(ctx, request, ours, String.valueOf(e.getMessage()));
            } catch (RuntimeException e) {
                if (REFUSALS.allows()) {
                    log.warn("verifying a token from {} failed", ctx.channel().remoteAddress(), e);
                }
                then = () -> reject(ctx, request, false, "it could not be verified");
            }
        }
        try {
            ctx.executor().execute(then);
        } catch (RejectedExecutionException e) {
            request.release(); // the gateway is closing
        }
    }

    private void reject(ChannelHandlerContext ctx, FullHttpRequest request, boolean ours, String why) {
        try {
            shared.registry.counters.refusedTokens.increment();
            if (REFUSALS.allows()) {
                log.info("refused a token from {}: {}", ctx.channel().remoteAddress(), why);
            }
            HttpResponseStatus status = ours ? HttpResponseStatus.FORBIDDEN : HttpResponseStatus.NOT_FOUND;
            respond(ctx, request, status, ours ? "text/plain" : "text/html", ours ? why : page(status), true);
        } finally {
            request.release();
        }
    }

    private void accept(ChannelHandlerContext ctx, FullHttpRequest request, Token token) {
        Channel channel = ctx.channel();
        if (!token.expires().isAfter(Instant.now())) {
            // The verifier forgives clocks a minute; the link would be closed at once, and again, until that is over.
            reject(ctx, request, true, "the token has expired; get a new one");
            return;
        }
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
            boolean client = token instanceof ClientToken;
            if (!shared.registry.admits(client ? "client" : "agent", token.name())) {
                respond(
                        ctx,
                        request,
                        HttpResponseStatus.SERVICE_UNAVAILABLE,
                        "text/plain",
                        "'" + token.name() + "' has " + LinkRegistry.MAX_LINKS_PER_HOLDER
                                + " links already; does another use its token?",
                        true);
                return;
            }
            FrameReceiver receiver = client
                    ? new ClientLink(shared.registry, (ClientToken) token, shared.clientNumbers.incrementAndGet())
                    : new AgentLink(shared.registry, (AgentToken) token);
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

    private void respond(
            ChannelHandlerContext ctx,
            FullHttpRequest request,
            HttpResponseStatus status,
            String type,
            String text,
            boolean close) {
        respond(ctx, request, status, type, Unpooled.copiedBuffer(text, StandardCharsets.UTF_8), close);
    }

    private void respond(
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
                .set(HttpHeaderNames.DATE, DateFormatter.format(new Date()));
        if (status.code() == 405) {
            response.headers().set(HttpHeaderNames.ALLOW, "GET, HEAD");
        }
        // Whoever sends a body, or reads no answers, is nobody's browser. After a body it is also where a proxy before
        // us
        // and we could disagree about the next request's beginning.
        if (close
                || !HttpUtil.isKeepAlive(request)
                || request.content().isReadable()
                || request.headers().contains(HttpHeaderNames.TRANSFER_ENCODING)
                || !ctx.channel().isWritable()) {
            done = true;
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
        } else {
            ctx.fireUserEventTriggered(event);
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        log.debug("closing {}: {}", ctx.channel().remoteAddress(), cause.toString());
        ctx.close();
    }
}
