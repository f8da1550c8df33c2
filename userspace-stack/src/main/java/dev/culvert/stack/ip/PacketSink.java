package dev.culvert.stack.ip;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;

/** Where finished packets go. Event loop only. */
public interface PacketSink {
    /** What packets, headers, and payloads that must be copied are allocated from. */
    ByteBufAllocator alloc();

    /** Takes ownership of a complete packet that begins with the virtio_net_hdr. Does not flush. */
    void write(ByteBuf packet);
}
