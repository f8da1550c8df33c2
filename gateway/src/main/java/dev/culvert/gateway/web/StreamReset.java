package dev.culvert.gateway.web;

import io.netty.handler.codec.http2.Http2Error;
import java.io.IOException;

/** A target has reset a stream. Has no stack trace: it is made once for each. */
final class StreamReset extends IOException {
    private static final long serialVersionUID = 1L;
    private final Http2Error error;

    StreamReset(Http2Error error) {
        super("reset: " + error);
        this.error = error;
    }

    Http2Error error() {
        return error;
    }

    @Override
    public Throwable fillInStackTrace() {
        return this;
    }
}
