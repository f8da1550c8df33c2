package dev.culvert.gateway.web;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http2.Http2Error;

/** The browser's side of an exchange: a turn of an HTTP/1.1 connection, or a stream of HTTP/2. On its event loop. */
interface Front {
    EventLoop loop();

    /** The browser's connection. */
    Channel connection();

    /** Whether the browser speaks HTTP/2; else HTTP/1.1 or 1.0. */
    boolean speaksHttp2();

    boolean isWritable();

    /** Reads more of the request. */
    void wantRequest();

    /** An answer of 1xx but 101: not the last. */
    void inform(HttpResponse head);

    /**
     * The head of the answer, without fields of the connection but {@code Connection: close}, behind which nothing is to be
     * read any more.
     *
     * @param mayHaveBody whether anything may follow but the end
     */
    void answer(HttpResponse head, boolean mayHaveBody);

    /** Content of the answer; the last ends it. Takes it. */
    void content(HttpContent content);

    /** The protocol is another one from here on. */
    void upgrade(HttpResponse head);

    /** Bytes of that protocol. Takes them. */
    void bytes(ByteBuf bytes);

    void flush();

    /**
     * The exchange has ended, and all of the answer has been written.
     *
     * @param requestRead whether all of the request has been read
     */
    void ended(boolean requestRead);

    /**
     * The answer cannot be completed: the browser must not take it for whole.
     *
     * @param error why, as HTTP/2 says it; HTTP/1.1 has no words for it
     */
    void abort(Http2Error error);
}
