package dev.culvert.token;

import java.io.IOException;

/** The state directory cannot be used. The message is one line that names the file and the cure. */
public final class StateException extends IOException {
    private static final long serialVersionUID = 1L;

    StateException(String message) {
        super(message);
    }

    StateException(String message, Throwable cause) {
        super(message, cause);
    }
}
