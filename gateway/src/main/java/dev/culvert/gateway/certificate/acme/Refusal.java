package dev.culvert.gateway.certificate.acme;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** Why an authority did not give a certificate. The message is one line for people. */
final class Refusal extends Exception {
    private static final long serialVersionUID = 1L;

    /** What follows from it. */
    enum Kind {
        /** It does not answer, or with an error of its own: the authority rests, and another is asked. */
        AWAY,
        /** It has had enough of us: the authority rests until it said, and another is asked. */
        LIMITED,
        /** It does not take us as we are set up: the authority rests, and another is asked. */
        ACCOUNT,
        /** It has looked, and the name is not ours: the name rests; another authority would see the same. */
        UNPROVED,
        /** What it would look at could not be made here: the name rests; another authority would find no more. */
        OURS,
        /** It does not give this name to anybody, or not to us: another is asked. */
        NAME,
        /** The order is no longer any use: another order is made. */
        ORDER
    }

    private final Kind kind;
    private final transient @Nullable Instant until;

    Refusal(Kind kind, String message, @Nullable Throwable cause) {
        this(kind, message, null, cause);
    }

    Refusal(Kind kind, String message, @Nullable Instant until, @Nullable Throwable cause) {
        super(message, cause);
        this.kind = kind;
        this.until = until;
    }

    Kind kind() {
        return kind;
    }

    /** When it may be asked again, if it said so. */
    @Nullable
    Instant until() {
        return until;
    }
}
