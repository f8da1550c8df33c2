package dev.culvert.client.forward;

import io.netty.buffer.ByteBuf;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.RecvByteBufAllocator;

/** How the sockets for datagrams of applications are read, and what of that may wait for a flow. */
public final class DatagramReads {
    /** The largest that IPv4 carries, and a byte by which one that was cut would show. */
    private static final int MAX_DATAGRAM = 65_536;

    private static final int DATAGRAMS_PER_READ = 16;

    /** Half of what is read into. */
    private static final int COPY_BELOW = MAX_DATAGRAM / 2;

    private DatagramReads() {}

    /** Returns what gives each datagram a buffer that holds the largest. */
    public static RecvByteBufAllocator allocator() {
        return new FixedRecvByteBufAllocator(MAX_DATAGRAM).maxMessagesPerRead(DATAGRAMS_PER_READ);
    }

    /**
     * Returns a buffer for a flow, with what is readable: a small datagram must not pin what a large one would have filled. Event loop of the
     * socket.
     *
     * @param content as it was read; stays the caller's
     * @return the callee's own, or {@code content} with one more reference: the caller's to write or to release
     */
    public static ByteBuf sized(ByteBuf content) {
        int n = content.readableBytes();
        return n >= COPY_BELOW
                ? content.retain()
                : content.alloc().directBuffer(n).writeBytes(content, content.readerIndex(), n);
    }
}
