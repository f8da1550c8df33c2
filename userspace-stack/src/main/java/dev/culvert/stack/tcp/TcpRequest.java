package dev.culvert.stack.tcp;

import dev.culvert.stack.ip.Refusal;
import io.netty.channel.ChannelHandler;
import java.net.InetSocketAddress;

/**
 * A SYN that waits for its answer: a small record, no channel. Retransmissions of the SYN are absorbed meanwhile. To be
 * used on the event loop of the packet channel.
 */
public interface TcpRequest {
    /** Who asks: the application's own endpoint. */
    InetSocketAddress source();

    /** Where the application wants to go. */
    InetSocketAddress destination();

    /** Whether the request may still be accepted: it was neither answered nor abandoned. */
    boolean isPending();

    /**
     * Makes the channel, registers it on the event loop of the packet channel with {@code handler} in its pipeline, and
     * answers SYN+ACK. {@code channelActive} fires when the handshake's ACK has come; if it never comes,
     * {@code exceptionCaught} fires and the channel closes.
     *
     * @throws IllegalStateException if the request is not pending any more, or this is another thread
     */
    TcpFlow accept(ChannelHandler handler);

    /** Answers no, in the way that {@code reason} says. Does nothing if the request is not pending any more. */
    void refuse(Refusal reason);

    /**
     * Runs {@code task} if the peer gives up before an answer: it sent a reset or a new SYN, it stopped retransmitting its
     * SYN, or the time-out of pending requests came. If that has happened already the task runs at once. One task; the last
     * one set counts.
     */
    void onAbandoned(Runnable task);
}
