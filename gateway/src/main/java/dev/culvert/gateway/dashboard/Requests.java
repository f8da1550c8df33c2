package dev.culvert.gateway.dashboard;

import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.cookie.Cookie;
import io.netty.handler.codec.http.cookie.CookieHeaderNames;
import io.netty.handler.codec.http.cookie.DefaultCookie;
import io.netty.handler.codec.http.cookie.ServerCookieDecoder;
import io.netty.handler.codec.http.cookie.ServerCookieEncoder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Answers the requests of a connection. The files of the page are for everybody; all else is for whom {@link SignIn} knows. What is no
 * reading is asked for by POST, from the page itself (Origin), with what only the page has been told (X-CSRF).
 */
final class Requests extends SimpleChannelInboundHandler<FullHttpRequest> {
    /** No script, style, picture or connection but of its own origin, nothing written into the page, and no frame around it. */
    static final String CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
            + " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    static final String CSRF = "x-csrf";

    private static final String COOKIE = "culvert";

    /** RFC 6265bis 4.1.3.2: set by this very host, over TLS, for all of its paths. */
    private static final String SECURE_COOKIE = "__Host-culvert";

    private static final String JSON_TYPE = "application/json";

    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final Dashboard dashboard;
    private boolean streaming;

    Requests(Dashboard dashboard) {
        this.dashboard = dashboard;
    }

    @Override
    protected void channelRead0(ChannelHandlerContext ctx, FullHttpRequest request) {
        if (streaming) {
            return; // its answer goes on
        }
        if (request.decoderResult().isFailure()) {
            refuse(ctx, request, HttpResponseStatus.BAD_REQUEST, "this is no request that is understood here");
            return;
        }
        String host = request.headers().get(HttpHeaderNames.HOST);
        if (!dashboard.hosts().takes(host)) {
            refuse(
                    ctx,
                    request,
                    HttpResponseStatus.MISDIRECTED_REQUEST,
                    "ask by an IP address or as localhost; another name is to be given to the gateway with"
                            + " --dashboard-name");
            return;
        }
        int query = request.uri().indexOf('?');
        String path = query < 0 ? request.uri() : request.uri().substring(0, query);
        if (request.method().equals(HttpMethod.GET)) {
            get(ctx, request, path);
        } else if (request.method().equals(HttpMethod.POST)) {
            post(ctx, request, path, host);
        } else {
            refuse(ctx, request, HttpResponseStatus.METHOD_NOT_ALLOWED, "GET and POST are understood here");
        }
    }

    private void get(ChannelHandlerContext ctx, FullHttpRequest request, String path) {
        Page page = dashboard.pages().get(path);
        if (page != null) {
            page(ctx, request, page);
            return;
        }
        if (!path.equals("/session") && !path.equals("/events")) {
            refuse(ctx, request, HttpResponseStatus.NOT_FOUND, "there is nothing here");
            return;
        }
        SignIn.Session session = session(request);
        if (session == null) {
            refuse(ctx, request, HttpResponseStatus.UNAUTHORIZED, "sign in with a link of 'gateway dashboard'");
        } else if (path.equals("/session")) {
            Map<String, Object> answer = new LinkedHashMap<>();
            answer.put("role", session.role().toString());
            answer.put("csrf", session.csrf());
            json(ctx, request, answer, null);
        } else {
            events(ctx, request, session);
        }
    }

    private void post(ChannelHandlerContext ctx, FullHttpRequest request, String path, @Nullable String host) {
        if (!dashboard.hosts().isOwn(request.headers().get(HttpHeaderNames.ORIGIN), host)) {
            refuse(ctx, request, HttpResponseStatus.FORBIDDEN, "this was asked by the page of another site");
            return;
        }
        if (path.equals("/sign-in")) {
            signIn(ctx, request, dashboard.hosts().isSecure(host));
            return;
        }
        SignIn.Session session = session(request);
        if (session == null) {
            refuse(ctx, request, HttpResponseStatus.UNAUTHORIZED, "sign in with a link of 'gateway dashboard'");
        } else if (!session.csrf().equals(request.headers().get(CSRF))) {
            refuse(ctx, request, HttpResponseStatus.FORBIDDEN, "the page is of another session; load it again");
        } else if (path.equals("/sign-out")) {
            dashboard.signIn().leave(session);
            dashboard.viewers().end(session);
            json(ctx, request, Map.of(), null);
        } else {
            refuse(ctx, request, HttpResponseStatus.NOT_FOUND, "there is nothing here");
        }
    }

    private void signIn(ChannelHandlerContext ctx, FullHttpRequest request, boolean secure) {
        JsonNode body = body(request);
        String cookie = dashboard.signIn().enter(body.path("key").asString(""));
        if (cookie == null) {
            refuse(
                    ctx,
                    request,
                    HttpResponseStatus.UNAUTHORIZED,
                    "this link was used before, or is too old; ask for another with 'gateway dashboard'");
            return;
        }
        DefaultCookie set = new DefaultCookie(secure ? SECURE_COOKIE : COOKIE, cookie);
        set.setHttpOnly(true);
        set.setPath("/");
        set.setSecure(secure);
        set.setSameSite(CookieHeaderNames.SameSite.Strict);
        json(ctx, request, Map.of(), ServerCookieEncoder.STRICT.encode(set));
    }

    /** What a request says, as JSON; missing when it says none. */
    private static JsonNode body(FullHttpRequest request) {
        try {
            return JSON.readTree(request.content().toString(StandardCharsets.UTF_8));
        } catch (JacksonException e) {
            return JSON.createObjectNode();
        }
    }

    private SignIn.@Nullable Session session(FullHttpRequest request) {
        List<String> headers = request.headers().getAll(HttpHeaderNames.COOKIE);
        String name = dashboard.hosts().isSecure(request.headers().get(HttpHeaderNames.HOST)) ? SECURE_COOKIE : COOKIE;
        for (String header : headers) {
            for (Cookie cookie : ServerCookieDecoder.STRICT.decode(header)) {
                SignIn.Session session =
                        cookie.name().equals(name) ? dashboard.signIn().of(cookie.value()) : null;
                if (session != null) {
                    return session;
                }
            }
        }
        return null;
    }

    private void events(ChannelHandlerContext ctx, FullHttpRequest request, SignIn.Session session) {
        if (!dashboard.viewers().hasRoom()) {
            refuse(
                    ctx,
                    request,
                    HttpResponseStatus.SERVICE_UNAVAILABLE,
                    "the dashboard is open in " + Viewers.MAX + " windows already; close one");
            return;
        }
        HttpResponse response = new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK);
        common(response.headers())
                .set(HttpHeaderNames.CONTENT_TYPE, "text/event-stream")
                .set(HttpHeaderNames.CACHE_CONTROL, "no-store")
                .set("x-accel-buffering", "no");
        HttpUtil.setTransferEncodingChunked(response, true);
        streaming = true;
        ctx.writeAndFlush(response);
        dashboard.look(ctx.channel(), session);
    }

    private static void page(ChannelHandlerContext ctx, FullHttpRequest request, Page page) {
        boolean same = page.etag().equals(request.headers().get(HttpHeaderNames.IF_NONE_MATCH));
        DefaultFullHttpResponse response = new DefaultFullHttpResponse(
                HttpVersion.HTTP_1_1,
                same ? HttpResponseStatus.NOT_MODIFIED : HttpResponseStatus.OK,
                same ? Unpooled.EMPTY_BUFFER : Unpooled.wrappedBuffer(page.content()));
        response.headers()
                .set(HttpHeaderNames.ETAG, page.etag())
                .set(HttpHeaderNames.CACHE_CONTROL, "no-cache")
                .set(HttpHeaderNames.CONTENT_TYPE, page.type());
        answer(ctx, request, response);
    }

    private static void json(
            ChannelHandlerContext ctx, FullHttpRequest request, Object value, @Nullable String cookie) {
        DefaultFullHttpResponse response = new DefaultFullHttpResponse(
                HttpVersion.HTTP_1_1, HttpResponseStatus.OK, Unpooled.wrappedBuffer(JSON.writeValueAsBytes(value)));
        response.headers().set(HttpHeaderNames.CONTENT_TYPE, JSON_TYPE).set(HttpHeaderNames.CACHE_CONTROL, "no-store");
        if (cookie != null) {
            response.headers().set(HttpHeaderNames.SET_COOKIE, cookie);
        }
        answer(ctx, request, response);
    }

    static void refuse(ChannelHandlerContext ctx, FullHttpRequest request, HttpResponseStatus status, String why) {
        DefaultFullHttpResponse response = new DefaultFullHttpResponse(
                HttpVersion.HTTP_1_1, status, Unpooled.wrappedBuffer(JSON.writeValueAsBytes(Map.of("error", why))));
        response.headers().set(HttpHeaderNames.CONTENT_TYPE, JSON_TYPE).set(HttpHeaderNames.CACHE_CONTROL, "no-store");
        if (status.equals(HttpResponseStatus.METHOD_NOT_ALLOWED)) {
            response.headers().set(HttpHeaderNames.ALLOW, "GET, POST");
        }
        answer(ctx, request, response);
    }

    private static HttpHeaders common(HttpHeaders headers) {
        return headers.set("content-security-policy", CSP)
                .set("x-content-type-options", "nosniff")
                .set("x-frame-options", "DENY")
                .set("referrer-policy", "no-referrer")
                .set("cross-origin-opener-policy", "same-origin")
                .set("cross-origin-resource-policy", "same-origin");
    }

    private static void answer(ChannelHandlerContext ctx, FullHttpRequest request, DefaultFullHttpResponse response) {
        common(response.headers())
                .set(HttpHeaderNames.CONTENT_LENGTH, response.content().readableBytes());
        boolean goesOn =
                HttpUtil.isKeepAlive(request) && request.decoderResult().isSuccess();
        if (!goesOn) {
            response.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
        }
        var written = ctx.writeAndFlush(response);
        if (!goesOn) {
            written.addListener(ChannelFutureListener.CLOSE);
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        ctx.close(); // reset by the browser, or no HTTP
    }
}
