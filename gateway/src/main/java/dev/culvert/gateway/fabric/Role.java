package dev.culvert.gateway.fabric;

import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.ProtocolException;
import dev.culvert.tunnel.frame.Reason;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * What is particular to one kind of link: what its OPEN, ANNOUNCE and DRAIN do, and whom its coming and going concerns. It is
 * not asked about other frames, but for the port of some datagrams. On the link's event loop.
 */
interface Role {
    /** The link is there. */
    void up();

    /** It is down: nothing new may come to it. Its flows end after this, some time each turn. */
    void down();

    /** The last of its flows has ended. */
    void gone();

    /** OPEN. {@code payload} is released by the caller. */
    void opened(int flags, int flowId, ByteBuf payload) throws ProtocolException;

    /** ANNOUNCE. {@code payload} is released by the caller. */
    void announced(ByteBuf payload) throws ProtocolException;

    /** DRAIN. */
    void draining();

    /**
     * It has answered an OPEN.
     *
     * @param refused why it opened nothing; null when it did
     */
    void dialled(Destination destination, @Nullable Reason refused);

    /** SESSION. {@code payload} is released by the caller. */
    void session(ByteBuf payload) throws ProtocolException;

    /** HELD. {@code payload} is released by the caller. */
    void held(ByteBuf payload) throws ProtocolException;

    /** SESSION_ENDED. {@code payload} is released by the caller. */
    void sessionsEnded(ByteBuf payload) throws ProtocolException;

    /** What an opener names it by when it resumes a flow; empty for who answers none. */
    String answerer();

    /** Whether a datagram of the flow may go to, or come from, another port of its host. */
    boolean mayUsePort(FlowHalf half, int port);
}
