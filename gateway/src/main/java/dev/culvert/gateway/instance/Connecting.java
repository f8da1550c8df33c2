package dev.culvert.gateway.instance;

import dev.culvert.gateway.instance.Instances.Choice;
import dev.culvert.gateway.publish.Published;
import dev.culvert.gateway.publish.PublishedFlows;
import dev.culvert.gateway.web.UnwellException;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.frame.Reason;
import io.netty.channel.Channel;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.util.HashSet;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Connects through the instance that is chosen, and when that fails, when nothing has been sent, through another. On an event loop.
 *
 * @param <C> what a connection is
 */
public final class Connecting<C extends Channel> {
    private final Instances instances;
    private final Published published;
    private final Function<String, Future<? extends C>> attempt;
    private final Promise<C> connected;
    private final int most;
    private final Set<String> tried = new HashSet<>();
    private @Nullable Future<? extends C> current;

    private Connecting(
            Instances instances,
            EventLoop loop,
            Published published,
            int most,
            Function<String, Future<? extends C>> attempt) {
        this.instances = instances;
        this.most = most;
        this.published = published;
        this.attempt = attempt;
        this.connected = loop.newPromise();
    }

    /**
     * Begins. Called on {@code loop}.
     *
     * @param attempt connects through an instance, by its answerer
     * @return fails with a {@link FlowException}, and with {@link UnwellException} when all instances are left out. May be cancelled
     */
    public static <C extends Channel> Future<C> begin(
            Instances instances, EventLoop loop, Published published, Function<String, Future<? extends C>> attempt) {
        Connecting<C> connecting = new Connecting<>(instances, loop, published, 1 + Instances.MAX_RETRIES, attempt);
        connecting.next(null);
        return connecting.cancellable();
    }

    /**
     * As {@link #begin}, through the instance of that answerer and no other.
     */
    public static <C extends Channel> Future<C> through(
            String answerer,
            Instances instances,
            EventLoop loop,
            Published published,
            Function<String, Future<? extends C>> attempt) {
        Connecting<C> connecting = new Connecting<>(instances, loop, published, 1, attempt);
        connecting.attempt(answerer);
        return connecting.cancellable();
    }

    private Future<C> cancellable() {
        connected.addListener(f -> {
            Future<? extends C> now = current;
            if (f.isCancelled() && now != null) {
                now.cancel(false);
            }
        });
        return connected;
    }

    private void next(@Nullable Throwable before) {
        Choice choice = instances.choose(published, tried);
        String answerer = choice.answerer();
        if (answerer == null) {
            connected.tryFailure(before != null ? before : none(published, choice));
            return;
        }
        attempt(answerer);
    }

    private void attempt(String answerer) {
        tried.add(answerer);
        Future<? extends C> now = attempt.apply(answerer);
        current = now;
        now.addListener(f -> ended(now, answerer));
    }

    /** Why there is none to be chosen. */
    public static Exception none(Published published, Choice choice) {
        return choice.unwell()
                ? new UnwellException()
                : new FlowException(Reason.NO_AGENT, "agent '" + published.agent() + "' is not connected");
    }

    private void ended(Future<? extends C> now, String answerer) {
        if (now.isSuccess()) {
            instances.connected(published, answerer);
            if (!connected.trySuccess(now.getNow())) {
                now.getNow().close();
            }
        } else if (PublishedFlows.isWithdrawn(now.cause())) {
            connected.tryFailure(now.cause()); // through no instance
        } else if (!connected.isDone()) { // else nobody waits, and it was we who ended it
            instances.failed(published, answerer);
            if (tried.size() < most) {
                next(now.cause());
            } else {
                connected.tryFailure(now.cause());
            }
        }
    }
}
