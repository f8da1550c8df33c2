package dev.culvert.tunnel;

import java.io.IOException;

/** The gateway (or what stands at its address) answered the upgrade with something else. One line for people. */
public final class LinkRefusedException extends IOException {
    private static final long serialVersionUID = 1L;
    private final int status;

    public LinkRefusedException(int status, String message) {
        super(message);
        this.status = status;
    }

    /** The HTTP status. */
    public int status() {
        return status;
    }

    /** Whether trying again with the same token can only help after somebody changes something. */
    public boolean isPermanent() {
        return status == 401 || status == 403 || status == 404 || status == 426;
    }
}
