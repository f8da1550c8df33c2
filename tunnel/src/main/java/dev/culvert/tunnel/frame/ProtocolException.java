package dev.culvert.tunnel.frame;

import java.io.IOException;

/** A peer broke the link protocol; the message says what it sent and what was expected. The link is closed. */
public final class ProtocolException extends IOException {
    private static final long serialVersionUID = 1L;
    private final int closeCode;

    public ProtocolException(String message) {
        this(1002, message);
    }

    /** @param closeCode the WebSocket close code to send (RFC 6455 7.4.1) */
    public ProtocolException(int closeCode, String message) {
        super(message);
        this.closeCode = closeCode;
    }

    public int closeCode() {
        return closeCode;
    }
}
