package dev.culvert.tun.device;

import java.io.IOException;

/** A TUN device could not be opened, configured or used; the message is one line and ends in a remedy. */
public final class TunException extends IOException {
    private static final long serialVersionUID = 1L;

    /** The errno that the operating system gave, or 0 when the failure is not a system call's. */
    private final int errno;

    public TunException(String message) {
        this(message, 0);
    }

    public TunException(String message, int errno) {
        super(message);
        this.errno = errno;
    }

    /** The errno that the operating system gave, or 0 when the failure is not a system call's. */
    public int errno() {
        return errno;
    }
}
