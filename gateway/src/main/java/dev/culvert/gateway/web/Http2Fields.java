package dev.culvert.gateway.web;

import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.DefaultLastHttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.Http2Headers;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** Fields of answers and trailers in HTTP/2 and in HTTP/1.1 (RFC 9113 8.2, 8.3). */
final class Http2Fields {
    /** RFC 9113 8.2.2: no message of HTTP/2 has them. */
    static final Set<String> OF_HTTP1 =
            Set.of("connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "http2-settings");

    /** RFC 6455 1.3 */
    private static final String ACCEPT = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

    private Http2Fields() {}

    static Http2Headers of(HttpHeaders fields) {
        Http2Headers to = new DefaultHttp2Headers();
        add(fields, to);
        return to;
    }

    static Http2Headers of(HttpResponseStatus status, HttpHeaders fields) {
        return of(fields).status(status.codeAsText());
    }

    static void add(HttpHeaders from, Http2Headers to) {
        for (Map.Entry<String, String> field : from) {
            String name = field.getKey().toLowerCase(Locale.ROOT);
            if (!OF_HTTP1.contains(name)) {
                to.add(name, field.getValue());
            }
        }
    }

    /** @throws IllegalArgumentException when it is none */
    static HttpResponse response(Http2Headers head) {
        CharSequence code = head.status();
        if (code == null || code.length() != 3 || !code.chars().allMatch(c -> c >= '0' && c <= '9')) {
            throw new IllegalArgumentException("no status");
        }
        HttpResponse response = new DefaultHttpResponse(
                HttpVersion.HTTP_1_1, HttpResponseStatus.valueOf(Integer.parseInt(code.toString())));
        add(head, response.headers());
        return response;
    }

    /** @throws IllegalArgumentException when they are none */
    static LastHttpContent trailers(Http2Headers fields) {
        LastHttpContent last = new DefaultLastHttpContent(Unpooled.EMPTY_BUFFER);
        for (Map.Entry<CharSequence, CharSequence> field : fields) {
            last.trailingHeaders().add(field.getKey(), field.getValue());
        }
        return last;
    }

    private static void add(Http2Headers from, HttpHeaders to) {
        for (Map.Entry<CharSequence, CharSequence> field : from) {
            if (!Http2Headers.PseudoHeaderName.hasPseudoHeaderFormat(field.getKey())) {
                to.add(field.getKey(), field.getValue());
            }
        }
    }

    /** Makes of a success of extended CONNECT what an HTTP/1.1 client wants to see (RFC 6455 4.2.2). */
    static void toSwitching(HttpResponse response, String key) {
        response.setStatus(HttpResponseStatus.SWITCHING_PROTOCOLS);
        response.headers()
                .set(HttpHeaderNames.CONNECTION, HttpHeaderValues.UPGRADE)
                .set(HttpHeaderNames.UPGRADE, HttpHeaderValues.WEBSOCKET)
                .set("Sec-WebSocket-Accept", accept(key));
    }

    private static String accept(String key) {
        try {
            MessageDigest sha1 = MessageDigest.getInstance("SHA-1");
            return Base64.getEncoder().encodeToString(sha1.digest((key + ACCEPT).getBytes(StandardCharsets.US_ASCII)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-1", e);
        }
    }
}
