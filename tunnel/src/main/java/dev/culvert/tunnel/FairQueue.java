package dev.culvert.tunnel;

import org.jspecify.annotations.Nullable;

/**
 * Whose turn it is among the flows that have something waiting: first those that had nothing until now (a keystroke, a
 * request), then the others by deficit round robin with a quantum of one full frame (the scheme of RFC 8290, without its
 * CoDel). On one event loop only.
 */
final class FairQueue {
    private static final int QUANTUM = Frame.MAX_DATA;

    /** What a waiting frame costs beside its bytes: a buffer object, and what its allocation is rounded up to. */
    private static final int FRAME_OVERHEAD = 256;

    private final Runnable added;

    private @Nullable Outlet newHead;
    private @Nullable Outlet newTail;
    private @Nullable Outlet oldHead;
    private @Nullable Outlet oldTail;

    private long queuedBytes;
    private long queuedFrames;
    private boolean closed;

    /** @param added runs whenever a frame has been added */
    FairQueue(Runnable added) {
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

    void added(Outlet o, int bytes) {
        queuedBytes += bytes;
        queuedFrames++;
        if (!o.linked) {
            o.deficit = QUANTUM;
            appendNew(o);
        }
        added.run();
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
            if (o.isEmpty()) { // cleared while it waited
                drop(o);
            } else if (o.deficit < o.headBytes() && o.deficit < QUANTUM) {
                o.deficit += QUANTUM;
                rotate(o);
            } else {
                return o;
            }
        }
        return null;
    }

    /** The frame of {@link #next()} has been taken. */
    void taken(Outlet o, int bytes) {
        o.deficit -= bytes;
        if (o.isEmpty()) {
            drop(o);
        }
        o.ready(); // may add to o again
    }

    /** Drops everything that waits. */
    void close() {
        closed = true;
        for (Outlet o = head(); o != null; o = head()) {
            unlink(o);
            o.close();
        }
    }

    private @Nullable Outlet head() {
        return newHead != null ? newHead : oldHead;
    }

    private void appendNew(Outlet o) {
        o.linked = true;
        o.inNewList = true;
        o.next = null;
        if (newTail == null) {
            newHead = o;
        } else {
            newTail.next = o;
        }
        newTail = o;
    }

    private void appendOld(Outlet o) {
        o.linked = true;
        o.inNewList = false;
        o.next = null;
        if (oldTail == null) {
            oldHead = o;
        } else {
            oldTail.next = o;
        }
        oldTail = o;
    }

    /** Removes {@code o}, which is the head of its list. */
    private void unlink(Outlet o) {
        if (o.inNewList) {
            newHead = o.next;
            if (newHead == null) {
                newTail = null;
            }
        } else {
            oldHead = o.next;
            if (oldHead == null) {
                oldTail = null;
            }
        }
        o.next = null;
        o.linked = false;
    }

    private void rotate(Outlet o) {
        unlink(o);
        appendOld(o);
    }

    private void drop(Outlet o) {
        // RFC 8290 4.2: a new flow that empties goes to the old list first, or it could starve the others by
        // sending a little at a time. It goes there empty and is removed when its turn comes.
        if (o.inNewList && oldHead != null) {
            rotate(o);
        } else {
            unlink(o);
        }
    }
}
