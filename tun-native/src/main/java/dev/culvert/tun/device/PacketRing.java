package dev.culvert.tun.device;

import dev.culvert.tun.device.TunChannel.Written;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * The two rings of a device that has no descriptor: packets that the system has put into one, and that it takes from the other.
 * {@link RingTunChannel} has one thread receive and wait, and its event loop send.
 */
public interface PacketRing {
    /**
     * Takes the next packet out of the ring, as a message with an empty virtio-net header before it.
     *
     * @return the caller's to release; null if none waits
     * @throws IOException in one line: the device is gone, or what is in the ring is no packet
     */
    @Nullable
    ByteBuf receive(ByteBufAllocator allocator) throws IOException;

    /**
     * Waits until a packet may wait, the device may be gone, or somebody calls {@link #wake}; may return for nothing.
     *
     * @throws IOException in one line: the device cannot be waited for
     */
    void await() throws IOException, InterruptedException;

    /** Ends the present or the next {@link #await}. Any thread. */
    void wake();

    /**
     * Puts a packet into the ring, as {@link TunChannel#writePacket} does.
     *
     * @return taken, {@link Written#NO_MEMORY} when the ring is full, or refused
     * @throws IOException in one line: the device is gone
     */
    Written send(ByteBuf message, int index, int length) throws IOException;
}
