package dev.culvert.gateway.web;

import io.netty.channel.Channel;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Where exchanges get their targets from: connections that there are, or new ones. */
final class Targets {
    private static final Logger log = LoggerFactory.getLogger(Targets.class);

    private Targets() {}

    /**
     * Called on {@code loop}, on which the target will be. May be cancelled.
     *
     * @param once whether the request must not be sent twice
     * @param anew whether no connection that has rested is good enough
     */
    static Future<? extends Target> find(Site site, EventLoop loop, boolean once, boolean anew) {
        if (site.speaksHttp2()) {
            return Http2Targets.here().find(site, loop);
        }
        Http1Target idle = anew ? null : Http1Targets.here().take(site, loop, once);
        if (idle != null) {
            return loop.newSucceededFuture(idle);
        }
        Promise<Target> found = loop.newPromise();
        Future<? extends Channel> connecting = site.connect(loop);
        found.addListener(f -> {
            if (f.isCancelled()) {
                connecting.cancel(false);
            }
        });
        onLoop(
                connecting,
                loop,
                site,
                channel -> {
                    Target target = Http1Target.on(channel, site);
                    if (!found.trySuccess(target)) {
                        target.close();
                    }
                },
                found::tryFailure);
        return found;
    }

    interface Taker<T> {
        void take(T it);
    }

    /** What has become of connecting to a site, told on the loop. */
    static void onLoop(
            Future<? extends Channel> connecting,
            EventLoop loop,
            Site site,
            Taker<Channel> then,
            Taker<Throwable> otherwise) {
        Runnable told = () -> {
            Channel channel = connecting.isSuccess() ? connecting.getNow() : null;
            Throwable cause = connecting.cause();
            if (channel == null) {
                otherwise.take(cause == null ? new IllegalStateException("no channel") : cause);
            } else if (channel.eventLoop() != loop) {
                log.error("the channel to {} is on another event loop than its browser's", site.name());
                channel.close();
                otherwise.take(new IllegalStateException("on another event loop"));
            } else {
                then.take(channel);
            }
        };
        connecting.addListener(f -> {
            if (loop.inEventLoop()) {
                told.run();
            } else {
                loop.execute(told);
            }
        });
    }
}
