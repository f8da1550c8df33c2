package dev.culvert.stack.tcp;

import dev.culvert.stack.Refusal;
import io.netty.channel.ChannelHandler;
import java.net.InetSocketAddress;

/** A SYN that waits for its answer. */
public interface TcpRequest {
    /** Who asks: the application's own endpoint. */
    InetSocketAddress source();

    /** Where the application wants to go. */
    InetSocketAddress destination();

    /** Makes the channel, answers SYN+ACK; channelActive fires when the handshake is complete. */
    TcpFlow accept(ChannelHandler handler);

    /** Answers no. */
    void refuse(Refusal reason);

    /** Runs {@code task} if the peer gives up before an answer. */
    void onAbandoned(Runnable task);
}
