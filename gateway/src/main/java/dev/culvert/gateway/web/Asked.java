package dev.culvert.gateway.web;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * What a request asks for, when it is one that may be passed on: nothing in it that a target could read otherwise than we do.
 *
 * @param host to whom it is addressed: lower case, without port and dot at the end
 * @param authority the same as the browser says it, with port
 * @param target path and query, or {@code *}
 * @param path the path to find a site by
 * @param length of its body, as it says; -1 when that is found at its end
 * @param upgrade the protocol that it would rather speak; empty for none
 * @param isGrpc whether it is a call of gRPC, by its content
 * @param continues whether the browser waits for 100 (Continue) before it sends the body
 */
record Asked(
        String host,
        String authority,
        String target,
        String path,
        long length,
        String upgrade,
        boolean isGrpc,
        boolean continues) {
    /** The longest of registered methods has 17 letters. */
    private static final int MAX_METHOD = 32;

    /** Longest name in the DNS, in brackets or with a port. */
    private static final int MAX_AUTHORITY = 272;

    /** A browser that has been handed to another protocol by one of these would talk past us. */
    private static final Set<String> OWN_PROTOCOLS = Set.of("h2c", "h2", "http/1.0", "http/1.1", "http/2.0", "tls/1.0");

    static Asked of(HttpRequest request) throws Refusal {
        if (request.decoderResult().isFailure()) {
            throw undecodable(request.decoderResult().cause());
        }
        HttpVersion version = request.protocolVersion();
        boolean is11 = version.equals(HttpVersion.HTTP_1_1);
        if (!is11 && !version.equals(HttpVersion.HTTP_1_0)) {
            throw new Refusal(
                    HttpResponseStatus.HTTP_VERSION_NOT_SUPPORTED,
                    "Only HTTP/1.0, HTTP/1.1 and HTTP/2 are spoken here.");
        }
        HttpMethod method = request.method();
        if (HttpMethod.CONNECT.equals(method)
                || HttpMethod.TRACE.equals(method)
                || method.name().length() > MAX_METHOD) {
            throw new Refusal(HttpResponseStatus.NOT_IMPLEMENTED, "This method is not supported here.");
        }
        HttpHeaders headers = request.headers();
        String authority = authority(headers, is11);
        String target = target(request, authority);
        String path = path(target);
        if (headers.contains("Sec-WebSocket-Key1") && headers.contains("Sec-WebSocket-Key2")) {
            // An old draft of WebSocket, which the decoder knows: its requests have a body that nothing tells of.
            throw malformed("it is of a WebSocket draft that is not supported");
        }
        String expect = headers.get(HttpHeaderNames.EXPECT);
        if (expect != null
                && (!HttpHeaderValues.CONTINUE.contentEqualsIgnoreCase(expect)
                        || !once(headers, HttpHeaderNames.EXPECT))) {
            throw new Refusal(
                    HttpResponseStatus.EXPECTATION_FAILED, "The only expectation that is met is 100-continue.");
        }
        long length = length(headers);
        return new Asked(
                host(authority),
                authority,
                target,
                path,
                length,
                is11 && length == 0 ? upgrade(headers) : "",
                isGrpc(headers),
                is11 && expect != null);
    }

    /** Also gRPC-Web, which has its own content but the same status. */
    static boolean isGrpc(HttpHeaders headers) {
        return headers.get(HttpHeaderNames.CONTENT_TYPE, "")
                .toLowerCase(Locale.ROOT)
                .startsWith("application/grpc");
    }

    boolean hasBody() {
        return length != 0;
    }

    /** The same address over https. */
    String onHttps(int port) {
        return "https://" + host + (port == 443 ? "" : ":" + port) + (target.equals("*") ? "/" : target);
    }

    private static Refusal undecodable(Throwable cause) {
        if (cause instanceof Refusal refusal) {
            return refusal;
        }
        if (cause instanceof TooLongHttpLineException) {
            return new Refusal(HttpResponseStatus.REQUEST_URI_TOO_LONG, "The address of the request is too long.");
        }
        if (cause instanceof TooLongHttpHeaderException) {
            return new Refusal(
                    HttpResponseStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head of the request is too large.");
        }
        return malformed("it is not HTTP as RFC 9112 has it");
    }

    private static boolean once(HttpHeaders headers, CharSequence name) {
        return headers.getAll(name).size() == 1;
    }

    private static String authority(HttpHeaders headers, boolean required) throws Refusal {
        List<String> hosts = headers.getAll(HttpHeaderNames.HOST);
        if (hosts.size() > 1 || hosts.isEmpty() && required) {
            throw malformed("it must have one Host");
        }
        String authority = hosts.isEmpty() ? "" : hosts.get(0);
        if (authority.length() > MAX_AUTHORITY || !isAuthority(authority) || authority.isEmpty() && required) {
            throw malformed("its Host is not a name or an address");
        }
        return authority;
    }

    private static boolean isAuthority(String text) {
        int end = portStart(text);
        String host = text.substring(0, end);
        String port = end == text.length() ? "" : text.substring(end + 1);
        if (port.length() > 5 || !port.chars().allMatch(c -> c >= '0' && c <= '9')) {
            return false;
        }
        if (host.startsWith("[")) {
            return host.endsWith("]")
                    && host.length() > 2
                    && host.substring(1, host.length() - 1).chars().allMatch(c -> isHex(c) || c == ':' || c == '.');
        }
        return host.chars()
                .allMatch(c -> c >= 'a' && c <= 'z'
                        || c >= 'A' && c <= 'Z'
                        || c >= '0' && c <= '9'
                        || c == '-'
                        || c == '.'
                        || c == '_');
    }

    private static boolean isHex(int c) {
        return Character.digit(c, 16) >= 0 && c < 0x80;
    }

    /** The index of the colon before the port, or of the end. */
    private static int portStart(String authority) {
        int colon = authority.lastIndexOf(':');
        return colon < 0 || colon < authority.lastIndexOf(']') ? authority.length() : colon;
    }

    private static String host(String authority) {
        String host = authority.substring(0, portStart(authority)).toLowerCase(Locale.ROOT);
        return host.endsWith(".") ? host.substring(0, host.length() - 1) : host;
    }

    /** RFC 9112 3.2: the origin form, which the absolute form is turned into; the asterisk of OPTIONS. */
    private static String target(HttpRequest request, String authority) throws Refusal {
        String uri = request.uri();
        if (!uri.chars().allMatch(c -> c > ' ' && c <= '~' && c != '#')) {
            throw malformed("its address has characters that are not allowed");
        }
        if (uri.startsWith("/")) {
            return uri;
        }
        if (uri.equals("*") && HttpMethod.OPTIONS.equals(request.method())) {
            return uri;
        }
        int scheme =
                uri.regionMatches(true, 0, "http://", 0, 7) ? 7 : uri.regionMatches(true, 0, "https://", 0, 8) ? 8 : 0;
        if (scheme == 0) {
            throw malformed("its address is not a path");
        }
        int end = scheme;
        while (end < uri.length() && uri.charAt(end) != '/' && uri.charAt(end) != '?') {
            end++;
        }
        // RFC 9112 3.2.2 has it that the Host is then not looked at. Others may do that.
        if (!uri.substring(scheme, end).equalsIgnoreCase(authority)) {
            throw malformed("its address and its Host are not of one site");
        }
        String rest = uri.substring(end);
        return rest.startsWith("/") ? rest : "/" + rest;
    }

    private static String path(String target) throws Refusal {
        int query = target.indexOf('?');
        String path = query < 0 ? target : target.substring(0, query);
        if (hasDotSegments(path)) {
            // What is before them chose the site; a target that resolves them could answer from outside of it.
            throw malformed("its path has dot segments");
        }
        return path.equals("*") ? "/" : path;
    }

    /**
     * Whether a segment is {@code .} or {@code ..}, for whoever decodes before looking, takes a backslash for a slash, and what
     * follows a semicolon for no part of the name (servlet containers).
     */
    private static boolean hasDotSegments(String path) {
        if (path.indexOf('.') < 0 && path.indexOf('%') < 0) {
            return false;
        }
        int dots = 0;
        boolean others = false;
        boolean parameters = false;
        for (int i = 0; i <= path.length(); i++) {
            char c = i == path.length() ? '/' : path.charAt(i);
            if (c == '%' && i + 2 < path.length()) {
                String code = path.substring(i + 1, i + 3);
                c = switch (code.toLowerCase(Locale.ROOT)) {
                    case "2e" -> '.';
                    case "2f" -> '/';
                    case "5c" -> '\\';
                    case "3b" -> ';';
                    default -> 'x';
                };
                i += 2;
            }
            if (c == '/' || c == '\\') {
                if (!others && (dots == 1 || dots == 2)) {
                    return true;
                }
                dots = 0;
                others = false;
                parameters = false;
            } else if (parameters || c == ';') {
                parameters = true;
            } else if (c == '.') {
                dots++;
            } else {
                others = true;
            }
        }
        return false;
    }

    private static long length(HttpHeaders headers) throws Refusal {
        List<String> codings = headers.getAll(HttpHeaderNames.TRANSFER_ENCODING);
        List<String> lengths = headers.getAll(HttpHeaderNames.CONTENT_LENGTH);
        if (!codings.isEmpty()) {
            if (!lengths.isEmpty()) {
                throw malformed("it has both Transfer-Encoding and Content-Length");
            }
            if (codings.size() > 1 || !HttpHeaderValues.CHUNKED.contentEqualsIgnoreCase(codings.get(0))) {
                throw new Refusal(
                        HttpResponseStatus.NOT_IMPLEMENTED, "The only transfer coding that is supported is chunked.");
            }
            return -1;
        }
        if (lengths.isEmpty()) {
            return 0;
        }
        if (lengths.size() > 1) {
            throw malformed("it has more than one Content-Length");
        }
        String text = lengths.get(0);
        if (text.isEmpty() || text.length() > 18 || !text.chars().allMatch(c -> c >= '0' && c <= '9')) {
            throw malformed("its Content-Length is not a number");
        }
        return Long.parseLong(text);
    }

    private static String upgrade(HttpHeaders headers) {
        List<String> protocols = headers.getAll(HttpHeaderNames.UPGRADE);
        String one = protocols.size() == 1 ? protocols.get(0) : "";
        return !one.isEmpty()
                        && headers.containsValue(HttpHeaderNames.CONNECTION, HttpHeaderValues.UPGRADE, true)
                        && one.chars().allMatch(c -> c > ' ' && c <= '~' && c != ',' && c != '"')
                        && !OWN_PROTOCOLS.contains(one.toLowerCase(Locale.ROOT))
                ? one
                : "";
    }

    private static Refusal malformed(String what) {
        return new Refusal(HttpResponseStatus.BAD_REQUEST, "The request is malformed: " + what + ".");
    }
}
