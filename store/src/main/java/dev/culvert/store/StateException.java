package dev.culvert.store;

import java.io.IOException;

/** What is kept cannot be used. The message is one line that names the file and the cure. */
public final class StateException extends IOException {
    private static final long serialVersionUID = 1L;

    public StateException(String message) {
        super(message);
    }

    public StateException(String message, Throwable cause) {
        super(message, cause);
    }
}
