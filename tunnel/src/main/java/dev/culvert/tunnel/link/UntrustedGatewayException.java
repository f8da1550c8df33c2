package dev.culvert.tunnel.link;

import java.io.IOException;

/**
 * Who answers at the gateway's address is not the gateway that the token names: another one, somebody between, or a
 * gateway whose authority was made anew. Only a person's work helps. One line for people.
 */
public final class UntrustedGatewayException extends IOException {
    private static final long serialVersionUID = 1L;

    public UntrustedGatewayException(String message) {
        super(message);
    }
}
