package dev.culvert.tunnel.link;

import java.io.IOException;

/** A connection to what should be a gateway was made, and could not become a link. The message says why, in words for people. */
public final class UnusableGatewayException extends IOException {
    private static final long serialVersionUID = 1L;

    UnusableGatewayException(String message) {
        super(message);
    }
}
