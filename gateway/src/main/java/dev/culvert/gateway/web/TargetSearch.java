package dev.culvert.gateway.web;

import dev.culvert.gateway.web.Ways.Way;
import dev.culvert.text.Printable;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.util.concurrent.Future;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The way of one request to who serves it: its site is found, it is let in and counted, and a target is got for it; another one
 * when that has ended and the request may be sent again. On the event loop of its exchange.
 */
final class TargetSearch {
    /** What is published may be changed while a request looks for its target; not so often, for one request. */
    private static final int MAX_SITES = 3;

    /** Ways that are tried beside the first: more would make a visitor wait for what most probably is everywhere the same. */
    static final int MAX_OTHER_WAYS = 2;

    /** They may be sent again when nobody has answered (RFC 9110 9.2.2). */
    private static final Set<HttpMethod> IDEMPOTENT =
            Set.of(HttpMethod.GET, HttpMethod.HEAD, HttpMethod.OPTIONS, HttpMethod.PUT, HttpMethod.DELETE);

    private final Exchange exchange;
    private final Front front;
    private final Sites sites;
    private final Browser browser;
    private final HttpRequest request;
    private final Patience patience;
    private final @Nullable RequestRecord record;

    private @Nullable Asked asked;
    private @Nullable Site site;
    private @Nullable HttpRequest forTarget;
    private @Nullable Future<? extends Target> connecting;
    private @Nullable Way way; // by which it goes alone; null for any
    private @Nullable Site counted;
    private Set<String> tried = Set.of(); // ways that have failed
    private @Nullable List<String> said; // of its way, by the browser
    private boolean retried;
    private boolean ended;
    private int sitesAsked;

    /** @param exchange who is told the target, or why there is none */
    TargetSearch(
            Exchange exchange,
            Front front,
            Sites sites,
            Browser browser,
            HttpRequest request,
            Patience patience,
            @Nullable RequestRecord record) {
        this.exchange = exchange;
        this.front = front;
        this.sites = sites;
        this.browser = browser;
        this.request = request;
        this.patience = patience;
        this.record = record;
    }

    /** What is asked for; null while that is not known, or when it is malformed. */
    @Nullable
    Asked asked() {
        return asked;
    }

    /** For whom it is, as far as that is known. */
    @Nullable
    Site site() {
        return site;
    }

    /** Whether the target that was found first has ended, and another is looked for. */
    boolean retried() {
        return retried;
    }

    void begin() {
        try {
            Asked a = Asked.of(request);
            asked = a;
            ask(a);
        } catch (Refusal e) {
            exchange.refuse(e);
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

    private void admit(Asked a, Site s) {
        Future<String> user = sites.admit(s, request, browser, front.loop());
        if (user.isDone()) {
            admitted(user, a, s);
            return;
        }
        patience.connecting();
        user.addListener(f -> {
            if (front.loop().inEventLoop()) {
                admitted(user, a, s);
            } else {
                front.loop().execute(() -> admitted(user, a, s));
            }
        });
    }

    private void admitted(Future<String> user, Asked a, Site s) {
        if (ended) {
            return;
        }
        if (!user.isSuccess()) {
            exchange.refuse(
                    user.cause() instanceof Refusal r
                            ? r
                            : new Refusal(HttpResponseStatus.INTERNAL_SERVER_ERROR, "The gateway has failed."));
        } else if (a.length() > s.options().maxBody()) {
            exchange.refuse(tooLarge(s.options()));
        } else if (!counts(s)) {
            exchange.refuse(new Refusal(
                    HttpResponseStatus.SERVICE_UNAVAILABLE,
                    "As many requests as may be are being served for " + s.name()
                            + " or your address; try again soon."));
        } else {
            HttpRequest head = HeaderFields.toTarget(request, a, s.options(), browser, user.getNow());
            forTarget = head;
            if (record != null) {
                record.admitted(user.getNow(), head);
            }
            Ways ways = s.ways();
            connect(a, s, ways != null && ways.areKept() ? ways.choose(tried, w -> isSaid(ways, w)) : null, head);
        }
    }

    /** Whether the browser has been led by that way before. */
    private boolean isSaid(Ways ways, String name) {
        return said().contains(ways.mark(name));
    }

    private List<String> said() {
        List<String> known = said;
        if (known == null) {
            known = WayCookie.values(request.headers());
            said = known;
        }
        return known;
    }

    /** What tells the browser by which way it was led, when it does not say so itself; null for nothing. */
    @Nullable
    String cookie(Target target) {
        Site s = site;
        Ways ways = s == null ? null : s.ways();
        String name = ways == null || !ways.areKept() ? null : ways.of(target.connection());
        if (ways == null || name == null || isSaid(ways, name)) {
            return null;
        }
        boolean secure = browser.secure()
                || browser.trustedProxy() && request.headers().contains("X-Forwarded-Proto", "https", true);
        return WayCookie.set(ways.mark(name), ways.path(), secure);
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

    static Refusal tooLarge(SiteOptions options) {
        return new Refusal(
                HttpResponseStatus.REQUEST_ENTITY_TOO_LARGE,
                "The body of the request is larger than the " + options.maxBody() + " bytes that this site takes.");
    }

    /** @param by the way that it is to go alone; null for any */
    private void connect(Asked a, Site s, @Nullable Way by, HttpRequest head) {
        patience.connecting();
        way = by;
        Future<? extends Target> found =
                Targets.find(by == null ? s : by.site(), front.loop(), !isRepeatable(a), retried);
        connecting = found;
        if (found.isDone()) {
            connected(found, a, s, head);
        } else {
            found.addListener(f -> connected(found, a, s, head));
        }
    }

    private boolean isRepeatable(Asked a) {
        return !a.hasBody()
                && IDEMPOTENT.contains(request.method())
                && a.upgrade().isEmpty();
    }

    private void connected(Future<? extends Target> found, Asked a, Site s, HttpRequest head) {
        connecting = null;
        Target t = found.isSuccess() ? found.getNow() : null;
        Refusal objection = t == null ? null : t.objection(a);
        if (ended || objection != null) {
            if (t != null) {
                t.close();
            }
            if (objection != null) {
                exchange.refuse(objection);
            }
        } else if (t == null) {
            Way by = way;
            if (by == null || !turns(a, s, head, by.name())) {
                noWay(a, s, true, TargetErrors.connecting(found.cause(), s));
            }
        } else {
            exchange.serve(t, a, s, head);
        }
    }

    /**
     * There is no way to the site.
     *
     * @param mayAskAgain whether nothing of the request can have been served
     */
    private void noWay(Asked a, Site s, boolean mayAskAgain, Refusal why) {
        if (s.equals(sites.find(a.host(), a.path()))) {
            exchange.refuse(why);
        } else if (mayAskAgain && sitesAsked < MAX_SITES) { // something else is published there since
            try {
                ask(a);
            } catch (Refusal e) {
                exchange.refuse(e);
            }
        } else {
            exchange.refuse(new Refusal(
                    HttpResponseStatus.SERVICE_UNAVAILABLE,
                    "What is published as " + s.name() + " has just been changed; please try again."));
        }
    }

    /** Whether a request may go by another way, should the one that it has gone end before it is answered. */
    boolean mayTurn() {
        Asked a = asked;
        Site s = site;
        return a != null && s != null && isRepeatable(a) && s.ways() != null;
    }

    /**
     * Nothing goes to the target now: looks for another way, when there is one that is well.
     *
     * @return whether there is one: then the target is the exchange's no more
     */
    boolean leaves(Target lost) {
        Asked a = asked;
        Site s = site;
        HttpRequest head = forTarget;
        if (a == null || s == null || head == null || !isRepeatable(a)) {
            return false;
        }
        Way other = other(s, wayOf(s, lost));
        if (other == null) {
            return false;
        }
        exchange.dropTarget();
        retried = true;
        connect(a, s, other, head);
        return true;
    }

    /** The target has answered. */
    void answered(Target target) {
        Site s = site;
        Ways ways = s == null ? null : s.ways();
        if (ways != null) {
            ways.answered(target.connection());
        }
    }

    /** The target has ended a connection that had served nobody before without an answer, or with one that is none. */
    void unanswered(Target target) {
        Site s = site;
        Ways ways = s == null ? null : s.ways();
        if (ways != null) {
            ways.unanswered(target.connection());
        }
    }

    /**
     * The target that was found has ended, and nothing has come of an answer that is for the browser: looks for another, or refuses.
     *
     * @param reused whether its connection had served others: then it may have been closed while the request was on its way
     * @param untouched whether it has done nothing about the request, so that any may be sent again
     * @param begun whether anything of an answer has come
     * @param bodySent whether some of the request's content went there, and is nowhere else
     */
    void targetEnded(
            Target target,
            @Nullable Throwable cause,
            boolean reused,
            boolean untouched,
            boolean begun,
            boolean bodySent) {
        Asked a = asked;
        Site s = site;
        HttpRequest head = forTarget;
        if (a == null || s == null || head == null) {
            throw new IllegalStateException("no target was found");
        }
        Ways ways = s.ways();
        boolean tooLarge = TargetErrors.isUnsent(cause);
        if (!reused && !untouched && !tooLarge && !TargetErrors.isOfTheWay(cause)) {
            unanswered(target);
        }
        boolean mayRepeat = !begun && !tooLarge && (untouched ? !bodySent : isRepeatable(a));
        boolean mayStay = mayRepeat && !retried && (untouched || reused);
        boolean stays =
                mayStay && ways != null && ways.areKept(); // a kept connection that ends says nothing of its way
        if (!stays && mayRepeat && turns(a, s, head, wayOf(s, target))) {
            return;
        }
        if (mayStay) {
            retried = true;
            connect(a, s, way, head);
        } else {
            noWay(a, s, isRepeatable(a), TargetErrors.ended(cause, s));
        }
    }

    private static @Nullable String wayOf(Site s, Target target) {
        Ways ways = s.ways();
        return ways == null ? null : ways.of(target.connection());
    }

    /** Goes another way than the one that has failed, if there is one. */
    private boolean turns(Asked a, Site s, HttpRequest head, @Nullable String failed) {
        Way other = other(s, failed);
        if (other == null) {
            return false;
        }
        retried = true;
        connect(a, s, other, head);
        return true;
    }

    /** Another way than those that have failed; null when there is none that is well, or enough were tried. */
    private @Nullable Way other(Site s, @Nullable String failed) {
        Ways ways = s.ways();
        if (ways == null || failed == null || tried.size() >= MAX_OTHER_WAYS) {
            return null;
        }
        Set<String> all = new HashSet<>(tried);
        all.add(failed);
        tried = all;
        return ways.choose(all, any -> false);
    }

    /** Nothing is looked for any more, and the request counts nowhere. */
    void end() {
        ended = true;
        Site s = counted;
        counted = null;
        if (s != null) {
            sites.ends(s, browser);
        }
        Future<? extends Target> pending = connecting;
        connecting = null;
        if (pending != null) {
            pending.cancel(false);
        }
    }
}
