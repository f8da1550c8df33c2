package dev.culvert.tunnel.flow;

import dev.culvert.tunnel.frame.Reason;
import java.io.IOException;

/** A flow was refused or reset; carries the {@link Reason}. Has no stack trace: it is made once for each refused flow. */
public final class FlowException extends IOException {
    private static final long serialVersionUID = 1L;
    private final Reason reason;

    public FlowException(Reason reason, String message) {
        super(message);
        this.reason = reason;
    }

    public Reason reason() {
        return reason;
    }

    @Override
    public Throwable fillInStackTrace() {
        return this;
    }
}
