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
        /** It is genuine, but for other gateways. */
        WRONG_AUDIENCE,
        /** It was revoked. */
        REVOKED,
        /** Its life is over. */
        EXPIRED,
        /** Its life has not begun. */
        NOT_YET_VALID
    }

    private final Cause reason;

    public TokenException(Cause reason, String message) {
        super(message);
        this.reason = reason;
    }

    public TokenException(Cause reason, String message, Throwable cause) {
        super(message, cause);
        this.reason = reason;
    }

    /**
     * True if the token was made with a key that is trusted here, and only its time, place or a revocation is against it.
     * Then its bearer may be told why it is refused; everybody else learns nothing.
     */
    public boolean isGenuine() {
        return switch (reason) {
            case WRONG_AUDIENCE, REVOKED, EXPIRED, NOT_YET_VALID -> true;
            case MALFORMED, BAD_ALGORITHM, UNKNOWN_KEY, BAD_SIGNATURE, WRONG_KIND, INVALID_CLAIMS -> false;
        };
    }

    /** Why it was refused. */
    public Cause reason() {
        return reason;
    }
}
