package dev.culvert.tunnel.link;

import dev.culvert.tunnel.frame.ProtocolException;
import io.netty.buffer.ByteBuf;

/** What is done with a link's incoming frames. Called on the link's event loop. */
public interface FrameReceiver {
    /** The link is ready: frames may be sent. */
    void linkUp(Link link);

    /**
     * A frame has come, of any type but PING and PONG.
     *
     * @param payload the receiver owns it; for frames that came whole in one WebSocket message the bytes before its
     *     reader index (the headers) belong to nobody else
     * @throws ProtocolException when the frame breaks the protocol: the link is closed with its message
     */
    void frame(Link link, int type, int flags, int flowId, ByteBuf payload) throws ProtocolException;

    /** All frames of one read have been delivered. */
    void batchComplete(Link link);

    /** Whether more control frames may wait for the link's peer, which does not read; if not the link is closed. */
    default boolean mayHold(Link link) {
        return true;
    }

    /** A PING was answered after so long. */
    default void roundTrip(Link link, long nanos) {}

    /** A link that this end has made is silent: a PING was not answered. It may be said again, until the deadline ends the link. */
    default void linkSilent(Link link) {}

    /** The link is gone, once; {@code why} is one line for people. */
    void linkDown(Link link, String why);
}
