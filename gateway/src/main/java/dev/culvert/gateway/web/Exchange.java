package dev.culvert.gateway.web;

import dev.culvert.text.Printable;
import io.netty.buffer.ByteBuf;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.util.concurrent.Future;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One request and its answer: joins a {@link Front} with a {@link Target}. Nothing is gathered; each side is read only
 * while the other is writable. On the event loop of both.
 */
final class Exchange {
    private static final Logger log = LoggerFactory.getLogger(Exchange.class);

    /** Longer than an agent's own dial takes to fail. */
    static final long CONNECT_SECONDS = 30;

    /** Without a byte of a request's body while it is read: the browser has gone, or holds the target up. */
    static final long BODY_SECONDS = 60;

    /** Within an answer that has begun: streams of events with nothing to tell are silent for minutes. */
    static final long ANSWER_IDLE_SECONDS = 600;

    /** While the browser does not read: players of videos stop for minutes. */
    static final long WRITE_SECONDS = 300;

    /** After an upgrade: WebSockets without pings are silent for as long as nothing happens. */
    static final long TUNNEL_SECONDS = 3_600;

    /** The same once the browser has said all: a WebSocket's target has its own closing message to say, and then closes. */
    static final long LAST_WORD_SECONDS = 30;

    /** What is published may be changed while a request looks for its target; not so often, for one request. */
    private static final int MAX_SITES = 3;

    /** They may be sent again when nobody has answered (RFC 9110 9.2.2). */
    private static final Set<HttpMethod> IDEMPOTENT =
            Set.of(HttpMethod.GET, HttpMethod.HEAD, HttpMethod.OPTIONS, HttpMethod.PUT, HttpMethod.DELETE);

    private enum State {
        /** Nothing of an answer has come. */
        ASKING,
        ANSWERING,
        /** Both sides speak another protocol. */
        UPGRADED,
        ENDED
    }

    private final Front front;
    private final Sites sites;
    private final Browser browser;
    private final HttpRequest request;
    private final Deadline deadline;
    private final @Nullable RequestRecord record;

    private State state = State.ASKING;
    private boolean saidAll;
    private @Nullable Asked asked;
    private @Nullable Site site;
    private @Nullable HttpRequest forTarget;
    private @Nullable Future<? extends Target> connecting;
    private @Nullable Target target;
    private @Nullable Answer answer;
    private boolean requestRead; // all of it
    private boolean reused; // the target's connection had served others
    private boolean retried;
    private int sitesAsked;
    private @Nullable Site counted;
    private long bodyBytes;
    private boolean bodySent; // some of it, perhaps its end only

    Exchange(Front front, Sites sites, Browser browser, HttpRequest request) {
        this.front = front;
        this.sites = sites;
        this.browser = browser;
        this.request = request;
        deadline = new Deadline(front.loop(), this::expired);
        RequestLog requests = sites.requestLog();
        record = requests == null ? null : new RequestRecord(requests, front, browser, request);
    }

    void begin() {
        try {
            Asked a = Asked.of(request);
            asked = a;
            ask(a);
        } catch (Refusal e) {
            refuse(e);
        }
    }

    private void ask(Asked a) throws Refusal {
        Site s = sites.find(a.host(), a.path());
        if (s == null && sites.isElsewhere(a.host())) {
            throw new Refusal(
                    HttpResponseStatus.MISDIRECTED_REQUEST,
                    Printable.shorten(a.host()) + " is not served on a connection that was made for another name.");
        }
        if (s == null) {
            throw new Refusal(
                    HttpResponseStatus.NOT_FOUND,
                    "Nothing is published here under the name " + Printable.shorten(a.host()) + ".");
        }
        site = s;
        if (record != null) {
            record.isFor(s);
        }
        sitesAsked++;
        if (!browser.secure() && s.options().httpsPort() > 0 && !browser.trustedProxy()) {
            throw new Refusal(HttpResponseStatus.PERMANENT_REDIRECT, "This site is served over https only.");
        }
        admit(a, s);
    }

    /**
     * There is no way to the site.
     *
     * @param mayAskAgain whether nothing of the request can have been served
     */
    private void noWay(Asked a, Site s, boolean mayAskAgain, Refusal why) {
        if (s.equals(sites.find(a.host(), a.path()))) {
            refuse(why);
        } else if (mayAskAgain && sitesAsked < MAX_SITES) { // something else is published there since
            try {
                ask(a);
            } catch (Refusal e) {
                refuse(e);
            }
        } else {
            refuse(new Refusal(
                    HttpResponseStatus.SERVICE_UNAVAILABLE,
                    "What is published as " + s.name() + " has just been changed; please try again."));
        }
    }

    private void admit(Asked a, Site s) {
        Future<String> user = sites.admit(s, request, browser, front.loop());
        if (user.isDone()) {
            admitted(user, a, s);
            return;
        }
        deadline.set(CONNECT_SECONDS);
        user.addListener(f -> {
            if (front.loop().inEventLoop()) {
                admitted(user, a, s);
            } else {
                front.loop().execute(() -> admitted(user, a, s));
            }
        });
    }

    private void admitted(Future<String> user, Asked a, Site s) {
        if (state == State.ENDED) {
            return;
        }
        if (!user.isSuccess()) {
            refuse(user.cause() instanceof Refusal r ? r : failed());
        } else if (a.length() > s.options().maxBody()) {
            refuse(tooLarge(s.options()));
        } else if (!counts(s)) {
            refuse(new Refusal(
                    HttpResponseStatus.SERVICE_UNAVAILABLE,
                    "As many requests as may be are being served for " + s.name()
                            + " or your address; try again soon."));
        } else {
            answer = new Answer(front, request, a, s.options(), browser.secure());
            HttpRequest head = HeaderFields.toTarget(request, a, s.options(), browser, user.getNow());
            forTarget = head;
            if (record != null) {
                record.admitted(user.getNow(), head);
            }
            connect(a, s);
        }
    }

    private boolean counts(Site s) {
        if (counted != null) {
            sites.ends(counted, browser); // of what had been published before
            counted = null;
        }
        boolean begun = sites.begins(s, browser);
        counted = begun ? s : null;
        return begun;
    }

    private static Refusal failed() {
        return new Refusal(HttpResponseStatus.INTERNAL_SERVER_ERROR, "The gateway has failed.");
    }

    private static Refusal tooLarge(SiteOptions options) {
        return new Refusal(
                HttpResponseStatus.REQUEST_ENTITY_TOO_LARGE,
                "The body of the request is larger than the " + options.maxBody() + " bytes that this site takes.");
    }

    private void connect(Asked a, Site s) {
        deadline.set(CONNECT_SECONDS);
        Future<? extends Target> found = Targets.find(s, front.loop(), !isRepeatable(a), retried);
        connecting = found;
        if (found.isDone()) {
            connected(found, a, s);
        } else {
            found.addListener(f -> connected(found, a, s));
        }
    }

    private boolean isRepeatable(Asked a) {
        return !a.hasBody()
                && IDEMPOTENT.contains(request.method())
                && a.upgrade().isEmpty();
    }

    private void connected(Future<? extends Target> found, Asked a, Site s) {
        connecting = null;
        Target t = found.isSuccess() ? found.getNow() : null;
        Refusal objection = t == null ? null : t.objection(a);
        if (state == State.ENDED || objection != null) {
            if (t != null) {
                t.close();
            }
            if (objection != null) {
                refuse(objection);
            }
        } else if (t == null) {
            noWay(a, s, true, TargetErrors.connecting(found.cause(), s));
        } else {
            connected(t, a);
        }
    }

    private void connected(Target t, Asked a) {
        HttpRequest head = forTarget;
        if (head == null) {
            throw new IllegalStateException("no request to send");
        }
        target = t;
        reused = t.isReused();
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
        Asked a = asked;
        Target t = target;
        boolean last = content instanceof LastHttpContent;
        if (content.decoderResult().isFailure()) {
            content.release();
            requestBroken();
            return;
        }
        requestRead |= last;
        if (state == State.ENDED || a == null || !a.hasBody()) {
            boolean unframed = content.content().isReadable();
            content.release();
            if (unframed && state != State.ENDED) {
                requestBroken();
            }
            return;
        }
        bodyBytes += content.content().readableBytes();
        boolean wrongLength = a.length() >= 0 && (bodyBytes > a.length() || last && bodyBytes < a.length());
        Site s = site;
        if (t == null && retried && !wrongLength) {
            // It was read for the target that has refused, and there is none yet to take it.
            content.release();
            refuse(new Refusal(
                    HttpResponseStatus.SERVICE_UNAVAILABLE,
                    "The server behind " + name() + " takes no more; try again."));
        } else if (wrongLength || t == null || s == null) {
            // Without a target nothing is read: then it is not of HTTP's making, either.
            content.release();
            requestBroken();
        } else if (bodyBytes > s.options().maxBody()) {
            content.release();
            refuse(tooLarge(s.options()));
        } else {
            if (content instanceof LastHttpContent end) {
                HeaderFields.cleanTrailers(end.trailingHeaders());
            }
            bodySent = true;
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
                requestRead = true;
            }
            case INTERIM, NOT_HTTP -> {}
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
        Asked a = asked;
        return requestRead || a != null && !a.hasBody(); // then its end may be told after ours
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
        target = null;
        Asked a = asked;
        Site s = site;
        if (state == State.UPGRADED) {
            end(true);
            front.ended(true);
        } else if (state == State.ANSWERING || state == State.ASKING && isGrpc() && isReset(cause)) {
            end(false);
            front.abort(cutOff(cause));
        } else if (state == State.ASKING && a != null && s != null) {
            if (mayRetry(a, untouched)) {
                retried = true;
                connect(a, s);
            } else {
                noWay(a, s, isRepeatable(a), TargetErrors.ended(cause, s));
            }
        }
    }

    /** How a browser hears that an answer is not whole: NO_ERROR would say that it is (RFC 9113 section 8.1). */
    private static Http2Error cutOff(@Nullable Throwable cause) {
        return cause instanceof StreamReset reset && reset.error() != Http2Error.NO_ERROR
                ? reset.error()
                : Http2Error.INTERNAL_ERROR;
    }

    /** Of a stream, in a way that means something to a gRPC client. */
    private static boolean isReset(@Nullable Throwable cause) {
        return cause instanceof StreamReset reset && reset.error() != Http2Error.REFUSED_STREAM;
    }

    /** An idle connection may have been closed while the request was on its way. */
    private boolean mayRetry(Asked a, boolean untouched) {
        Answer begun = answer;
        return !retried && (begun == null || !begun.begun()) && (untouched ? !bodySent : reused && isRepeatable(a));
    }

    /** What comes from the target is no answer. */
    void notHttp() {
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
        Site s = site;
        return s == null ? "this site" : s.name();
    }

    /** Something has gone on: what is waited for now, and for how long. */
    private void progress() {
        Target t = target;
        Site s = site;
        if (t == null || s == null) {
            return;
        }
        switch (state) {
            case ASKING -> {
                long answerSeconds =
                        isGrpc() ? ANSWER_IDLE_SECONDS : s.options().answerSeconds();
                deadline.set(awaitsBody(t) ? BODY_SECONDS : front.isWritable() ? answerSeconds : WRITE_SECONDS);
            }
            case ANSWERING -> deadline.set(front.isWritable() ? ANSWER_IDLE_SECONDS : WRITE_SECONDS);
            case UPGRADED -> deadline.set(saidAll ? LAST_WORD_SECONDS : TUNNEL_SECONDS);
            case ENDED -> {}
        }
    }

    /** Whether it is the browser's turn. */
    private boolean awaitsBody(Target t) {
        Asked a = asked;
        Answer begun = answer;
        boolean awaits100 = a != null && a.continues() && begun != null && !begun.continued() && bodyBytes == 0;
        return !isRequestRead() && t.isWritable() && !awaits100 && !isGrpc();
    }

    /** Calls may be streams both ways, on which nothing is said for long; for their ends clients have deadlines. */
    private boolean isGrpc() {
        Asked a = asked;
        return a != null && a.isGrpc();
    }

    private void expired() {
        Target t = target;
        if (state == State.ASKING && t != null && awaitsBody(t)) {
            refuse(new Refusal(
                    HttpResponseStatus.REQUEST_TIMEOUT,
                    "Nothing more of the request has come for " + BODY_SECONDS + " seconds."));
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

    /** Answers it ourselves, if that has not been begun. */
    private void refuse(Refusal refusal) {
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
            page.head().headers().set(HttpHeaderNames.LOCATION, httpsAddress());
        }
        front.answer(page.head(), !toHead);
        front.content(page.body());
        front.ended(isRequestRead());
    }

    private String httpsAddress() {
        Asked a = asked;
        Site s = site;
        if (a == null || s == null) {
            return "/";
        }
        int port = s.options().httpsPort();
        return "https://" + a.host() + (port == 443 ? "" : ":" + port)
                + (a.target().equals("*") ? "/" : a.target());
    }

    private void dropTarget() {
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
        Site s = counted;
        counted = null;
        if (s != null) {
            sites.ends(s, browser);
        }
        deadline.end();
        Future<? extends Target> pending = connecting;
        connecting = null;
        if (pending != null) {
            pending.cancel(false);
        }
    }
}
