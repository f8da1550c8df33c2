package dev.culvert.tunnel.loop;

import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Ticker;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.BooleanSupplier;

/**
 * What may take an event loop long, one after another, for a slice of time in each turn: so the loop's sockets have their turns meanwhile,
 * however much it is and however often more of it comes. On the loop.
 */
public final class SlicedWork implements Runnable {
    /** How long in one turn: some dozens of sockets can be closed in it. */
    public static final long SLICE_NANOS = 1_000_000;

    private final EventLoop loop;
    private final Deque<Work> works = new ArrayDeque<>();
    private boolean scheduled;

    private record Work(BooleanSupplier step, Runnable over) {}

    public SlicedWork(EventLoop loop) {
        this.loop = loop;
    }

    /**
     * Adds a work, which begins in the loop's next turn.
     *
     * @param step does a little of it, and says whether there is more
     * @param over called once, when there is no more, or a step has failed: then nothing more is done of it
     */
    public void add(BooleanSupplier step, Runnable over) {
        works.add(new Work(step, over));
        if (!scheduled) {
            scheduled = true;
            EventLoops.nextTurn(loop, this);
        }
    }

    /** A turn's slice. */
    @Override
    public void run() {
        Ticker clock = loop.ticker();
        long start = clock.nanoTime();
        try {
            while (!works.isEmpty() && clock.nanoTime() - start <= SLICE_NANOS) {
                step(works.remove());
            }
        } finally { // one that fails is over, and the others are not
            scheduled = !works.isEmpty();
            if (scheduled) {
                EventLoops.nextTurn(loop, this);
            }
        }
    }

    private void step(Work work) {
        boolean more = false;
        try {
            more = work.step.getAsBoolean();
        } finally {
            if (more) {
                works.addFirst(work);
            } else {
                work.over.run();
            }
        }
    }
}
