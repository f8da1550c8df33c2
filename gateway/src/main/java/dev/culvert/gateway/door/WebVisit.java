package dev.culvert.gateway.door;

import dev.culvert.gateway.login.BasicLogin;
import dev.culvert.gateway.login.BasicLogin.Answer;
import dev.culvert.gateway.login.PasswordChecks;
import dev.culvert.gateway.publish.PublicationUsage;
import dev.culvert.gateway.publish.Visit;
import dev.culvert.gateway.web.Browser;
import dev.culvert.gateway.web.Refusal;
import dev.culvert.gateway.web.RequestLog;
import dev.culvert.gateway.web.Site;
import dev.culvert.gateway.web.Sites;
import io.netty.channel.Channel;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import io.netty.util.concurrent.PromiseNotifier;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What one connection of a browser may ask for: it counts against each publication that it has asked for, from its first request
 * that was let in until it is closed. On its event loop.
 */
final class WebVisit implements Sites {
    /** When there was no room: connections of others end. */
    private static final String BUSY_SECONDS = "5";

    private final Sites sites;
    private final Channel connection;
    private final PasswordChecks passwords;
    private final ExchangeCounts exchanges;
    private final @Nullable WebAccess access;
    private final List<Visit> visits = new ArrayList<>();

    /**
     * @param sites that are there, for this connection
     * @param access who is told what became of requests; null for nobody
     */
    WebVisit(
            Sites sites,
            Channel connection,
            PasswordChecks passwords,
            ExchangeCounts exchanges,
            @Nullable WebAccess access) {
        this.access = access;
        this.exchanges = exchanges;
        this.sites = sites;
        this.connection = connection;
        this.passwords = passwords;
    }

    @Override
    public @Nullable Site find(String host, String path) {
        return sites.find(host, path);
    }

    @Override
    public boolean isElsewhere(String host) {
        return sites.isElsewhere(host);
    }

    @Override
    public boolean begins(Site site, Browser browser) {
        return exchanges.begins(site.name(), browser);
    }

    @Override
    public void ends(Site site, Browser browser) {
        exchanges.ends(site.name(), browser);
    }

    @Override
    public @Nullable RequestLog requestLog() {
        return access;
    }

    @Override
    public Future<String> admit(Site site, HttpRequest request, Browser browser, EventLoop loop) {
        if (!(site instanceof PublishedSite there)) {
            return sites.admit(site, request, browser, loop); // a page of the gateway's own
        }
        PublicationUsage usage = there.usage();
        if (browser.isContradicted(request)) {
            return loop.newFailedFuture(new Refusal(
                    HttpResponseStatus.BAD_REQUEST,
                    "The proxy in front says two different things of where the request comes from."));
        }
        InetAddress visitor = browser.visitor(request);
        if (!usage.allows(visitor)) {
            return loop.newFailedFuture(
                    new Refusal(HttpResponseStatus.FORBIDDEN, "This site is not open to your address."));
        }
        if (!usage.takes(visitor)) {
            return loop.newFailedFuture(new Refusal(
                    HttpResponseStatus.TOO_MANY_REQUESTS,
                    "Too many requests come from your address.",
                    HttpHeaderNames.RETRY_AFTER,
                    Integer.toString(usage.retrySeconds())));
        }
        BasicLogin login = usage.login();
        if (login == null) {
            return entered(usage, browser, "", loop);
        }
        Future<Answer> checked =
                login.check(request.headers().getAll(HttpHeaderNames.AUTHORIZATION), visitor, loop, passwords);
        if (checked.isDone()) {
            return answered(checked.getNow(), there, browser, loop);
        }
        Promise<String> user = loop.newPromise();
        checked.addListener(done -> loop.execute(
                () -> answered(checked.getNow(), there, browser, loop).addListener(new PromiseNotifier<>(user))));
        return user;
    }

    /** Who it is has been looked at. On the connection's loop. */
    private Future<String> answered(Answer answer, PublishedSite site, Browser browser, EventLoop loop) {
        PublicationUsage usage = site.usage();
        Refusal why = refusal(answer, site.name());
        if (why == null) {
            return entered(usage, browser, answer.user(), loop);
        }
        usage.refusedLogin();
        return loop.newFailedFuture(why);
    }

    /** Only who has shown who it is takes a place: strangers keep nobody out. */
    private Future<String> entered(PublicationUsage usage, Browser browser, String user, EventLoop loop) {
        return counts(usage, browser)
                ? loop.newSucceededFuture(user)
                : loop.newFailedFuture(new Refusal(
                        HttpResponseStatus.SERVICE_UNAVAILABLE,
                        "This site has as many visitors as it takes; try again soon.",
                        HttpHeaderNames.RETRY_AFTER,
                        BUSY_SECONDS));
    }

    private boolean counts(PublicationUsage usage, Browser browser) {
        for (Visit visit : visits) {
            if (usage.holds(visit)) {
                return true;
            }
        }
        Visit visit = usage.enter(browser.trustedProxy() ? null : browser.address(), connection::close);
        if (visit == null) {
            return false;
        }
        visits.add(visit);
        connection.closeFuture().addListener(closed -> visit.leave());
        return true;
    }

    private static @Nullable Refusal refusal(Answer answer, String name) {
        return switch (answer.outcome()) {
            case KNOWN -> null;
            case ASKED ->
                new Refusal(
                        HttpResponseStatus.UNAUTHORIZED,
                        "This site asks for a name and a password.",
                        HttpHeaderNames.WWW_AUTHENTICATE,
                        "Basic realm=\"" + name + "\", charset=\"UTF-8\"");
            case TOO_OFTEN ->
                new Refusal(
                        HttpResponseStatus.TOO_MANY_REQUESTS,
                        "Too many wrong passwords come from your address.",
                        HttpHeaderNames.RETRY_AFTER,
                        Integer.toString(BasicLogin.FORGIVEN_SECONDS));
            case BUSY ->
                new Refusal(
                        HttpResponseStatus.SERVICE_UNAVAILABLE,
                        "Too many passwords are looked at now; try again soon.",
                        HttpHeaderNames.RETRY_AFTER,
                        BUSY_SECONDS);
        };
    }
}
