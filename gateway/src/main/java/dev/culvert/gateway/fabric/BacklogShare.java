package dev.culvert.gateway.fabric;

import dev.culvert.gateway.limit.Backlog;
import io.netty.buffer.ByteBuf;
import java.util.concurrent.TimeUnit;

/** One link's part of what waits at the gateway. On the link's event loop. */
final class BacklogShare {
    /** What is taken of the backlog at once, so that it is asked seldom; a frame may wait before anything is taken. */
    static final long STEP = 256L << 10;

    private static final long SETTLE_MILLIS = 100;

    /** Frames below this are copied when others wait: else each would pin the record of up to 64 KiB that it came in. */
    private static final int SMALL_FRAME = 2_048;

    /** From so many waiting bytes on they are. */
    private static final long COPY_FROM = 64L << 10;

    private final LinkSide link;
    private final Backlog backlog;
    private long taken;
    private boolean settling;

    BacklogShare(LinkSide link, Backlog backlog) {
        this.link = link;
        this.backlog = backlog;
    }

    /** Whether more may wait for the link. */
    boolean hasRoom() {
        long waiting = link.heldBytes();
        if (waiting <= taken || waiting <= SMALL_FRAME) {
            return true;
        }
        if (!link.isUp()) {
            return true; // nothing waits any more
        }
        long more = (waiting - taken + STEP - 1) / STEP * STEP;
        if (!backlog.take(link.holderKey(), more)) {
            return false;
        }
        taken += more;
        settleSoon();
        return true;
    }

    private void settleSoon() {
        if (!settling) {
            settling = true;
            link.loop().schedule(this::settle, SETTLE_MILLIS, TimeUnit.MILLISECONDS);
        }
    }

    /** Gives back what is not needed any more, now and until nothing is. */
    private void settle() {
        settling = false;
        long needed = (link.heldBytes() + STEP - 1) / STEP * STEP;
        if (taken > needed) {
            backlog.give(link.holderKey(), taken - needed);
            taken = needed;
        }
        if (taken > 0) {
            settleSoon();
        }
    }

    /** The payload, or a copy that pins less; the payload is released then. */
    ByteBuf compact(ByteBuf payload) {
        int n = payload.readableBytes();
        if (n >= SMALL_FRAME || link.queuedBytes() < COPY_FROM) {
            return payload;
        }
        ByteBuf copy = link.carrier().alloc().directBuffer(n).writeBytes(payload);
        payload.release();
        return copy;
    }

    /** Nothing waits any more. */
    void clear() {
        backlog.give(link.holderKey(), taken);
        taken = 0;
    }
}
