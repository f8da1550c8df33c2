package dev.culvert.token.holder;

import java.io.IOException;

/** No token could be read. The message is one line that says which ways there are. */
public final class SecretException extends IOException {
    private static final long serialVersionUID = 1L;

    /** @param message one line that says what to do */
    public SecretException(String message) {
        super(message);
    }

    SecretException(String message, Throwable cause) {
        super(message, cause);
    }
}
