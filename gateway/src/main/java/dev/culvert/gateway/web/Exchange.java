package dev.culvert.gateway.web;

import io.netty.buffer.ByteBuf;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http2.Http2Error;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One request and its answer: joins a {@link Front} with a {@link Target}. Nothing is gathered; each side is read only
 * while the other is writable. On the event loop of both.
 */
final class Exchange {
    private static final Logger log = LoggerFactory.getLogger(Exchange.class);

    private enum State {
        /** Nothing of an answer has come. */
        ASKING,
        ANSWERING,
        /** Both sides speak another protocol. */
        UPGRADED,
        ENDED
    }

    private final Front front;
    private final Browser browser;
    private final HttpRequest request;
    private final Patience patience;
    private final TargetSearch search;
    private final RequestBody body = new RequestBody();
    private final @Nullable RequestRecord record;

    private State state = State.ASKING;
    private boolean saidAll;
    private boolean pathless; // the target, when it was last looked
    private @Nullable Target target;
    private @Nullable Answer answer;
    private boolean reused; // the target's connection had served others

    Exchange(Front front, Sites sites, Browser browser, HttpRequest request) {
        this.front = front;
        this.browser = browser;
        this.request = request;
        patience = new Patience(front.loop(), this::expired);
        RequestLog requests = sites.requestLog();
        record = requests == null ? null : new RequestRecord(requests, front, browser, request);
        search = new TargetSearch(this, front, sites, browser, request, patience, record);
    }

    void begin() {
        search.begin();
    }

    /** The search has found a target, which is sent the head. */
    void serve(Target t, Asked a, Site s, HttpRequest head) {
        answer = new Answer(front, request, a, s.options(), browser.secure(), search.cookie(t));
        target = t;
        reused = t.isReused();
        if (!reused && !s.isShared()) {
            t.boundTo(front.connection());
        }
        if (record != null) {
            record.servedBy(t.connection());
        }
        t.serve(this, HttpMethod.HEAD.equals(request.method()));
        t.write(head);
        if (!a.hasBody()) {
            t.write(LastHttpContent.EMPTY_LAST_CONTENT);
        }
        t.flush();
        if (target == t) { // a failed write has told already
            pullAnswer();
            pullRequest();
            progress();
        }
    }

    // ---- from the browser ----

    /** Content of the request. Takes it. */
    void requestContent(HttpContent content) {
        Asked a = search.asked();
        Target t = target;
        if (content.decoderResult().isFailure()) {
            content.release();
            requestBroken();
            return;
        }
        body.came(content);
        if (state == State.ENDED || a == null || !a.hasBody()) {
            boolean unframed = content.content().isReadable();
            content.release();
            if (unframed && state != State.ENDED) {
                requestBroken();
            }
            return;
        }
        boolean wrongLength = body.isOfWrongLength(a);
        Site s = search.site();
        if (t == null && search.retried() && !wrongLength) {
            // It was read for the target that has refused, and there is none yet to take it.
            content.release();
            refuse(new Refusal(
                    HttpResponseStatus.SERVICE_UNAVAILABLE,
                    "The server behind " + name() + " takes no more; try again."));
        } else if (wrongLength || t == null || s == null) {
            // Without a target nothing is read: then it is not of HTTP's making, either.
            content.release();
            requestBroken();
        } else if (body.bytes() > s.options().maxBody()) {
            content.release();
            refuse(TargetSearch.tooLarge(s.options()));
        } else {
            if (content instanceof LastHttpContent end) {
                HeaderFields.cleanTrailers(end.trailingHeaders());
            }
            body.sends();
            if (record != null) {
                record.in(content.content().readableBytes());
            }
            t.write(content);
            progress();
        }
    }

    /** Bytes of another protocol. Takes them. */
    void bytesFromBrowser(ByteBuf bytes) {
        Target t = target;
        if (state == State.UPGRADED && t != null) {
            if (record != null) {
                record.in(bytes.readableBytes());
            }
            t.write(bytes);
            progress();
        } else {
            bytes.release();
        }
    }

    void browserReadComplete() {
        Target t = target;
        if (t != null) {
            t.flush();
            pullRequest();
        }
    }

    void browserWritable() {
        pullAnswer();
        progress();
    }

    /**
     * The browser says nothing more over an upgraded stream, and still listens. Chromium ends its side of a WebSocket (RFC 8441) with
     * its closing message, and wants the target's. The target is not told: it closes when it has answered that.
     */
    void browserSaidAll() {
        saidAll = true;
        progress();
    }

    /** The browser is gone. */
    void browserEnded() {
        Target t = target;
        if (state == State.UPGRADED && t != null) {
            target = null;
            t.closeWhenWritten();
        }
        if (record != null) {
            record.browserGone();
        }
        end(state == State.UPGRADED);
        dropTarget();
    }

    private void requestBroken() {
        refuse(new Refusal(
                HttpResponseStatus.BAD_REQUEST,
                "The body of the request is malformed: it is not of the length or coding that its head says."));
    }

    private void pullRequest() {
        Target t = target;
        if (t != null && t.isWritable() && (!isRequestRead() || state == State.UPGRADED)) {
            front.wantRequest();
        }
    }

    // ---- from the target ----

    void answerHead(HttpResponse head) {
        Answer a = answer;
        Target t = target;
        Answer.Kind kind = a == null || t == null || state != State.ASKING ? Answer.Kind.NOT_HTTP : a.kind(head);
        if (a == null || t == null || kind == Answer.Kind.NOT_HTTP) {
            notHttp();
            return;
        }
        switch (kind) {
            case FINAL -> state = State.ANSWERING;
            case SWITCHING -> {
                state = State.UPGRADED;
                body.ends();
            }
            case INTERIM, NOT_HTTP -> {}
        }
        if (kind != Answer.Kind.INTERIM) {
            search.answered(t);
        }
        if (record != null && kind != Answer.Kind.INTERIM) {
            record.answered(head.status().code());
        }
        a.pass(head, kind);
        if (kind == Answer.Kind.SWITCHING) {
            t.upgrade();
            pullRequest();
        }
        progress();
    }

    /** Content of the answer. Takes it. */
    void answerContent(HttpContent content) {
        boolean last = content instanceof LastHttpContent;
        if (state != State.ANSWERING) {
            content.release();
        } else if (content.decoderResult().isFailure()) {
            content.release();
            notHttp();
        } else {
            if (content instanceof LastHttpContent end) {
                HeaderFields.cleanTrailers(end.trailingHeaders());
            }
            if (record != null) {
                record.out(content.content().readableBytes());
            }
            front.content(content);
            if (last) {
                answered();
            } else {
                progress();
            }
        }
    }

    private void answered() {
        end(true);
        Answer a = answer;
        Target t = target;
        target = null;
        if (t != null) {
            t.done(a != null && a.keepsTarget() && isRequestRead());
        }
        front.ended(isRequestRead());
    }

    private boolean isRequestRead() {
        return body.isRead(search.asked());
    }

    /** Bytes of another protocol. Takes them. */
    void bytesFromTarget(ByteBuf bytes) {
        if (state == State.UPGRADED) {
            if (record != null) {
                record.out(bytes.readableBytes());
            }
            front.bytes(bytes);
            progress();
        } else {
            bytes.release();
        }
    }

    void targetReadComplete() {
        if (state != State.ASKING) {
            front.flush();
        }
        pullAnswer();
    }

    void targetWritable() {
        pullRequest();
        progress();
    }

    /**
     * The target has closed or reset the connection or stream, which closes by itself.
     *
     * @param untouched whether the target has done nothing about the request, so that any may be sent again
     */
    void targetEnded(@Nullable Throwable cause, boolean untouched) {
        Target t = target;
        target = null;
        if (state == State.UPGRADED) {
            end(true);
            front.ended(true);
        } else if (state == State.ANSWERING || state == State.ASKING && isGrpc() && StreamReset.isTold(cause)) {
            end(false);
            front.abort(StreamReset.cutOff(cause));
        } else if (state == State.ASKING && t != null) {
            Answer a = answer;
            search.targetEnded(t, cause, reused, untouched, a != null && a.begun(), body.isSent());
        }
    }

    /** What comes from the target is no answer. */
    void notHttp() {
        Target t = target;
        if (state == State.ASKING && t != null && !reused) {
            search.unanswered(t);
        }
        dropTarget();
        if (state == State.ASKING) {
            refuse(new Refusal(
                    HttpResponseStatus.BAD_GATEWAY,
                    "The server behind " + name() + " has given an answer that is not HTTP."));
        } else if (state != State.ENDED) {
            end(false);
            front.abort(Http2Error.INTERNAL_ERROR);
        }
    }

    private void pullAnswer() {
        Target t = target;
        if (t != null && front.isWritable()) {
            t.read();
        }
    }

    // ---- ends ----

    private String name() {
        Site s = search.site();
        return s == null ? "this site" : s.name();
    }

    /** Something has gone on: what is waited for now. */
    private void progress() {
        Target t = target;
        Site s = search.site();
        if (t == null || s == null) {
            return;
        }
        switch (state) {
            case ASKING -> {
                if (awaitsBody(t)) {
                    patience.body();
                } else {
                    patience.answer(s.options(), isGrpc(), front.isWritable(), search.mayTurn());
                }
            }
            case ANSWERING -> patience.moreOfAnswer(front.isWritable());
            case UPGRADED -> patience.bytes(saidAll);
            case ENDED -> {}
        }
    }

    /** Whether it is the browser's turn. */
    private boolean awaitsBody(Target t) {
        Asked a = search.asked();
        Answer begun = answer;
        boolean awaits100 = a != null && a.continues() && begun != null && !begun.continued() && !body.isBegun();
        return !isRequestRead() && t.isWritable() && !awaits100 && !isGrpc();
    }

    private boolean isGrpc() {
        Asked a = search.asked();
        return a != null && a.isGrpc();
    }

    private void expired() {
        Target t = target;
        if (state == State.ASKING && t != null && search.mayTurn() && turnsOrWaits(t)) {
            return;
        }
        if (state == State.ASKING && t != null && awaitsBody(t)) {
            refuse(new Refusal(
                    HttpResponseStatus.REQUEST_TIMEOUT,
                    "Nothing more of the request has come for " + Patience.BODY_SECONDS + " seconds."));
        } else if (state == State.ASKING && t != null && !t.hasPath()) {
            refuse(TargetErrors.held(name()));
        } else if (state == State.ASKING) {
            refuse(new Refusal(
                    HttpResponseStatus.GATEWAY_TIMEOUT, "The server behind " + name() + " has not answered in time."));
        } else if (state == State.UPGRADED) {
            end(false);
            dropTarget();
            front.ended(true);
        } else {
            end(false);
            dropTarget();
            front.abort(Http2Error.INTERNAL_ERROR);
        }
    }

    /** Whether it is not over yet: while the target's agent is away another may serve, and there may be time left. */
    private boolean turnsOrWaits(Target t) {
        Answer a = answer;
        boolean begun = a != null && a.begun();
        boolean again = pathless && !t.hasPath(); // a link that comes back within moments brings the answer
        pathless = !t.hasPath();
        return again && !begun && search.leaves(t) || patience.looked();
    }

    /** Answers it ourselves, if that has not been begun. */
    void refuse(Refusal refusal) {
        dropTarget();
        if (state == State.ENDED) {
            return;
        }
        if (state != State.ASKING) {
            end(false);
            front.abort(Http2Error.INTERNAL_ERROR);
            return;
        }
        log.debug("{} for {}: {}", refusal.status(), name(), refusal.text());
        boolean toHead = HttpMethod.HEAD.equals(request.method());
        ErrorPage page = ErrorPage.of(refusal, request.headers(), toHead);
        if (record != null) {
            record.answered(refusal.status().code());
            record.out(page.body().content().readableBytes());
        }
        end(true);
        if (refusal.status().code() == HttpResponseStatus.PERMANENT_REDIRECT.code()) {
            Asked a = search.asked();
            Site s = search.site();
            String location =
                    a == null || s == null ? "/" : a.onHttps(s.options().httpsPort());
            page.head().headers().set(HttpHeaderNames.LOCATION, location);
        }
        front.answer(page.head(), !toHead);
        front.content(page.body());
        front.ended(isRequestRead());
    }

    /** The target is nobody's any more. */
    void dropTarget() {
        Target t = target;
        target = null;
        if (t != null) {
            t.close();
        }
    }

    /** @param whole whether nothing is missing in the answer, or of what was said behind an upgrade */
    private void end(boolean whole) {
        if (record != null && state != State.ENDED) {
            record.ended(whole);
        }
        state = State.ENDED;
        search.end();
        patience.end();
    }
}
