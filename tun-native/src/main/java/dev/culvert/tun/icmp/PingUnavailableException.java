package dev.culvert.tun.icmp;

import java.io.IOException;

/** This process may not send ICMP echo requests; the message is one line and names the command that mends it. */
public final class PingUnavailableException extends IOException {
    private static final long serialVersionUID = 1L;

    private final boolean shortage;

    PingUnavailableException(String message) {
        this(message, false);
    }

    PingUnavailableException(String message, boolean shortage) {
        super(message);
        this.shortage = shortage;
    }

    /** Whether the system is short of something for the moment: descriptors, memory. */
    public boolean isShortage() {
        return shortage;
    }
}
