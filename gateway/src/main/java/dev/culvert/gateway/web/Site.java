package dev.culvert.gateway.web;

import io.netty.channel.Channel;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/**
 * One target of requests. Idle connections to it are kept and used again for every request whose site {@code equals} it: who
 * makes one anew for each request has none.
 */
public interface Site {
    /** For messages and logs: the published name. */
    String name();

    /** Whether what connects to its target may serve several browsers; else it is of one browser's connection. */
    default boolean isShared() {
        return true;
    }

    /**
     * Whether a kept connection of {@link #connect} may serve another request: not when who carries it shall be given nothing new.
     * Asked on its event loop.
     */
    default boolean mayServe(Channel connection) {
        return true;
    }

    SiteOptions options();

    /** Whether the target is spoken to in HTTP/2, with prior knowledge (RFC 9113 3.3), not in HTTP/1.1. */
    default boolean speaksHttp2() {
        return false;
    }

    /** Whether bytes on a connection of {@link #connect} go to the target now, and do not wait for who carries it to come back. */
    default boolean hasPath(Channel connection) {
        return TargetErrors.hasPath(connection);
    }

    /** The ways to its target, of which {@link #connect} chooses one; null when there is but one. */
    default @Nullable Ways ways() {
        return null;
    }

    /**
     * Opens a byte stream to the target. Called on {@code loop}.
     *
     * @return succeeds with an active channel that is registered on {@code loop}, allows half-closure or closes when its input
     *     ends, and of which nothing has been read; it belongs to the caller, who closes it. Fails with a {@code FlowException} when there
     *     is a {@code Reason}. It may be cancelled.
     */
    Future<? extends Channel> connect(EventLoop loop);
}
