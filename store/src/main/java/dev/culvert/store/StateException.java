package dev.culvert.store;

import java.io.IOException;

/** What is kept cannot be used. The message is one line that names the file and the cure. */
public final class StateException extends IOException {
    private static final long serialVersionUID = 1L;

    private final boolean away;

    public StateException(String message) {
        super(message);
        this.away = false;
    }

    public StateException(String message, Throwable cause) {
        super(message, cause);
        this.away = false;
    }

    private StateException(String message, Throwable cause, boolean away) {
        super(message, cause);
        this.away = away;
    }

    /** The store does not answer, and nothing is known of what it holds; it may come back by itself. */
    public static StateException away(String message, Throwable cause) {
        return new StateException(message, cause, true);
    }

    /** Whether it is the store that is away, and not something in it that is wrong. */
    public boolean isAway() {
        return away;
    }
}
