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
     * @param told its flags
     * @param received of a flow that can be resumed: up to which offset the granter's end has received; else less than 0
     * @param granter whose it is: more than {@link FlowHalf#MAX_CREDIT} ends it
     */
    void takeCredit(FlowHalf half, long bytes, int told, long received, Side granter);

    /**
     * What OPENED says.
     *
     * @param flags of it
     * @param credit what the opener may send
     * @param rttMicros least round trip of the answerer's link
     * @param received of a flow that can be resumed: up to which offset the answerer has received; else less than 0
     */
    record Opened(int flags, long credit, long rttMicros, long received) {}

    /**
     * OPENED.
     *
     * @param answerer what the answerer is named by when the flow is resumed
     */
    void takeOpened(FlowHalf half, Opened opened, String answerer);

    /** REFUSED. {@code payload} is its own now. */
    void takeRefused(FlowHalf half, ByteBuf payload);

    /** RESET, by the other side or the gateway. */
    void takeReset(FlowHalf half, Reason reason);

    /** The flow's path is no more, and the flow may be resumed over another. */
    default void takePathLost(FlowHalf half, Reason reason) {
        takeReset(half, reason);
    }

    /**
     * A flow that it opened could not be taken after all.
     *
     * @param asked the half of whoever was asked
     */
    void takeFailure(FlowHalf half, FlowHalf asked, Reason reason);
}
