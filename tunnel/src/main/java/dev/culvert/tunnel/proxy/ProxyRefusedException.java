package dev.culvert.tunnel.proxy;

import java.io.IOException;

/** A proxy was reached, and made no connection to the gateway. The message says what it did, and what to do, in words for people. */
public final class ProxyRefusedException extends IOException {
    private static final long serialVersionUID = 1L;

    private final boolean lasting;

    /** @param lasting whether only a person's work helps */
    ProxyRefusedException(String message, boolean lasting) {
        super(message);
        this.lasting = lasting;
    }

    /** The same, said of whom it is. */
    public ProxyRefusedException saidBy(String whom) {
        return new ProxyRefusedException(whom + getMessage(), lasting);
    }

    /** Whether only a person's work helps: a password that is wrong, say. Else the gateway is away, perhaps. */
    public boolean isLasting() {
        return lasting;
    }
}
