package dev.culvert.tunnel.connect;

import io.netty.channel.socket.SocketChannel;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/**
 * What must be done before a gateway is dialled. A client that routes everything into its tunnel lays the way to the gateway
 * outside of it here: to the very addresses that this attempt is about to dial, or by marking the socket.
 */
public interface Dialling {
    /**
     * Before each attempt. They are dialled when the stage completes, in whatever way, and after {@link
     * LinkConnector#WAY_DEADLINE} in any case. Event loop; must not block.
     *
     * @param addresses all that the attempt may dial, resolved, first choice first
     */
    default CompletionStage<?> beforeDial(List<InetSocketAddress> addresses) {
        return CompletableFuture.completedFuture(null);
    }

    /** A socket of an attempt, before it connects: the moment to bind or to mark it. Event loop. */
    default void socketOpened(SocketChannel socket) {}
}
