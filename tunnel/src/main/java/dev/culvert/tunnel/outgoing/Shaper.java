package dev.culvert.tunnel.outgoing;

import dev.culvert.tunnel.frame.Frame;
import io.netty.buffer.ByteBuf;
import io.netty.util.concurrent.EventExecutor;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Holds what came in over a link to a {@link Bandwidth} before it goes on: a queue for each flow, and the order of a
 * {@link FairWriter} among them. The link itself is read on, so nothing but data waits, and of a stream no more than its
 * credit. On one event loop only.
 */
public final class Shaper {
    /** Where one flow's frames go on. */
    public interface Recipient extends Outlet.Listener {
        /** A frame's turn has come. {@code payload} is the recipient's. */
        void take(int type, int flags, ByteBuf payload);

        /** The shaper closes while frames of the flow wait: they are lost. */
        void lost();

        /** What comes in over a link is not asked for. */
        @Override
        default void outletReady() {}
    }

    private final EventExecutor executor;
    private final FairQueue queue;
    private final Runnable pump = this::pump;
    private @Nullable Pacer pacer;
    private boolean scheduled;

    /** One without a bandwidth, which passes everything on. */
    public Shaper(EventExecutor executor) {
        this.executor = executor;
        this.queue = new FairQueue(executor, this::schedule);
    }

    /** A new flow's queue. */
    public Outlet outlet(int flowId, Recipient to) {
        return new Outlet(flowId, queue, to);
    }

    /** Sets the bandwidth; null for no limit, then all that waits goes on soon. */
    public void limit(@Nullable Bandwidth bandwidth) {
        pacer = Pacer.after(pacer, bandwidth, executor, pump);
        schedule();
    }

    /** Whether it has no bandwidth to hold to and nothing waits, so that frames may go past it. */
    public boolean isIdle() {
        return pacer == null && !queue.hasFlows();
    }

    /** Payload bytes waiting over all flows. */
    public long queuedBytes() {
        return queue.queuedBytes();
    }

    /** Memory that waits over all flows. */
    public long heldBytes() {
        return queue.heldBytes();
    }

    private void schedule() {
        if (!scheduled && !queue.isClosed()) {
            scheduled = true;
            executor.execute(pump);
        }
    }

    private void pump() {
        scheduled = false;
        if (queue.isClosed()) {
            return;
        }
        int turn = 0;
        for (Outlet o = queue.next(); o != null; o = queue.next()) {
            if (pacer != null && !pacer.mayTake()) {
                return;
            }
            if (turn >= FairWriter.MAX_PER_TURN) {
                schedule();
                return;
            }
            int n = Frame.HEADER_LENGTH + o.headBytes();
            int type = o.headType();
            int flags = o.headFlags();
            ByteBuf payload = o.take();
            if (pacer != null) {
                flags = pacer.took(o, type, flags, n);
            }
            queue.taken(o, n);
            turn += n;
            recipient(o).take(type, flags, payload);
        }
    }

    /**
     * Takes no more, drops what waits, and tells those whose it was, a step at a time.
     *
     * @return whether all is dropped; else it is to be called again, in another turn of the loop
     */
    public boolean close() {
        if (pacer != null) {
            pacer.close();
            pacer = null;
        }
        queue.refuse();
        long dropped = 0;
        for (Outlet o = queue.next(); o != null; o = queue.next()) {
            dropped += 1 + o.frames();
            o.close();
            recipient(o).lost();
            if (dropped >= FairQueue.DROP_STEP) {
                return false;
            }
        }
        queue.close();
        return true;
    }

    /** {@link #outlet} gives every outlet of this queue one. */
    private static Recipient recipient(Outlet o) {
        return (Recipient) Objects.requireNonNull(o.listener());
    }
}
