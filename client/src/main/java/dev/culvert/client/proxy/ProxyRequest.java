package dev.culvert.client.proxy;

import dev.culvert.client.uplink.FlowTarget;
import dev.culvert.tunnel.frame.Destination;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What a request wants of the proxy (RFC 9112 section 3.2).
 *
 * @param destination null for a request of the proxy itself
 * @param onward as the destination is sent it; null for CONNECT, and of the proxy itself
 */
record ProxyRequest(
        @Nullable Destination destination, @Nullable HttpRequest onward) {
    private static final String SCHEME = "http://";
    private static final int HTTP_PORT = 80;

    /** What the proxy does not do, and why. */
    static final class Unfit extends Exception {
        private static final long serialVersionUID = 1L;

        private final transient HttpResponseStatus status;

        Unfit(HttpResponseStatus status, String why) {
            super(why, null, false, false);
            this.status = status;
        }

        HttpResponseStatus status() {
            return Objects.requireNonNullElse(status, HttpResponseStatus.BAD_REQUEST);
        }
    }

    /** @throws Unfit saying what is wrong with it */
    static ProxyRequest of(HttpRequest request) throws Unfit {
        if (request.decoderResult().isFailure()) {
            throw new Unfit(HttpResponseStatus.BAD_REQUEST, "the request is malformed");
        }
        HttpVersion version = request.protocolVersion();
        if (!version.equals(HttpVersion.HTTP_1_1) && !version.equals(HttpVersion.HTTP_1_0)) {
            throw new Unfit(
                    HttpResponseStatus.HTTP_VERSION_NOT_SUPPORTED, "only HTTP/1.1 and HTTP/1.0 are spoken here");
        }
        checkFraming(request);
        if (request.method().equals(HttpMethod.CONNECT)) {
            return new ProxyRequest(authority(request.uri(), 0), null);
        }
        if (request.method().equals(HttpMethod.TRACE)) {
            throw new Unfit(HttpResponseStatus.METHOD_NOT_ALLOWED, "TRACE is not sent on");
        }
        String uri = request.uri();
        if (uri.startsWith("/")) {
            return new ProxyRequest(null, null);
        }
        if (!uri.regionMatches(true, 0, SCHEME, 0, SCHEME.length())) {
            throw new Unfit(
                    HttpResponseStatus.BAD_REQUEST,
                    "only http:// is sent on as it is; for all else use CONNECT or SOCKS");
        }
        int end = SCHEME.length();
        while (end < uri.length() && uri.charAt(end) != '/' && uri.charAt(end) != '?') {
            end++;
        }
        String host = uri.substring(SCHEME.length(), end);
        return new ProxyRequest(authority(host, HTTP_PORT), onward(request, host, uri.substring(end)));
    }

    /** Whoever reads it otherwise than the next one would take a part of it for another request (RFC 9112 section 11.2). */
    private static void checkFraming(HttpRequest request) throws Unfit {
        List<String> codings = request.headers().getAll(HttpHeaderNames.TRANSFER_ENCODING);
        if (codings.isEmpty()) {
            return;
        }
        if (request.protocolVersion().equals(HttpVersion.HTTP_1_0)
                || request.headers().contains(HttpHeaderNames.CONTENT_LENGTH)) {
            throw new Unfit(HttpResponseStatus.BAD_REQUEST, "the request says its length in two ways");
        }
        if (codings.size() != 1 || !codings.get(0).strip().equalsIgnoreCase("chunked")) {
            throw new Unfit(HttpResponseStatus.NOT_IMPLEMENTED, "of transfer codings only chunked is known here");
        }
    }

    private static Destination authority(String text, int port) throws Unfit {
        try {
            boolean bracketed = text.startsWith("[");
            int colon = text.lastIndexOf(':');
            boolean ported = colon > text.lastIndexOf(']');
            if (!bracketed && text.indexOf(':') != colon) {
                throw new IllegalArgumentException("an IPv6 address in a URL is in brackets");
            }
            String host = ported ? text.substring(0, colon) : text;
            if (bracketed && host.endsWith("]")) {
                host = host.substring(1, host.length() - 1);
            }
            if (!ported && port == 0) {
                throw new IllegalArgumentException("CONNECT needs a port");
            }
            String written = ported ? text.substring(colon + 1) : "";
            // An empty port is the scheme's (RFC 3986 section 3.2.3).
            int number = written.isEmpty() && port > 0 ? port : FlowTarget.port(written);
            return FlowTarget.destination(Destination.TCP, host, number);
        } catch (IllegalArgumentException e) {
            throw new Unfit(HttpResponseStatus.BAD_REQUEST, String.valueOf(e.getMessage()));
        }
    }

    private static HttpRequest onward(HttpRequest from, String authority, String rest) throws Unfit {
        if (!rest.chars().allMatch(c -> c > ' ' && c <= '~' && c != '#')) {
            throw new Unfit(HttpResponseStatus.BAD_REQUEST, "the request's path has a character that no path has");
        }
        boolean options = from.method().equals(HttpMethod.OPTIONS);
        HttpHeaders out = ProxyHeaders.forwarded(from.headers());
        // Which host is asked is said by the target alone (RFC 9112 section 3.2.2).
        out.set(HttpHeaderNames.HOST, authority.toLowerCase(Locale.ROOT));
        out.set(
                HttpHeaderNames.CONNECTION,
                HttpHeaderValues.CLOSE); // a flow for each: no answer is mistaken for another's
        if (HttpUtil.isTransferEncodingChunked(from)) {
            out.set(HttpHeaderNames.TRANSFER_ENCODING, HttpHeaderValues.CHUNKED);
        }
        String path = rest.isEmpty() ? options ? "*" : "/" : rest.startsWith("?") ? "/" + rest : rest;
        return new DefaultHttpRequest(HttpVersion.HTTP_1_1, from.method(), path, out);
    }
}
