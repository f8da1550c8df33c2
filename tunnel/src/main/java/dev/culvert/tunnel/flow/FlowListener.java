package dev.culvert.tunnel.flow;

import dev.culvert.tunnel.frame.Drain;
import dev.culvert.tunnel.frame.ProtocolException;
import io.netty.buffer.ByteBuf;

/** What a client or an agent makes of its link. Called on the link's event loop. */
public interface FlowListener {
    /**
     * A link is there.
     *
     * @return whether it is taken; else it is closed, and nobody has said or heard anything on it
     */
    default boolean linkComes(FlowMultiplexer link) {
        return true;
    }

    /** The link is ready. */
    default void linkUp(FlowMultiplexer link) {}

    /** The other side asks for a flow: accept or refuse it, now or later. */
    void onOpen(IncomingFlow flow);

    /** An ANNOUNCE has come. {@code payload} is borrowed. */
    default void onAnnounce(FlowMultiplexer link, ByteBuf payload) throws ProtocolException {}

    /** The other side is about to go and wants no new flows. */
    default void onDrain(FlowMultiplexer link, Drain drain) {}

    /** The gateway hands over a token in the place of the link's own. {@code payload} is borrowed. */
    default void onRenewed(FlowMultiplexer link, ByteBuf payload) {}

    /** A PING was answered after so long. */
    default void roundTrip(FlowMultiplexer link, long nanos) {}

    /** Nothing has come over the link for a while, and a PING was not answered. It may be said again. */
    default void linkSilent(FlowMultiplexer link) {}

    /** The link is gone; its flows have been closed. */
    default void linkDown(FlowMultiplexer link, String why) {}
}
