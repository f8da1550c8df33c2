package dev.culvert.gateway.web;

import io.netty.buffer.Unpooled;
import io.netty.handler.codec.DateFormatter;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.DefaultLastHttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import java.nio.charset.StandardCharsets;
import java.util.Date;
import java.util.Set;

/**
 * An answer of ours that says plainly what is wrong: to a browser in HTML, to a program that asks for JSON in JSON, to a call of gRPC
 * as its status.
 */
record ErrorPage(HttpResponse head, LastHttpContent body) {
    /** After that many seconds an agent that was restarted is back. */
    private static final int RETRY_SECONDS = 5;

    /** Behind what was not understood, nobody knows where the next request begins. */
    private static final Set<Integer> ENDING = Set.of(400, 414, 431, 501, 505);

    static ErrorPage of(Refusal refusal, HttpHeaders request, boolean toHead) {
        HttpResponseStatus status = refusal.status();
        if (Asked.isGrpc(request)) {
            return grpc(refusal, request);
        }
        boolean json = wantsJson(request);
        String text = json ? json(status, refusal.text()) : html(status, refusal.text());
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        HttpResponse head = new DefaultHttpResponse(HttpVersion.HTTP_1_1, status);
        head.headers()
                .set(HttpHeaderNames.CONTENT_TYPE, json ? "application/json" : "text/html; charset=utf-8")
                .set(HttpHeaderNames.CONTENT_LENGTH, bytes.length)
                .set(HttpHeaderNames.CACHE_CONTROL, "no-store")
                .set(HttpHeaderNames.DATE, DateFormatter.format(new Date()));
        if (status.code() == HttpResponseStatus.SERVICE_UNAVAILABLE.code()) {
            head.headers().set(HttpHeaderNames.RETRY_AFTER, RETRY_SECONDS);
        }
        if (!refusal.field().isEmpty()) {
            head.headers().set(refusal.field(), refusal.value());
        }
        if (ENDING.contains(status.code())) {
            head.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
        }
        return new ErrorPage(
                head,
                toHead
                        ? LastHttpContent.EMPTY_LAST_CONTENT
                        : new DefaultLastHttpContent(Unpooled.wrappedBuffer(bytes)));
    }

    /** Without content: Trailers-Only, as gRPC has it for HTTP/2. */
    private static ErrorPage grpc(Refusal refusal, HttpHeaders request) {
        HttpResponse head = new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK);
        head.headers()
                .set(HttpHeaderNames.CONTENT_TYPE, request.get(HttpHeaderNames.CONTENT_TYPE))
                .set("grpc-status", grpcStatus(refusal.status().code()))
                .set("grpc-message", percentEncoded(refusal.text()))
                .set(HttpHeaderNames.CONTENT_LENGTH, 0);
        if (ENDING.contains(refusal.status().code())) {
            head.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
        }
        return new ErrorPage(head, LastHttpContent.EMPTY_LAST_CONTENT);
    }

    /** What a gRPC client itself makes of a status of HTTP, and of two that it leaves unknown what they are. */
    private static int grpcStatus(int http) {
        return switch (http) {
            case 400, 431 -> 13; // INTERNAL
            case 401 -> 16; // UNAUTHENTICATED
            case 403 -> 7; // PERMISSION_DENIED
            case 404, 421 -> 12; // UNIMPLEMENTED
            case 413 -> 8; // RESOURCE_EXHAUSTED
            case 429, 502, 503, 504 -> 14; // UNAVAILABLE
            default -> 2; // UNKNOWN
        };
    }

    private static String percentEncoded(String text) {
        StringBuilder encoded = new StringBuilder();
        for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
            if (b >= ' ' && b <= '~' && b != '%') {
                encoded.append((char) b);
            } else {
                encoded.append(String.format("%%%02X", b & 0xff));
            }
        }
        return encoded.toString();
    }

    private static boolean wantsJson(HttpHeaders request) {
        String accept = String.join(",", request.getAll(HttpHeaderNames.ACCEPT));
        int json = accept.indexOf("application/json");
        int html = accept.indexOf("text/html");
        return json >= 0 && (html < 0 || json < html);
    }

    private static String html(HttpResponseStatus status, String text) {
        String title = status.code() + " " + status.reasonPhrase();
        return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + title
                + "</title></head>\n<body><h1>"
                + title + "</h1><p>"
                + text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") + "</p></body></html>\n";
    }

    private static String json(HttpResponseStatus status, String text) {
        return "{\"status\":" + status.code() + ",\"error\":\"" + status.reasonPhrase() + "\",\"message\":\""
                + text.replace("\\", "\\\\").replace("\"", "\\\"") + "\"}\n";
    }
}
