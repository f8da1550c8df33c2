package dev.culvert.tun.host;

import java.io.IOException;

/** A change to the host's network failed; the message is one line: operation, object, reason, remedy. */
public final class HostNetworkException extends IOException {
    private static final long serialVersionUID = 1L;

    public HostNetworkException(String message) {
        super(message);
    }
}
