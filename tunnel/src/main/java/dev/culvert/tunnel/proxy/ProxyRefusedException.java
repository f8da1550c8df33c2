package dev.culvert.tunnel.proxy;

import java.io.IOException;

/** A proxy was reached, and made no connection to the gateway. The message says what it did, and what to do, in words for people. */
public final class ProxyRefusedException extends IOException {
    private static final long serialVersionUID = 1L;

    private final boolean lasting;
    private final boolean ofLogin;

    /** @param lasting whether only a person's work helps */
    ProxyRefusedException(String message, boolean lasting) {
        this(message, lasting, false);
    }

    private ProxyRefusedException(String message, boolean lasting, boolean ofLogin) {
        super(message);
        this.lasting = lasting;
        this.ofLogin = ofLogin;
    }

    /** The user and the password that it was given are not taken. */
    static ProxyRefusedException ofLogin(String message) {
        return new ProxyRefusedException(message, true, true);
    }

    /** The same, said of whom it is. */
    public ProxyRefusedException saidBy(String whom) {
        return new ProxyRefusedException(whom + getMessage(), lasting, ofLogin);
    }

    /** Whether only a person's work helps: a password that is wrong, say. Else the gateway is away, perhaps. */
    public boolean isLasting() {
        return lasting;
    }

    /** Whether a user and a password were given, and not taken: said again and again they lock that user out, where it is an account of a domain. */
    public boolean isOfLogin() {
        return ofLogin;
    }
}
