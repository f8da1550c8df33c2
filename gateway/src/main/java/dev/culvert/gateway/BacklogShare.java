package dev.culvert.gateway;

import io.netty.buffer.ByteBuf;
import java.util.concurrent.TimeUnit;

/** One link's part of what waits at the gateway. On the link's event loop. */
final class BacklogShare {
    /** How stale the account of waiting bytes may be before it is brought up to date. */
    private static final long STEP = 256L << 10;

    private static final long ACCOUNT_MILLIS = 100;

    /** Frames below this are copied when others wait: else each would pin the record of up to 64 KiB that it came in. */
    private static final int SMALL_FRAME = 2_048;

    private final SwitchedLink link;
    private final Backlog backlog;
    private long accounted;
    private boolean accounting;

    BacklogShare(SwitchedLink link, Backlog backlog) {
        this.link = link;
        this.backlog = backlog;
    }

    /** Whether more may wait for the link. */
    boolean hasRoom() {
        long waiting = link.heldBytes();
        if (Math.abs(waiting - accounted) > STEP) {
            account();
        }
        return waiting <= Backlog.ALWAYS || backlog.allows(waiting, link.registry.linkCount());
    }

    /** Tells the backlog how much waits here, now and until nothing does. */
    private void account() {
        long waiting = link.isUp() ? link.heldBytes() : 0;
        backlog.add(waiting - accounted);
        accounted = waiting;
        if (waiting > 0 && !accounting) {
            accounting = true;
            link.loop()
                    .schedule(
                            () -> {
                                accounting = false;
                                account();
                            },
                            ACCOUNT_MILLIS,
                            TimeUnit.MILLISECONDS);
        }
    }

    /** The payload, or a copy that pins less; the payload is released then. */
    ByteBuf compact(ByteBuf payload) {
        int n = payload.readableBytes();
        if (n >= SMALL_FRAME || link.queuedBytes() < STEP) {
            return payload;
        }
        ByteBuf copy = link.link().channel().alloc().directBuffer(n).writeBytes(payload);
        payload.release();
        return copy;
    }

    /** Nothing waits any more. */
    void clear() {
        backlog.add(-accounted);
        accounted = 0;
    }
}
