package dev.culvert.gateway.web;

import io.netty.channel.Channel;
import org.jspecify.annotations.Nullable;

/**
 * The target's side of an exchange: a turn of an HTTP/1.1 connection, or a stream of HTTP/2. It belongs to the exchange until that
 * closes it or is done with it. On its event loop.
 */
interface Target {
    /** Why it cannot be asked this; null when it can. */
    @Nullable
    Refusal objection(Asked asked);

    /** Whether its connection has served others before. */
    boolean isReused();

    /** Whether bytes go to it now, and do not wait for its agent to come back. */
    boolean hasPath();

    /** Its connection, which has served nobody before, is for one visitor's, and ends with that. */
    void boundTo(Channel visitor);

    /** Its connection, by which it can be told from others. */
    Channel connection();

    /** Begins: answers are told to that exchange, as are its end and when it can be written to again. */
    void serve(Exchange exchange, boolean toHead);

    boolean isWritable();

    /** The head of the request, then its content up to the last; bytes behind an {@link #upgrade()}. Takes it. */
    void write(Object message);

    void flush();

    /** Reads more of the answer. */
    void read();

    /** What follows is no HTTP: bytes. */
    void upgrade();

    /**
     * The whole answer has been read.
     *
     * @param keep whether both messages have ended and leave the connection in order, so that it may serve others
     */
    void done(boolean keep);

    /** Nobody is told of it. */
    void close();

    /** As {@link #close()}, behind what has been written, if that is taken before long. */
    void closeWhenWritten();
}
