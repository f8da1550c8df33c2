package dev.culvert.stack.tcp;

/** Who hears of new connections. Called on the event loop of the packet channel. */
@FunctionalInterface
public interface TcpListener {
    /**
     * A SYN for a connection that is not yet known has come. The listener answers, at once or later, by exactly one of
     * {@link TcpRequest#accept} and {@link TcpRequest#refuse}; until then the peer hears nothing.
     */
    void onTcp(TcpRequest request);
}
