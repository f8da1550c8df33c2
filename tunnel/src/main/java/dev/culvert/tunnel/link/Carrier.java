package dev.culvert.tunnel.link;

import dev.culvert.tunnel.frame.Drain;
import dev.culvert.tunnel.outgoing.FrameWriter;
import io.netty.buffer.ByteBufAllocator;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import java.net.SocketAddress;

/**
 * What carries the frames of flows to a peer: a {@link Link}, for one. All methods are for the event loop, unless they say
 * otherwise.
 */
public interface Carrier {
    /** Where all that happens on it happens. From any thread. */
    EventLoop eventLoop();

    /** Of the link protocol: since 2 flows may outlive the carrier. From any thread. */
    int version();

    /**
     * Asked when it is down: whether its flows are over, too. They are when it was an end that has gone, in order, when a token
     * has, and when a side has broken the protocol, which it would do again.
     */
    boolean endsFlows();

    /** Where frames go to the peer. */
    FrameWriter writer();

    /** For what is written. From any thread. */
    ByteBufAllocator alloc();

    /** Where the peer is, for people. From any thread. */
    SocketAddress remoteAddress();

    /** See {@link KeyExchange#of}. */
    String keyExchange();

    /** The least measured round trip in µs, 0 before the first. From any thread. */
    long minRttMicros();

    /** Whether nothing goes over it any more. From any thread, to which it may be news of a moment ago. */
    boolean isDown();

    /** Whether the peer's frames are read; when not, they wait where the peer has to wait too. */
    void setReading(boolean reading);

    /** Says DRAIN: the peer shall open no new flows here. */
    void drain(Drain drain);

    /**
     * Ends it.
     *
     * @param code RFC 6455 7.4.1
     * @param why one line for people, here and there
     */
    void close(int code, String why);

    /** Done when nothing is left of it. From any thread. */
    Future<?> closeFuture();
}
