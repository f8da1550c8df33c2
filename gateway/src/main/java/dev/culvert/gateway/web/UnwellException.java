package dev.culvert.gateway.web;

import java.io.IOException;

/** A site's server was found unwell, by whatever way it is reached. Has no stack trace: it is made once for each visitor. */
public final class UnwellException extends IOException {
    private static final long serialVersionUID = 1L;

    public UnwellException() {
        super("it fails the checks of its health");
    }

    @Override
    public Throwable fillInStackTrace() {
        return this;
    }
}
