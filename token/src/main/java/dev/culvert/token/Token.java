package dev.culvert.token;

import java.net.URI;
import java.time.Instant;
import java.util.Base64;
import org.jspecify.annotations.Nullable;

/**
 * A statement of who its holder is and what it may do, in force from {@link #notBefore} until {@link #expires}.
 *
 * <p>Instants have a resolution of one second, as in the signed form (RFC 7519 section 2, NumericDate).
 */
public sealed interface Token permits ClientToken, AgentToken {
    /** The two kinds of token. Neither is ever accepted in the place of the other. */
    enum Kind {
        CLIENT("client", "culvert-client+jwt"),
        AGENT("agent", "culvert-agent+jwt");

        private final String text;
        private final String type;

        Kind(String text, String type) {
            this.text = text;
            this.type = type;
        }

        /** The {@code typ} header of the signed form (RFC 8725 section 3.11, explicit typing). */
        public String type() {
            return type;
        }

        /**
         * The kind of this name.
         *
         * @throws IllegalArgumentException if there is none
         */
        public static Kind of(String text) {
            for (Kind kind : values()) {
                if (kind.text.equals(text)) {
                    return kind;
                }
            }
            throw new IllegalArgumentException(
                    "'" + Quote.shorten(text) + "' is no kind of token: write client or agent");
        }

        @Override
        public String toString() {
            return text;
        }
    }

    /** Which of the two this is. */
    Kind kind();

    /** The token's identifier ({@code jti}), unique among all tokens of a key; what a revocation names. */
    String id();

    /** The holder's name; see {@link HolderName}. */
    String name();

    /** Where the holder connects: {@code wss://host[:port][/path]} or, for laboratories, {@code ws://}. */
    URI gateway();

    /**
     * SHA-256 of the SubjectPublicKeyInfo of the certificate authority that signs the gateway's certificate, in base64url
     * without padding; null means that the gateway has a certificate of the public web PKI.
     */
    @Nullable
    String pin();

    /** When it was made. */
    Instant issuedAt();

    /** From when on it is in force. */
    Instant notBefore();

    /** From when on it is no longer in force. */
    Instant expires();

    /** The key that signed it; empty as long as it is unsigned. */
    String keyId();

    /** What the holder has to show beside the token's text. */
    TokenBinding binding();

    /** The same token tied to its holder in another way. */
    Token withBinding(TokenBinding newBinding);

    /** A new random {@link #id}: 128 bits, so that no two tokens ever share one. */
    static String newId() {
        byte[] random = new byte[16];
        TokenFields.RANDOM.nextBytes(random);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(random);
    }
}
