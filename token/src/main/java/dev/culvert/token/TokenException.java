package dev.culvert.token;

/** A token was refused. The message is one line that says why and what to do, and never holds the token. */
public final class TokenException extends Exception {
    private static final long serialVersionUID = 1L;

    /** Why a token was refused. */
    public enum Cause {
        /** It is not a token: wrong shape, too large, not JSON, or with unknown headers. */
        MALFORMED,
        /** It is signed with anything but Ed25519, or not at all. */
        BAD_ALGORITHM,
        /** No key with its key id is known here. */
        UNKNOWN_KEY,
        /** The signature does not fit: it was changed, or signed by another key. */
        BAD_SIGNATURE,
        /** It is a token of the other kind. */
        WRONG_KIND,
        /** A claim is missing, unknown, or has a value that is not allowed. */
        INVALID_CLAIMS,
        /** Its life is over. */
        EXPIRED,
        /** Its life has not begun. */
        NOT_YET_VALID
    }

    private final Cause reason;

    TokenException(Cause reason, String message) {
        super(message);
        this.reason = reason;
    }

    TokenException(Cause reason, String message, Throwable cause) {
        super(message, cause);
        this.reason = reason;
    }

    /** Why it was refused. */
    public Cause reason() {
        return reason;
    }
}
