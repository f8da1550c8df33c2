package dev.culvert.tunnel.outgoing;

import dev.culvert.tunnel.flow.CreditBudget;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.util.concurrent.EventExecutor;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * Whose turn it is among the flows that have something waiting: first those that had nothing until now (a keystroke, a
 * request), then the others by deficit round robin with a quantum of one full frame (the scheme of RFC 8290, without its
 * CoDel).
 *
 * <p>RFC 8290 lets a flow go first once in a round. A round is a full frame of each busy flow here, ten times what it is
 * there, and a second keystroke would wait for all of it. So a flow goes first as often as it has had nothing waiting,
 * until its quantum of this round is used up: it keeps its place in the round meanwhile, and gets a new quantum there.
 *
 * <p>On one event loop only.
 */
public final class FairQueue {
    private static final int QUANTUM = Frame.MAX_DATA;

    /**
     * What a waiting frame costs beside its bytes: what its allocation is rounded up to, and a buffer object and its slot,
     * about 130 bytes of the heap, which is a quarter as large as direct memory.
     */
    private static final int FRAME_OVERHEAD = 512;

    /** Frames, and flows, that are dropped in one turn of the loop, which has others to serve: below a millisecond. */
    public static final int DROP_STEP = 2_048;

    private final EventExecutor loop;
    private final Runnable added;

    /** Closed, and too long to be dropped in the turn in which they were. */
    private final ArrayDeque<Outlet> dropping = new ArrayDeque<>(0);

    private boolean dropScheduled;

    private @Nullable Outlet newHead;
    private @Nullable Outlet newTail;
    private @Nullable Outlet oldHead;
    private @Nullable Outlet oldTail;
    private @Nullable Outlet owingHead;
    private @Nullable Outlet owingTail;

    /**
     * What all datagram flows of a link may have waiting, their overhead included: 32 that have all that one may have. Streams
     * do not count: what they have waiting is credit's to bound, and must not stop a ping.
     */
    public static final long MAX_DATAGRAM_BYTES = 32L << 20;

    private long datagramBytes;
    private long queuedBytes;
    private long queuedFrames;
    private boolean closed;

    /** @param added runs whenever a frame has been added */
    FairQueue(EventExecutor loop, Runnable added) {
        this.loop = loop;
        this.added = added;
    }

    boolean isClosed() {
        return closed;
    }

    /** Payload bytes waiting over all flows. */
    long queuedBytes() {
        return queuedBytes;
    }

    /** Memory that waits over all flows: payload and, so that many small frames count as what they are, their overhead. */
    long heldBytes() {
        return queuedBytes + queuedFrames * FRAME_OVERHEAD;
    }

    /** A frame has been added to {@code o}. */
    void added(Outlet o, int bytes) {
        queuedBytes += bytes;
        queuedFrames++;
        if (!o.isNew && !o.isOld) {
            o.deficit = QUANTUM;
            appendNew(o);
        } else if (!o.isNew && o.frames() == 1 && bytes <= o.deficit) {
            appendNew(o);
        }
        added.run();
    }

    void addedDatagram(int bytes) {
        datagramBytes += bytes + FRAME_OVERHEAD;
    }

    void removedDatagram(int bytes) {
        datagramBytes -= bytes + FRAME_OVERHEAD;
    }

    /** What datagrams may still be added; no flow is to have more than is left for the others ({@link CreditBudget}). */
    long datagramBytesLeft() {
        return MAX_DATAGRAM_BYTES - datagramBytes;
    }

    /** A frame that waits already, in line, has got longer. */
    void grew(int bytes) {
        queuedBytes += bytes;
    }

    void removed(int bytes) {
        queuedBytes -= bytes;
        queuedFrames--;
    }

    /** Whether flows are in line; some of them may have been emptied meanwhile. */
    boolean hasFlows() {
        return head() != null;
    }

    /** The flow whose first frame goes next; null when nothing waits. */
    @Nullable
    Outlet next() {
        for (Outlet o = head(); o != null; o = head()) {
            if (o.isEmpty()) { // it was in the round for what it had sent before, or was cleared while it waited
                leave(o);
            } else if (o.deficit >= o.headBytes() || o.deficit >= QUANTUM) {
                return o;
            } else if (o.isNew && o.isOld) {
                removeNew(o); // its quantum is used up, its turn in the round comes
            } else {
                o.deficit += QUANTUM;
                leave(o);
                appendOld(o);
            }
        }
        return null;
    }

    /** The first frame of {@code o}, which was {@link #next()}, has been taken. */
    void taken(Outlet o, int bytes) {
        o.deficit -= bytes;
        if (o.isEmpty()) {
            boolean first = o.isNew;
            leave(o);
            // RFC 8290 4.2: one that went first stays in the round, empty, or it could starve the others by sending a
            // little at a time.
            if (first && !o.isOld && oldHead != null) {
                appendOld(o);
            }
        }
        o.ready(); // may add to o again
    }

    /** {@code o} has credit to tell of; until it has, it is in this line once. */
    void owes(Outlet o) {
        o.owing = true;
        o.prevOwing = owingTail;
        if (owingTail == null) {
            owingHead = o;
        } else {
            owingTail.nextOwing = o;
        }
        owingTail = o;
        added.run();
    }

    boolean owesCredit() {
        return owingHead != null;
    }

    /** The next flow that has credit to tell of, taken out of its line; null when there is none. */
    @Nullable
    Outlet nextOwing() {
        Outlet o = owingHead;
        if (o != null) {
            removeOwing(o);
        }
        return o;
    }

    private void removeOwing(Outlet o) {
        if (o.prevOwing == null) {
            owingHead = o.nextOwing;
        } else {
            o.prevOwing.nextOwing = o.nextOwing;
        }
        if (o.nextOwing == null) {
            owingTail = o.prevOwing;
        } else {
            o.nextOwing.prevOwing = o.prevOwing;
        }
        o.prevOwing = null;
        o.nextOwing = null;
        o.owing = false;
    }

    /** {@code o} is closed. Nobody may come by for long: it is not kept in line; what it has waiting is dropped. */
    void closed(Outlet o) {
        if (o.isNew) {
            removeNew(o);
        }
        if (o.isOld) {
            removeOld(o);
        }
        if (o.owing) {
            removeOwing(o);
        }
        o.drop(step());
        if (!o.isEmpty()) {
            dropping.add(o);
            dropLater();
        }
    }

    /** Takes no more; what waits stays. */
    void refuse() {
        closed = true;
    }

    /**
     * Takes no more, and drops what waits, a step now and one in each turn of the loop, or all at once when that is ending: half a
     * million datagrams of one peer may wait.
     */
    void close() {
        refuse();
        drop();
    }

    private int step() {
        return loop.isShuttingDown() ? Integer.MAX_VALUE : DROP_STEP;
    }

    private void dropLater() {
        if (!dropScheduled) {
            dropScheduled = true;
            EventLoops.nextTurn(loop, this::drop);
        }
    }

    private void drop() {
        dropScheduled = false;
        long left = step();
        Outlet o;
        while (left > 0 && (o = dropping.peek()) != null) {
            left -= o.drop((int) left);
            if (o.isEmpty()) {
                dropping.remove();
            }
        }
        while (closed && left > 0 && (o = head()) != null) {
            long before = queuedFrames;
            o.close();
            left -= 1 + before - queuedFrames;
        }
        while (closed && left > 0 && nextOwing() != null) {
            left--;
        }
        if (!dropping.isEmpty() || closed && (hasFlows() || owesCredit())) {
            dropLater();
        }
    }

    private @Nullable Outlet head() {
        return newHead != null ? newHead : oldHead;
    }

    /** Takes {@code o}, the head, out of the line that it is the head of. */
    private void leave(Outlet o) {
        if (o.isNew) {
            removeNew(o);
        } else {
            removeOld(o);
        }
    }

    private void appendNew(Outlet o) {
        o.isNew = true;
        o.prevNew = newTail;
        if (newTail == null) {
            newHead = o;
        } else {
            newTail.nextNew = o;
        }
        newTail = o;
    }

    private void removeNew(Outlet o) {
        if (o.prevNew == null) {
            newHead = o.nextNew;
        } else {
            o.prevNew.nextNew = o.nextNew;
        }
        if (o.nextNew == null) {
            newTail = o.prevNew;
        } else {
            o.nextNew.prevNew = o.prevNew;
        }
        o.prevNew = null;
        o.nextNew = null;
        o.isNew = false;
    }

    private void appendOld(Outlet o) {
        o.isOld = true;
        o.prevOld = oldTail;
        if (oldTail == null) {
            oldHead = o;
        } else {
            oldTail.nextOld = o;
        }
        oldTail = o;
    }

    private void removeOld(Outlet o) {
        if (o.prevOld == null) {
            oldHead = o.nextOld;
        } else {
            o.prevOld.nextOld = o.nextOld;
        }
        if (o.nextOld == null) {
            oldTail = o.prevOld;
        } else {
            o.nextOld.prevOld = o.prevOld;
        }
        o.prevOld = null;
        o.nextOld = null;
        o.isOld = false;
    }
}
