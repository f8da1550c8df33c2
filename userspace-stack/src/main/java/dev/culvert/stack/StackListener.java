package dev.culvert.stack;

import dev.culvert.stack.tcp.TcpListener;
import dev.culvert.stack.tcp.TcpRequest;

/**
 * Who hears of new flows. All methods are called on the event loop of the packet channel, while a batch of packets is being
 * read: they start work and return.
 */
public interface StackListener extends TcpListener {
    /** A SYN for a connection that is not yet known; see {@link TcpListener#onTcp}. */
    @Override
    void onTcp(TcpRequest request);

    /**
     * A client endpoint has sent its first datagram. The listener adds its handlers to {@code flow.pipeline()} before it
     * returns; then the channel becomes active and the datagram is read. To refuse the flow, close it.
     */
    void onUdp(UdpFlow flow);

    /**
     * An echo exchange has begun: a new source, destination or identifier. As {@link #onUdp}, the listener adds its handlers
     * before it returns.
     */
    void onEcho(EchoFlow flow);
}
