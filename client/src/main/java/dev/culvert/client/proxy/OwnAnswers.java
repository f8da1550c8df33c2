package dev.culvert.client.proxy;

import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import java.net.SocketAddress;
import java.nio.charset.StandardCharsets;

/** What the proxy says itself, each the last on its connection; the caller's to write. Any thread. */
final class OwnAnswers {
    /** Seconds until it is worthwhile to ask again for a configuration that was not known yet. */
    private static final int CONFIGURATION_RETRY = 5;

    private OwnAnswers() {}

    /** To a request of the proxy itself. */
    static FullHttpResponse to(HttpRequest request, ProxySettings settings, SocketAddress local) {
        boolean reads =
                request.method().equals(HttpMethod.GET) || request.method().equals(HttpMethod.HEAD);
        if (!reads || !request.uri().equals(HttpFront.CONFIGURATION)) {
            return text(
                    HttpResponseStatus.NOT_FOUND,
                    "this is a proxy: let your browser use it as one, or read its configuration from "
                            + HttpFront.CONFIGURATION);
        }
        String script = settings.configuration().apply(local);
        if (script == null) {
            FullHttpResponse notYet =
                    text(HttpResponseStatus.SERVICE_UNAVAILABLE, "the gateway has not said yet what there is");
            notYet.headers().set(HttpHeaderNames.RETRY_AFTER, CONFIGURATION_RETRY);
            return notYet;
        }
        return of(HttpResponseStatus.OK, script, "application/x-ns-proxy-autoconfig");
    }

    /** To who has shown no password, or a wrong one. */
    static FullHttpResponse unauthenticated() {
        FullHttpResponse response =
                text(HttpResponseStatus.PROXY_AUTHENTICATION_REQUIRED, "this proxy wants a password");
        response.headers().set(HttpHeaderNames.PROXY_AUTHENTICATE, "Basic realm=\"culvert\"");
        return response;
    }

    /** One line for people. */
    static FullHttpResponse text(HttpResponseStatus status, String line) {
        return of(status, line + "\n", "text/plain; charset=utf-8");
    }

    private static FullHttpResponse of(HttpResponseStatus status, String body, String type) {
        FullHttpResponse response = new DefaultFullHttpResponse(
                HttpVersion.HTTP_1_1, status, Unpooled.copiedBuffer(body, StandardCharsets.UTF_8));
        response.headers()
                .set(HttpHeaderNames.CONTENT_TYPE, type)
                .set(HttpHeaderNames.CONTENT_LENGTH, response.content().readableBytes())
                .set(HttpHeaderNames.CACHE_CONTROL, HttpHeaderValues.NO_STORE)
                .set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
        return response;
    }
}
