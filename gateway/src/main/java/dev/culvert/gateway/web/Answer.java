package dev.culvert.gateway.web;

import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.EmptyHttpHeaders;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.http.HttpUtil;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Heads of a target's answer to one request: which are HTTP, and what of them goes on to the browser. */
final class Answer {
    /** Answers of 1xx to one request: there is a use for two. */
    private static final int MAX_INTERIM = 16;

    /** RFC 9110 15: three digits. Some servers have codes of their own beyond 599. */
    private static final int MIN_STATUS = 100;

    private static final int MAX_STATUS = 999;

    enum Kind {
        /** Of 1xx: another follows. */
        INTERIM,
        FINAL,
        /** 101, to who asked for that protocol. */
        SWITCHING,
        NOT_HTTP
    }

    private final Front front;
    private final HttpRequest request;
    private final Asked asked;
    private final SiteOptions options;
    private final boolean secure;
    private final @Nullable String cookie;
    private boolean continued;
    private boolean keepTarget;
    private int interims;

    /** @param cookie that is set beside those of the target; null for none */
    Answer(
            Front front,
            HttpRequest request,
            Asked asked,
            SiteOptions options,
            boolean secure,
            @Nullable String cookie) {
        this.cookie = cookie;
        this.front = front;
        this.request = request;
        this.asked = asked;
        this.options = options;
        this.secure = secure;
    }

    /** Whether anything has come of it. */
    boolean begun() {
        return interims > 0;
    }

    /** Whether the target wants the body that was announced. */
    boolean continued() {
        return continued;
    }

    /** Whether the target's connection may serve others behind the answer. */
    boolean keepsTarget() {
        return keepTarget;
    }

    /** What a head is; it is {@linkplain #pass passed on} next, unless it is no HTTP. */
    Kind kind(HttpResponse head) {
        if (head.decoderResult().isFailure() || !isHttp1(head) || !isFramed(head)) {
            return Kind.NOT_HTTP;
        }
        if (head.status().code() == HttpResponseStatus.SWITCHING_PROTOCOLS.code()) {
            boolean draft = !head.headers().contains("Sec-WebSocket-Accept")
                    && head.headers().contains("Sec-WebSocket-Origin"); // whose answer has a body
            boolean wanted = !asked.upgrade().isEmpty()
                    && asked.upgrade().equalsIgnoreCase(head.headers().get(HttpHeaderNames.UPGRADE));
            return wanted && !draft ? Kind.SWITCHING : Kind.NOT_HTTP;
        }
        if (head.status().codeClass() == HttpStatusClass.INFORMATIONAL) {
            return ++interims > MAX_INTERIM ? Kind.NOT_HTTP : Kind.INTERIM;
        }
        return Kind.FINAL;
    }

    /** The codec takes any version and number. */
    private static boolean isHttp1(HttpResponse head) {
        int code = head.status().code();
        return head.protocolVersion().majorVersion() == 1 && code >= MIN_STATUS && code <= MAX_STATUS;
    }

    /** Whether it is found where the answer ends: the codec knows no coding but chunked. */
    private static boolean isFramed(HttpResponse head) {
        List<String> codings = head.headers().getAll(HttpHeaderNames.TRANSFER_ENCODING);
        return codings.isEmpty()
                || codings.size() == 1 && HttpHeaderValues.CHUNKED.contentEqualsIgnoreCase(codings.get(0));
    }

    /** Writes it to the browser, as far as that is to know of it. */
    void pass(HttpResponse head, Kind kind) {
        switch (kind) {
            case INTERIM -> inform(head);
            case FINAL -> begin(head);
            case SWITCHING -> {
                HttpResponse answer = full(toBrowser(head));
                answer.headers()
                        .set(HttpHeaderNames.CONNECTION, HttpHeaderValues.UPGRADE)
                        .set(HttpHeaderNames.UPGRADE, head.headers().get(HttpHeaderNames.UPGRADE));
                front.upgrade(answer);
            }
            case NOT_HTTP -> throw new IllegalArgumentException("not HTTP");
        }
    }

    private void inform(HttpResponse head) {
        boolean continues = head.status().code() == HttpResponseStatus.CONTINUE.code();
        continued |= continues;
        if (continues ? asked.continues() : request.protocolVersion().minorVersion() > 0) {
            front.inform(full(HeaderFields.toBrowser(head, options, false)));
        }
    }

    private void begin(HttpResponse head) {
        HttpResponseStatus status = head.status();
        boolean mayHaveBody = !HttpMethod.HEAD.equals(request.method())
                && status.code() != HttpResponseStatus.NO_CONTENT.code()
                && status.code() != HttpResponseStatus.NOT_MODIFIED.code();
        boolean endsByItself = !mayHaveBody
                || HttpUtil.isTransferEncodingChunked(head)
                || head.headers().contains(HttpHeaderNames.CONTENT_LENGTH);
        keepTarget = endsByItself
                && HttpUtil.isKeepAlive(head)
                && !HeaderFields.authenticatesConnection(request.headers())
                && !HeaderFields.authenticatesConnection(head.headers());
        front.answer(toBrowser(head), mayHaveBody);
    }

    /** Of the last head: those of 1xx set no cookies. */
    private HttpResponse toBrowser(HttpResponse head) {
        HttpResponse out = HeaderFields.toBrowser(head, options, secure);
        if (cookie != null) {
            out.headers().add(HttpHeaderNames.SET_COOKIE, cookie);
        }
        return out;
    }

    /** An answer of 1xx: it has neither content nor a length (RFC 9110 8.6). */
    private static HttpResponse full(HttpResponse head) {
        head.headers().remove(HttpHeaderNames.CONTENT_LENGTH);
        return new DefaultFullHttpResponse(
                head.protocolVersion(),
                head.status(),
                Unpooled.EMPTY_BUFFER,
                head.headers(),
                EmptyHttpHeaders.INSTANCE);
    }
}
