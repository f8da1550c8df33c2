package dev.culvert.tunnel.outgoing;

import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.Carrier;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * Where frames go that are for the peer of a {@link Carrier}: control frames at once, what flows carry from an
 * {@link Outlet} for each. On the carrier's event loop.
 */
public interface FrameWriter {
    /** A new flow's queue. {@code listener} is told when it runs low. */
    Outlet outlet(int flowId, Outlet.@Nullable Listener listener);

    /** Queues a control frame, ahead of all data. {@code payload} (ownership passes) is copied. */
    void control(int type, int flags, int flowId, ByteBuf payload);

    /** Queues a control frame whose payload is one byte. */
    void control(int type, int flowId, Reason reason);

    /**
     * Has {@code frame} queue its control frame when that can be written, which may be never. So what is told is the newest,
     * and what waits for a peer that does not read is small. The caller bounds how many there are.
     */
    void late(Runnable frame);

    /** Whether few enough control frames wait that more may be caused by somebody who cannot make the peer read them. */
    boolean takesControl();

    /** Payload bytes waiting over all flows. */
    long queuedBytes();

    /** Memory that waits, in bytes: payload with its overhead, and control frames. */
    long heldBytes();

    /**
     * Holds what flows have waiting to a bandwidth, from now on; control frames go as before.
     *
     * @param bandwidth null for no limit
     */
    void limit(@Nullable Bandwidth bandwidth);
}
