package dev.culvert.gateway.fabric;

import dev.culvert.tunnel.frame.Reason;
import io.netty.buffer.ByteBuf;
import io.netty.util.concurrent.EventExecutor;

/**
 * One end of flows as the gateway sees it, to which {@linkplain FlowHalf halves} of them belong: a link, or something in the
 * gateway itself. It belongs to an event loop. What the other half's side did it is told there by the methods named {@code
 * take…}, in order; those called with a half that is closed already do nothing. All else is for any thread.
 */
interface Side {
    /** What it is: so it is called in logs and in the audit log. */
    String kind();

    /** Whose it is. */
    String name();

    /** Whether flows are opened towards it: only such a side answers OPENED and REFUSED. */
    boolean accepts();

    /** Whether it is there; on its event loop, or it may be news of a moment ago. */
    boolean isUp();

    EventExecutor loop();

    /**
     * Has something done on its event loop, from another.
     *
     * @return false when that loop has ended, as it does only when the gateway closes; then nothing has happened
     */
    boolean hand(Inbox.Item item);

    /** Has something done on its event loop: now, when that is the caller's. */
    default void run(Runnable task) {
        if (loop().inEventLoop()) {
            task.run();
        } else {
            hand(new Inbox.Item(null, 0, task, null));
        }
    }

    /**
     * Ends it and all its flows, because of what it has sent.
     *
     * @param code RFC 6455 7.4.1
     * @param why one line for people
     */
    void close(int code, String why);

    /** DATA, DATAGRAM or FIN. {@code payload} is its own now. */
    void take(FlowHalf half, int type, int flags, ByteBuf payload);

    /**
     * CREDIT.
     *
     * @param probe its flags about whether the destination is still there
     * @param granter whose it is: more than {@link FlowHalf#MAX_CREDIT} ends it
     */
    void takeCredit(FlowHalf half, long bytes, int probe, Side granter);

    /** OPENED. */
    void takeOpened(FlowHalf half, int flags, long credit, long rttMicros);

    /** REFUSED. {@code payload} is its own now. */
    void takeRefused(FlowHalf half, ByteBuf payload);

    /** RESET, by the other side or the gateway. */
    void takeReset(FlowHalf half, Reason reason);

    /**
     * A flow that it opened could not be taken after all.
     *
     * @param asked the half of whoever was asked
     */
    void takeFailure(FlowHalf half, FlowHalf asked, Reason reason);
}
