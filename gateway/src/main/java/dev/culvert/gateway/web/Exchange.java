package dev.culvert.gateway.web;

import dev.culvert.text.Printable;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.concurrent.Future;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One request and its answer: joins a {@link Front} with a {@link TargetConnection}. Nothing is gathered; each side is read only
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

    private State state = State.ASKING;
    private @Nullable Asked asked;
    private @Nullable Site site;
    private @Nullable HttpRequest forTarget;
    private @Nullable Future<? extends Channel> connecting;
    private @Nullable TargetConnection target;
    private @Nullable Answer answer;
    private boolean requestRead; // all of it
    private boolean reused; // the target's connection had served others
    private boolean retried;
    private boolean interim; // the end of an answer of 1xx is to come
    private int sitesAsked;
    private long bodyBytes;

    Exchange(Front front, Sites sites, Browser browser, HttpRequest request) {
        this.front = front;
        this.sites = sites;
        this.browser = browser;
        this.request = request;
        deadline = new Deadline(front.loop(), this::expired);
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
        if (s == null) {
            throw new Refusal(
                    HttpResponseStatus.NOT_FOUND,
                    "Nothing is published here under the name " + Printable.shorten(a.host()) + ".");
        }
        site = s;
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
        } else {
            answer = new Answer(front, request, a, s.options(), browser.secure());
            forTarget = HeaderFields.toTarget(request, a, s.options(), browser, user.getNow());
            connect(a, s);
        }
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
        TargetConnection idle = retried ? null : IdleTargets.here().take(s, front.loop(), !isRepeatable(a));
        if (idle != null) {
            connected(idle, a);
            return;
        }
        deadline.set(CONNECT_SECONDS);
        Future<? extends Channel> future = s.connect(front.loop());
        connecting = future;
        future.addListener(f -> {
            if (front.loop().inEventLoop()) {
                connected(future, a, s);
            } else {
                front.loop().execute(() -> connected(future, a, s));
            }
        });
    }

    private boolean isRepeatable(Asked a) {
        return !a.hasBody()
                && IDEMPOTENT.contains(request.method())
                && a.upgrade().isEmpty();
    }

    private void connected(Future<? extends Channel> future, Asked a, Site s) {
        connecting = null;
        Channel channel = future.isSuccess() ? future.getNow() : null;
        if (state == State.ENDED) {
            if (channel != null) {
                channel.close();
            }
        } else if (channel == null) {
            noWay(a, s, true, TargetErrors.connecting(future.cause(), s));
        } else if (channel.eventLoop() != front.loop()) {
            log.error("the channel to {} is on another event loop than its browser's", s.name());
            channel.close();
            refuse(failed());
        } else {
            connected(TargetConnection.on(channel, s), a);
        }
    }

    private void connected(TargetConnection connection, Asked a) {
        HttpRequest head = forTarget;
        if (head == null) {
            throw new IllegalStateException("no request to send");
        }
        target = connection;
        reused = connection.isReused();
        connection.serve(this, HttpMethod.HEAD.equals(request.method()));
        connection.write(head);
        if (!a.hasBody()) {
            connection.write(LastHttpContent.EMPTY_LAST_CONTENT);
        }
        connection.flush();
        if (target == connection) { // a failed write has told already
            pullAnswer();
            pullRequest();
            progress();
        }
    }

    // ---- from the browser ----

    /** Content of the request. Takes it. */
    void requestContent(HttpContent content) {
        Asked a = asked;
        TargetConnection t = target;
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
        if (wrongLength || t == null || s == null) {
            // Without a target nothing is read: then it is not of HTTP's making, either.
            content.release();
            requestBroken();
        } else if (bodyBytes > s.options().maxBody()) {
            content.release();
            refuse(tooLarge(s.options()));
        } else {
            if (content instanceof LastHttpContent end && a.length() < 0) {
                HeaderFields.cleanTrailers(end.trailingHeaders());
            }
            t.write(content);
            progress();
        }
    }

    /** Bytes of another protocol. Takes them. */
    void bytesFromBrowser(ByteBuf bytes) {
        TargetConnection t = target;
        if (state == State.UPGRADED && t != null) {
            t.write(bytes);
            progress();
        } else {
            bytes.release();
        }
    }

    void browserReadComplete() {
        TargetConnection t = target;
        if (t != null) {
            t.flush();
            pullRequest();
        }
    }

    void browserWritable() {
        pullAnswer();
        progress();
    }

    /** The browser is gone. */
    void browserEnded() {
        TargetConnection t = target;
        if (state == State.UPGRADED && t != null) {
            target = null;
            t.closeWhenWritten();
        }
        end();
        dropTarget();
    }

    private void requestBroken() {
        refuse(new Refusal(
                HttpResponseStatus.BAD_REQUEST,
                "The body of the request is malformed: it is not of the length or coding that its head says."));
    }

    private void pullRequest() {
        TargetConnection t = target;
        if (t != null && t.isWritable() && (!isRequestRead() || state == State.UPGRADED)) {
            front.wantRequest();
        }
    }

    // ---- from the target ----

    void answerHead(HttpResponse head) {
        Answer a = answer;
        TargetConnection t = target;
        Answer.Kind kind = a == null || t == null || state != State.ASKING ? Answer.Kind.NOT_HTTP : a.kind(head);
        if (a == null || t == null || kind == Answer.Kind.NOT_HTTP) {
            notHttp();
            return;
        }
        switch (kind) {
            case INTERIM -> interim = true;
            case FINAL -> state = State.ANSWERING;
            case SWITCHING -> {
                state = State.UPGRADED;
                requestRead = true;
            }
            case NOT_HTTP -> {}
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
        if (interim && last) {
            interim = false;
            content.release();
        } else if (state != State.ANSWERING) {
            content.release(); // the end of 101
        } else if (content.decoderResult().isFailure()) {
            content.release();
            notHttp();
        } else {
            if (content instanceof LastHttpContent end) {
                HeaderFields.cleanTrailers(end.trailingHeaders());
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
        end();
        Answer a = answer;
        TargetConnection t = target;
        target = null;
        if (t != null && a != null && a.keepsTarget() && isRequestRead()) {
            IdleTargets.here().put(t);
        } else if (t != null) {
            t.close();
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

    /** The target has closed or reset the connection, which closes by itself. */
    void targetEnded(@Nullable Throwable cause) {
        target = null;
        Asked a = asked;
        Site s = site;
        if (state == State.UPGRADED) {
            end();
            front.ended(true);
        } else if (state == State.ANSWERING) {
            end();
            front.abort();
        } else if (state == State.ASKING && a != null && s != null) {
            if (mayRetry(a)) {
                retried = true;
                connect(a, s);
            } else {
                noWay(a, s, isRepeatable(a), TargetErrors.ended(cause, s));
            }
        }
    }

    /** An idle connection may have been closed while the request was on its way. */
    private boolean mayRetry(Asked a) {
        Answer begun = answer;
        return reused && !retried && (begun == null || !begun.begun()) && isRepeatable(a);
    }

    private void notHttp() {
        dropTarget();
        if (state == State.ASKING) {
            refuse(new Refusal(
                    HttpResponseStatus.BAD_GATEWAY,
                    "The server behind " + name() + " has given an answer that is not HTTP."));
        } else if (state != State.ENDED) {
            end();
            front.abort();
        }
    }

    private void pullAnswer() {
        TargetConnection t = target;
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
        TargetConnection t = target;
        Site s = site;
        if (t == null || s == null) {
            return;
        }
        switch (state) {
            case ASKING -> {
                int answer = s.options().answerSeconds();
                deadline.set(awaitsBody(t) ? BODY_SECONDS : front.isWritable() ? answer : WRITE_SECONDS);
            }
            case ANSWERING -> deadline.set(front.isWritable() ? ANSWER_IDLE_SECONDS : WRITE_SECONDS);
            case UPGRADED -> deadline.set(TUNNEL_SECONDS);
            case ENDED -> {}
        }
    }

    /** Whether it is the browser's turn. */
    private boolean awaitsBody(TargetConnection t) {
        Asked a = asked;
        Answer begun = answer;
        boolean awaits100 = a != null && a.continues() && begun != null && !begun.continued() && bodyBytes == 0;
        return !isRequestRead() && t.isWritable() && !awaits100;
    }

    private void expired() {
        TargetConnection t = target;
        if (state == State.ASKING && t != null && awaitsBody(t)) {
            refuse(new Refusal(
                    HttpResponseStatus.REQUEST_TIMEOUT,
                    "Nothing more of the request has come for " + BODY_SECONDS + " seconds."));
        } else if (state == State.ASKING) {
            refuse(new Refusal(
                    HttpResponseStatus.GATEWAY_TIMEOUT, "The server behind " + name() + " has not answered in time."));
        } else if (state == State.UPGRADED) {
            end();
            dropTarget();
            front.ended(true);
        } else {
            end();
            dropTarget();
            front.abort();
        }
    }

    /** Answers it ourselves, if that has not been begun. */
    private void refuse(Refusal refusal) {
        dropTarget();
        if (state == State.ENDED) {
            return;
        }
        boolean asking = state == State.ASKING;
        end();
        if (!asking) {
            front.abort();
            return;
        }
        log.debug("{} for {}: {}", refusal.status(), name(), refusal.text());
        boolean toHead = HttpMethod.HEAD.equals(request.method());
        ErrorPage page = ErrorPage.of(refusal, request.headers(), toHead);
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
        TargetConnection t = target;
        target = null;
        if (t != null) {
            t.close();
        }
    }

    private void end() {
        state = State.ENDED;
        deadline.end();
        Future<? extends Channel> pending = connecting;
        connecting = null;
        if (pending != null) {
            pending.cancel(false);
        }
    }
}
