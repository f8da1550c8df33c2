package dev.culvert.gateway.web;

import io.netty.channel.Channel;
import io.netty.util.AttributeKey;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Whether a connection of a browser waits for a request, and since when. One that does may be ended to make room for another, as it may
 * by its deadline: a browser asks again over a new one. From any thread, but for what says otherwise.
 */
public final class Rest {
    private static final AttributeKey<Rest> KEY = AttributeKey.valueOf(Rest.class, "rest");

    private enum State {
        BUSY,
        RESTING,
        ENDED
    }

    private final AtomicReference<State> state = new AtomicReference<>(State.BUSY);
    private volatile long sinceNanos;

    /** That of a connection: until HTTP is spoken there it does not rest. */
    public static Rest of(Channel channel) {
        Rest rest = new Rest();
        Rest known = channel.attr(KEY).setIfAbsent(rest);
        return known == null ? rest : known;
    }

    /**
     * It waits for a request from now on. On its event loop.
     *
     * @param nowNanos of the loop's clock
     */
    void begin(long nowNanos) {
        sinceNanos = nowNanos;
        state.compareAndSet(State.BUSY, State.RESTING);
    }

    /**
     * A request begins. On its event loop.
     *
     * @return false when it is too late: the connection has been given up
     */
    boolean end() {
        return state.compareAndSet(State.RESTING, State.BUSY) || state.get() == State.BUSY;
    }

    /** Whether it waits for a request. */
    public boolean isOn() {
        return state.get() == State.RESTING;
    }

    /** Since when, if it does. */
    public long sinceNanos() {
        return sinceNanos;
    }

    /**
     * Gives the connection up; who calls closes it then.
     *
     * @return false when a request has begun, or somebody else was first
     */
    public boolean giveUp() {
        return state.compareAndSet(State.RESTING, State.ENDED);
    }
}
