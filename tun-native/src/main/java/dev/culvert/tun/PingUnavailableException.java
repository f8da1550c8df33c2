package dev.culvert.tun;

import java.io.IOException;

/** This process may not send ICMP echo requests; the message is one line and names the command that mends it. */
public final class PingUnavailableException extends IOException {
    private static final long serialVersionUID = 1L;

    PingUnavailableException(String message) {
        super(message);
    }
}
