package dev.culvert.stack.tcp;

import dev.culvert.stack.ip.PacketSink;
import dev.culvert.stack.ip.Refusal;
import io.netty.buffer.ByteBuf;

/** Where TCP puts its packets. Called on the event loop of the packet channel only. */
public interface PacketOutput extends PacketSink {
    /** Asks for a flush at the end of this turn of the event loop; asking twice is the same as asking once. */
    void scheduleFlush();

    /**
     * Answers a packet with the ICMP error that stands for {@code reason}; the callee limits the rate.
     *
     * @param original the beginning of the packet as it was received, IP header at the reader index; ownership stays
     *     with the caller
     */
    void icmpError(ByteBuf original, Refusal reason);
}
