package dev.culvert.gateway.web;

import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/** What is published over HTTP, by name and path. Asked on the event loops of browsers, once for each request. */
public interface Sites {
    /**
     * @param host what the request is addressed to: lower case, without port and without a dot at its end; an IPv6 address
     *     in brackets
     * @param path the path of the request, without its query; begins with a slash and has no dot segments
     * @return who serves it; null when nobody does
     */
    @Nullable
    Site find(String host, String path);

    /** Whether a host for which nothing was found is served on other connections than the browser's (421, RFC 9110 15.5.20). */
    default boolean isElsewhere(String host) {
        return false;
    }

    /** Counts an exchange that has been let in, until {@link #ends}; false when there are too many, and it is not counted. */
    default boolean begins(Site site, Browser browser) {
        return true;
    }

    default void ends(Site site, Browser browser) {}

    /** Who is told what became of requests; null for nobody. */
    default @Nullable RequestLog requestLog() {
        return null;
    }

    /**
     * Lets a request in, or not. Asked once for each request, before the target hears of it and any of its body is read.
     *
     * @param site that was found for it
     * @param loop the event loop of the browser, which is the caller's
     * @return of any event loop, and done already where nothing has to be waited for: the name of the user who has shown who it
     *     is, which the target is told; empty where nobody has to. Fails with a {@link Refusal}, which the browser is answered
     */
    default Future<String> admit(Site site, HttpRequest request, Browser browser, EventLoop loop) {
        return loop.newSucceededFuture("");
    }
}
