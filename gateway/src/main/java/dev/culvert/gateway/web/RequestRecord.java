package dev.culvert.gateway.web;

import dev.culvert.address.AddressText;
import io.netty.channel.Channel;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpRequest;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** What becomes of one request, for a {@link RequestLog}. On the event loop of its exchange. */
public final class RequestRecord {
    /** As nginx has it: the browser has gone before it was answered. */
    private static final int CLIENT_CLOSED = 499;

    private final RequestLog log;
    private final Front front;
    private final Browser browser;
    private final HttpRequest request;
    private final Instant time;
    private final long beginNanos;
    private @Nullable Site site;
    private @Nullable Channel target;
    private @Nullable String requestId;
    private String user = "";
    private int status;
    private long bytesIn;
    private long bytesOut;
    private long firstNanos;
    private long endNanos;
    private boolean whole;

    RequestRecord(RequestLog log, Front front, Browser browser, HttpRequest request) {
        this.log = log;
        this.front = front;
        this.browser = browser;
        this.request = request;
        this.time = log.clock().instant();
        this.beginNanos = now();
    }

    private long now() {
        return front.loop().ticker().nanoTime();
    }

    void isFor(Site found) {
        site = found;
    }

    void admitted(String shown, HttpRequest forTarget) {
        user = shown;
        requestId = forTarget.headers().get(HeaderFields.REQUEST_ID);
    }

    void servedBy(Channel channel) {
        target = channel;
    }

    void in(int bytes) {
        bytesIn += bytes;
    }

    void out(int bytes) {
        bytesOut += bytes;
    }

    void answered(int code) {
        status = code;
        firstNanos = now();
    }

    void browserGone() {
        if (status == 0) {
            status = CLIENT_CLOSED;
        }
    }

    void ended(boolean inOrder) {
        whole = inOrder;
        endNanos = now();
        if (site != null) {
            log.ended(this);
        }
    }

    // ---- for the log ----

    /** When its head had come. */
    public Instant time() {
        return time;
    }

    /** For what it was; of a request that has ended. */
    public @Nullable Site site() {
        return site;
    }

    /** Address of who sent it, see {@link Browser#visitor}. */
    public String visitor() {
        return AddressText.of(browser.visitor(request));
    }

    /** Who has shown who it is; empty for nobody. */
    public String user() {
        return user;
    }

    public String method() {
        return request.method().name();
    }

    /** Path and query as the browser says them. */
    public String target() {
        return request.uri();
    }

    public String protocol() {
        return front.speaksHttp2() ? "HTTP/2.0" : request.protocolVersion().text();
    }

    /** A field of the request; null when it has none of that name. */
    public @Nullable String field(CharSequence name) {
        return request.headers().get(name);
    }

    public @Nullable String host() {
        return field(HttpHeaderNames.HOST);
    }

    /** As the target was told; null when it was told nothing. */
    public @Nullable String requestId() {
        return requestId;
    }

    /** Of the answer; 499 when the browser has gone before there was one; 0 when there was none for another reason. */
    public int status() {
        return status;
    }

    /** Content of the request that the target was sent; behind an upgrade all from the browser. */
    public long bytesIn() {
        return bytesIn;
    }

    /** Content of the answer, before it is framed and encrypted. */
    public long bytesOut() {
        return bytesOut;
    }

    public Duration life() {
        return Duration.ofNanos(endNanos - beginNanos);
    }

    /** Until the head of the answer; null when there was none. */
    public @Nullable Duration firstByte() {
        return status == 0 || status == CLIENT_CLOSED ? null : Duration.ofNanos(firstNanos - beginNanos);
    }

    /** Whether all of the answer was passed on. */
    public boolean whole() {
        return whole;
    }

    /** The connection to the target that served it last; null when none did. */
    public @Nullable Channel targetChannel() {
        return target;
    }
}
