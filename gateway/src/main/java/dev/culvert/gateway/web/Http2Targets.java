package dev.culvert.gateway.web;

import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.frame.Reason;
import io.netty.channel.Channel;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.FastThreadLocal;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Connections in HTTP/2 to targets, which exchanges share: of one event loop, so that a browser's side and a target's are never
 * served by two.
 */
final class Http2Targets {
    /** To one site from each loop: each has a hundred streams, or as many as the target takes. */
    static final int MAX_CONNECTIONS = 8;

    /** Exchanges of one site on a loop that wait for a stream; others are told to come again. */
    static final int MAX_WAITING = 1_024;

    private static final FastThreadLocal<Http2Targets> HERE = new FastThreadLocal<>() {
        @Override
        protected Http2Targets initialValue() {
            return new Http2Targets();
        }
    };

    private final Map<Site, OfSite> bySite = new HashMap<>();

    private Http2Targets() {}

    /** Those of the present thread's event loop. */
    static Http2Targets here() {
        return HERE.get();
    }

    /** A stream of a connection that there is, or of a new one. Called on {@code loop}. May be cancelled. */
    Future<Target> find(Site site, EventLoop loop) {
        return bySite.computeIfAbsent(site, OfSite::new).find(loop);
    }

    /** Of one site: who has come and not gone waits, who has no connection is forgotten. */
    final class OfSite {
        private final Site site;
        private final List<Http2TargetConnection> connections = new ArrayList<>();
        private final ArrayDeque<Promise<Target>> waiting = new ArrayDeque<>();
        private @Nullable Future<? extends Channel> connecting;

        OfSite(Site site) {
            this.site = site;
        }

        Site site() {
            return site;
        }

        Future<Target> find(EventLoop loop) {
            waiting.removeIf(Future::isCancelled);
            Http2TargetConnection free = waiting.isEmpty() ? free() : null;
            if (free != null) {
                return loop.newSucceededFuture(free.open());
            }
            if (waiting.size() >= MAX_WAITING) {
                return loop.newFailedFuture(new FlowException(Reason.OVERLOADED, "too many requests wait for it"));
            }
            Promise<Target> promise = loop.newPromise();
            waiting.add(promise);
            if (connections.stream().noneMatch(Http2TargetConnection::isStarting)) {
                connect(loop);
            }
            return promise;
        }

        private @Nullable Http2TargetConnection free() {
            for (Http2TargetConnection connection : connections) {
                if (!site.mayServe(connection.channel())) {
                    connection.loop().execute(connection::retire); // not now: it is asked about while it is chosen from
                } else if (connection.hasRoom()) {
                    return connection;
                }
            }
            return null;
        }

        /** One at a time: who comes meanwhile most often has room on it, too. */
        private void connect(EventLoop loop) {
            if (connecting != null || connections.size() >= MAX_CONNECTIONS) {
                return;
            }
            Future<? extends Channel> future = site.connect(loop);
            connecting = future;
            Deadline deadline = new Deadline(loop, () -> future.cancel(false));
            deadline.set(Patience.CONNECT_SECONDS);
            Targets.onLoop(
                    future,
                    loop,
                    site,
                    channel -> {
                        deadline.end();
                        connecting = null;
                        Http2TargetConnection connection = new Http2TargetConnection(channel, this);
                        connections.add(connection);
                        connection.start();
                    },
                    cause -> {
                        deadline.end();
                        connecting = null;
                        failed(cause);
                    });
        }

        /** There may be room on a connection, or a need for another. */
        void changed(EventLoop loop) {
            Http2TargetConnection free = free();
            while (free != null && !waiting.isEmpty()) {
                Promise<Target> next = waiting.remove();
                if (next.setUncancellable()) {
                    next.setSuccess(free.open());
                }
                free = free();
            }
            waiting.removeIf(Future::isCancelled);
            if (!waiting.isEmpty() && connections.stream().noneMatch(Http2TargetConnection::isStarting)) {
                connect(loop);
            }
            forget();
        }

        /** It takes no more streams. */
        void retired(Http2TargetConnection connection) {
            connections.remove(connection);
        }

        /** It has ended; {@code cause} says why it never began, if so. */
        void ended(Http2TargetConnection connection, @Nullable Throwable cause) {
            boolean known = connections.remove(connection);
            if (cause != null && known) {
                failed(cause);
            } else {
                changed(connection.loop());
            }
        }

        /** What waits is told, unless other connections may have room for it. */
        private void failed(Throwable cause) {
            if (connecting == null && connections.stream().noneMatch(Http2TargetConnection::mayServe)) {
                List<Promise<Target>> all = List.copyOf(waiting);
                waiting.clear();
                all.forEach(promise -> promise.tryFailure(cause));
                forget();
            }
        }

        private void forget() {
            if (connecting == null && connections.isEmpty() && waiting.isEmpty()) {
                bySite.remove(site, this);
            }
        }
    }
}
