package dev.culvert.gateway.web;

import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.LastHttpContent;
import org.jspecify.annotations.Nullable;

/** How much of a request's content has come, and whether that is what its head has said. */
final class RequestBody {
    private boolean read; // all of it
    private long bytes;
    private boolean sent; // some of it, perhaps its end only

    /** A piece has come. */
    void came(HttpContent content) {
        read |= content instanceof LastHttpContent;
        bytes += content.content().readableBytes();
    }

    /** Nothing more of it is to come: what follows is another protocol. */
    void ends() {
        read = true;
    }

    /** A piece is sent to the target. */
    void sends() {
        sent = true;
    }

    /**
     * Whether all has come; of a request without content its end may be told after the answer.
     *
     * @param asked null while it is not known, or when it is malformed
     */
    boolean isRead(@Nullable Asked asked) {
        return read || asked != null && !asked.hasBody();
    }

    /** Whether anything has come. */
    boolean isBegun() {
        return bytes > 0;
    }

    /** Whether the target may have seen some of it. */
    boolean isSent() {
        return sent;
    }

    long bytes() {
        return bytes;
    }

    /** Whether it is longer or shorter than it was to be. */
    boolean isOfWrongLength(Asked asked) {
        return asked.length() >= 0 && (bytes > asked.length() || read && bytes < asked.length());
    }
}
