package dev.culvert.token;

import dev.culvert.token.holder.HolderKey;
import java.time.Instant;

/** How a token is tied to its holder: what, beside its text, a gateway wants to see at every link. */
public sealed interface TokenBinding {
    /** Nothing: whoever has the text is the holder. */
    Bearer BEARER = new Bearer();

    /** See {@link #BEARER}. */
    record Bearer() implements TokenBinding {}

    /**
     * A key pair of the holder's own, which the gateway learns at first contact; the first key wins, and from then on the
     * text is useless without it. (Claim {@code enrol}.)
     *
     * @param before first contact comes before this, or never
     */
    record Enrolment(Instant before) implements TokenBinding {
        /**
         * Cuts the instant to seconds.
         *
         * @throws IllegalArgumentException if it is not between the years 1970 and 9999
         */
        public Enrolment {
            before = TokenFields.seconds("enrolment deadline", before);
        }
    }

    /**
     * A key pair that the holder made before the token. (Claim {@code cnf} with member {@code jkt}, RFC 7800 section 3.1
     * and RFC 9449 section 6.1.)
     *
     * @param thumbprint see {@link HolderKey#thumbprint()}
     */
    record Key(String thumbprint) implements TokenBinding {
        /**
         * Checks the form.
         *
         * @throws IllegalArgumentException if it is not a SHA-256 in base64url
         */
        public Key {
            TokenFields.sha256("key thumbprint", thumbprint);
        }
    }
}
