package dev.culvert.gateway.web;

import io.netty.handler.codec.http2.Http2Error;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

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

    /** How a browser hears that an answer is not whole: NO_ERROR would say that it is (RFC 9113 section 8.1). */
    static Http2Error cutOff(@Nullable Throwable cause) {
        return cause instanceof StreamReset reset && reset.error != Http2Error.NO_ERROR
                ? reset.error
                : Http2Error.INTERNAL_ERROR;
    }

    /** Whether it is a reset, in a way that means something to a gRPC client. */
    static boolean isTold(@Nullable Throwable cause) {
        return cause instanceof StreamReset reset && reset.error != Http2Error.REFUSED_STREAM;
    }

    @Override
    public Throwable fillInStackTrace() {
        return this;
    }
}
