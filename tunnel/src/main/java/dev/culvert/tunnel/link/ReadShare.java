package dev.culvert.tunnel.link;

import io.netty.util.concurrent.EventExecutor;
import io.netty.util.concurrent.ImmediateEventExecutor;

/**
 * How long the links of one holder on one event loop may be read in a turn, together: as long as a link that is its holder's
 * only one. Each has an equal part of it, so who has a hundred of them holds up the loop's others no longer than who has
 * one. On that loop.
 */
public final class ReadShare {
    /** How long what is read at once may take. */
    static final long SLICE_NANOS = 1_000_000;

    /** Of a link that nobody has told of another. */
    static final ReadShare ALONE = new ReadShare(ImmediateEventExecutor.INSTANCE);

    private final EventExecutor loop;
    private int links;
    private int read; // links, in this turn
    private int expected = 1; // to be read in a turn
    private long usedNanos; // in this turn

    public ReadShare(EventExecutor loop) {
        this.loop = loop;
    }

    /** One more link. */
    public void joined() {
        links++;
    }

    /**
     * One link less.
     *
     * @return whether there is none left
     */
    public boolean left() {
        return --links == 0;
    }

    /** How long what is read now may take, of a link that has something to be read; 0 when no time is left in this turn. */
    long begin() {
        if (!isShared()) {
            return SLICE_NANOS;
        }
        if (read++ == 0) {
            loop.execute(this::turned); // after the sockets of this turn
        }
        return Math.max(0, Math.min(SLICE_NANOS / expected, SLICE_NANOS - usedNanos));
    }

    boolean isShared() {
        return links > 1;
    }

    void used(long nanos) {
        usedNanos += nanos;
    }

    /** What is expected falls slowly, or links that pause together would each begin again with all of the time. */
    private void turned() {
        expected = Math.max(read, expected - (expected + 7) / 8);
        read = 0;
        usedNanos = 0;
    }
}
