package dev.culvert.gateway.web;

import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpScheme;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.Http2Headers;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/** Makes of a request's head in HTTP/2 what it would be in HTTP/1.1, and the other way (RFC 9113 8.3, RFC 8441). */
final class Http2Requests {
    private Http2Requests() {}

    static boolean isExtendedConnect(Http2Headers head) {
        return "CONNECT".contentEquals(text(head.method()))
                && head.contains(Http2Headers.PseudoHeaderName.PROTOCOL.value());
    }

    /** A request whose decoder result is a {@link Refusal} if it is malformed. */
    static HttpRequest of(Http2Headers head, boolean ends) {
        try {
            return request(head, ends);
        } catch (Refusal | IllegalArgumentException e) {
            HttpRequest none = new DefaultHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.GET, "/");
            none.setDecoderResult(DecoderResult.failure(e));
            return none;
        }
    }

    private static HttpRequest request(Http2Headers head, boolean ends) throws Refusal {
        HttpHeaders headers = new DefaultHttpHeaders();
        StringBuilder cookies = new StringBuilder();
        int lines = 0;
        for (Map.Entry<CharSequence, CharSequence> field : head) {
            String name = field.getKey().toString();
            String value = field.getValue().toString();
            if (name.startsWith(":")) {
                continue;
            }
            if (Http2Fields.OF_HTTP1.contains(name)) {
                throw malformed("it has fields of HTTP/1.1");
            }
            if (!value.isEmpty() && (isSpace(value.charAt(0)) || isSpace(value.charAt(value.length() - 1)))) {
                throw malformed("a value has white space around it"); // RFC 9113 8.2.1
            }
            if (name.equals("cookie")) { // RFC 9113 8.2.3: they may be split, and are one field in HTTP/1.1
                cookies.append(cookies.length() == 0 ? "" : "; ").append(value);
                continue;
            }
            if (++lines > RequestDecoder.MAX_LINES) {
                throw new Refusal(
                        HttpResponseStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                        "The head of the request has more than " + RequestDecoder.MAX_LINES + " fields.");
            }
            headers.add(name, value);
        }
        if (cookies.length() > 0) {
            headers.add(HttpHeaderNames.COOKIE, cookies.toString());
        }
        authority(head.authority(), headers);
        HttpMethod method = HttpMethod.valueOf(text(head.method()));
        if (head.contains(Http2Headers.PseudoHeaderName.PROTOCOL.value()) && !HttpMethod.CONNECT.equals(method)) {
            throw malformed("its protocol is not of a CONNECT");
        }
        String path = text(head.path());
        if (isExtendedConnect(head)) {
            method = HttpMethod.GET;
            byte[] nonce = new byte[16];
            ThreadLocalRandom.current().nextBytes(nonce); // RFC 8441 5: HTTP/2 has none, HTTP/1.1 must
            headers.set("Sec-WebSocket-Key", Base64.getEncoder().encodeToString(nonce));
            headers.set(HttpHeaderNames.CONNECTION, HttpHeaderValues.UPGRADE);
            headers.set(HttpHeaderNames.UPGRADE, text(head.get(Http2Headers.PseudoHeaderName.PROTOCOL.value())));
            headers.remove(HttpHeaderNames.CONTENT_LENGTH);
        } else if (!path.startsWith("/") && !path.equals("*") && !HttpMethod.CONNECT.equals(method)) {
            throw malformed("its address is not a path");
        } else if (!ends && !headers.contains(HttpHeaderNames.CONTENT_LENGTH)) {
            headers.set(HttpHeaderNames.TRANSFER_ENCODING, HttpHeaderValues.CHUNKED);
        }
        return new DefaultHttpRequest(HttpVersion.HTTP_1_1, method, path, headers);
    }

    /** Whether an upgrade is one that HTTP/2 has another way for. */
    static boolean isWebSocket(@Nullable String upgrade) {
        return HttpHeaderValues.WEBSOCKET.contentEqualsIgnoreCase(upgrade);
    }

    /**
     * The head as a target is sent it.
     *
     * @param webSocket whether its upgrade becomes extended CONNECT; any other is left away, as it may be (RFC 9110 7.8)
     */
    static Http2Headers toTarget(HttpRequest request, boolean webSocket) {
        Http2Headers head = new DefaultHttp2Headers()
                .method(
                        webSocket
                                ? HttpMethod.CONNECT.asciiName()
                                : request.method().asciiName())
                .scheme(HttpScheme.HTTP.name())
                .authority(text(request.headers().get(HttpHeaderNames.HOST)))
                .path(request.uri());
        if (webSocket) {
            head.set(Http2Headers.PseudoHeaderName.PROTOCOL.value(), HttpHeaderValues.WEBSOCKET);
        }
        Http2Fields.add(request.headers(), head);
        head.remove(HttpHeaderNames.HOST);
        if (webSocket) {
            head.remove("sec-websocket-key");
        }
        return head;
    }

    private static void authority(@Nullable CharSequence authority, HttpHeaders headers) throws Refusal {
        if (authority != null) {
            List<String> hosts = headers.getAll(HttpHeaderNames.HOST);
            if (hosts.size() > 1 || hosts.size() == 1 && !hosts.get(0).equalsIgnoreCase(authority.toString())) {
                throw malformed("its authority and its Host are not of one site");
            }
            headers.set(HttpHeaderNames.HOST, authority);
        }
    }

    private static boolean isSpace(char c) {
        return c == ' ' || c == '\t';
    }

    private static String text(@Nullable CharSequence value) {
        return value == null ? "" : value.toString();
    }

    private static Refusal malformed(String what) {
        return new Refusal(HttpResponseStatus.BAD_REQUEST, "The request is malformed: " + what + ".");
    }
}
